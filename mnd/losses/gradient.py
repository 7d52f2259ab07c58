"""Gradient: how much the edges of the picture change, as strengths of its slope (GMSD-like)."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from .images import LUMA, Channels, Distance, check_choice, check_images, check_like, correlate, luma, planes

C = 0.0026
"""The constant of Xue et al. (170 / 255^2), for Prewitt differences over two pixels, range 1."""
EPS = 1e-4
"""A slope of a fortieth of a grey level a pixel: below it the root is round, not the tip of a cone."""


class Gradient(Distance):
    """`gradient` with its settings.

    >>> x = torch.rand(1, 3, 16, 16)
    >>> Gradient()(x, x)
    tensor([0.])
    """

    def __init__(self, channels: Channels = "luma", masked: bool = True) -> None:
        super().__init__()
        check_choice("channels", channels, get_args(Channels))
        self.channels, self.masked = channels, masked

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        check_images(x)
        kernels = sobel(x)
        clean = _Slopes(correlate(planes(x, self.channels), kernels))

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            changes = correlate(planes(y - x, self.channels), kernels)
            # Sobel here gives the slope a pixel, Prewitt in GMSD twice that: hence a quarter of its constant
            return clean.deviation(changes, C / 4 if self.masked else None).mean((1, 2, 3))

        return distance

    @torch.no_grad()
    def curvature(self, x: Tensor) -> Tensor:
        """`(B, 3, H, W)`: the second derivative of the distance by each value of y, at `y = x`.

        With the direction n = grad x / a of the clean slope, the term of a place is `w (n . grad delta)^2`,
        w = 1 / (2 a^2 + c). Where the picture is flat the slope has no direction: either axis counts by half.
        At the border it is near only (the picture is taken to end in zeros).
        """
        check_images(x)
        kernels = sobel(x)
        clean = _Slopes(correlate(planes(x, self.channels), kernels))
        n = clean.slopes / clean.strength.unsqueeze(1)
        weight = 1 / (2 * clean.square + C / 4) if self.masked else torch.ones_like(clean.square)
        undirected = (1 - n.square().sum(1)).clamp_min(0) / 2
        parts = torch.cat([weight * (n[:, 0].square() + undirected), weight * (n[:, 1].square() + undirected),
                           weight * 2 * n[:, 0] * n[:, 1]], dim=1)  # fmt: skip
        pairs = torch.stack([kernels[0].square(), kernels[1].square(), kernels[0] * kernels[1]])
        count = weight.shape[1]
        filters = pairs.repeat_interleave(count, 0).unsqueeze(1)
        spread = F.conv_transpose2d(parts, filters, padding=1, groups=3 * count)
        second = 2 * spread.view(len(x), 3, count, *x.shape[2:]).sum(1) / weight[0].numel()
        return second if self.channels == "rgb" else second * x.new_tensor(LUMA).square().view(1, 3, 1, 1)


class GMSD(Distance):
    """`gmsd` as a module.

    >>> x = torch.rand(1, 3, 16, 16)
    >>> GMSD()(x, x)
    tensor([0.])
    """

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        check_images(x, least=2)
        kernels = prewitt(x)
        clean = _Slopes(correlate(F.avg_pool2d(luma(x), 2), kernels, "constant"))

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            changes = correlate(F.avg_pool2d(luma(y - x), 2), kernels, "constant")
            variance = clean.deviation(changes, C).flatten(1).var(1, correction=0)
            # the root has no slope at zero: where nothing varies the distance is 0 and so is its gradient
            varies = variance > torch.finfo(variance.dtype).tiny
            return torch.where(varies, variance, 1.0).sqrt() * varies

        return distance


class _Slopes:
    """The slopes of the clean picture `(B, 2, C, H, W)` and how a change of them is judged."""

    def __init__(self, slopes: Tensor) -> None:
        self.slopes = slopes
        self.square = slopes.square().sum(1) + EPS**2
        self.strength = self.square.sqrt()

    def deviation(self, changes: Tensor, c: float | None) -> Tensor:
        """`(b - a)^2 / (a^2 + b^2 + c)` of the strengths a before and b after; without c, `(b - a)^2`."""
        after = self.slopes + changes
        square = (after * after).sum(1) + EPS**2
        # b - a = (b^2 - a^2) / (a + b), the numerator from the change itself: exact where b is close to a
        growth = (changes * (self.slopes + after)).sum(1)
        ratio = growth / (self.strength + square.sqrt())
        difference = ratio * ratio
        return difference if c is None else difference / (self.square + square + c)


def sobel(like: Tensor) -> Tensor:
    """Kornia's Sobel kernels `(2, 3, 3)`, along x and y, as slopes a pixel: `/ 8`."""
    from kornia.filters import get_spatial_gradient_kernel2d

    kernels: Tensor = get_spatial_gradient_kernel2d("sobel", 1, device=like.device, dtype=like.dtype)
    return kernels / 8


def prewitt(like: Tensor) -> Tensor:
    """Prewitt's kernels `(2, 3, 3)`, along x and y, as differences over two pixels: `/ 3`."""
    across = like.new_tensor(((-1.0, 0.0, 1.0),) * 3) / 3
    return torch.stack([across, across.T])


def gradient(x: Tensor, y: Tensor, channels: Channels = "luma", masked: bool = True) -> Tensor:
    """The mean deviation of the gradient magnitude, `mean (b - a)^2 / (a^2 + b^2 + c)`.

    Here `a = |grad x|` and `b = |grad y|` are Sobel's. It is `1 - GMS` of GMSD with the mean in place of
    the standard deviation, which makes it smooth and quadratic near `y = x`. A change of an edge's direction
    alone is not seen.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture.
        y: the same of the changed picture.
        channels: `luma`, or `rgb` for the mean over the three channels.
        masked: divide by `a^2 + b^2 + c` as GMSD does, so that edges hide changes; False: `mean (b - a)^2`.

    Returns:
        `(B,)` in [0, 1), 0 for equal pictures. After Xue, Zhang, Mou and Bovik 2014, arXiv 1308.3052.

    Raises:
        ValueError: the pictures do not fit the description, or a setting is unknown.

    >>> x = torch.zeros(1, 3, 8, 8)
    >>> gradient(x, x + 0.5)
    tensor([0.])
    """
    return Gradient(channels, masked).forward(x, y)


def gmsd(x: Tensor, y: Tensor) -> Tensor:
    """Gradient magnitude similarity deviation: the deviation of `(2 a b + c) / (a^2 + b^2 + c)`.

    The standard deviation over the pixels, of the luma at half the size, with Prewitt's differences, zeros
    outside of the picture and `c = 0.0026`. Like a norm it has no derivative at `y = x`; the gradient given
    there is 0.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture, at least 2x2.
        y: the same of the changed picture.

    Returns:
        `(B,)` in [0, 0.5], 0 for equal pictures. Xue, Zhang, Mou and Bovik 2014, arXiv 1308.3052.

    Raises:
        ValueError: the pictures do not fit the description.

    >>> x = torch.zeros(1, 3, 8, 8)
    >>> gmsd(x, x)
    tensor([0.])
    """
    return GMSD().forward(x, y)
