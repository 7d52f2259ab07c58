"""What is known of how a photo is written, so that it can be written again, and seen as its readers will."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from PIL import Image

from ..base.types import Box, Pixels

if TYPE_CHECKING:
    from .ultra_hdr import UltraHdr


class Stored(Protocol):
    """Samples of a file that are not what recognisers see of it."""

    def layers(self) -> tuple[Pixels, Pixels | None]:
        """What they see: grey `(h, w)` or colours `(h, w, 3)` of eight bits, and alpha."""
        ...


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

    def part(self, box: Box) -> Encoding:
        """How a part of the picture is written, `box` of the picture as it is stored: for `seen` alone."""
        ...

    @property
    def stored(self) -> Stored | None:
        """What the file holds, where that is more than grey or colours of 8 bits; `None`: it is not."""
        ...

    @property
    def hdr(self) -> UltraHdr | None:
        """The gain map behind the picture, where it can be kept."""
        ...

    @property
    def read_as(self) -> tuple[str, ...]:
        """The names of the `readings` that every file of this photo has."""
        ...

    def readings(self, pixels: Pixels) -> dict[str, Pixels]:
        """What else programs may show of a file whose usual picture is `pixels`, as it is stored; by name."""
        ...

    def encode(self, picture: Image.Image) -> bytes:
        """The whole new file, from the picture as it is stored (not upright)."""
        ...

    @property
    def apart(self) -> bool:
        """Blocks are coded each for itself: a window needs none around it."""
        ...

    def seen(self, picture: Image.Image) -> Pixels:
        """What a reader sees of `picture` after it was encoded, `(h, w)` or `(h, w, 3)`; fast."""
        ...


class Usual:
    """What is so in most files."""

    depth = 8
    premultiplied = False
    slack = 0
    whole_below = 0
    apart = False
    stored: Stored | None = None
    hdr: UltraHdr | None = None
    read_as: tuple[str, ...] = ()

    def part(self, box: Box) -> Self:  # noqa: ARG002
        """As the whole."""
        return self

    def readings(self, pixels: Pixels) -> dict[str, Pixels]:  # noqa: ARG002
        """Nothing else."""
        return {}


class Lossless(Usual):
    """What the lossless encodings share."""

    grid = None
    shared = (1, 1)

    def seen(self, picture: Image.Image) -> Pixels:
        """The picture itself."""
        return np.asarray(picture)[..., :3]
