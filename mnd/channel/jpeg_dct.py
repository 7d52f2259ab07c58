"""The cosine transform of libjpeg, bit for bit: what a block is after it was coded and decoded."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

_HALF = (
    (8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260),
    (10703, 4433, -4433, -10703),
    (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633),
    (4433, -10704, 10704, -4433),
    (2260, -6436, 9633, -11363),
)
"""The left half of `sqrt(8) * DCT-II` in 1/8192, as the sums of libjpeg's 13-bit constants come out."""
_AWAY = 1 + 4e-6
"""Quotients are rounded half away from zero; this much more also outweighs the last bits of float32."""


@torch.no_grad()
def coded_value(planes: Tensor, steps: Tensor) -> Tensor:
    """Planes `(B, C, H, W)` of whole numbers 0..255 after JPEG, before they are clamped to 0..255.

    The integer transform rounds after its rows to 1/4 and after its columns to 1/8, and on the way back after
    its columns to 1/4; in between, coefficients are rounded to multiples of `steps` `(C, 8, 8)`.
    """
    batch, channels, height, width = planes.shape
    full = F.pad(planes, (0, -width % 8, 0, -height % 8), mode="replicate").contiguous() - 128
    high, wide = full.shape[-2:]
    a = _matrix(planes.dtype, planes.device)
    rows = _whole((full.view(-1, 8) @ (4 * a.T)).view(-1, 8, wide))
    eighths = _whole(torch.matmul(a / 4, rows)).view(batch, channels, high // 8, 8, wide // 8, 8)
    steps = steps.view(1, channels, 1, 8, 1, 8)
    kept = eighths.mul_(_AWAY / (8 * steps)).round_().mul_(steps)
    columns = _whole(torch.matmul(4 * a.T, kept.view(-1, 8, wide)))
    again = _whole(columns.view(-1, 8) @ (a / 32)).add_(128)
    return again.view(full.shape)[..., :height, :width]


def _whole(v: Tensor) -> Tensor:
    return v.add_(0.5).floor_()


@lru_cache(maxsize=16)
def _matrix(dtype: torch.dtype, device: torch.device) -> Tensor:
    left = torch.tensor(_HALF, dtype=dtype)
    signs = torch.tensor([1, -1] * 4, dtype=dtype)[:, None]
    return (torch.cat([left, left.flip(1) * signs], 1) / 8192).to(device)
