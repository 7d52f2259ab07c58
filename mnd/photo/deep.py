"""Sixteen bits a channel: recognisers see the upper eight, and a change is added to them alone.

Most readers that want eight bits take the upper byte of each sample (Pillow, OpenCV, libpng's `strip_16`);
those that round see one level more at most, before and after.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import ImageFile

from ..base.types import Pixels

Samples = npt.NDArray[np.uint16]
_SWAPPED = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
"""Raw modes of Pillow, and those that read the two bytes of each sample the other way round."""


@dataclass(frozen=True, eq=False)
class Deep:
    """The samples of a picture as its file has them.

    >>> deep = Deep(np.full((1, 1, 1), 0x1234, np.uint16))
    >>> int(deep.shown[0, 0, 0]) == 0x12, hex(int(deep.merged(np.full((1, 1), 0x15, np.uint8))[0, 0, 0]))
    (True, '0x1534')
    """

    samples: Samples
    """`(h, w, C)`: grey, grey and alpha, RGB or RGBA."""

    @property
    def shown(self) -> Pixels:
        """`(h, w, C)`: the upper eight bits."""
        return (self.samples >> 8).astype(np.uint8)

    def layers(self) -> tuple[Pixels, Pixels | None]:
        """Grey `(h, w)` or colours `(h, w, 3)` of eight bits, and alpha."""
        shown = self.shown
        count = shown.shape[2]
        colours = shown[..., 0] if count < 3 else shown[..., :3]
        return colours, shown[..., -1] if count in (2, 4) else None

    def merged(self, picture: Pixels) -> Samples:
        """The samples with the change of `picture`, `(h, w)` or `(h, w, C)` of eight bits:

            sample + 256 (picture - sample // 256)

        Where nothing was changed nothing is, bit for bit; and a reader of the upper bytes sees `picture`.
        """
        seen = picture.reshape(self.samples.shape).astype(np.uint16)
        return cast(Samples, (seen << 8) | (self.samples & 0xFF))


def read_deep(open_: Callable[[io.BytesIO], ImageFile.ImageFile], data: bytes) -> Samples:
    """The samples `(h, w, C)` of a file of 16 bits a channel, which Pillow's reader reduces to eight.

    The file is read twice: for the upper bytes, and with the bytes of its samples swapped for the lower ones.
    """
    upper = open_(io.BytesIO(data))
    if upper.mode.startswith("I;16"):
        return np.asarray(upper).astype(np.uint16)[..., None]
    tile: Any = upper.tile[0]
    raw: str = tile.args if isinstance(tile.args, str) else tile.args[0]
    if raw == "LA;16B":  # as long as RGBA of eight bits, which all readers of PNG have
        upper.tile = [tile._replace(args="RGBA")]
        pairs = np.asarray(upper).view(">u2")
        return cast(Samples, pairs.astype(np.uint16))
    lower, word = open_(io.BytesIO(data)), raw.rpartition(";")[2]
    other = raw.replace(word, _SWAPPED[word])
    tiles: Any = lower.tile
    lower.tile = [t._replace(args=other if raw == t.args else (other, *t.args[1:])) for t in tiles]
    high, low = np.asarray(upper), np.asarray(lower)
    return cast(Samples, (high.astype(np.uint16) << 8) | low)
