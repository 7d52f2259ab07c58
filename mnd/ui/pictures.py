"""Parts of a photo as PNG, for the page to show: the original, a level's result, and the difference."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import numpy as np
from PIL import Image

from ..base.types import Box, Pixels
from ..photo.difference import clear_gain, difference_picture

Of = Literal["original", "result", "difference"]
KEPT = 256 << 20
"""Bytes of pixels that are kept for the next part of the same photo."""
FILES = 4
"""So many files at most: a photo, and what three levels made of it."""


class Decoded:
    """The pixels of the files that were looked at last, so that a zoom does not unpack them again."""

    def __init__(self, most: int = KEPT, files: int = FILES) -> None:
        self._most, self._files = most, files
        self._pixels: OrderedDict[int, tuple[bytes, Pixels]] = OrderedDict()
        """By the number that the bytes of a file have while they are kept here: no others can have it."""
        self._lock = threading.Lock()

    def get(self, data: bytes, make: Callable[[], Pixels]) -> Pixels:
        """The pixels of the file of these bytes, made where they are not known."""
        with self._lock:
            if id(data) in self._pixels:
                self._pixels.move_to_end(id(data))
                return self._pixels[id(data)][1]
            pixels = make()
            self._pixels[id(data)] = data, pixels
            while len(self._pixels) > self._files or (len(self._pixels) > 1 and self._size() > self._most):
                self._pixels.popitem(last=False)
            return pixels

    def _size(self) -> int:
        return sum(len(data) + pixels.nbytes for data, pixels in self._pixels.values())

    def forget(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._pixels.clear()


def part(pixels: Pixels, box: Box, width: int) -> bytes:
    """A part of a picture as PNG, at most `width` pixels wide; nothing in it but pixels.

    >>> part(np.zeros((40, 60, 3), np.uint8), (0, 0, 60, 40), 30)[:4]
    b'\\x89PNG'
    """
    return _png(_cut(pixels, box), width)


def difference(before: Pixels, after: Pixels, box: Box, width: int) -> tuple[bytes, int]:
    """The difference of two pictures in a part, enlarged around grey, as PNG; and how many times."""
    before, after = _cut(before, box), _cut(after, box)
    gain = clear_gain(before, after)
    return _png(difference_picture(before, after, gain), width), gain


def _cut(pixels: Pixels, box: Box) -> Pixels:
    x0, y0, x1, y1 = box
    return np.ascontiguousarray(pixels[y0:y1, x0:x1])


def _png(pixels: Pixels, width: int) -> bytes:
    picture = Image.fromarray(pixels)
    if picture.width > width:
        size = (width, max(1, round(picture.height * width / picture.width)))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def inside(box: str, size: tuple[int, int]) -> Box:
    """`X0,Y0,X1,Y1` as whole pixels inside a photo of `size` (width, height); empty: all of it.

    Raises:
        ValueError: no four numbers, or nothing of the photo.

    >>> inside("-5,2.6,30,99", (20, 10)), inside("", (20, 10))
    ((0, 2, 20, 10), (0, 0, 20, 10))
    """
    width, height = size
    if not box:
        return 0, 0, width, height
    try:
        x0, y0, x1, y1 = (float(word) for word in box.split(","))
        cut = max(0, int(x0)), max(0, int(y0)), min(width, int(np.ceil(x1))), min(height, int(np.ceil(y1)))
    except (ValueError, OverflowError):
        raise ValueError(f"box is {box!r}, expected four numbers X0,Y0,X1,Y1 in pixels") from None
    if cut[0] >= cut[2] or cut[1] >= cut[3]:
        raise ValueError(f"box is {box!r}, expected a part of the photo, which is 0,0,{width},{height}")
    return cut
