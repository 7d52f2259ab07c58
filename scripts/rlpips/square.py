"""The attack that asks for values alone: where it does better than one along slopes, those are masked."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

START = 0.05
"""The share of the pixels that a square covers at first."""
HALVED = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""When that share is halved, in shares of all queries."""


@torch.no_grad()
def square(
    objective: Callable[[Tensor], Tensor],
    x: Tensor,
    eps: float,
    queries: int = 1000,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The pictures in the Linf ball around `x` where `objective` was seen to be largest, image by image.

    The square attack of Andriushchenko, Croce, Flammarion and Hein 2020 (arXiv 1912.00049): it begins with
    upright stripes of +-eps; then every query sets a random square to +-eps, a sign a channel, and is kept
    where the objective grew. All pictures get the same squares, with signs of their own.

    Args:
        objective: of pictures like `x`: `(B,)`, one number an image, which no other image changes.
        x: `(B, 3, H, W)` in [0, 1].
        eps: radius of the ball.
        queries: values asked for, of each picture.
        generator: of the squares.

    >>> up = square(lambda y: y.sum((1, 2, 3)), torch.full((1, 3, 4, 4), 0.5), 0.25, queries=300)
    >>> up.mean().item() > 0.7
    True
    """
    count, channels, height, width = x.shape
    best, value = x.clone(), objective(x).clone()

    def keep(y: Tensor) -> None:
        nonlocal best, value
        reached = objective(y)
        best = torch.where((reached > value)[:, None, None, None], y, best)
        value = torch.maximum(reached, value)

    def signs(*shape: int) -> Tensor:
        return eps * (2.0 * torch.randint(2, shape, generator=generator) - 1).to(x)

    keep((x + signs(count, channels, 1, width)).clamp(0, 1))
    for query in range(1, queries):
        share = START / 2 ** sum(query / queries > at for at in HALVED)
        side = max(1, min(round((share * height * width) ** 0.5), height, width))
        top, left = (int(torch.randint(n - side + 1, (1,), generator=generator)) for n in (height, width))
        delta = best - x
        delta[..., top : top + side, left : left + side] = signs(count, channels, 1, 1)
        keep((x + delta.clamp(-eps, eps)).clamp(0, 1))
    return best
