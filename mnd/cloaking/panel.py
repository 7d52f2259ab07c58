"""The panel: all that has to be loaded before a photo can be cloaked or judged."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..base.runtime import pick_device
from ..base.types import Progress
from ..faces.detector import Detector
from ..losses.composite import Composite
from ..losses.standard import standard
from ..photo.photo import Photo
from ..targets import registry
from ..targets.apps.target import with_apps
from ..targets.face import FaceTarget
from ..targets.target import Target
from .apps import Apps
from .gallery import Gallery
from .people import People
from .posted import Posted
from .settings import CloakSettings, Where
from .subjects import Subject, find


class Found(NamedTuple):
    """Who is in a photo, and the gallery by which that was told."""

    subjects: list[Subject]
    gallery: Gallery | People | None


def targets_in(options: dict[str, Any]) -> Sequence[str | Target] | None:
    """Take the targets out of keywords where one of them is a target as it is: settings have names alone.

    >>> options = {"targets": ["dlib"], "level": "minimum"}
    >>> targets_in(options), options["targets"]
    (None, ['dlib'])
    """
    given = options.get("targets")
    several = [given] if isinstance(given, (str, Target)) else list(given or ())
    if all(isinstance(one, str) for one in several):
        return None
    del options["targets"]
    return several


class Panel:
    """The targets, the detector and the gallery of some settings, loaded once; threads may share it.

    Args:
        settings: targets, device, gallery and whether weights may be downloaded.
        progress: told of downloads.
        targets: names, or targets as they are, instead of those of the settings.

    Raises:
        ValueError: a target is not known, or a card cannot be used.
        FileNotFoundError: weights are not there and may not be downloaded.
    """

    def __init__(
        self, settings: CloakSettings, progress: Progress, targets: Sequence[str | Target] | None = None
    ) -> None:
        progress("loading", 0, 0)
        self.device = pick_device(settings.device)

        def downloading(name: str, done: int, total: int) -> None:
            progress(f"download {name}", done, total)

        self.apps = Apps(settings.against, self.device, settings.offline, downloading)
        if targets is None:
            targets = settings.targets or registry.default_names(surrogates=settings.level == "strong")
        named = with_apps([one for one in targets if isinstance(one, str)], self.apps.here)
        self.targets: Sequence[Target] = registry.load_all(
            [*named, *(one for one in targets if not isinstance(one, str))],
            self.device,
            settings.offline,
            downloading,
            self.apps.targets,
        )
        self.detector = Detector(self.device)
        self._folder = settings.gallery
        self._galleries: dict[Path | None, Gallery] = {}
        self._distances: dict[tuple[float, ...], Composite] = {}
        self._several = settings.galleries
        self._people: People | None = None
        self._cloaks = settings.cloaks
        self._posted: Posted | None = None
        self._reading = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Of the targets."""
        return [target.card.name for target in self.targets]

    def distance(self, rho: float, spread: float, flat: float) -> Composite:
        """The distance with these weights (`mnd.losses.standard`)."""
        with self._reading:
            weights = (rho, spread, flat)
            if weights not in self._distances:
                self._distances[weights] = standard(rho, self.device, spread, flat)
            return self._distances[weights]

    def gallery(self, path: Path | None) -> Gallery | People | None:
        """The gallery, or those of several people, without the photo at `path`, where that lies in it.

        Raises:
            ValueError: it shows no face.
        """
        if self._several is not None:
            return self._of_several(self._several, path)
        folder = self._folder
        if folder is None:
            return None
        own = path if path is not None and folder.resolve() in path.resolve().parents else None
        with self._reading:
            if own not in self._galleries:
                faces = [t for t in self.targets if isinstance(t, FaceTarget)]
                self._galleries[own] = Gallery.read(folder, faces, self.detector, own)
            return self._galleries[own]

    def _of_several(self, folder: Path, path: Path | None) -> People:
        with self._reading:
            if self._people is None:
                faces = [t for t in self.targets if isinstance(t, FaceTarget)]
                self._people = People.read(folder, faces, self.detector)
        return self._people if path is None else self._people.without(path)

    def posted(self) -> Posted | None:
        """The person's cloaks that are out already, where the settings name them.

        Raises:
            ValueError: there is no such folder.
        """
        if self._cloaks is None:
            return None
        with self._reading:
            if self._posted is None:
                faces = [t for t in self.targets if isinstance(t, FaceTarget)]
                self._posted = Posted(self._cloaks, faces, self.detector)
            return self._posted

    def found(self, photo: Photo, where: Where, path: Path | None) -> Found:
        """The subjects of a clean photo that lies at `path`, and the gallery.

        Raises:
            FaceError: face recognisers are asked for and no face was found.
            ValueError: as `gallery` and `subjects`.
        """
        gallery = self.gallery(path)
        if (posted := self.posted()) is not None and isinstance(gallery, Gallery):
            passed = (*gallery.passed, *posted.passed)
            gallery = replace(gallery, cloaks=tuple(posted.beside(photo)), passed=passed)
        return Found(self.subjects(photo, where, gallery), gallery)

    def subjects(self, photo: Photo, where: Where, gallery: Gallery | People | None) -> list[Subject]:
        """The subjects of a clean photo, those who are the gallery's person judged against that, too.

        Raises:
            FaceError: face recognisers are asked for and no face was found.
            ValueError: a box outside the photo, or a face number that the photo does not have.
        """
        subjects = find(photo, self.targets, self.detector, where)
        if gallery is None:
            return subjects
        return [gallery.judging(subject) if subject.kind == "face" else subject for subject in subjects]
