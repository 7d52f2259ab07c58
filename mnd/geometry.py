"""The geometry of a search: how far each pixel may go for the same visible cost."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .losses.curvature import Metric, curvature_of


@dataclass(frozen=True, slots=True)
class Geometry:
    """The mirror map of the search, `psi(u) = 1/p sum |u|^p` with `u = (y - x) / v`.

    With p = 2 and `v = h^(-1/2)`, h the curvature of D, psi is the diagonal quadratic model of D itself. A
    larger p makes single large changes dearer than many small ones: it spreads the perturbation.
    """

    v: Tensor
    """`(B, 3, H, W)`: how far each value goes for one unit of cost; 0 where nothing may change."""
    p: float

    @staticmethod
    def of(distance: Metric, x: Tensor, mask: Tensor | None = None, grey: bool = False) -> Geometry:
        """The geometry that belongs to `distance` around the clean `x`.

        Args:
            distance: gives `h`, and p as its `spread` where it has one; p = 2 otherwise.
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
        return Geometry(v, float(getattr(distance, "spread", 2.0)))

    def primal(self, z: Tensor) -> Tensor:
        """The change of the picture that belongs to dual `z`: `v grad psi*(z) = v sign(z) |z|^(1/(p-1))`."""
        if self.p == 2:
            return self.v * z
        size = z.abs()
        root = size.sqrt_() if self.p == 3 else size.pow_(1 / (self.p - 1))
        return root.copysign_(z).mul_(self.v)
