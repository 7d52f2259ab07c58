"""PerC-AL: steps towards another class and steps back in colour difference take turns."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses.ciede2000 import lab, squared
from .attack import HEADROOMS, Attack
from .common import LEVELS, Best, cosine, gap, grid, unit
from .problem import Problem

STEPS = 100


def perc_al(
    problem: Problem,
    headroom: float,
    seed: int,
    steps: int = STEPS,
    levels: int | None = LEVELS,
) -> Tensor:
    """PerC-AL: while recognised a step of the cross-entropy, once fooled one of CIEDE2000 downhill.

    The change is kept as it is; what is looked at is the picture that would be saved, and the slope there
    is taken for that of the change.

    Args:
        problem: the picture and what it is recognised by.
        headroom: how far past the border, as a share of the target's scale.
        seed: of the direction that is taken where there is no slope.
        steps: passes; the steps of the loss go from 1 to .01 and those of colour from .5 to .05, in the L2
            norm, by a cosine.
        levels: grey levels of the file, in the loop; None: no rounding.

    Source: Zhao, Liu, Larson 2020, arXiv 1911.02466, its settings but for the number of steps.
    """
    x, scores, colour = problem.x, problem.scores(headroom), _colour(problem.x)
    generator = torch.Generator().manual_seed(seed)
    label = torch.tensor([problem.winner], device=x.device)
    best = Best(colour, x.clone())
    delta = torch.zeros_like(x)
    for step in range(steps):
        y = grid(problem, x + delta, levels).requires_grad_(True)
        z = scores(problem.within(y))
        margin = float(gap(z.detach(), problem.winner))
        best.offer(y, margin)
        share = step / steps
        if margin >= 0:
            (slope,) = torch.autograd.grad(F.cross_entropy(z, label), y)
            delta = delta + cosine(1.0, 0.01, share) * unit(slope, generator)
        else:
            (slope,) = torch.autograd.grad(colour(problem.within(y)), y)
            delta = delta - cosine(0.5, 0.05, share) * unit(slope, generator)
        delta = problem.within(x + delta).clamp(0, 1) - x
    return best.image


def _colour(x: Tensor) -> Callable[[Tensor], Tensor]:
    """The L2 norm over pixels of CIEDE2000 against `x`, `()`."""
    clean = lab(x)
    return lambda y: (squared(clean, lab(y)).sum() + 1e-12).sqrt()


def attack(name: str) -> Attack:
    """`perc-al`."""
    return Attack(
        name=name,
        title="PerC-AL",
        dial="headroom",
        sweep=HEADROOMS,
        source="Zhao, Liu, Larson 2020, arXiv 1911.02466",
        library="mnd",
        note=f"{STEPS} steps (the paper has up to 1000), looks at the 8-bit picture, cross-entropy (of two "
        "classes: the slope of the largest margin)",
        run=perc_al,
    )
