"""Other photos of a person, and which subject of a photo that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from ..base.files import PhotoError
from ..faces.detector import Detector
from ..photo.photo import Photo
from ..photo.walking import none_left, photos
from ..targets.face import FaceTarget
from ..targets.margin import Margin
from ..targets.target import Reference, device_of
from .subjects import Subject, known, marks


@dataclass(frozen=True)
class Gallery:
    """Other photos of a person, as the face recognisers know them: one `(1, R, D)` reference a target."""

    targets: tuple[FaceTarget, ...]
    references: tuple[Reference, ...]
    files: tuple[Path, ...]
    passed: tuple[str, ...] = ()
    """A line on each photo that was passed over, and why."""
    unreadable: Mapping[Path, str] = field(default_factory=dict)
    """Those of them that are no photos that can be read, and why."""
    rows: tuple[tuple[Reference, ...], ...] = ()
    """What the targets know of each file: the columns of this are the `references`."""
    cloaks: tuple[tuple[Reference, ...], ...] = ()
    """What they know of each of the person's cloaks that are out (`posted.py`): no sign of who it is, but one
    more photo that a new cloak shall not match."""

    @staticmethod
    def read(
        folder: Path, targets: Sequence[FaceTarget], detector: Detector, leave_out: Path | None = None
    ) -> Gallery:
        """Every photo below `folder` but the one to be cloaked; whose face in each is the person's says `of`.

        Files are looked for as `mnd.photo.walking` does; photos that cannot be read, or show no face, are
        passed over, and `passed` says so.

        Raises:
            ValueError: no folder, or no photo with a face in it.
        """
        if not folder.is_dir():
            raise ValueError(
                f"gallery {folder}: there is no such folder, expected one with photos of the person"
            )
        there = photos(folder, leave_out)
        gallery = Gallery.of(there.files, targets, detector)
        passed = (*there.passed, *gallery.passed)
        if not gallery.files:
            raise none_left(folder, replace(there, passed=passed), "photo with a face")
        return replace(gallery, passed=passed)

    @staticmethod
    def of(
        photos: Sequence[Path],
        targets: Sequence[FaceTarget],
        detector: Detector,
        read: Callable[[Path], Photo] = Photo.read,
    ) -> Gallery:
        """These photos; those that cannot be read or show no face are passed over, and may be all of them.

        Of several faces in a photo the person is the one that most other photos show, too, as the first
        target sees it; where they do not tell, the largest. `read` gives the photo of a name.
        """
        unreadable: dict[Path, str] = {}
        seen: dict[Path, list[Tensor]] = {}
        faces: list[list[Reference]] = []
        alone: dict[Path, list[Reference]] = {}
        for path in photos:
            try:
                photo = read(path)
            except PhotoError as error:
                unreadable[path] = str(error)
                continue
            if found := [marks(face) for face in detector(photo.pixels)]:
                seen[path] = found
                if len(found) == 1:  # nobody to choose from, and no second look at the photo
                    alone[path] = known(photo, found[0], targets)
                    faces.append(alone[path][:1])
                else:
                    image = photo.tensor().to(device_of(targets[0]))
                    faces.append([targets[0].refer(image, face) for face in found])
        rows = tuple(
            tuple(alone[path] if path in alone else known(read(path), seen[path][which], targets))
            for path, which in zip(seen, _shared(targets[0], faces), strict=True)
        )
        references = tuple(Reference.person(column) for column in zip(*rows, strict=True))
        passed = (unreadable.get(path, f"{path}: no face found") for path in photos if path not in seen)
        return Gallery(tuple(targets), references, tuple(seen), tuple(passed), unreadable, rows)

    def without(self, path: Path) -> Gallery:
        """The gallery without one photo, where that is in it; the others are not looked at anew."""
        same = path.resolve()
        kept = [place for place, file in enumerate(self.files) if file.resolve() != same]
        if len(kept) == len(self.files):
            return self
        rows = tuple(self.rows[place] for place in kept)
        references = tuple(Reference.person(column) for column in zip(*rows, strict=True))
        files = tuple(self.files[place] for place in kept)
        return replace(self, references=references, files=files, rows=rows)

    def likeness(self, subject: Subject) -> tuple[float, ...]:
        """What each target says of a clean face and the photos of the gallery, in its unit."""
        return tuple(
            target.value(target.compare(own.known[:, 0], reference.known))
            for target, own, reference in zip(self.targets, subject.judged, self.references, strict=True)
        )

    def person(self, subjects: Sequence[Subject]) -> int:
        """Which of the subjects, judged against themselves, the first target finds most like the gallery."""
        sign = -1 if self.targets[0].card.lower_is_same else 1
        return int(np.argmax([sign * self.likeness(s)[0] for s in subjects]))

    def judging(self, subject: Subject) -> Subject:
        """The subject as the person of the gallery where a target would match it, else as somebody else.

        The photo itself is always among the references: whoever has it compares the cloak with it.
        """
        likeness = self.likeness(subject)
        person = any(
            not Margin.of(target.card, value).fooled
            for target, value in zip(self.targets, likeness, strict=True)
        )
        subject = replace(subject, likeness=likeness, person=person)
        return self.as_person(subject) if person else subject

    def as_person(self, subject: Subject) -> Subject:
        """The subject judged against the gallery, the cloaks that are out and itself."""
        columns = zip(self.references, *self.cloaks, subject.judged, strict=True)
        judged = tuple(Reference.person(column).at(subject.landmarks) for column in columns)
        return replace(subject, judged=judged)


def _shared(target: FaceTarget, photos: Sequence[Sequence[Reference]]) -> list[int]:
    """Which face of each photo (largest first) most other photos show, too, as the target sees it."""
    everybody = [Reference.person(faces).known for faces in photos]

    def others(mine: int, face: Reference) -> int:
        margins = (target.compare(face.known[:, 0], shown) for shown in everybody)
        return sum(place != mine and float(margin) > 0 for place, margin in enumerate(margins))

    return [
        0 if len(faces) == 1 else max(range(len(faces)), key=lambda i: (others(place, faces[i]), -i))
        for place, faces in enumerate(photos)
    ]
