"""The subjects of a photo: each face, or the whole picture, and what every target knows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..base.types import Edges, Pixels
from ..channel import to_tensor
from ..faces.detector import Detector, Face, FaceError, Search, overlap, parse_box, select
from ..faces.landmarks import upright_in
from ..photo.photo import Photo
from ..targets.face import FaceTarget
from ..targets.looks import Look
from ..targets.margin import Margin
from ..targets.target import Reference, Target, device_of
from .settings import Where

SAME_FACE = 0.3
"""Intersection over union from which a face seen in a box is one that was found already."""


Opinion = dict[str, float]
"""What a target says of a picture, in its unit: by the name of each look of a face recogniser."""
Which = Callable[[Look], bool]
"""The looks that are asked."""
WHOLE = "whole"
"""The only look of a classifier."""


def every(look: Look) -> bool:  # noqa: ARG001
    """All looks."""
    return True


@dataclass(frozen=True)
class Subject:
    """One thing to be protected: a face or a whole picture, its targets, and what they know of it."""

    kind: Literal["face", "whole"]
    box: Edges
    landmarks: Tensor | None
    """`(1, 5, 2)` in pixels of the photo; None where no target asks for them."""
    targets: tuple[Target, ...]
    judged: tuple[Reference, ...]
    """What the targets are judged against, one each: the photo itself, and the gallery of its person."""
    found: bool = True
    """A face was seen in the box; otherwise its landmarks are those of an upright face that fills it."""
    turn: int = 0
    """Degrees by which the photo has to be turned for the face to be upright, as `Face.turn`."""
    likeness: tuple[float, ...] | None = None
    """What each target says of the clean face and the gallery; None where there is no gallery."""
    person: bool | None = None
    """Whether this is the person of the gallery: a target would match it; None where there is no gallery."""
    who: str | None = None
    """Of several people with a gallery each the one that this is, empty: none; None where there are none."""

    def area(self, width: int, height: int, scale: float = 1.0) -> tuple[int, int, int, int]:
        """The box in whole pixels, inside a version of the photo of that size."""
        x0, y0, x1, y1 = (v * scale for v in self.box)
        return max(round(x0), 0), max(round(y0), 0), min(round(x1), width), min(round(y1), height)

    def scores(self, pixels: Pixels, detector: Detector, scale: float = 1.0) -> list[float]:
        """What each target says of `pixels` `(H, W, 3)`, a version of the photo at `scale`, in its unit.

        The face is looked for again, and cut out as the recogniser itself does; `opinions` has all looks.
        """
        landmarks = self.again(pixels, detector, scale)
        with torch.no_grad():
            return [
                float(target.score(to_tensor(pixels, device_of(target)), reference.at(landmarks)))
                for target, reference in zip(self.targets, self.judged, strict=True)
            ]

    def opinions(
        self, pixels: Pixels, detector: Detector, scale: float = 1.0, which: Which = every
    ) -> list[Opinion]:
        """The same by every look at the face, those that count at a level."""
        return self.told(pixels, self.again(pixels, detector, scale), which)

    @torch.no_grad()
    def told(self, pixels: Pixels, landmarks: Tensor | None, which: Which = every) -> list[Opinion]:
        """The same of a face whose landmarks are known."""
        told: list[Opinion] = []
        for target, reference in zip(self.targets, self.judged, strict=True):
            image = to_tensor(pixels, device_of(target))
            if isinstance(target, FaceTarget) and landmarks is not None:
                looks = [look for look in target.looks if which(look)]
                told.append(target.opinion(image, reference.at(landmarks), looks))
            else:
                told.append({WHOLE: float(target.score(image, reference))})
        return told

    @torch.no_grad()
    def before(self, pixels: Pixels) -> list[Opinion]:
        """What the targets say of the clean photo itself, which is the last of a face's references."""
        told: list[Opinion] = []
        for target, reference in zip(self.targets, self.judged, strict=True):
            if isinstance(target, FaceTarget) and reference.views is not None:
                margins = target.compare(reference.views[:, -1], reference.views)
                told.append({k.name: target.value(m) for k, m in zip(target.looks, margins, strict=True)})
            else:
                told.append({WHOLE: float(target.score(to_tensor(pixels, device_of(target)), reference))})
        return told

    def recognised(self, pixels: Pixels) -> float:
        """How well the target that knows it best recognises the face where this says it is: the largest
        margin, as a share of the threshold."""
        opinions = self.told(pixels, self.landmarks)
        return max(
            Margin.of(target.card, value).margin / abs(target.card.threshold)
            for target, opinion in zip(self.targets, opinions, strict=True)
            for value in opinion.values()
        )

    def again(self, pixels: Pixels, detector: Detector, scale: float = 1.0) -> Tensor | None:
        """The landmarks in another version of the photo, found anew where the face still can be found."""
        if self.landmarks is None:
            return None
        face = self.seen(pixels, detector, scale) if self.found else None
        return marks(face) if face is not None else (self.landmarks + 0.5) * scale - 0.5

    def seen(self, pixels: Pixels, detector: Detector, scale: float = 1.0) -> Face | None:
        """The face that is seen where this one is in another version of the photo."""
        return _near(pixels, tuple(v * scale for v in self.box), detector, self.turn)


