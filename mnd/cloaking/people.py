"""Galleries of several people, and whose gallery a face is judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..base.files import shown
from ..faces.detector import Detector
from ..photo.walking import people
from ..targets.face import FaceTarget
from ..targets.margin import Margin
from .gallery import Gallery
from .subjects import Subject


@dataclass(frozen=True)
class People:
    """A gallery for each person: those of other people say nothing of a face."""

    galleries: Mapping[str, Gallery]
    """By the names of their folders; one may have no photo left."""
    passed: tuple[str, ...] = ()
    """A line on each photo that was passed over, and why."""
    places: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    """In whose galleries a photo lies, by its path without links."""

    @staticmethod
    def read(folder: Path, targets: Sequence[FaceTarget], detector: Detector) -> People:
        """The folders below `folder`, each of which is a person.

        Raises:
            ValueError: there are no such folders, or one of them has no photo with a face in it.
        """
        galleries, without = {}, []
        found = people(folder)
        if not targets:  # classifiers know nobody
            return People.of({}, found.passed)
        for name, own in found.folders.items():
            try:
                galleries[name] = Gallery.read(own, targets, detector)
            except ValueError as error:
                without.append(str(error))
        if without:
            raise ValueError("; ".join(without))
        passed = (line for gallery in galleries.values() for line in gallery.passed)
        return People.of(galleries, (*found.passed, *passed))

    @staticmethod
    def of(galleries: Mapping[str, Gallery], passed: tuple[str, ...] = ()) -> People:
        """People with these galleries."""
        places: dict[Path, tuple[str, ...]] = {}
        for name, gallery in galleries.items():
            for path in gallery.files:
                real = path.resolve()
                places[real] = (*places.get(real, ()), name)
        return People(galleries, passed, places)

    @property
    def files(self) -> tuple[Path, ...]:
        """The photos of all of them."""
        return tuple(path for gallery in self.galleries.values() for path in gallery.files)

    def without(self, path: Path) -> People:
        """These galleries without one photo, wherever it lies in them."""
        whose = self.places.get(path.resolve(), ())
        without = {name: self.galleries[name].without(path) for name in whose}
        return replace(self, galleries={**self.galleries, **without}) if whose else self

    def judging(self, subject: Subject) -> Subject:
        """The subject as the person whose gallery a target would match, else as somebody else.

        Of several the nearest is taken: the one that a target matches by most, as a share of its threshold.
        """
        nearest, most = "", float("-inf")
        for name, gallery in self.galleries.items():
            if gallery.files and (match := _match(gallery, subject)) > most:
                nearest, most = name, match
        if not nearest:
            return replace(subject, person=False, who="")
        judged = self.galleries[nearest].judging(subject)
        return replace(judged, who=shown(nearest) if judged.person else "")


def _match(gallery: Gallery, subject: Subject) -> float:
    """By how much the target that matches best matches, as a share of its threshold; above 0: it does."""
    return max(
        Margin.of(target.card, value).margin / abs(target.card.threshold)
        for target, value in zip(gallery.targets, gallery.likeness(subject), strict=True)
    )
