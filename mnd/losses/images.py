"""What every distance shares: the check of its pictures, the luma, the filters, and its interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Channels = Literal["rgb", "luma"]
"""What a distance looks at: each of R, G, B, or the luma alone."""
Border = Literal["valid", "reflect"]
"""At the edge: only windows inside the picture, or a window at every pixel, of the mirrored picture."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in the luma (ITU-R BT.601, as JPEG and kornia have it)."""
SLACK = 1e-3
"""How far outside [0, 1] a picture may be: what resampling overshoots, not what another range would be."""


class Distance(nn.Module):
    """A perceptual distance: `forward(x, y)` is `(B,)`, >= 0, 0 for `x == y`; the module only holds settings.

    `x` is the clean picture, `y` the changed one, both `(B, 3, H, W)` in [0, 1].
    """

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """The distance from one clean picture: all that depends on `x` alone is computed once."""
        raise NotImplementedError

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        check_pair(x, y)
        return self.at(x)(y)


def check_images(x: Tensor, name: str = "x", least: int = 1) -> None:
    """Refuse what is no `(B, 3, H, W)` floating tensor in [0, 1] of at least `least` pixels a side.

    Raises:
        ValueError: it says what was got and what was expected; NaN is outside every range.

    >>> check_images(torch.full((1, 3, 4, 4), 255.0))
    Traceback (most recent call last):
    ...
    ValueError: x has values 255..255, expected [0, 1]
    """
    if x.ndim != 4 or x.shape[1] != 3 or x.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)}, expected (B, 3, H, W)")
    if not x.is_floating_point():
        raise ValueError(f"{name} has type {x.dtype}, expected floating point")
    if min(x.shape[2:]) < least:
        raise ValueError(f"{name} has {x.shape[2]}x{x.shape[3]} pixels, expected at least {least}x{least}")
    low, high = (float(v) for v in torch.aminmax(x.detach()))
    if not (low >= -SLACK and high <= 1 + SLACK):
        raise ValueError(f"{name} has values {low:g}..{high:g}, expected [0, 1]")


def check_like(x: Tensor, y: Tensor) -> None:
    """Refuse a `y` that has not the shape, type and device of `x` (cheap: no value is read).

    Raises:
        ValueError: it says what was got and what was expected.
    """
    if y.shape != x.shape:
        raise ValueError(f"y has shape {tuple(y.shape)}, expected {tuple(x.shape)}, the shape of x")
    if y.dtype != x.dtype or y.device != x.device:
        raise ValueError(f"y is {y.dtype} on {y.device}, expected {x.dtype} on {x.device}, as x is")


def check_pair(x: Tensor, y: Tensor) -> None:
    """Refuse two pictures that cannot be compared: `check_like` and the range of `y` (`at` checks `x`).

    Raises:
        ValueError: it says what was got and what was expected.
    """
    check_like(x, y)
    check_images(y, "y")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse a setting that is none of the choices.

    Raises:
        ValueError: it names the setting and the choices.
    """
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(map(repr, choices))}")


def luma(x: Tensor) -> Tensor:
    """The luma of a picture, or of a difference of two: `0.299 R + 0.587 G + 0.114 B`, `(B, 1, H, W)`.

    >>> luma(torch.ones(1, 3, 1, 1)).item()
    1.0
    """
    red, green, blue = x.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue).unsqueeze(1)


def planes(x: Tensor, channels: Channels) -> Tensor:
    """What a distance looks at: `(B, 3, H, W)`, or the luma, `(B, 1, H, W)`."""
    return x if channels == "rgb" else luma(x)


def gaussian(size: int, sigma: float, like: Tensor) -> Tensor:
    """Kornia's Gaussian `(1, size)`, normalised, in the type and on the device of `like`."""
    from kornia.filters import get_gaussian_kernel1d

    kernel: Tensor = get_gaussian_kernel1d(size, sigma, device=like.device, dtype=like.dtype)
    return kernel


def blur(x: Tensor, kernel: Tensor, border: Border = "valid") -> Tensor:
    """Correlate every plane of `x` `(B, C, H, W)` with a symmetric kernel `(1, K)` along both axes."""
    half = kernel.shape[-1] // 2
    padded = x if border == "valid" else F.pad(x, (half, half, half, half), mode="reflect")
    out: Tensor = _Blur.apply(padded, kernel)
    return out


class _Blur(torch.autograd.Function):
    """A symmetric blur is, the border apart, its own transpose: the general backward pass is spared."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(kernel)
        return _separable(x, kernel, 0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (kernel,) = ctx.saved_tensors
        return _separable(grad, kernel, kernel.shape[-1] - 1), None


def _separable(x: Tensor, kernel: Tensor, padding: int) -> Tensor:
    count = x.shape[1]
    if x.device.type == "cpu" and count == 1:
        return _shifted(F.pad(x, (padding,) * 4) if padding else x, kernel)
    down = kernel.view(1, 1, -1, 1).repeat(count, 1, 1, 1)
    across = kernel.view(1, 1, 1, -1).repeat(count, 1, 1, 1)
    # one filter per plane is up to three times as fast on the CPU when the planes lie pixel by pixel
    x = x.contiguous(memory_format=torch.channels_last)
    x = F.conv2d(x, down, padding=(padding, 0), groups=count)
    return F.conv2d(x, across, padding=(0, padding), groups=count).contiguous()


def _shifted(x: Tensor, kernel: Tensor) -> Tensor:
    """The same sums in the same order as a convolution's, which on a CPU is made for many planes.

    Of a single one this is three to fifteen times as fast.
    """
    weights = kernel[0].tolist()
    for axis in (2, 3):
        length = x.shape[axis] - len(weights) + 1
        out = x.narrow(axis, 0, length) * weights[0]
        for shift, weight in enumerate(weights[1:], 1):
            out.add_(x.narrow(axis, shift, length), alpha=weight)
        x = out
    return x


def correlate(x: Tensor, kernels: Tensor, border: str = "replicate") -> Tensor:
    """Correlate every plane of `x` `(B, C, H, W)` with every kernel `(K, S, S)`, S odd: `(B, K, C, H, W)`."""
    count, size, _ = kernels.shape
    channels = x.shape[1]
    repeated = torch.cat([x] * count, dim=1).contiguous(memory_format=torch.channels_last)
    half = size // 2
    padded = F.pad(repeated, (half, half, half, half), mode=border)
    out = F.conv2d(padded, kernels.repeat_interleave(channels, 0).unsqueeze(1), groups=count * channels)
    return out.contiguous().view(-1, count, channels, *x.shape[2:])
