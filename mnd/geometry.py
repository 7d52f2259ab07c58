"""The geometry of a search: how far each pixel may go for the same visible cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .losses.curvature import Metric, curvature_of


@dataclass(frozen=True, slots=True)
class Geometry:
    """The mirror map of the search, `psi(u) = sum 1/2 u^2 + c/3 |u|^3` with `u = (y - x) / v`.

    With c = 0 and `v = h^(-1/2)`, h the curvature of D, psi is the diagonal quadratic model of D itself. A
    larger c makes single large changes dearer than many small ones: it spreads the perturbation. Changes far
    below `|u| = 1 / c` are not touched by it: where little has to be changed the model of D alone decides.
    """

    v: Tensor
    """`(B, 3, H, W)`: how far each value goes for one unit of cost; 0 where nothing may change."""
    c: float = 0.0

    @staticmethod
    def of(distance: Metric, x: Tensor, mask: Tensor | None = None, grey: bool = False) -> Geometry:
        """The geometry that belongs to `distance` around the clean `x`.

        Args:
            distance: gives `h`, and c as its `spread` where it has one; c = 0 otherwise.
            x: `(B, 3, H, W)` in [0, 1].
            mask: broadcastable to x, 1 where pixels may change.
            grey: the three channels must change alike.
        """
        h = curvature_of(distance, x) * x[0].numel()
        if grey:
            h = h.mean(1, keepdim=True).expand_as(x)
        v = h.rsqrt()
        if mask is not None:
            v = v * mask
        return Geometry(v, float(getattr(distance, "spread", 0.0)))

    def primal(self, z: Tensor) -> Tensor:
        """The change of the picture that belongs to dual `z`: `v grad psi*(z)`.

        `u = grad psi*(z)` solves `u + c u |u| = z`: `u = 2 z / (1 + sqrt(1 + 4 c |z|))`.
        """
        if self.c == 0:
            return self.v * z
        root = z.abs().mul_(4 * self.c).add_(1).sqrt_().add_(1)
        return root.reciprocal_().mul_(z).mul_(self.v).mul_(2)

    def along(self, z: Tensor) -> Callable[[Tensor], Tensor]:
        """`primal(lambda z)` as a function of `lambda >= 0`; what does not depend on it is done once."""
        change = self.v * z
        if self.c == 0:
            return lambda multiplier: change * multiplier
        twice, size = 2 * change, 4 * self.c * z.abs()
        return lambda multiplier: (twice * multiplier).div_((size * multiplier).add_(1).sqrt_().add_(1))

    def dual(self, u: Tensor) -> Tensor:
        """The dual of a change `v u`: `grad psi(u) = u + c u |u|`."""
        return u + self.c * u * u.abs()
