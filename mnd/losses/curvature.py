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
    return estimate(distance, x)


@torch.enable_grad()
def estimate(distance: Metric, x: Tensor, probes: int = PROBES) -> Tensor:
    """The diagonal of the Hessian of `distance(x, y)` at `y = x`, from a few of its gradients.

    `diag H = E[z * Hz]` for random signs z, and `Hz` is a difference of gradients: exact for a distance that
    is a weighted sum of squares, an average otherwise (Hutchinson 1989). It asks the distance alone, never
    the targets.
    """
    x = _inside(x)
    total = torch.zeros_like(x)
    for z in _signs(x, probes):
        total += z * _product(distance, x, z)
    h = total / probes
    typical = h.abs().mean((1, 2, 3), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    return h.maximum(0.05 * typical)  # an estimate below zero would send its pixel anywhere


@torch.enable_grad()
def stiffness(distance: Metric, x: Tensor, v: Tensor, rounds: int = 8) -> Tensor:
    """`(B,)`: about the largest eigenvalue of `v H v`, H the Hessian of `distance(x, y)` at `y = x`.

    1 where a distance is a weighted sum of squares and `v = diag(H)^(-1/2)`; larger where neighbours cost
    more together than each alone, which bounds how fast a search may follow it. By the power method, a
    gradient a round, from below.
    """
    x = _inside(x)
    (w,) = _signs(x, 1)
    value = torch.ones_like(x[:, 0, 0, 0])
    for _ in range(rounds):
        size = (v * w).abs().amax((1, 2, 3), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
        w = w / size
        grown = v * _product(distance, x, v * w)
        length = torch.linalg.vector_norm(w.flatten(1), dim=1).clamp_min(torch.finfo(x.dtype).tiny)
        value = torch.linalg.vector_norm(grown.flatten(1), dim=1) / length
        w = grown
    return value


def _product(distance: Metric, x: Tensor, z: Tensor) -> Tensor:
    """`H z`, as a difference of gradients: that at `y = x` is zero."""
    y = (x + STEP * z).requires_grad_(True)
    (slope,) = torch.autograd.grad(_of_each(distance(x, y), len(x)).sum(), y)
    return slope / STEP


def _signs(x: Tensor, count: int) -> list[Tensor]:
    """Random signs, the same for every picture of a batch."""
    generator = torch.Generator().manual_seed(0)
    draws = (torch.randint(0, 2, x.shape[1:], generator=generator) for _ in range(count))
    return [(draw.to(x) * 2 - 1).expand_as(x) for draw in draws]


def _inside(x: Tensor) -> Tensor:
    """The picture one step away from black and white, so that a step either way is a picture too."""
    return x.clamp(STEP, 1 - STEP)


def _of_each(values: Tensor, count: int) -> Tensor:
    """The values of a distance, one for each picture: the mean of a batch would make its pictures one."""
    got = f"a tensor {tuple(values.shape)}" if isinstance(values, Tensor) else f"a {type(values).__name__}"
    if not isinstance(values, Tensor) or values.shape != (count,):
        raise ValueError(
            f"the distance gives {got}, expected ({count},): one number for each of {count} images, such as "
            "(y - x).square().mean((1, 2, 3))"
        )
    return values
