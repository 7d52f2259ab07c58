"""Rounding, and the choices of a slope for it."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from .tensors import straight_through

Slope = Literal["straight", "cubic"]
"""The gradient of the rounding of coefficients: 1, or that of `round(v) + (v - round(v))^3`."""
SLOPES: tuple[Slope, ...] = ("straight", "cubic")


def rounded(v: Tensor, near: Tensor, slope: Slope = "straight", soft: bool = False) -> Tensor:
    """The whole numbers `near` v; the gradient is that of v, or of `near + (v - near)^3`.

    Args:
        v: of any shape.
        near: the number that each v is rounded to, of v's shape, without a gradient.
        slope: `straight`: 1. `cubic`: 3 (v - near)^2, which is small where a small change of v changes
            nothing (Shin and Song, JPEG-resistant adversarial images, 2017).
        soft: give the smooth function itself, whose true gradient that is, in place of whole numbers.

    >>> import torch
    >>> v = torch.tensor([1.5, 2.25], requires_grad=True)
    >>> rounded(v, v.detach().round(), "cubic").sum().backward()
    >>> v.grad
    tensor([0.7500, 0.1875])
    """
    smooth = v if slope == "straight" else near + (v - near) ** 3
    return smooth if soft else straight_through(smooth, near)


def whole(v: Tensor, soft: bool = False) -> Tensor:
    """The nearest whole numbers, halves up as codecs have it, with the gradient of v; `soft`: v itself."""
    return v if soft else straight_through(v, (v.detach() + 0.5).floor_())


def check_slope(slope: str) -> None:
    """Raise a `ValueError` for a slope that there is not."""
    if slope not in SLOPES:
        raise ValueError(f"slope is {slope!r}, expected one of {', '.join(SLOPES)}")


def round_image(y: Tensor) -> Tensor:
    """The image that is saved: 8 bits a channel; the gradient is that of `clamp(y, 0, 1)`.

    >>> import torch
    >>> round_image(torch.tensor([[[[-0.1, 0.4 / 255, 0.6 / 255]]]])) * 255
    tensor([[[[0., 0., 1.]]]])
    """
    return levels(y) / 255


def levels(y: Tensor, soft: bool = False) -> Tensor:
    """An image as grey levels 0..255, whole numbers unless `soft`."""
    scaled = (y * 255).clamp(0, 255)
    return scaled if soft else straight_through(scaled, scaled.detach().round())
