"""DDN that looks at the picture as it will be saved (foolbox's does not, see `library`).

Of the same author's adv-lib there is no use: one of its requirements, visdom, cannot be built by pip.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from .attack import HEADROOMS, Attack
from .common import LEVELS, Best, cosine, gap, grid, norm, unit
from .problem import Problem


def ddn(
    problem: Problem,
    headroom: float,
    seed: int,
    steps: int = 100,
    gamma: float = 0.05,
    levels: int | None = LEVELS,
) -> Tensor:
    """DDN: step along the slope of the cross-entropy, then set the norm, smaller after a success.

    Args:
        problem: the picture and what it is recognised by.
        headroom: how far past the border, as a share of the target's scale.
        seed: of the direction that is taken where there is no slope.
        steps: passes; the step goes from 1 to .01 by a cosine.
        gamma: the norm, 1 at first, is multiplied by 1 -+ gamma.
        levels: grey levels of the file, in the loop; None: no rounding.

    Source: Rony et al. 2019, arXiv 1811.09600, its settings.
    """
    x, scores = problem.x, problem.scores(headroom)
    generator = torch.Generator().manual_seed(seed)
    label = torch.tensor([problem.winner], device=x.device)
    best = Best(lambda y: norm(y - x), x.clone())
    length, longest = 1.0, float(norm(torch.maximum(x, 1 - x)))
    y = x.clone()
    for step in range(steps):
        y.requires_grad_(True)
        z = scores(problem.within(y))
        (slope,) = torch.autograd.grad(F.cross_entropy(z, label), y)
        margin = float(gap(z.detach(), problem.winner))
        y = y.detach()
        best.offer(y, margin)
        delta = y - x + cosine(1.0, 0.01, step / steps) * unit(slope, generator)
        delta = problem.within(x + delta) - x
        length = min(length * (1 - gamma if margin < 0 else 1 + gamma), longest)
        y = grid(problem, x + delta * (length / norm(delta).clamp_min(1e-30)), levels)
    return best.image


def attack(name: str) -> Attack:
    """`ddn`, in 100 steps, and `ddn-40`."""
    steps = 40 if name == "ddn-40" else 100
    return Attack(
        name=name,
        title=f"DDN-{steps}",
        dial="headroom",
        sweep=HEADROOMS,
        source="Rony et al. 2019, arXiv 1811.09600",
        library="mnd",
        note=f"{steps} steps, 8-bit rounding in the loop, cross-entropy (of two classes: the slope of the "
        "largest margin)",
        run=partial(ddn, steps=steps),
    )
