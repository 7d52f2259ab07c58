"""What apps would make of a face: each its own network, alignment, view of the photo, and rule."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..base.files import shown
from ..base.types import Pixels, Progress
from ..channel import sent, to_tensor
from ..faces.detector import Detector
from ..photo.photo import Photo
from ..targets import registry
from ..targets.apps.rules import joins, matched, values
from ..targets.apps.target import PREFIX, App, app
from ..targets.face import FaceTarget
from ..targets.looks import LOOKS
from ..targets.target import Target, device_of
from .gallery import Gallery
from .people import People
from .record import AppRecord
from .subjects import Subject

Key = tuple[str, str, str, str | None]
"""What two apps share whose embeddings are the same: network, template, look and preview."""


@dataclass(frozen=True)
class Asked:
    """An app that was asked for, and its network, where that is here."""

    app: App
    target: FaceTarget | None

    @property
    def key(self) -> Key:
        """By which its embeddings are kept."""
        it = self.app.profile
        template = self.target.card.template if self.target else ""
        return self.app.network or "", template, it.look, it.preview


class Apps:
    """The apps of some names, their networks loaded once; threads may share them.

    Args:
        words: `APP` or `APP=TARGET` each.
        device, offline, progress: as `mnd.targets.registry.load`.

    Raises:
        ValueError: there is no such app or target, or a card cannot be used.
        FileNotFoundError: the weights of a target that was named are not there, and may not be downloaded.
    """

    def __init__(
        self,
        words: Sequence[str],
        device: torch.device | str,
        offline: bool,
        progress: Progress | None = None,
    ) -> None:
        self._words = tuple(dict.fromkeys(words))
        self.asked = [self._load(word, device, offline, progress) for word in self._words]
        self._known: dict[tuple[Path, Key, tuple[float, ...]], Tensor] = {}
        self._reading = threading.Lock()

    @staticmethod
    def _load(word: str, device: torch.device | str, offline: bool, progress: Progress | None) -> Asked:
        found = app(word)
        if found.network is None:
            return Asked(found, None)
        target = registry.load(PREFIX + word, device, offline, progress)
        assert isinstance(target, FaceTarget)
        return Asked(found, target)

    @property
    def here(self) -> list[str]:
        """The names of those that can be asked, as they were given."""
        return [word for word, it in zip(self._words, self.asked, strict=True) if it.target is not None]

    @property
    def targets(self) -> dict[str, Target]:
        """The targets of these by name, copies with the same weights: a search may ask them otherwise."""
        asked = zip(self._words, self.asked, strict=True)
        return {PREFIX + word: copy.copy(it.target) for word, it in asked if it.target is not None}

    @property
    def missing(self) -> list[str]:
        """A line on each app whose network is not on this machine."""
        return [f"app {it.app.profile.name}: {it.app.why}" for it in self.asked if it.target is None]

    def judge(
        self,
        clean: Pixels,
        cloaked: Pixels,
        pairs: Sequence[tuple[Subject, Subject]],
        detector: Detector,
        gallery: Gallery | People | None,
        scale: float = 1.0,
    ) -> list[AppRecord]:
        """What each app says of each face, an entry each; apps without a network have one for all.

        Args:
            clean: `(H, W, 3)`, the original photo.
            cloaked: the cloaked one, or what came back of it.
            pairs: each subject as it is in the original, and as it is in the cloaked one.
            detector: finds the faces again.
            gallery: other photos of the person: a face that is not that person's, and every face where there
                is none, is compared with the original itself.
            scale: the size of the cloaked one over that of the original, where the pairs do not have it.
        """
        with self._reading, torch.no_grad():
            return list(self._judge(clean, cloaked, pairs, detector, gallery, scale))

    def _judge(
        self,
        clean: Pixels,
        cloaked: Pixels,
        pairs: Sequence[tuple[Subject, Subject]],
        detector: Detector,
        gallery: Gallery | People | None,
        scale: float,
    ) -> Iterator[AppRecord]:
        seen: dict[tuple[int, Key], tuple[Tensor, Tensor]] = {}
        for it in self.asked:
            if it.target is None:
                yield _blank(it.app, None, it.app.why)
                continue
            for region, (was, now) in enumerate(pairs):
                if was.landmarks is None:
                    continue
                if not now.found:
                    yield _blank(it.app, region, "no face was seen here, so that nothing can be said of it")
                    continue
                if (region, it.key) not in seen:
                    own = _embedding(it, clean, was.landmarks)
                    seen[region, it.key] = own, _found_again(it, cloaked, now, detector, scale)
                own, face = seen[region, it.key]
                photos = _photos(was, gallery)
                known = self._gallery(it, photos) if photos else own[None]
                yield _told(it.app, region, face, own, known, bool(photos))

    def _gallery(self, it: Asked, gallery: Gallery) -> Tensor:
        """`(R, D)`: the photos of a gallery as an app sees them; each is read once."""
        rows = []
        for path, references in zip(gallery.files, gallery.rows, strict=True):
            faces = references[0].faces
            assert faces is not None
            key = path.resolve(), it.key, tuple(faces.flatten().tolist())
            if key not in self._known:
                self._known[key] = _embedding(it, Photo.read(path).pixels, faces)
            rows.append(self._known[key])
        return torch.stack(rows)


def _photos(subject: Subject, gallery: Gallery | People | None) -> Gallery | None:
    """The gallery of the person that a face is; none of anybody else."""
    if not subject.person or gallery is None:
        return None
    if isinstance(gallery, Gallery):
        return gallery
    return next((its for name, its in gallery.galleries.items() if shown(name) == subject.who), None)


def _embedding(it: Asked, pixels: Pixels, landmarks: Tensor) -> Tensor:
    """`(D,)`: a face as an app sees it, whose landmarks in the photo are known."""
    view = _view(it, pixels)
    return _at(it, view, (landmarks + 0.5) * (view.shape[1] / pixels.shape[1]) - 0.5)


def _found_again(it: Asked, pixels: Pixels, subject: Subject, detector: Detector, scale: float) -> Tensor:
    """The same of a face that is looked for in what the app sees."""
    view = _view(it, pixels)
    landmarks = subject.again(view, detector, scale * view.shape[1] / pixels.shape[1])
    assert landmarks is not None
    return _at(it, view, landmarks)


def _view(it: Asked, pixels: Pixels) -> Pixels:
    preview = it.app.profile.preview
    return sent(preview, pixels) if preview else pixels


def _at(it: Asked, view: Pixels, landmarks: Tensor) -> Tensor:
    assert it.target is not None
    image = to_tensor(view, device_of(it.target))
    return it.target.judged(image, landmarks.float(), [LOOKS[it.app.profile.look]])[0]


def _told(app: App, region: int, face: Tensor, own: Tensor, known: Tensor, gallery: bool) -> AppRecord:
    profile = app.profile
    return {
        **_blank(app, region, ""),
        "available": True,
        "against": "gallery" if gallery else "original",
        "photos": len(known),
        "distances": values(profile, face, known),
        "distances_before": values(profile, own, known),
        "matched": matched(profile, face, known),
        "matched_before": matched(profile, own, known),
        "joins_cluster": joins(profile, face, known),
        "joins_before": joins(profile, own, known),
    }


def _blank(app: App, region: int | None, why: str) -> AppRecord:
    profile = app.profile
    return {
        "name": profile.name,
        "network": app.network,
        "exact": app.exact,
        "available": False,
        "why": why or None,
        "region": region,
        "measure": profile.measure,
        "threshold": profile.threshold,
        "rule": profile.says,
        "approximated": profile.approximated,
        "against": None,
        "photos": 0,
        "distances": [],
        "distances_before": [],
        "matched": 0,
        "matched_before": 0,
        "joins_cluster": None,
        "joins_before": None,
    }
