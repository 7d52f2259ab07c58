"""Structure: SSIM and MS-SSIM as distances that stay exact for changes far below one grey level.

`1 - SSIM` of two nearly equal pictures is the small difference of two numbers near one, which single
precision cannot hold. With `d = y - x`, mean `m` and variance `s` of `d` and covariance `c` of `x` and `d` in
the window, both factors of SSIM have a complement without cancellation:

    1 - l = m^2 / (mu_x^2 + mu_y^2 + C1)         mu_y = mu_x + m
    1 - cs = s / (2 var_x + 2 c + s + C2)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from .images import (
    LUMA,
    Border,
    Channels,
    Distance,
    blur,
    check_choice,
    check_images,
    check_like,
    gaussian,
    planes,
)

SIZE, SIGMA = 11, 1.5
"""The window of Wang et al. 2004."""
C1, C2 = 0.01**2, 0.03**2
"""Their constants, for a range of 1."""
LARGE = 3_000_000
"""Values of a picture (three a pixel) from which on memory counts for more than time."""
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The weights of the scales, the finest first (Wang, Simoncelli and Bovik 2003)."""


@dataclass(frozen=True, slots=True)
class _Clean:
    """The clean side of SSIM: what depends on `x` alone."""

    twice: Tensor
    """`2 (x - 1/2)`: variances do not depend on the 1/2, and rounding errors of their two moments shrink."""
    mean: Tensor
    """Of `twice`, in the window, which makes `mu_x = (mean + 1) / 2`."""
    light: Tensor
    """`2 mu_x^2 + C1`."""
    contrast: Tensor
    """`2 var_x + C2`."""
    kernel: Tensor
    border: Border

    @staticmethod
    def of(x: Tensor, border: Border) -> _Clean:
        kernel = gaussian(SIZE, SIGMA, x)
        twice = 2 * x - 1
        mean, power = blur(torch.cat([twice, twice * twice], 1), kernel, border).chunk(2, 1)
        # 2 mu_x^2 + C1
        light = (mean + 1).square() / 2 + C1
        # 2 var_x + C2, since the variance of 2 x is four times that of x
        contrast = (power - mean * mean) / 2 + C2
        # a copy of the mean: a view would keep both moments
        return _Clean(twice, mean.clone(), light, contrast, kernel, border)

    def deviations(self, d: Tensor) -> tuple[Tensor, Tensor]:
        """The maps `1 - l` and `1 - cs` of the picture `x + d`."""
        stacked = torch.cat([d, d * d, self.twice * d], 1)
        # means in the window: m of the change, and of its products
        m, dd, xd = blur(stacked, self.kernel, self.border).chunk(3, 1)
        m2 = m * m
        # variance of the change: s = mean(d^2) - m^2
        s = dd - m2
        # covariance with the picture, twice: 2 c = mean(2 x d) - 2 mu_x m
        c2 = xd - self.mean * m
        # 1 - l = m^2 / (mu_x^2 + mu_y^2 + C1),   mu_x^2 + mu_y^2 = 2 mu_x^2 + 2 mu_x m + m^2
        light = m2 / (self.light + (self.mean + 1) * m + m2)
        # 1 - cs = s / (2 var_x + 2 c + s + C2)
        contrast = s / (self.contrast + c2 + s)
        return light, contrast

    def map(self, d: Tensor) -> Tensor:
        """The map `1 - SSIM` of the picture `x + d`."""
        # 1 - l cs = (1 - l) + (1 - cs) - (1 - l) (1 - cs)
        light, contrast = self.deviations(d)
        return torch.addcmul(light + contrast, light, contrast, value=-1)


