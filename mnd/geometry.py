"""The geometry of a search: how far each pixel may go for the same visible cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .losses.curvature import Metric, curvature_of
from .losses.images import blur, gaussian

SIGMA = 1.0
"""What lies within about so many pixels is seen together."""
ONSET, HOLD = 1.3, 0.6
"""How suddenly energy begins to hold back, and how strongly: in the end a change grows as its pull to the
power 1 - HOLD."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The map of the search from what pulls at a picture to its change, `y - x = v z / held(e(z))`,

        held(e) = (1 + (c sqrt(e))^ONSET)^(HOLD / ONSET)        e(z) = blur(w z^2),   w = (h / h_mean)^f

    With c = 0 and `v = h^(-1/2)`, h the curvature of D, it is the step that is best for the diagonal model of
    D. What pulls strongly within one small neighbourhood is held back by the energy e there: no spot of a
    picture stands out, least of all a flat one, and texture beside it takes over. A pull far below `1 / c` is
    not touched: where little has to be changed the model of D alone decides.
    """

    v: Tensor
    """`(B, 3, H, W)`: how far each value goes for one unit of cost; 0 where nothing may change."""
    c: float = 0.0
    w: Tensor | None = None
    """`(B, 3, H, W)`: how much a pull counts as energy; alike everywhere by default."""

    @staticmethod
    def of(distance: Metric, x: Tensor, mask: Tensor | None = None, grey: bool = False) -> Geometry:
        """The geometry that belongs to `distance` around the clean `x`.

        Args:
            distance: gives `h`, c as its `spread` and f as its `flat`, 0 where it has none.
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
        c = float(getattr(distance, "spread", 0.0))
        flat = float(getattr(distance, "flat", 0.0))
        return Geometry(v, c, _flatness(v, flat) if c and flat else None)

    def primal(self, z: Tensor) -> Tensor:
        """The change of the picture that belongs to the pull `z`, `(B, 3, H, W)`."""
        if self.c == 0:
            return self.v * z
        return self.v * z / self._held(self.energy(z, z))

    def along(self, rest: Tensor, slope: Tensor, every: int = 1) -> Callable[[Tensor], Tensor]:
        """`primal(rest + lambda slope)` as a function of `lambda`, of every so many pixels.

        The energy is a quadratic function of `lambda`: its blurs, three at most, are done once.
        """

        def sample(t: Tensor) -> Tensor:
            return t[..., ::every, ::every].contiguous()

        still, change = (sample(self.v * part.expand_as(slope)) for part in (rest, slope))
        if self.c == 0:
            return lambda multiplier: still + multiplier * change
        two = sample(self.energy(slope, slope))
        # where nothing else pulls, which is known at once, two of the blurs are of nothing
        alone = not bool(rest.any())
        one, both = (0 if alone else sample(self.energy(rest, b)) for b in (rest, slope))

        def path(multiplier: Tensor) -> Tensor:
            energy = one + multiplier * (2 * both + multiplier * two)
            return (still + multiplier * change) / self._held(energy)

        return path

    def energy(self, a: Tensor, b: Tensor) -> Tensor:
        """`(B, 1, H, W)`: `blur(w a b)`, its mean over the channels."""
        product = a * b if self.w is None else self.w * a * b
        size = min(2 * round(3 * SIGMA) + 1, 2 * min(a.shape[2:]) - 1)
        return blur(product.mean(1, keepdim=True), gaussian(size, SIGMA, a), "reflect")

    def _held(self, energy: Tensor) -> Tensor:
        # a blur may come out as a little less than nothing
        return energy.clamp_min(0).mul_(self.c**2).pow_(ONSET / 2).add_(1).pow_(HOLD / ONSET)

    def dual(self, u: Tensor) -> Tensor:
        """About the size of the pull whose change is everywhere of the size `v u`."""
        held: Tensor = 1 + (self.c * u) ** (HOLD / (1 - HOLD))
        return u * held


def _flatness(v: Tensor, flat: float) -> Tensor:
    """`(h / h_mean)^flat`, the mean a geometric one; 0 where nothing may change."""
    there = v > 0
    depth = torch.where(there, v.log(), 0.0)
    middle = depth.sum((1, 2, 3), keepdim=True) / there.sum((1, 2, 3), keepdim=True).clamp_min(1)
    return torch.where(there, (2 * flat * (middle - depth)).exp(), 0.0)
