"""The subjects of a photo: each face, or the whole picture, and what every target knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .channel import Pixels, to_tensor
from .faces import Detector, Face, FaceError, parse_box, select
from .mtcnn import Box
from .photo import Photo
from .settings import CloakSettings
from .targets.embedding import FaceTarget
from .targets.target import Reference, Target
from .walking import none_left, photos, suffixes

SUFFIXES = suffixes()
UPRIGHT = np.array([[0.31, 0.42], [0.70, 0.42], [0.50, 0.62], [0.34, 0.80], [0.67, 0.80]], dtype=np.float32)
"""Where eyes, nose and mouth lie in the box of an upright face, as shares of its width and height."""


@dataclass(frozen=True)
class Subject:
    """One thing to be protected: a face or a whole picture, its targets, and what they know of it."""

    kind: Literal["face", "whole"]
    box: Box
    landmarks: Tensor | None
    """`(1, 5, 2)` in pixels of the photo; None where no target asks for them."""
    targets: tuple[Target, ...]
    judged: tuple[Reference, ...]
    """What the targets are judged against, one each: the gallery, or the photo itself."""
    found: bool = True
    """A face was seen in the box; otherwise its landmarks are those of an upright face that fills it."""

    def area(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The box in whole pixels, inside a photo of that size."""
        x0, y0, x1, y1 = self.box
        return max(round(x0), 0), max(round(y0), 0), min(round(x1), width), min(round(y1), height)

    def scores(self, pixels: Pixels, detector: Detector, scale: float = 1.0) -> list[float]:
        """What each target says of `pixels` `(H, W, 3)`, a version of the photo at `scale`, in its unit.

        The face is looked for again: what counts is not where it was.
        """
        landmarks = self.again(pixels, detector, scale)
        with torch.no_grad():
            return [
                float(target.score(to_tensor(pixels, _device(target)), reference.at(landmarks)))
                for target, reference in zip(self.targets, self.judged, strict=True)
            ]

    def again(self, pixels: Pixels, detector: Detector, scale: float = 1.0) -> Tensor | None:
        """The landmarks in another version of the photo, found anew where the face still can be found."""
        if self.landmarks is None:
            return None
        face = _near(pixels, tuple(v * scale for v in self.box), detector) if self.found else None
        if face is not None:
            return torch.from_numpy(face.landmarks.copy())[None]
        return (self.landmarks + 0.5) * scale - 0.5


def find(
    photo: Photo,
    settings: CloakSettings,
    targets: Sequence[Target],
    detector: Detector,
    gallery: Gallery | None,
) -> list[Subject]:
    """The subjects of a photo: face recognisers look at its faces, classifiers at the whole of it.

    Raises:
        FaceError: face recognisers are asked for and no face was found.
        ValueError: a box outside the photo, or a face number that the photo does not have.
    """
    face_targets = tuple(t for t in targets if isinstance(t, FaceTarget))
    classifiers = tuple(t for t in targets if t.card.kind == "classifier")
    subjects = _faces(photo, settings, face_targets, detector, gallery) if face_targets else []
    if classifiers:
        height, width = photo.pixels.shape[:2]
        x = photo.tensor()
        judged = tuple(t.refer(x.to(_device(t))) for t in classifiers)
        subjects.append(Subject("whole", (0.0, 0.0, float(width), float(height)), None, classifiers, judged))
    return subjects


