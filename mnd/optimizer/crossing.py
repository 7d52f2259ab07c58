"""Where a falling function crosses zero, for a batch of functions at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

NEAR = 1.05
"""How far from the guess the second point is, as a factor; multipliers move by few per cent in most steps."""
BEYOND = 1.001
"""So little beyond the crossing, as a factor, the search looks: there the function is below 0."""


def crossing(
    value: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, guess: Tensor, tries: int = 4
) -> Tensor:
    """A point of `[low, high]` just behind where a falling function crosses 0; the nearer end if it does not.

        t_2 = guess * NEAR^(+-1),   t_{i+1} = BEYOND (t_i - f(t_i) (t_i - t_{i-1}) / (f(t_i) - f(t_{i-1})))

    The secant method, kept between the points whose signs are known; where the function stands still, as one
    of rounded pictures does between two steps, the middle of these is looked at instead.

    Args:
        value: points `(B,)` -> the values there, `(B,)`; falling, steps allowed.
        low, high, guess: `(B,)`, at least 0; the last one between the others.
        tries: so many values are asked for.

    >>> there = crossing(lambda t: 2 - t * t, torch.zeros(1), torch.full((1,), 4.0), torch.ones(1), tries=6)
    >>> 0 <= there.item() / 2**0.5 - 1 <= 0.005
    True
    """
    at, before, told = guess, guess, torch.zeros_like(guess)
    above = torch.ones_like(guess, dtype=torch.bool)
    for turn in range(tries):
        f = value(at)
        above = f > 0
        low, high = torch.where(above, at, low), torch.where(above, high, at)
        beside = torch.where(above, at * NEAR, at / NEAR)
        aim = BEYOND * (at - f * (at - before) / (f - told)) if turn else beside
        # 0/0 and x/0 where the function stands still, a step the wrong way where it rises
        lost = ~aim.isfinite() | (above & (aim <= at))
        before, told = at, f
        at = torch.where(lost, (low + high) / 2, aim).maximum(low).minimum(high)
    return torch.where(above, at, high)
