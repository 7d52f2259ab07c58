"""What the training of `RLPIPS2` asks at every step: how far an attack comes, and what small changes cost."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mnd.losses.pyramid import RLPIPS2, UNIT

STEPS = (2.0, 1.0, 0.5, 0.3, 0.2, 0.1)
"""Of an attack, in radii of the ball; the last one for all that follow."""
FAINT = 2 / 255
"""A small change."""
FLOOR = 1e-4
"""Added to distances before their logarithm."""


def apart(metric: RLPIPS2, clean: Sequence[Tensor], y: Tensor) -> list[Tensor]:
    """The differences in units, from the features of the clean pictures."""
    return [(a - b).abs() / UNIT for a, b in zip(metric.features(y), clean, strict=True)]


def reached(
    metric: RLPIPS2,
    clean: Sequence[Tensor],
    weights: Sequence[Tensor],
    near: Tensor,
    far: Tensor,
    eps: float,
    steps: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """The pictures in the balls around `near` and `far` that come as far from, and as near to, the clean ones
    as a few steps along signs bring them."""
    clean, weights = ([torch.cat([t, t]).detach() for t in both] for both in (clean, weights))
    around = torch.cat([near, far])
    sign = torch.ones(len(around))
    sign[len(near) :] = -1
    draw = torch.rand(around.shape, generator=generator)
    y = (around + eps * (2 * draw - 1)).clamp(0, 1)
    for step in range(steps):
        y = y.detach().requires_grad_()
        value = sign * torch.log(metric.total(apart(metric, clean, y), weights) + FLOOR)
        (slope,) = torch.autograd.grad(value.sum(), y)
        ahead = y.detach() + eps * STEPS[min(step, len(STEPS) - 1)] * slope.sign()
        y = (around + (ahead - around).clamp(-eps, eps)).clamp(0, 1)
    y = y.detach()
    return y[: len(near)], y[len(near) :]


def small_changes(
    metric: RLPIPS2, like: Tensor, weights: Sequence[Tensor], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The masked terms by the mean square error: of white noise, and of the worst change, of two levels."""
    none = metric.features(torch.zeros_like(like))
    noise = FAINT * torch.randn(like.shape, generator=generator)
    worst = [torch.full_like(t, FAINT / UNIT) for t in none]
    found = []
    for differences in (apart(metric, none, noise), worst):
        square = metric.base * differences[0].square().mean((1, 2, 3))
        found.append(metric.total(differences, weights) / square - 1)
    return found[0], found[1]
