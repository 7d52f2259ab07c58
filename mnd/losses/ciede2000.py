"""CIEDE2000, the colour difference of the CIE, differentiable also where two colours are equal or grey."""

from __future__ import annotations

import math

import torch
from torch import Tensor

WHITE = (0.95047, 1.0, 1.08883)
"""D65, for the observer of 1931."""
TO_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
"""Linear sRGB (ITU-R BT.709 primaries) to XYZ."""
TINY = 1e-20


def lab(x: Tensor) -> Tensor:
    """CIELAB `(B, 3, H, W)` (L 0 to 100) of sRGB pictures `(B, 3, H, W)` in [0, 1].

    >>> lab(torch.ones(1, 3, 1, 1)).flatten()[0].round().item()
    100.0
    """
    # the branch not taken must not have an infinite slope either
    bent = ((x.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    linear = torch.where(x > 0.04045, bent, x / 12.92)
    xyz = torch.einsum("ij,bjhw->bihw", x.new_tensor(TO_XYZ), linear)
    t = xyz / x.new_tensor(WHITE).view(1, 3, 1, 1)
    knee = (6 / 29) ** 3
    f = torch.where(t > knee, t.clamp_min(knee) ** (1 / 3), t / (3 * (6 / 29) ** 2) + 4 / 29)
    fx, fy, fz = f.unbind(1)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=1)


def squared(p: Tensor, q: Tensor) -> Tensor:
    """The square of CIEDE2000, `(B, H, W)`, of CIELAB pictures `(B, 3, H, W)`; its slope is 0 at `p == q`.

        dE^2 = (dL / S_L)^2 + (dC / S_C)^2 + (dH / S_H)^2 + R_T (dC / S_C) (dH / S_H)

    The hue difference is had from the products of the two chroma vectors, and the mean hue from the sum of
    their directions, so that no angle jumps.

    Source: Sharma, Wu, Dalal 2005, Color Research & Application 30(1).

    >>> p, q = (torch.tensor(c).view(1, 3, 1, 1) for c in ([50, 2.6772, -79.7751], [50, 0, -82.7485]))
    >>> squared(p, q).sqrt()
    tensor([[[2.0425]]])
    """
    (l1, a1, b1), (l2, a2, b2) = p.unbind(1), q.unbind(1)
    mean7 = ((_length(a1, b1) + _length(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * (mean7 / (mean7 + 25.0**7) + TINY).sqrt()
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = _length(a1, b1), _length(a2, b2)
    chroma = (c1 + c2) / 2
    turn = _turn(a1 * b2 - a2 * b1, c1 * c2, a1 * a2 + b1 * b2)
    hue = _angle(b1 / c1 + b2 / c2, a1 / c1 + a2 / c2)
    bright = ((l1 + l2) / 2 - 50).square()
    dl = (l2 - l1) / (1 + 0.015 * bright / (20 + bright).sqrt())
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = turn / (1 + 0.015 * chroma * _hues(hue))
    return dl.square() + dc.square() + dh.square() + _rotation(hue, chroma) * dc * dh


def _turn(cross: Tensor, lengths: Tensor, dot: Tensor) -> Tensor:
    """The hue difference `2 sqrt(C1 C2) sin(dh / 2)`, by whichever half angle does not cancel."""
    near = dot >= 0
    # cos(dh / 2) is at least 0.7 here, and sin(dh / 2) there
    by_cosine = cross / ((lengths + dot.clamp_min(0)) / 2).sqrt()
    by_sine = torch.copysign((2 * (lengths - dot.clamp_max(0))).sqrt(), cross)
    return torch.where(near, by_cosine, by_sine)


def _length(a: Tensor, b: Tensor) -> Tensor:
    return (a * a + b * b + TINY).sqrt()


def _angle(y: Tensor, x: Tensor) -> Tensor:
    """atan2 without its endless slope where neither colour has a hue."""
    none = (y.abs() < 1e-6) & (x.abs() < 1e-6)
    return torch.atan2(torch.where(none, torch.zeros_like(y), y), torch.where(none, torch.ones_like(x), x))


def _hues(hue: Tensor) -> Tensor:
    """T: how finely hues are told apart, by the mean hue."""
    degree = math.pi / 180
    return (
        1
        - 0.17 * torch.cos(hue - 30 * degree)
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + 6 * degree)
        - 0.20 * torch.cos(4 * hue - 63 * degree)
    )


def _rotation(hue: Tensor, chroma: Tensor) -> Tensor:
    """R_T: blue colours, where differences of chroma and hue go together."""
    away = (torch.rad2deg(hue) % 360 - 275) / 25
    chroma7 = chroma**7
    weight = 2 * (chroma7 / (chroma7 + 25.0**7) + TINY).sqrt()
    return -weight * torch.sin(math.radians(60) * torch.exp(-away.square()))


def ciede2000(x: Tensor, y: Tensor) -> Tensor:
    """CIEDE2000 of every pixel, `(B, H, W)`, of sRGB pictures `(B, 3, H, W)` in [0, 1].

    >>> ciede2000(torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)).round()
    tensor([[[100.]]])
    """
    # a negative square is a rounding error
    return squared(lab(x), lab(y)).clamp_min(0).sqrt()