class SSIM(Distance):
    """`ssim` with its settings.

    >>> x = torch.rand(1, 3, 16, 16)
    >>> SSIM()(x, x)
    tensor([0.])
    """

    def __init__(self, channels: Channels = "rgb", border: Border = "valid") -> None:
        super().__init__()
        check_choice("channels", channels, get_args(Channels))
        check_choice("border", border, get_args(Border))
        self.channels, self.border = channels, border

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        check_images(x, least=SIZE)
        if x[0].numel() > LARGE:
            return lambda y: self._by_plane(x, y)
        clean = _Clean.of(planes(x, self.channels), self.border)

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            return clean.map(planes(y - x, self.channels)).mean((1, 2, 3))

        return distance

    def _by_plane(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance with one plane's maps in memory at a time, and none kept: slower, and far smaller."""
        check_like(x, y)
        pairs = zip(
            torch.split(planes(x, self.channels), 1, 1),
            torch.split(planes(y - x, self.channels), 1, 1),
            strict=True,
        )
        parts = [_Clean.of(clean, self.border).map(d).mean((1, 2, 3)) for clean, d in pairs]
        return torch.stack(parts).mean(0)

    @torch.no_grad()
    def curvature(self, x: Tensor) -> Tensor:
        """See the function `curvature`."""
        check_images(x, least=SIZE)
        parts = torch.split(planes(x, self.channels), 1, 1)
        second = torch.cat([self._curvature(part) for part in parts], 1) / len(parts)
        if self.channels == "rgb":
            return second
        # the luma sees w_c of a change of channel c, and a second derivative sees it twice
        return second * x.new_tensor(LUMA).square().view(1, 3, 1, 1)

    def _curvature(self, plane: Tensor) -> Tensor:
        clean = _Clean.of(plane, self.border)
        # A_p = 1 / (2 mu^2 + C1),   B_p = 1 / (2 var + C2)
        A, B = 1 / clean.light, 1 / clean.contrast
        # sum_p w_pq B_p
        spread = _adjoint(B, clean.twice, clean.kernel, self.border)
        # sum_p w_pq^2 (A_p - B_p)
        own = _adjoint(A - B, clean.twice, clean.kernel.square(), self.border)
        return 2 * (spread + own) / A[0].numel()


class MSSSIM(Distance):
    """`ms_ssim` with its settings.

    >>> x = torch.rand(1, 3, 176, 176)
    >>> MSSSIM()(x, x).abs()
    tensor([0.])
    """

    def __init__(self, channels: Channels = "rgb", weights: Sequence[float] = MS_WEIGHTS) -> None:
        super().__init__()
        check_choice("channels", channels, get_args(Channels))
        if not weights or min(weights) <= 0:
            raise ValueError(f"weights are {tuple(weights)!r}, expected at least one, all positive")
        self.channels, self.weights = channels, tuple(weights)

    @property
    def least(self) -> int:
        """The smallest side in pixels: the coarsest scale holds one window."""
        return int(SIZE * 2 ** (len(self.weights) - 1))

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        check_images(x, least=self.least)
        scales: list[_Clean] = []
        picture = planes(x, self.channels)
        for scale in range(len(self.weights)):
            picture = picture if scale == 0 else F.avg_pool2d(picture, 2)
            scales.append(_Clean.of(picture, "valid"))

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            return _across(scales, self.weights, planes(y - x, self.channels))

        return distance


def _across(scales: list[_Clean], weights: Sequence[float], d: Tensor) -> Tensor:
    """`1 - prod_j (1 - t_j)^w_j` in logarithms, which keep small `t_j`; the change is pooled on the way."""
    total = d.new_zeros(d.shape[0])
    for scale, (clean, weight) in enumerate(zip(scales, weights, strict=True)):
        d = d if scale == 0 else F.avg_pool2d(d, 2)
        part = clean.map(d) if scale == len(weights) - 1 else clean.deviations(d)[1]
        # a negative mean (pictures that contradict each other) has no power: it counts as just above nothing
        total = total + weight * torch.log1p(-part.mean((1, 2, 3)).clamp_max(1 - 1e-6))
    return -torch.expm1(total)


def _adjoint(values: Tensor, inner: Tensor, kernel: Tensor, border: Border) -> Tensor:
    """What every pixel of `inner` gets when each window p hands out its value by the w_pq of `blur`."""
    with torch.enable_grad():
        pixels = torch.zeros_like(inner, requires_grad=True)
        # a sum, since grad_outputs make torch import a thousand modules for shapes that it does not know
        (out,) = torch.autograd.grad((blur(pixels, kernel, border) * values).sum(), pixels)
    return out


def ssim(x: Tensor, y: Tensor, channels: Channels = "rgb", border: Border = "valid") -> Tensor:
    """Structural dissimilarity, the mean over windows of `1 - l cs` with

        l = (2 mu_x mu_y + C1) / (mu_x^2 + mu_y^2 + C1)        cs = (2 cov + C2) / (var_x + var_y + C2)

    in a Gaussian window of 11x11 pixels with sigma 1.5, `C1 = 0.01^2`, `C2 = 0.03^2`.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture, at least 11x11.
        y: the same of the changed picture.
        channels: `rgb`, the mean over the three channels, or `luma`.
        border: `valid`, windows inside the picture only, as usual in reports; or `reflect`, a window at every
            pixel, so that the edge of the picture is not the cheapest place to change.

    Returns:
        `(B,)` in [0, 2], 0 for equal pictures. Wang, Bovik, Sheikh and Simoncelli 2004.

    Raises:
        ValueError: the pictures do not fit the description, or a setting is unknown.

    >>> x = torch.full((1, 3, 16, 16), 0.5)
    >>> ssim(x, x + 0.1)
    tensor([0.0164])
    """
    return SSIM(channels, border).forward(x, y)


def ssim_index(x: Tensor, y: Tensor, channels: Channels = "rgb", border: Border = "valid") -> Tensor:
    """The plain index as it is reported, `SSIM = 1 - ssim(x, y)`: `(B,)` in [-1, 1], 1 for equal pictures.

    Raises:
        ValueError: as `ssim` does.

    >>> x = torch.full((1, 3, 16, 16), 0.5)
    >>> ssim_index(x, x + 0.1)
    tensor([0.9836])
    """
    return 1 - ssim(x, y, channels, border)


def ssim_map(x: Tensor, y: Tensor, channels: Channels = "rgb", border: Border = "valid") -> Tensor:
    """`1 - l cs` of every window, of which `ssim` is the mean: where two pictures differ in structure.

    Returns:
        `(B, 3, H - 10, W - 10)` in [0, 2]; with the luma one channel, with the border `reflect` a window for
        every pixel.

    Raises:
        ValueError: as `ssim` does.

    >>> x = torch.full((1, 3, 16, 16), 0.5)
    >>> ssim_map(x, x + 0.1).shape, ssim_map(x, x + 0.1).mean((1, 2, 3))
    (torch.Size([1, 3, 6, 6]), tensor([0.0164]))
    """
    check_choice("channels", channels, get_args(Channels))
    check_choice("border", border, get_args(Border))
    check_images(x, least=SIZE)
    check_like(x, y)
    check_images(y, "y")
    return _Clean.of(planes(x, channels), border).map(planes(y - x, channels))


def ms_ssim(
    x: Tensor, y: Tensor, channels: Channels = "rgb", weights: Sequence[float] = MS_WEIGHTS
) -> Tensor:
    """Structural dissimilarity at several scales, `1 - (l_M cs_M)^w_M prod_{j < M} cs_j^w_j`.

    Every scale has half the side of the one before (means of 2x2); `cs_j` is the mean over the windows.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture, at least `11 * 2^(M - 1)` a side (176 for 5 scales).
        y: the same of the changed picture.
        channels: `rgb`, the mean over the three channels, or `luma`.
        weights: w_j > 0, the finest scale first; fewer of them for small pictures.

    Returns:
        `(B,)` in [0, 1], 0 for equal pictures. Wang, Simoncelli and Bovik 2003.

    Raises:
        ValueError: the pictures do not fit the description, or a setting is unknown.

    >>> x = torch.full((1, 3, 176, 176), 0.5)
    >>> ms_ssim(x, x + 0.1)
    tensor([0.0022])
    """
    return MSSSIM(channels, weights).forward(x, y)


def curvature(x: Tensor, channels: Channels = "rgb", border: Border = "valid") -> Tensor:
    """How much every pixel counts: the second derivative of `ssim(x, y)` by each value of `y`, at `y = x`.

    With A = 1 / (2 mu^2 + C1) and B = 1 / (2 var + C2) of the N windows p with weights w_pq, exactly

        d2D / dy_q^2 = 2/N sum_p [ w_pq B_p + w_pq^2 (A_p - B_p) ]

    It is large where the picture is flat, small in texture. With `border="reflect"` the cross terms of pixels
    that the mirror shows twice are left out.

    Args:
        x: `(B, 3, H, W)` in [0, 1], at least 11x11.
        channels: as for `ssim`.
        border: as for `ssim`.

    Returns:
        `(B, 3, H, W)`, > 0 since every pixel lies in a window; one for each value of `y`.

    Raises:
        ValueError: the picture does not fit the description, or a setting is unknown.

    >>> curvature(torch.full((1, 3, 31, 31), 0.5))[0, 0, 15, 15].item() > 1
    True
    """
    return SSIM(channels, border).curvature(x)
