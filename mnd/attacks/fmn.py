"""FMN for the L2 norm; foolbox 3.3.4 has one, but its projection divides a norm by itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .attack import HEADROOMS, Attack
from .common import LEVELS, Best, cosine, gap, grid, norm, unit
from .problem import Problem

STEPS = 100


def fmn(
    problem: Problem,
    headroom: float,
    seed: int,
    steps: int = STEPS,
    levels: int | None = LEVELS,
) -> Tensor:
    """FMN: a step along the slope of the margin, then projection on a ball that shrinks after a success.

    Until something fooled, the radius is the norm of the change plus the distance `m / |grad m|` to the
    border of a linear model; after that it is times 1 -+ gamma.

    Args:
        problem: the picture and what it is recognised by.
        headroom: how far past the border, as a share of the target's scale.
        seed: of the direction that is taken where there is no slope.
        steps: passes; the step goes from 1 to .01, gamma from .05 to .001, both by a cosine.
        levels: grey levels of the file, in the loop; None: no rounding.

    Source: Pintor et al. 2021, arXiv 2102.12827, its settings for L2.
    """
    x, scores = problem.x, problem.scores(headroom)
    generator = torch.Generator().manual_seed(seed)
    best = Best(lambda y: norm(y - x), x.clone())
    radius, longest = math.inf, float(norm(torch.maximum(x, 1 - x)))
    delta, least = torch.zeros_like(x), math.inf
    for step in range(steps):
        y = grid(problem, x + delta, levels).requires_grad_(True)
        m = gap(scores(problem.within(y)), problem.winner)
        (slope,) = torch.autograd.grad(m.sum(), y)
        margin, gamma = float(m.detach()), cosine(0.05, 0.001, step / steps)
        best.offer(y, margin)
        if margin < 0:
            least = min(least, float(norm(delta)))
            radius = min(radius * (1 - gamma), least)
        elif best.found:
            radius *= 1 + gamma
        else:
            radius = float(norm(delta)) + margin / max(float(norm(slope)), 1e-12)
        radius = min(radius, longest)
        delta = delta - cosine(1.0, 0.01, step / steps) * unit(slope, generator)
        delta = delta * min(1.0, radius / max(float(norm(delta)), 1e-30))
        delta = problem.within(x + delta).clamp(0, 1) - x
    return best.image


def attack(name: str) -> Attack:
    """`fmn`."""
    return Attack(
        name=name,
        title="FMN",
        dial="headroom",
        sweep=HEADROOMS,
        source="Pintor et al. 2021, arXiv 2102.12827",
        library="mnd",
        note=f"L2, {STEPS} steps, 8-bit rounding in the loop, the (largest) margin as loss. Written here: "
        "the projection of foolbox 3.3.4's L2 version does nothing",
        run=fmn,
    )
