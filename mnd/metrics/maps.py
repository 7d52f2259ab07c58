"""Where two pictures differ: a value for every pixel, and a grey picture of it.

A map shows what was changed and nothing else; but a cloak follows the features of a face, so that its map has
their outlines.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from ..base.types import Pixels
from .pictures import Given, pair

MapKind = Literal["ciede2000", "jnd", "ssim"]
KINDS: tuple[MapKind, ...] = get_args(MapKind)
Values = npt.NDArray[np.float32]
WORDS = {
    "ciede2000": "CIEDE2000 of each pixel",
    "jnd": "change of luma as a multiple of the just noticeable difference",
    "ssim": "1 - SSIM around each pixel, the picture mirrored at its edge",
}
STRIP = 1 << 18
"""Pixels that are worked on at a time."""
JND_HALO, SSIM_HALO = 2, 5
"""What a pixel's value sees to each side."""


@dataclass(frozen=True, eq=False, slots=True)
class DifferenceMap:
    """Where two pictures differ."""

    kind: MapKind
    values: Values
    """`(H, W)`, >= 0, 0 where nothing was changed."""
    white: float
    """The value that is white in the picture; smaller ones are grey in proportion, 0 is black."""

    @property
    def pixels(self) -> Pixels:
        """The map as a grey picture `(H, W)` uint8."""
        scale = 255 / self.white if self.white > 0 else 0.0
        levels: Pixels = np.rint(np.clip(self.values * scale, 0, 255)).astype(np.uint8)
        return levels

    def png(self) -> bytes:
        """The picture as a PNG file, in which what it shows and what is white stand as text."""
        from PIL import Image
        from PIL.PngImagePlugin import PngInfo

        told = PngInfo()
        told.add_text("Description", f"{WORDS[self.kind]}; white is {self.white:.6g}")
        Image.fromarray(self.pixels).save(file := io.BytesIO(), "PNG", pnginfo=told)
        return file.getvalue()


def difference_map(
    a: Given, b: Given, kind: MapKind = "ciede2000", white: float | None = None
) -> DifferenceMap:
    """Where two pictures differ, and how much.

    Args:
        a: the original, as for `measure`.
        b: the changed picture.
        kind: `ciede2000`, the difference of colour of each pixel; `jnd`, the change of luma as a multiple of
            what is just noticeable there; `ssim`, 1 - SSIM in the window around it.
        white: the value that is white; by default the largest, so that maps of two pairs have two scales.

    Raises:
        PhotoError: a file cannot be read.
        ValueError: as `measure`; also an unknown kind, a white that is not above 0, or a picture smaller
            than SSIM's window.

    >>> a = np.full((16, 16, 3), 100, np.uint8)
    >>> b = a.copy()
    >>> b[4, 5] += 20
    >>> found = difference_map(a, b)
    >>> np.argwhere(found.pixels == 255).tolist(), round(found.white, 1), int((found.values > 0).sum())
    ([[4, 5]], 7.8, 1)
    """
    if kind not in KINDS:
        raise ValueError(f"map is {kind!r}, expected one of {', '.join(KINDS)}")
    if white is not None and not 0 < white < float("inf"):
        raise ValueError(f"white is {white!r}, expected a number above 0")
    first, second = pair(a, b)
    make: dict[str, Callable[[Pixels, Pixels], Values]] = {"ciede2000": _colour, "jnd": _jnd, "ssim": _ssim}
    values = make[kind](first.pixels, second.pixels)
    return DifferenceMap(kind, values, float(np.max(values)) if white is None else white)


def _colour(a: Pixels, b: Pixels) -> Values:
    from ..losses.ciede2000 import ciede2000

    return _in_strips(a, b, 0, lambda x, y: ciede2000(x, y)[0])


def _jnd(a: Pixels, b: Pixels) -> Values:
    from ..losses.images import luma
    from ..losses.jnd import jnd

    return _in_strips(a, b, JND_HALO, lambda x, y: (luma(y - x).abs() / jnd(x))[0, 0])


def _ssim(a: Pixels, b: Pixels) -> Values:
    from ..losses.structure import SIZE, ssim_map

    height, width = a.shape[:2]
    if min(height, width) < SIZE:
        raise ValueError(f"got pictures of {width}x{height} pixels, expected at least {SIZE}x{SIZE}")
    edge = ((SSIM_HALO, SSIM_HALO), (SSIM_HALO, SSIM_HALO), (0, 0))
    x, y = (np.pad(pixels, edge, mode="reflect") for pixels in (a, b))
    # windows inside the larger picture are one for each pixel of the other
    found = np.empty((height, width), np.float32)
    for start in range(0, height, step := max(1, STRIP // width)):
        stop = min(start + step, height)
        rows = slice(start, stop + 2 * SSIM_HALO)
        found[start:stop] = _numbers(x[rows], y[rows], lambda p, q: ssim_map(p, q)[0].mean(0))
    return found


def _in_strips(a: Pixels, b: Pixels, halo: int, of: Callable[..., object]) -> Values:
    """The map of a few rows at a time, each with what its pixels see above and below."""
    height, width = a.shape[:2]
    found = np.empty((height, width), np.float32)
    for start in range(0, height, step := max(1, STRIP // width)):
        stop = min(start + step, height)
        top = max(0, start - halo)
        rows = slice(top, min(height, stop + halo))
        found[start:stop] = _numbers(a[rows], b[rows], of)[start - top : stop - top]
    return found


def _numbers(a: Pixels, b: Pixels, of: Callable[..., object]) -> Values:
    import torch

    from ..channel import to_tensor

    with torch.inference_mode():
        values: Values = of(to_tensor(np.ascontiguousarray(a)), to_tensor(np.ascontiguousarray(b))).numpy()  # type: ignore[attr-defined]
    return np.maximum(values, 0)
