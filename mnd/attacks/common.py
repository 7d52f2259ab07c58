"""What the searches written here share: looks at the picture as it would be saved, and the best one kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .problem import Problem

LEVELS = 256
"""Grey levels of the saved file."""
Change = Callable[[Tensor], Tensor]
"""How large the change of a picture is, `(1, 3, H, W)` -> `()`."""


def norm(values: Tensor) -> Tensor:
    """The Euclidean norm of all values, `()`."""
    length: Tensor = torch.linalg.vector_norm(values)
    return length


def unit(slope: Tensor, generator: torch.Generator) -> Tensor:
    """The direction of a slope; of none, some direction: a distance has no slope at the clean picture."""
    if not slope.any():
        slope = torch.randn(slope.shape, generator=generator).to(slope)
    return slope / norm(slope).clamp_min(1e-30)


def cosine(start: float, end: float, share: float) -> float:
    """From `start` at a share of 0 of the way to `end` at 1, slowly at both ends.

    >>> round(cosine(1.0, 0.0, 0.5), 6)
    0.5
    """
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def grid(problem: Problem, y: Tensor, levels: int | None = LEVELS) -> Tensor:
    """`y` as the file will hold it: in [0, 1], unchanged outside the mask, on the grey levels (None: any)."""
    y = problem.within(y).clamp(0, 1)
    return y if levels is None else (y * (levels - 1)).round() / (levels - 1)


@dataclass
class Best:
    """The smallest change that was seen to fool; before there is one, the picture nearest to fooling."""

    change: Change
    image: Tensor
    size: float = math.inf
    nearest: float = math.inf
    found: bool = field(default=False)

    def offer(self, y: Tensor, margin: float) -> None:
        """Keep `y` if it is better than what there is; `margin < 0`: it fools."""
        if margin < 0:
            with torch.no_grad():
                size = float(self.change(y))
            if not self.found or size < self.size:
                self.image, self.size, self.found = y.detach().clone(), size, True
        elif not self.found and margin < self.nearest:
            self.image, self.nearest = y.detach().clone(), margin


def gap(scores: Tensor, winner: int) -> Tensor:
    """`z_winner - max of the others`, `(B,)`, of scores `(B, C)`: > 0 while recognised.

    >>> gap(torch.tensor([[3.0, 1.0, 2.0]]), 0).item()
    1.0
    """
    others = torch.cat([scores[:, :winner], scores[:, winner + 1 :]], dim=1)
    return scores[:, winner] - others.amax(dim=1)
