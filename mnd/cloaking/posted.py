"""Cloaks of a person that are out already, and that a new one shall not match either.

Away from a person's photos the cloaks of all of them arrive in about one place, where they match each other
and no original: an app that gets nothing but cloaks puts them together. Whoever moves away from the earlier
ones, too, does not arrive there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..base.files import PhotoError
from ..base.types import Pixels
from ..faces.detector import Detector
from ..photo.photo import Photo
from ..photo.walking import photos
from ..targets.face import FaceTarget
from ..targets.target import Reference
from .subjects import known, marks

References = tuple[Reference, ...]
"""What each target knows of the faces of a photo, `(1, R, D)` each."""
SIDE, ALIKE = 32, 6.0
"""Two photos are one, or next to each other in a burst, where their copies of so many pixels a side differ by
so many grey levels on average, at most: no level changes a photo by as much, and few others are that like."""


@dataclass(frozen=True)
class _Cloak:
    shape: tuple[int, ...]
    small: Pixels
    known: References


class Posted:
    """The cloaks of a folder, and those that join them; threads may share it.

    Args:
        folder: with nothing but cloaks; all that lies below it is looked at once.
        targets: who must not match them.
        detector: finds their faces; those of other people in them do no harm.

    Raises:
        ValueError: there is no such folder. An empty one is none yet.
    """

    def __init__(self, folder: Path, targets: Sequence[FaceTarget], detector: Detector) -> None:
        if not folder.is_dir():
            raise ValueError(f"cloaks {folder}: there is no such folder, expected one, which may be empty")
        self.targets, self.detector = targets, detector
        there = photos(folder)
        self.passed = list(there.passed)
        """A line on each file that was passed over, and why."""
        self._cloaks: list[_Cloak] = []
        self._joining = threading.Lock()
        for path in there.files:
            try:
                self.add(Photo.read(path))
            except PhotoError as error:
                self.passed.append(str(error))

    def __len__(self) -> int:
        return len(self._cloaks)

    def add(self, photo: Photo) -> None:
        """One more; one in which no face is found is none."""
        if faces := [known(photo, marks(face), self.targets) for face in self.detector(photo.pixels)]:
            rows = tuple(Reference.person(column) for column in zip(*faces, strict=True))
            with self._joining:
                self._cloaks.append(_Cloak(photo.pixels.shape, _small(photo.pixels), rows))

    def beside(self, photo: Photo) -> list[References]:
        """What is known of all but the cloaks of this very photo, which it may well match."""
        small = _small(photo.pixels)
        with self._joining:
            return [it.known for it in self._cloaks if not _same(it, photo.pixels.shape, small)]


def _small(pixels: Pixels) -> Pixels:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


def _same(cloak: _Cloak, shape: tuple[int, ...], small: Pixels) -> bool:
    unlike = np.abs(cloak.small.astype(np.int16) - small).mean()
    return cloak.shape == shape and float(unlike) <= ALIKE
