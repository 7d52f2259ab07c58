"""MI-FGSM; foolbox 3.3.4 has one, but it adds up signs of slopes where the paper adds up slopes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .attack import BUDGETS, Attack
from .common import unit
from .problem import Problem

STEPS = 40


def mi_fgsm(problem: Problem, eps: float, seed: int, steps: int = STEPS, mu: float = 1.0) -> Tensor:
    """MI-FGSM: `g <- mu g + s / |s|_1`, `y <- y + (eps / steps) sign(g)` for the loss's slope s at y.

    Args:
        problem: the picture and what it is recognised by.
        eps: grey levels that a pixel may move.
        seed: of the direction that is taken where there is no slope.
        steps: passes.
        mu: how much of the summed slopes stays.

    Source: Dong et al. 2018, arXiv 1710.06081.
    """
    x, budget = problem.x, eps / 255
    generator = torch.Generator().manual_seed(seed)
    scores, label = problem.scores(), torch.tensor([problem.winner], device=x.device)
    low, high = (x - budget).clamp(0, 1), (x + budget).clamp(0, 1)
    y, total = x.clone(), torch.zeros_like(x)
    for _ in range(steps):
        y.requires_grad_(True)
        loss = F.cross_entropy(scores(problem.within(y)), label)
        (slope,) = torch.autograd.grad(loss, y)
        if not slope.any() and not total.any():
            slope = problem.within(x + unit(slope, generator)) - x
        total = mu * total + slope / slope.abs().sum().clamp_min(1e-30)
        y = torch.minimum(torch.maximum(y.detach() + budget / steps * total.sign(), low), high)
    return problem.within(y)


def attack(name: str) -> Attack:
    """`mi-fgsm`."""
    return Attack(
        name=name,
        title="MI-FGSM",
        dial="eps",
        sweep=BUDGETS,
        source="Dong et al. 2018, arXiv 1710.06081",
        library="mnd",
        note=f"{STEPS} steps of eps / {STEPS}, mu 1, cross-entropy (of two classes: the slope of the largest "
        "margin); rounds nothing itself. Written here: foolbox 3.3.4 sums signs instead of slopes",
        run=mi_fgsm,
    )
