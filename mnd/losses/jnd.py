"""Just noticeable difference: how large a change of one pixel's luma may be before it is seen."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .images import Distance, check_images, check_like, check_pair, correlate, luma

BACKGROUND = ((1, 1, 1, 1, 1), (1, 2, 2, 2, 1), (1, 2, 0, 2, 1), (1, 2, 2, 2, 1), (1, 1, 1, 1, 1))
"""Weights of the neighbours in the background of a pixel, of 32."""
DIRECTIONS = (
    ((0, 0, 0, 0, 0), (1, 3, 8, 3, 1), (0, 0, 0, 0, 0), (-1, -3, -8, -3, -1), (0, 0, 0, 0, 0)),
    ((0, 0, 1, 0, 0), (0, 8, 3, 0, 0), (1, 3, 0, -3, -1), (0, 0, -3, -8, 0), (0, 0, -1, 0, 0)),
    ((0, 0, 1, 0, 0), (0, 0, 3, 8, 0), (-1, -3, 0, 3, 1), (0, -8, -3, 0, 0), (0, 0, -1, 0, 0)),
    ((0, 1, 0, -1, 0), (0, 3, 0, -3, 0), (0, 8, 0, -8, 0), (0, 3, 0, -3, 0), (0, 1, 0, -1, 0)),
)
"""Weights of the differences across a pixel: horizontal, two diagonal and vertical, of 16."""
HARDNESS = 32.0
"""The largest hardness of the smooth share: more would overflow single precision."""


class JNDExcess(Distance):
    """`jnd_excess` with its settings.

    >>> x = torch.full((1, 3, 8, 8), 0.5)
    >>> JNDExcess()(x, x + 1 / 255)
    tensor([0.])
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        if not scale >= 0:
            raise ValueError(f"scale is {scale!r}, expected a number >= 0")
        self.scale = scale

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        allowed = self.scale * jnd(x)

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            return (luma(y - x).abs() - allowed).clamp_min(0).square().mean((1, 2, 3))

        return distance


class AboveJND(Distance):
    """`above_jnd` with its settings.

    >>> x = torch.full((1, 3, 8, 8), 0.5)
    >>> AboveJND()(x, x + 0.1)
    tensor([1.])
    """

    def __init__(self, hardness: float | None = None) -> None:
        super().__init__()
        if hardness is not None and not 2 <= hardness <= HARDNESS / 2:
            raise ValueError(f"hardness is {hardness!r}, expected None or a number in [2, {HARDNESS / 2:g}]")
        self.hardness = hardness

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        allowed = jnd(x)

        def share(y: Tensor) -> Tensor:
            check_like(x, y)
            ratio = luma(y - x).abs() / allowed
            if self.hardness is None:
                return (ratio > 1).to(x.dtype).mean((1, 2, 3))
            power = ratio.pow(self.hardness)
            return (power / (1 + power)).mean((1, 2, 3))

        return share


def jnd(x: Tensor) -> Tensor:
    """The just noticeable difference of the luma of every pixel, `J = LA + TM - 0.3 min(LA, TM)`.

    In grey levels, with the weighted mean `bg` of the 24 neighbours and the largest of four directional
    differences `mg` (at the edge the picture is continued by its last pixels; the choice is ours):

        LA = 17 (1 - sqrt(bg / 127)) + 3    for bg <= 127, else 3/128 (bg - 127) + 3
        TM = max(0, mg (1e-4 bg + 0.115) + 0.5 - 0.01 bg)

    Args:
        x: `(B, 3, H, W)` in [0, 1].

    Returns:
        `(B, 1, H, W)` in [0, 1], the unit of the picture (a grey level is 1/255). Luminance adaptation and
        texture masking of Chou and Li 1995, combined as Yang et al. 2005 do (NAMM).

    Raises:
        ValueError: the picture does not fit the description.

    >>> 255 * jnd(torch.full((1, 3, 1, 1), 127 / 255))
    tensor([[[[3.0000]]]])
    """
    check_images(x)
    grey = 255 * luma(x)
    kernels = torch.cat([x.new_tensor((BACKGROUND,)) / 32, x.new_tensor(DIRECTIONS) / 16])
    responses = correlate(grey, kernels)
    background, texture = responses[:, 0].clamp(0, 255), responses[:, 1:].abs().amax(1)
    # the square root has no slope at black, a thousandth of nothing above it has one
    dark = 17 * (1 - (background / 127).clamp_min(1e-12).sqrt()) + 3
    bright = 3 / 128 * (background - 127) + 3
    adaptation = torch.where(background <= 127, dark, bright)
    masking = (texture * (1e-4 * background + 0.115) + 0.5 - 0.01 * background).clamp_min(0)
    return (adaptation + masking - 0.3 * torch.minimum(adaptation, masking)) / 255


def exceeds(x: Tensor, y: Tensor) -> Tensor:
    """Which pixels changed in luma by more than their just noticeable difference: `(B, 1, H, W)` bool.

    Raises:
        ValueError: the pictures do not fit the description of `above_jnd`.

    >>> x = torch.full((1, 3, 1, 1), 0.5)
    >>> exceeds(x, x + 0.1).item()
    True
    """
    check_pair(x, y)
    return luma(y - x).abs() > jnd(x)


def jnd_weight(x: Tensor) -> Tensor:
    """How well a change of every pixel is seen: `w = c / J`, the mean of `w^2` being 1 in each picture.

    White noise then costs the same with the weight as without it; only where it lies makes a difference.

    Args:
        x: `(B, 3, H, W)` in [0, 1].

    Returns:
        `(B, 1, H, W)`, > 0.

    Raises:
        ValueError: the picture does not fit the description.

    >>> jnd_weight(torch.full((1, 3, 5, 5), 0.5))[0, 0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    inverse = 1 / jnd(x)
    return inverse / inverse.square().mean((1, 2, 3), keepdim=True).sqrt()


def jnd_excess(x: Tensor, y: Tensor, scale: float = 1.0) -> Tensor:
    """What goes beyond the just noticeable difference, `mean max(|l(y) - l(x)| - s J, 0)^2` with the luma l.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture.
        y: the same of the changed picture.
        scale: s >= 0, the share of J that is free.

    Returns:
        `(B,)` in [0, 1], 0 while every change of luma stays within `s J`.

    Raises:
        ValueError: the pictures do not fit the description, or the scale is negative.

    >>> x = torch.full((1, 3, 8, 8), 127 / 255)
    >>> 255**2 * jnd_excess(x, x + 5 / 255)
    tensor([4.0000])
    """
    return JNDExcess(scale).forward(x, y)


def above_jnd(x: Tensor, y: Tensor, hardness: float | None = None) -> Tensor:
    """The share of pixels whose luma changed by more than is just noticeable: `mean [r > 1]`, `r = |d| / J`.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture.
        y: the same of the changed picture.
        hardness: None counts, which has no gradient; h in [2, 16] takes the smooth `r^h / (1 + r^h)`.

    Returns:
        `(B,)` in [0, 1], 0 for equal pictures.

    Raises:
        ValueError: the pictures do not fit the description, or the hardness is out of its range.

    >>> x = torch.full((1, 3, 8, 8), 0.5)
    >>> above_jnd(x, x + 0.1)
    tensor([1.])
    """
    return AboveJND(hardness).forward(x, y)
