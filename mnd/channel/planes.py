"""What JPEG and WebP share: colours at half the resolution, and the 2D cosine transform of blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from .rounding import whole

TIE = 1 / 64
"""What decides a tie, half a step of the coarsest mean (1/16) or less."""


def mix(image: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """`matrix @ colour + offset` at every pixel: `(B, 3, H, W)`, `(3, 3)` and `(3, 1)`."""
    flat = image.reshape(image.shape[0], 3, -1)
    return torch.baddbmm(offset, matrix.expand(len(flat), 3, 3), flat).view_as(image)


def shrink(planes: Tensor, factors: tuple[int, int], columns: int = 1, soft: bool = False) -> Tensor:
    """Means of `factors` (down, across) pixels, with libjpeg's rounding.

    Odd heights are filled up with the last row, and widths with the last column until there are whole groups
    of `columns` means. libjpeg lets ties go down in even columns and up in odd ones: they cancel out.
    """
    down, across = factors
    height, width = planes.shape[-2:]
    planes = F.pad(planes, (0, -width % (across * columns), 0, -height % down), mode="replicate")
    means = F.avg_pool2d(planes, factors)
    return means if soft else whole(means + ties(means, even=-TIE))


def enlarge(planes: Tensor, factors: tuple[int, int], size: tuple[int, int], soft: bool = False) -> Tensor:
    """The "fancy" triangle filter of libjpeg: each pixel is 3/4 of the nearest and 1/4 of the next, a side.

    Planes of one or two columns are repeated only, as libjpeg does.
    """
    down, across = factors
    if planes.shape[-1] <= 2:
        large = planes.repeat_interleave(across, -1).repeat_interleave(down, -2)
        return large[..., : size[0], : size[1]]
    large = F.interpolate(planes, scale_factor=factors, mode="bilinear", align_corners=False)
    large = large[..., : size[0], : size[1]]
    # ties: libjpeg's constants are 8 and 7 of 16 in even and odd columns, but 1 and 2 of 4 for one axis alone
    return large if soft else whole(large + ties(large, even=TIE if down == 2 else -TIE))


def ties(like: Tensor, even: float) -> Tensor:
    """One row: what is added before rounding, `even` in even columns and `-even` in odd ones."""
    return _ties(like.shape[-1], even, like.dtype, like.device)


@lru_cache(maxsize=32)
def _ties(width: int, even: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    row = torch.full((width,), even, dtype=dtype)
    row[1::2] = -even
    return row.to(device)


@lru_cache(maxsize=16)
def cosines(side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The orthonormal 2D DCT-II of a block as one matrix `(side^2, side^2)`: `row of pixels @ matrix`."""
    k = torch.arange(side, dtype=torch.float64)
    one = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / (2 * side)) * math.sqrt(2 / side)
    one[0] = math.sqrt(1 / side)
    return torch.kron(one, one).T.contiguous().to(dtype).to(device)


def coded(planes: Tensor, side: int, quantise: Callable[[Tensor], Tensor]) -> Tensor:
    """The planes `(B, C, H, W)` after each block's cosine coefficients went through `quantise`.

    Sizes that are not whole blocks are filled up with the last pixels; `quantise` maps `(B, C, blocks,
    side^2)`.
    """
    batch, channels, height, width = planes.shape
    full = F.pad(planes, (0, -width % side, 0, -height % side), mode="replicate")
    rows, columns = full.shape[-2] // side, full.shape[-1] // side
    basis = cosines(side, planes.dtype, planes.device)
    blocks = full.reshape(batch, channels, rows, side, columns, side).transpose(3, 4)
    kept = quantise(blocks.reshape(batch, channels, rows * columns, side * side) @ basis)
    again = (kept @ basis.T).view(batch, channels, rows, columns, side, side).transpose(3, 4)
    return again.reshape(full.shape)[..., :height, :width]