def _faces(
    photo: Photo,
    settings: CloakSettings,
    targets: tuple[FaceTarget, ...],
    detector: Detector,
    gallery: Gallery | None,
) -> list[Subject]:
    height, width = photo.pixels.shape[:2]
    place = settings.box or ((0.0, 0.0, float(width), float(height)) if settings.whole else None)
    if place is None:
        found = select(detector(photo.pixels), settings.faces)
        if not found:
            raise FaceError.none_found((width, height))
        faces: list[tuple[Box, Face | None]] = [(face.box, face) for face in found]
    else:
        box = parse_box(place, (width, height))
        faces = [(box, _near(photo.pixels, box, detector))]
    subjects = []
    for box, face in faces:
        marks = face.landmarks if face is not None else _upright(box)
        landmarks = torch.from_numpy(marks.copy())[None]
        own = tuple(t.refer(photo.tensor().to(_device(t)), landmarks) for t in targets)
        where = face.box if face is not None and not settings.whole else box
        subjects.append(Subject("face", where, landmarks, targets, own, face is not None))
    return subjects if gallery is None else _with_gallery(subjects, gallery)


def _with_gallery(subjects: list[Subject], gallery: Gallery) -> list[Subject]:
    """The face that is most like the gallery is its person; others are judged against themselves."""
    person = gallery.person(subjects)
    known = gallery.judging(subjects[person])
    return [known if i == person else s for i, s in enumerate(subjects)]


@dataclass(frozen=True)
class Gallery:
    """Other photos of a person, as the face recognisers know them: one `(1, R, D)` reference a target."""

    targets: tuple[FaceTarget, ...]
    references: tuple[Reference, ...]
    files: tuple[Path, ...]
    passed: tuple[str, ...] = ()
    """A line on each photo that was passed over, and why."""

    @staticmethod
    def read(
        folder: Path, targets: Sequence[FaceTarget], detector: Detector, leave_out: Path | None = None
    ) -> Gallery:
        """Every photo below `folder` but the one to be cloaked; the largest face of each is the person.

        Files are looked for as `mnd.walking` does; photos that cannot be read, or show no face, are passed
        over, and `passed` says so.

        Raises:
            ValueError: no folder, or no photo with a face in it.
        """
        if not folder.is_dir():
            raise ValueError(
                f"gallery {folder}: there is no such folder, expected one with photos of the person"
            )
        there = photos(folder, leave_out, read=True)
        gallery = Gallery.of(there.files, targets, detector)
        if not gallery.files:
            raise none_left(folder, there, "photo with a face")
        faceless = (f"{path}: no face found" for path in there.files if path not in gallery.files)
        return replace(gallery, passed=(*there.passed, *faceless))

    @staticmethod
    def of(photos: Sequence[Path], targets: Sequence[FaceTarget], detector: Detector) -> Gallery:
        """These photos; those without a face are left out, and where none is left there are no references.

        Raises:
            PhotoError: a photo cannot be read.
        """
        files, rows = [], []
        for path in photos:
            photo = Photo.read(path)
            faces = detector(photo.pixels)
            if not faces:
                continue
            landmarks = torch.from_numpy(faces[0].landmarks.copy())[None]
            rows.append([t.refer(photo.tensor().to(_device(t)), landmarks) for t in targets])
            files.append(path)
        columns = zip(*rows, strict=True)
        return Gallery(tuple(targets), tuple(Reference.person(column) for column in columns), tuple(files))

    def person(self, subjects: Sequence[Subject]) -> int:
        """Which of the subjects, judged against themselves, is most like the gallery."""
        first = self.targets[0]
        nearest = [float(first.compare(s.judged[0].known[:, 0], self.references[0].known)) for s in subjects]
        return int(np.argmax(nearest))

    def judging(self, subject: Subject) -> Subject:
        """The subject as the person of the gallery."""
        return replace(subject, judged=tuple(r.at(subject.landmarks) for r in self.references))


def _upright(box: Box) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    x0, y0, x1, y1 = box
    corner = np.array([x0, y0], dtype=np.float32)
    size = np.array([x1 - x0, y1 - y0], dtype=np.float32)
    return corner + UPRIGHT * size - np.float32(0.5)


def _near(pixels: Pixels, box: Sequence[float], detector: Detector) -> Face | None:
    try:
        return detector.near(pixels, box)
    except ValueError:  # at half the size a small face is no face any more
        return None


def _device(target: Target) -> torch.device:
    return getattr(target, "device", torch.device("cpu"))
