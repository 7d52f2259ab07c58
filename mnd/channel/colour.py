"""Colours that several pixels share, as in most JPEG and WebP files, with nothing else changed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .jpeg_model import colours
from .planes import enlarge, mix, shrink


def shared_colours(y: Tensor, factors: tuple[int, int], corner: tuple[int, int] = (0, 0)) -> Tensor:
    """Images whose groups of pixels have one colour each: its mean, spread by libjpeg's triangle filter.

    Brightness stays as it is, and nothing is rounded: it is the slope of a file whose other steps have none.

    Args:
        y: `(B, 3, H, W)` in [0, 1].
        factors: how many rows and columns of pixels share a colour; (2, 2) is 4:2:0.
        corner: so many rows and columns of the first group lie outside of the image, above and to the left.

    Returns:
        Of y's shape; values may lie a little outside of [0, 1].

    >>> y = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    >>> torch.allclose(shared_colours(y, (2, 2)), y, atol=1e-4)
    True
    """
    if factors == (1, 1):
        return y
    top, left = corner
    forth, back, middle, away = colours(y.dtype, y.device)
    full = F.pad(y, (left, 0, top, 0), mode="replicate")
    ycc = mix(full * 255, forth, middle)
    size = (full.shape[2], full.shape[3])
    chroma = enlarge(shrink(ycc[:, 1:], factors, soft=True), factors, size, soft=True)
    return mix(torch.cat([ycc[:, :1], chroma], 1), back, away)[..., top:, left:] / 255
