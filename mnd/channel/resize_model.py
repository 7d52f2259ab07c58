"""Resizing of images: what Pillow gives, with a gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .codecs import Filter
from .rounding import levels, whole

Array = npt.NDArray[np.float64]


def _lanczos(x: Array) -> Array:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


def _bicubic(x: Array) -> Array:
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _bilinear(x: Array) -> Array:
    triangle: Array = np.maximum(1 - np.abs(x), 0)
    return triangle


KERNELS: dict[str, tuple[Callable[[Array], Array], int]] = {
    "lanczos": (_lanczos, 3),
    "bicubic": (_bicubic, 2),
    "bilinear": (_bilinear, 1),
}
"""Each filter and how far it reaches, in pixels of the smaller picture."""
Pieces = tuple[tuple[int, Tensor], ...]
CHUNK = 64
"""Rows of the new picture that are computed from the rows they depend on at once."""


def resize_image(y: Tensor, size: tuple[int, int], filter: Filter = "lanczos") -> Tensor:
    """The image at another size, as Pillow's `resize`: each axis on its own, to 8 bits after each.

    A new pixel is the mean of the old ones about its place, weighted by the filter, which is widened by the
    factor that the picture is made smaller by. The gradient is that of the weighted mean, and 0 where a value
    is clamped.

    Values are Pillow's but for ties. Since version 13 Pillow changes columns before rows where the height
    shrinks much more than the width, and in pictures more than about twice as tall as wide; there a quarter
    of the values differ, nearly all by one grey level.

    Args:
        y: `(B, C, H, W)` in [0, 1].
        size: the new (height, width).
        filter: `lanczos` (three lobes), `bicubic` (a = -0.5) or `bilinear`.

    Returns:
        `(B, C, *size)` in [0, 1], of 8 bits.

    Raises:
        ValueError: y has another shape, the size is below 1, or there is no such filter.

    >>> resize_image(torch.full((1, 3, 9, 8), 0.2), (4, 4)).shape
    torch.Size([1, 3, 4, 4])
    """
    if y.ndim != 4 or 0 in y.shape:
        raise ValueError(f"y is {tuple(y.shape)}, expected (B, C, H, W)")
    if min(size) < 1:
        raise ValueError(f"size is {size}, expected a height and a width of at least 1")
    if filter not in KERNELS:
        raise ValueError(f"filter is {filter!r}, expected one of {', '.join(KERNELS)}")
    return _resized(levels(y), size, filter, soft=False) / 255


def _resized(pixels: Tensor, size: tuple[int, int], filter: Filter, soft: bool) -> Tensor:
    """Grey levels in and out, across first, as Pillow does; `soft`: nothing is rounded or clamped."""
    for axis in (-1, -2):
        if pixels.shape[axis] != size[axis]:
            pixels = _along(pixels, axis, size[axis], filter)
            pixels = pixels if soft else whole(pixels).clamp(0, 255)
    return pixels


def _along(pixels: Tensor, axis: int, size: int, filter: Filter) -> Tensor:
    pieces = _weights(pixels.shape[axis], size, filter, pixels.dtype, pixels.device)
    out: Tensor = _Along.apply(pixels, axis, pieces)
    return out


class _Along(torch.autograd.Function):
    """One axis resized, piece by piece; torch's own gradient would be as large as the picture for each."""

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, axis: int, pieces: Pieces) -> Tensor:
        ctx.axis, ctx.pieces, ctx.old = axis, pieces, pixels.shape[axis]
        parts = []
        for first, weights in pieces:
            part = pixels.narrow(axis, first, weights.shape[1])
            parts.append(part @ weights.T if axis == -1 else weights @ part)
        return parts[0] if len(parts) == 1 else torch.cat(parts, axis)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad,), axis = grads, ctx.axis
        shape = list(grad.shape)
        shape[axis] = ctx.old
        out, at = grad.new_zeros(shape), 0
        for first, weights in ctx.pieces:
            part = grad.narrow(axis, at, len(weights))
            out.narrow(axis, first, weights.shape[1]).add_(part @ weights if axis == -1 else weights.T @ part)
            at += len(weights)
        return out, None, None


@lru_cache(maxsize=32)
def _weights(old: int, new: int, filter: Filter, dtype: torch.dtype, device: torch.device) -> Pieces:
    """For each piece of the new axis the first old pixel that counts, and the weights from there on."""
    kernel, reach = KERNELS[filter]
    wide = max(old / new, 1.0)
    centers = (np.arange(new) + 0.5) * (old / new)
    first = np.maximum((centers - reach * wide + 0.5).astype(int), 0)
    last = np.minimum((centers + reach * wide + 0.5).astype(int), old)
    taps = first[:, None] + np.arange((last - first).max())
    values = np.where(taps < last[:, None], kernel((taps - centers[:, None] + 0.5) / wide), 0)
    values /= values.sum(1, keepdims=True)
    pieces = []
    for at in range(0, new, CHUNK):
        start = int(first[at])
        here = taps[at : at + CHUNK] - start
        dense = np.zeros((len(here), int(here.max()) + 1))
        np.put_along_axis(dense, here, values[at : at + CHUNK], axis=1)
        # the last places may lie behind the picture, where all weights are 0
        pieces.append((start, torch.from_numpy(dense[:, : old - start]).to(dtype).to(device)))
    return tuple(pieces)
