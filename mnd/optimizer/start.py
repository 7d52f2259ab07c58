"""Where a search begins: where an earlier one, of the same picture or of one like it, stood in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Start:
    """The averaged slopes of the targets, and how much each of them counts; in the terms of `MND`

        z = - v sum_k lambda_k p_k,   p_k = G_k / v

    A slope p knows nothing of the geometry v it was found in, and is as smooth as what a target looks at: it
    can be had on another grid, moved with a face, and taken into another geometry.

    >>> start = Start(torch.ones(1, 1, 3, 4, 4), torch.ones(1, 1), torch.zeros(1, 1))
    >>> start.moved(lambda p: p[..., ::2, ::2]).slopes.shape
    torch.Size([1, 1, 3, 2, 2])
    """

    slopes: Tensor
    """`(K, B, 3, H, W)`, the p of each target."""
    multipliers: Tensor
    """`(K, B)`, lambda."""
    slack: Tensor
    """`(K, B)`, s."""

    @staticmethod
    def of(pulls: Tensor, v: Tensor, multipliers: Tensor, slack: Tensor) -> Start:
        """Where a search with the pulls G `(K, B, 3, H, W)` stands in the geometry v `(B, 3, H, W)`."""
        return Start(torch.where(v > 0, pulls / v, 0.0), multipliers, slack)

    def moved(self, how: Callable[[Tensor], Tensor]) -> Start:
        """The same with its slopes on another grid, or elsewhere in the picture."""
        return replace(self, slopes=how(self.slopes))

    def pulls(self, v: Tensor) -> Tensor:
        """G in the geometry v."""
        return self.slopes * v
