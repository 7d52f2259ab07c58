"""What Pillow's AVIF encoder has to be given, so that the colours which are meant are in the file.

Of the picture that it gets it cuts colour differences off where it should round them (with libyuv, which its
wheels have), so that a picture that is coded again and again becomes greener; how far is measured once, since
other builds round. And it takes the mean of the pixels that share a colour, where decoders spread each colour
over its neighbours: a picture that came out of a decoder is blurred. Both are taken back beforehand. A
decoded picture, coded again, has the colours of its file again.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import AvifImagePlugin, Image

from ..base.types import Pixels
from .heif_quality import Levels

Planes = npt.NDArray[np.floating[Any]]
"""`(h, w, channels)`."""
Shared = tuple[int, int]
"""Rows and columns of pixels that share a colour, 1 or 2."""

_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""ITU-R BT.601, with which Pillow codes."""
_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], np.float32)
_LIMITED = np.array([219, 224, 224], np.float32) / 255
"""Levels in the file for one of the full range."""
_TURNS = 8
"""Steps of conjugate gradients: what is left of a pattern of single colours is below rounding."""
_PATCH, _PATCHES = 8, 16


def meant(levels: Levels, shared: Shared, full: bool) -> Pixels:
    """The picture to give to the encoder, so that a reader of its file sees `levels` as near as can be.

    Args:
        levels: `(h, w, 3)`.
        shared: rows and columns of pixels that share a colour.
        full: levels use the full range.
    """
    height, width = levels.shape[:2]
    units = np.ones(3, np.float32) if full else _LIMITED
    even = np.pad(levels, ((0, height % shared[0]), (0, width % shared[1]), (0, 0)), mode="edge")
    wanted = even.astype(np.float32) @ (_TO_YCC.T * units)
    # each pixel keeps its own colour but for what their mean is moved by: another might be beyond 0 or 255
    moved = np.rint(_coded(wanted[..., 1:], shared)) - _shift(full) - _mean(wanted[..., 1:], shared)
    for axis, count in enumerate(shared):
        moved = moved.repeat(count, axis)
    planes = np.concatenate([np.rint(wanted[..., :1]), wanted[..., 1:] + moved], axis=2) / units
    made: Pixels = np.rint(planes[:height, :width] @ _TO_RGB.T).clip(0, 255).astype(np.uint8)
    return made


@lru_cache(maxsize=2)
def _shift(full: bool) -> Planes:
    """By how much colour differences of a file are above those that were to be in it, in its levels."""
    draw = np.random.default_rng(0)
    patches = draw.normal(128, 20, (_PATCHES, _PATCHES, 3)).clip(40, 215).astype(np.uint8)
    given = patches.repeat(_PATCH, 0).repeat(_PATCH, 1)
    buffer = io.BytesIO()
    Image.fromarray(given).save(
        buffer, "AVIF", quality=100, subsampling="4:4:4", range="full" if full else "limited", max_threads=1
    )
    seen = np.asarray(AvifImagePlugin.AvifImageFile(io.BytesIO(buffer.getvalue())).convert("RGB"))
    found: Planes = (seen.astype(np.float32) - given).mean((0, 1)) @ _TO_YCC.T
    return (found * (1 if full else _LIMITED))[1:]


def _coded(colours: Planes, shared: Shared) -> Planes:
    """The colours that a decoder spreads nearest to these, by least squares.

    >>> few = np.float32([[[0], [9]], [[4], [-8]]])
    >>> np.allclose(_coded(_spread(few, (2, 2)), (2, 2)), few, atol=0.01)
    True
    """
    found = _gathered(colours, shared) / (shared[0] * shared[1])
    left = _gathered(colours - _spread(found, shared), shared)
    way, size = left.copy(), np.square(left).sum((0, 1))
    for _ in range(_TURNS if shared != (1, 1) else 0):
        back = _gathered(_spread(way, shared), shared)
        length = size / np.maximum((way * back).sum((0, 1)), 1e-9)
        found, left = found + length * way, left - length * back
        before, size = size, np.square(left).sum((0, 1))
        way = left + size / np.maximum(before, 1e-9) * way
    return found


def _mean(planes: Planes, shared: Shared) -> Planes:
    """Of the pixels that share a colour, as the encoder takes it."""
    for axis, count in enumerate(shared):
        if count == 2:
            every = planes.swapaxes(0, axis)
            planes = ((every[::2] + every[1::2]) / 2).swapaxes(0, axis)
    return planes


def _spread(colours: Planes, shared: Shared) -> Planes:
    """As decoders do: each pixel has 3/4 of the nearest colour and 1/4 of the next, a side."""
    for axis, count in enumerate(shared):
        if count == 2:
            near = colours.swapaxes(0, axis)
            more = np.concatenate([near[:1], near, near[-1:]])
            spread = np.stack([0.75 * near + 0.25 * more[:-2], 0.75 * near + 0.25 * more[2:]], axis=1)
            colours = spread.reshape(-1, *near.shape[1:]).swapaxes(0, axis)
    return colours


def _gathered(planes: Planes, shared: Shared) -> Planes:
    """The adjoint of `_spread`."""
    for axis, count in enumerate(shared):
        if count == 2:
            every = planes.swapaxes(0, axis)
            even, odd = every[::2], every[1::2]
            sums = 0.75 * (even + odd)
            sums[:-1] += 0.25 * even[1:]
            sums[1:] += 0.25 * odd[:-1]
            sums[0] += 0.25 * even[0]
            sums[-1] += 0.25 * odd[-1]
            planes = sums.swapaxes(0, axis)
    return planes
