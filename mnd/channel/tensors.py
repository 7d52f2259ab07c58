"""Pictures as tensors and as grey levels, and the gradient through a step that has none of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..base.types import Pixels


class _Straight(torch.autograd.Function):
    """Another value, through which a gradient goes as if it were `y`; a sum would cost the last bits."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, real: Tensor) -> Tensor:  # noqa: ARG004
        return real.view_as(real)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return grads[0], None


def straight_through(y: Tensor, real: Tensor) -> Tensor:
    """Exactly `real` with the gradient of `y`, of the same shape: a step that has no slope of its own.

    >>> y = torch.tensor([0.4], requires_grad=True)
    >>> straight_through(y, y.round()).backward()
    >>> y.grad
    tensor([1.])
    """
    out: Tensor = _Straight.apply(y, real.detach())
    return out


def to_pixels(y: Tensor) -> Pixels:
    """One picture `(1, 3, H, W)` in [0, 1] as `(H, W, 3)` grey levels 0..255."""
    pixels: Pixels = (y.detach()[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
    return pixels


def to_tensor(pixels: Pixels, device: torch.device | str = "cpu") -> Tensor:
    """Grey levels `(H, W, 3)` as one picture `(1, 3, H, W)` in [0, 1]."""
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].to(device).float().div_(255)


def through(
    y: Tensor, step: Callable[[Pixels], Pixels], slope: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """One picture `(1, 3, H, W)` after a real step on its pixels, with the gradient of `slope`, or of y."""
    near = y if slope is None else slope(y)
    return straight_through(near, to_tensor(step(to_pixels(y)), y.device).to(y.dtype))
