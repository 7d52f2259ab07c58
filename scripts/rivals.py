"""Published attacks that MND is compared with, written here so that all see the same targets and photos."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def ddn(
    x: Tensor,
    labels: Tensor,
    logits: Callable[[Tensor], Tensor],
    steps: int,
    gamma: float = 0.05,
    levels: int = 256,
) -> Tensor:
    """DDN, the smallest L2 change of the class (Rony et al. 2019, arXiv 1811.09600), untargeted.

    Settings of the paper: norm 1 at first, times 1 -+ gamma, a step from 1 to .01 by a cosine, grey levels
    inside the loop. `x` and the result are `(B, 3, H, W)` in [0, 1], `labels` `(B,)`; where nothing fooled,
    `x` comes back.
    """
    delta, best = torch.zeros_like(x), x.clone()
    norm = torch.ones_like(x[:, 0, 0, 0])
    worst = _norm(torch.maximum(x, 1 - x))
    best_norm = torch.full_like(norm, torch.inf)
    for step in range(steps):
        alpha = 0.01 + 0.99 * (1 + math.cos(math.pi * step / steps)) / 2
        y = (x + delta).requires_grad_(True)
        z = logits(y)
        (slope,) = torch.autograd.grad(F.cross_entropy(z, labels, reduction="sum"), y)
        fooled = z.detach().argmax(1) != labels
        better = fooled & (_norm(delta) < best_norm)
        best_norm = torch.where(better, _norm(delta), best_norm)
        best = torch.where(_spread(better), y.detach(), best)
        delta = delta + alpha * slope / _spread(_norm(slope).clamp_min(1e-12))
        norm = torch.minimum(torch.where(fooled, 1 - gamma, 1 + gamma) * norm, worst)
        delta = delta * _spread(norm / _norm(delta).clamp_min(1e-12))
        delta = ((x + delta).clamp(0, 1) * (levels - 1)).round() / (levels - 1) - x
    return best


def mi_fgsm(
    x: Tensor,
    margin: Callable[[Tensor], Tensor],
    eps: float = 4 / 255,
    steps: int = 40,
    momentum: float = 1.0,
) -> Tensor:
    """MI-FGSM (Dong et al. 2018, arXiv 1710.06081): steps of `eps / steps` along the sign of a summed slope.

    `x` is `(1, 3, H, W)` in [0, 1]; `margin` `(1,)` is made as small as eps allows; y is not rounded.
    """
    y, average = x.clone(), torch.zeros_like(x)
    for _ in range(steps):
        y.requires_grad_(True)
        (slope,) = torch.autograd.grad(margin(y).sum(), y)
        average = momentum * average + slope / slope.abs().sum().clamp_min(1e-12)
        y = (y.detach() - eps / steps * average.sign()).clamp(x - eps, x + eps).clamp(0, 1)
    return y


def _norm(values: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(values.flatten(1), dim=1)
    return norm


def _spread(values: Tensor) -> Tensor:
    return values[:, None, None, None]
