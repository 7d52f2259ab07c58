"""Curvature: how dear a small change of each value is to a distance, its second derivative at no change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

Metric = Callable[[Tensor, Tensor], Tensor]
"""A perceptual distance `D(x, y)`, `(B,)`, at least 0, and 0 at `y = x`."""

PROBES = 4
STEP = 1 / 255


@runtime_checkable
class Curved(Protocol):
    """A distance that knows its own curvature."""

    def curvature(self, x: Tensor) -> Tensor:
        """`(B, 3, H, W)`, or broadcastable to it."""
        ...


def curvature_of(distance: Metric, x: Tensor) -> Tensor:
    """`(B, 3, H, W)`: the second derivative of `distance(x, y)` by each value of y, at `y = x`.

    A distance with a method `curvature` is asked; that of any other is estimated.

    >>> h = curvature_of(lambda x, y: (3 * (y - x) ** 2).sum((1, 2, 3)), torch.rand(1, 3, 4, 4))
    >>> round(h.mean().item(), 3)
    6.0
    """
    if isinstance(distance, Curved):
        return distance.curvature(x).expand_as(x)
    with torch.enable_grad():
        return estimate(distance, x)


def estimate(distance: Metric, x: Tensor, probes: int = PROBES) -> Tensor:
    """The diagonal of the Hessian of `distance(x, y)` at `y = x`, from a few of its gradients.

    `diag H = E[z * Hz]` for random signs z, and `Hz` is a difference of gradients: exact for a distance that
    is a weighted sum of squares, an average otherwise (Hutchinson 1989). It asks the distance alone, never
    the targets.
    """
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros_like(x)
    for _ in range(probes):
        z = torch.randint(0, 2, x.shape[1:], generator=generator).to(x) * 2 - 1
        z = torch.where((x + STEP * z - 0.5).abs() > 0.5, -z, z)  # stay a valid picture
        y = (x + STEP * z).requires_grad_(True)
        (slope,) = torch.autograd.grad(distance(x, y).sum(), y)
        total += z * slope / STEP
    h = total / probes
    typical = h.abs().mean((1, 2, 3), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    return h.maximum(0.05 * typical)  # an estimate below zero would send its pixel anywhere