def find(
    photo: Photo,
    targets: Sequence[Target],
    detector: Detector,
    where: Where | None = None,
    searched: Search | None = None,
) -> list[Subject]:
    """The subjects of a photo: face recognisers look at its faces, classifiers at the whole of it.

    Each is judged against itself; `Gallery.judging` adds the other photos of its person.

    Args:
        photo: the clean photo.
        targets: whom each subject is to be protected from.
        detector: finds the faces.
        where: which faces; by default all that are found.
        searched: what the detector finds, where it was asked already.

    Raises:
        FaceError: face recognisers are asked for and no face was found.
        ValueError: a box outside the photo, or a face number that the photo does not have.
    """
    face_targets = tuple(t for t in targets if isinstance(t, FaceTarget))
    classifiers = tuple(t for t in targets if t.card.kind == "classifier")
    subjects: list[Subject] = []
    if face_targets:
        subjects.extend(_faces(photo, where or Where(), face_targets, detector, searched))
    if classifiers:
        height, width = photo.pixels.shape[:2]
        x = photo.tensor()
        judged = tuple(t.refer(x.to(device_of(t))) for t in classifiers)
        subjects.append(Subject("whole", (0.0, 0.0, float(width), float(height)), None, classifiers, judged))
    return subjects


def _faces(
    photo: Photo,
    where: Where,
    targets: tuple[FaceTarget, ...],
    detector: Detector,
    searched: Search | None,
) -> Iterator[Subject]:
    for box, face in _places(photo, where, detector, searched):
        landmarks = marks(face) if face is not None else torch.from_numpy(upright_in(box))[None]
        own = tuple(known(photo, landmarks, targets))
        place = face.box if face is not None and not where.whole else box
        turn = face.turn if face is not None else 0
        yield Subject("face", place, landmarks, targets, own, face is not None, turn)


def _places(
    photo: Photo, where: Where, detector: Detector, searched: Search | None
) -> Iterator[tuple[Edges, Face | None]]:
    """Where faces are, found or said, and the face that is seen there."""
    height, width = photo.pixels.shape[:2]
    if where.whole:
        everything = (0.0, 0.0, float(width), float(height))
        yield everything, _near(photo.pixels, everything, detector)
        return
    boxes = [parse_box(box, (width, height)) for box in where.boxes]
    found: list[Face] = []
    if where.faces != "none":
        searched = searched or detector.search(photo.pixels)
        if searched.faces or not boxes:
            found = select(searched.faces, where.faces)
        if not found and not boxes:
            if searched.suspects:
                raise FaceError.suspected((width, height), searched.suspects)
            raise FaceError.none_found((width, height), searched)
    yield from ((face.box, face) for face in found)
    for box in boxes:
        face = _near(photo.pixels, box, detector)
        if face is None:
            yield box, None
        elif not any(overlap(face.box, other.box) > SAME_FACE for other in found):
            found.append(face)
            yield box, face


def known(photo: Photo, face: Tensor, targets: Sequence[FaceTarget]) -> list[Reference]:
    """What each target knows of a face of a clean photo."""
    image = photo.tensor()
    return [target.known(image.to(device_of(target)), face) for target in targets]


def marks(face: Face) -> Tensor:
    """The landmarks of a face, `(1, 5, 2)`."""
    return torch.from_numpy(face.landmarks.copy())[None]


def _near(pixels: Pixels, box: Sequence[float], detector: Detector, turn: int = 0) -> Face | None:
    try:
        return detector.near(pixels, box, turn)
    except ValueError:  # at half the size a small face is no face any more
        return None
