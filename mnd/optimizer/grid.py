"""A coarser grid for what is smooth: pulls that live on it, and pictures that are looked at on it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid `factor` times coarser than a picture of `height` x `width`, each point amid as many pixels.

        up(z)   = R z C^T       bilinear, constant beyond the outermost points
        down(x) = R^T x C       its adjoint:  <up(z), x> = <z, down(x)>
        mean(x) = down(x) / down(1)

    Raises:
        ValueError: `factor` is below 1.

    >>> grid = Grid(6, 9, 3)
    >>> grid.up(torch.ones(1, 1, 2, 3)).shape, round(grid.mean(torch.ones(1, 1, 6, 9)).min().item(), 3)
    (torch.Size([1, 1, 6, 9]), 1.0)
    """

    height: int
    width: int
    factor: int

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError(f"factor is {self.factor}, expected at least 1")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what lives on the grid."""
        return -(-self.height // self.factor), -(-self.width // self.factor)

    def up(self, z: Tensor) -> Tensor:
        """`(..., height, width)` from values `(..., h, w)` on the grid."""
        rows, columns = self._ways(z)
        return rows @ z @ columns.T

    def down(self, x: Tensor) -> Tensor:
        """`(..., h, w)`: what each point of the grid has to do with the pixels `(..., height, width)`."""
        rows, columns = self._ways(x)
        return rows.T @ x @ columns

    def mean(self, x: Tensor) -> Tensor:
        """The picture as it is seen on the grid: weighted means of its pixels around each point."""
        rows, columns = self._ways(x)
        return self.down(x) / (rows.sum(0)[:, None] * columns.sum(0))

    def place(self, points: Tensor) -> Tensor:
        """Where points of the picture lie on the grid; centres of pixels are whole numbers."""
        return (points + 0.5) / self.factor - 0.5

    def _ways(self, like: Tensor) -> tuple[Tensor, Tensor]:
        h, w = self.size
        return _weights(self.height, h, self.factor, like), _weights(self.width, w, self.factor, like)


def _weights(length: int, count: int, factor: int, like: Tensor) -> Tensor:
    """`(length, count)`: how much each of `count` points has to say at each pixel; rows add up to one."""
    at = ((torch.arange(length, dtype=torch.float64) + 0.5) / factor - 0.5).clamp(0, count - 1)
    apart = (at[:, None] - torch.arange(count, dtype=torch.float64)).abs()
    return (1 - apart).clamp_min(0).to(like)
