"""Pictures as tensors and as grey levels, and the gradient through a step that has none of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Pixels = npt.NDArray[np.uint8]


def straight_through(y: Tensor, real: Tensor) -> Tensor:
    """The value of `real` with the gradient of `y`: what a step that has no slope of its own does to it.

    >>> y = torch.tensor([0.4], requires_grad=True)
    >>> straight_through(y, y.round())
    tensor([0.], grad_fn=<AddBackward0>)
    """
    return y + (real - y).detach()


def to_pixels(y: Tensor) -> Pixels:
    """One picture `(1, 3, H, W)` in [0, 1] as `(H, W, 3)` grey levels 0..255."""
    pixels: Pixels = (y.detach()[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
    return pixels


def to_tensor(pixels: Pixels, device: torch.device | str = "cpu") -> Tensor:
    """Grey levels `(H, W, 3)` as one picture `(1, 3, H, W)` in [0, 1]."""
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].to(device).float().div_(255)


def through(y: Tensor, step: Callable[[Pixels], Pixels]) -> Tensor:
    """One picture `(1, 3, H, W)` after a real step on its pixels, straight-through for the gradient."""
    return straight_through(y, to_tensor(step(to_pixels(y)), y.device).to(y.dtype))
