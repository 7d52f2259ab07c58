"""The pictures of a study as they are put into the page: the pixels of the files, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ..base.types import Pixels

Window = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels."""


def read_picture(path: Path) -> Pixels:
    """The pixels of a file, `(H, W, 3)` uint8, RGB, upright.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no picture, or has more than 8 bits a channel.
    """
    try:
        with Image.open(path) as opened:
            if opened.mode not in ("RGB", "L", "P", "1"):
                raise ValueError(f"{path}: got mode {opened.mode}, expected 8-bit RGB or grey without alpha")
            upright = ImageOps.exif_transpose(opened)
            return np.asarray(upright.convert("RGB"), dtype=np.uint8)
    except UnidentifiedImageError as error:
        raise ValueError(f"{path}: expected a picture, got a file of another kind") from error


def window_of(clean: Pixels, tests: Sequence[Pixels], largest: int) -> Window:
    """The part that is shown of a content, the same for all of its tests: at most `largest` a side.

    Its centre is that of the mean absolute change, as far as the borders let it; a picture that is small
    enough is shown whole.

    Raises:
        ValueError: a test has another shape than the clean picture.

    >>> clean = np.zeros((40, 100, 3), np.uint8)
    >>> test = clean.copy()
    >>> test[20, 90] = 9
    >>> window_of(clean, [test], 50)
    (50, 0, 100, 40)
    """
    height, width = clean.shape[:2]
    change = np.zeros((height, width))
    for test in tests:
        if test.shape != clean.shape:
            raise ValueError(f"got a test picture of {test.shape}, expected {clean.shape}, as its reference")
        change += np.abs(test.astype(np.int16) - clean).mean(axis=2)
    x0, x1 = _side(change.sum(axis=0), largest)
    y0, y1 = _side(change.sum(axis=1), largest)
    return x0, y0, x1, y1


def _side(change: npt.NDArray[np.float64], largest: int) -> tuple[int, int]:
    length = len(change)
    if length <= largest:
        return 0, length
    total = float(change.sum())
    middle = float((change * np.arange(length)).sum()) / total if total else (length - 1) / 2
    low = min(max(0, round(middle - (largest - 1) / 2)), length - largest)
    return low, low + largest


def cut(pixels: Pixels, window: Window) -> Pixels:
    """The part of a picture within a window."""
    x0, y0, x1, y1 = window
    return pixels[y0:y1, x0:x1]
