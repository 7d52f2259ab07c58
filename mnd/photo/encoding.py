"""What is known of how a photo is written, so that it can be written again, and seen as its readers will."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PIL import Image

from ..base.types import Pixels


class Encoding(Protocol):
    """How a photo is written: everything its file holds besides the pixels."""

    @property
    def exif(self) -> bytes:
        """The cleaned EXIF structure, `b""` when there is none."""
        ...

    @property
    def orientation(self) -> int:
        """1..8: how the stored picture has to be turned to be upright, as the source says it."""
        ...

    @property
    def grid(self) -> int | None:
        """The side of the blocks that pixels change in, with the next ones; `None`: lossless."""
        ...

    @property
    def depth(self) -> int:
        """Bits of a stored grey level, 1 to 8."""
        ...

    @property
    def premultiplied(self) -> bool:
        """Colours are stored times alpha."""
        ...

    @property
    def slack(self) -> int:
        """Levels by which the colours of a grey picture may differ once it is decoded."""
        ...

    @property
    def whole_below(self) -> int:
        """Pictures of fewer pixels are round-tripped whole: a window of them would not be exact."""
        ...

    @property
    def shared(self) -> tuple[int, int]:
        """How many rows and columns of pixels share a colour."""
        ...

    def encode(self, picture: Image.Image) -> bytes:
        """The whole new file, from the picture as it is stored (not upright)."""
        ...

    @property
    def apart(self) -> bool:
        """Blocks are coded each for itself: a window needs none around it."""
        ...

    def seen(self, picture: Image.Image, at: tuple[int, int] = (0, 0)) -> Pixels:
        """What a reader sees of `picture` after it was encoded, `(h, w)` or `(h, w, 3)`; fast.

        Args:
            picture: the whole, or a window.
            at: where in the stored picture it has its left and upper edge.
        """
        ...


class Usual:
    """What is so in most files."""

    depth = 8
    premultiplied = False
    slack = 0
    whole_below = 0
    apart = False


class Lossless(Usual):
    """What the lossless encodings share."""

    grid = None
    shared = (1, 1)

    def seen(self, picture: Image.Image, at: tuple[int, int] = (0, 0)) -> Pixels:  # noqa: ARG002
        """The picture itself."""
        return np.asarray(picture)[..., :3]
