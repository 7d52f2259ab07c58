"""The channel: what happens to a photo when it is saved and shared."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
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


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Saved again as a JPEG with half the colour resolution, as many services do."""
    return _again(pixels, "JPEG", quality=quality, subsampling="4:2:0")


def webp(pixels: Pixels, quality: int) -> Pixels:
    """Saved again as a lossy WebP, whose colours always have half the resolution."""
    return _again(pixels, "WEBP", quality=quality)


def jpeg75(pixels: Pixels) -> Pixels:
    """Saved again as a JPEG of quality 75 with half the colour resolution."""
    return jpeg(pixels, 75)


def _again(pixels: Pixels, form: str, **options: Any) -> Pixels:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, form, **options)
    with Image.open(data) as image:
        return np.asarray(image.convert("RGB"))


def half(pixels: Pixels) -> Pixels:
    """At half the size, smoothly: a thumbnail or a preview."""
    height, width = pixels.shape[:2]
    size = (max(width // 2, 1), max(height // 2, 1))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


CHECKS: dict[str, Callable[[Pixels], Pixels]] = {"jpeg75": jpeg75, "half": half}
"""What `mnd check` and the record of a cloak also look at."""
