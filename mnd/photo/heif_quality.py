"""The quality that a picture of HEIC or AVIF was coded with, neither of which says it: found by coding it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from .heif_items import Layer
from .sized import quality_of, truest_of

Place = tuple[slice, slice]
Levels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""`(h, w)` or `(h, w, 3)`; more than 8 bits in 16."""

_TILES = 6
"""So many tiles, or squares, say what quality a picture has."""
_SQUARE = 256
"""The side of squares, on the grid of the largest blocks."""
_LOOKED_AT = 512
"""Pixels a side of the part that says which quality changes least."""
_CLEARLY = 0.8
"""A slower way of coding is taken where it leaves at most this share of the error: it was the source's."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the source says of its size."""

    places: tuple[Place, ...]
    """Parts that are coded to find the quality: all, some of the tiles, or squares of a large picture."""
    size: int
    """Bytes of the pixels in the source: of these parts, or of all where they are squares."""
    squares: bool = False

    @classmethod
    def of(cls, main: Layer, tile: int | None, size: tuple[int, int]) -> Known:
        """Of a picture of this width and height, which is cut into tiles of this side, or not cut."""
        side = tile or _SQUARE
        across = size[0] // side if tile is None else -(-size[0] // side)
        rows, columns = size[1] // side, size[0] // side
        whole = [row * across + column for row in range(rows) for column in range(columns)]
        if len(whole) <= (_TILES if tile else 4 * _TILES):
            return cls(((slice(None), slice(None)),), main.length)
        some = [whole[place * len(whole) // _TILES] for place in range(_TILES)]
        corners = [(number // across * side, number % across * side) for number in some]
        places = tuple((slice(y, y + side), slice(x, x + side)) for y, x in corners)
        if tile is None:
            return cls(places, main.length, squares=True)
        return cls(places, sum(len(main.tiles[number].data) for number in some))


@dataclass(frozen=True, slots=True)
class Coder:
    """How parts of a picture are coded, read and measured."""

    coded: Callable[[Levels, int], bytes]
    """A file of these pixels, at this quality."""
    decoded: Callable[[bytes], Levels]
    length: Callable[[bytes], int]
    """Bytes of the pixels in a file."""
    step: float
    """By how much the logarithm of a file's size grows with the quality."""


def quality_by_size(levels: Levels, known: Known, coders: Sequence[Coder]) -> tuple[int, int]:
    """Which coder, and the quality 0..100 whose pixels are nearest in size to the source's, or a truer one.

    Args:
        levels: the picture.
        known: what its file says of its size.
        coders: the usual one first.
    """
    coder = coders[0]

    def measured(quality: int) -> int:
        return sum(coder.length(coder.coded(levels[place], quality)) for place in known.places)

    def nearest(size: int) -> int:
        return quality_of(size, measured, coder.step, lowest=0)

    size = known.size
    if known.squares:  # they have their share of the bytes, which all is coded for once
        pixels = sum(levels[place].size for place in known.places)
        guess = nearest(size * pixels // levels.size)
        size = size * measured(guess) // max(coder.length(coder.coded(levels, guess)), 1)
    some = levels[known.places[-1]]
    some = some[_middle(some.shape[0]), _middle(some.shape[1])]

    near, best, allowed = nearest(size), (0, 0), np.inf
    for place, one in enumerate(coders):
        quality, error = truest_of(near, partial(_changing, some, one), lowest=0)
        if error <= allowed:
            best, allowed = (place, quality), _CLEARLY * error
    return best


def _changing(levels: Levels, coder: Coder, quality: int) -> tuple[int, float]:
    """The size of these pixels in a file, and by how much coding changes them: the mean square."""
    data = coder.coded(levels, quality)
    change = coder.decoded(data).astype(np.float32) - levels
    return coder.length(data), float(np.square(change).mean())


def _middle(side: int) -> slice:
    """At most `_LOOKED_AT`, on the grid of the largest blocks.

    >>> _middle(300), _middle(1000)
    (slice(0, 512, None), slice(192, 704, None))
    """
    start = max(side - _LOOKED_AT, 0) // 128 * 64
    return slice(start, start + _LOOKED_AT)
