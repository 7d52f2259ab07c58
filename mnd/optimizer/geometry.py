"""The geometry of a search: how far each pixel may go for the same visible cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..losses.curvature import Metric, curvature_of
from ..losses.images import blur, gaussian
from .grid import Grid

SIGMA = 1.0
"""What lies within about so many pixels is seen together."""
ONSET, HOLD = 1.3, 0.6
"""How suddenly energy begins to damp, and how strongly: in the end a change grows as its dual variable to the
power 1 - HOLD."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The map of the search from a dual variable z to the change of the picture, its primal one,

        y - x = v z / damping(e(z))

        damping(e) = (1 + (c sqrt(e))^ONSET)^(HOLD / ONSET)
        e(z) = blur(w z^2),   w = (h / h_mean)^f

    With c = 0 and `v = h^(-1/2)`, h the curvature of D, it is the step that is best for the diagonal model of
    D. Where z is large in one small neighbourhood it is damped by its energy e there: no spot of a picture
    stands out, least of all a flat one, and texture beside it takes over. A z far below `1 / c` is not
    touched: where little has to be changed the model of D alone decides.
    """

    v: Tensor
    """`(B, 3, H, W)`: how far each value goes for one unit of cost; 0 where nothing may change."""
    c: float = 0.0
    w: Tensor | None = None
    """`(B, 3, H, W)`: how much z counts as energy; alike everywhere by default."""

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

    def on(self, grid: Grid) -> Geometry:
        """That of the picture as it is seen on a coarser grid.

        A slope p that is smooth moves what is seen there by `mean(v^2) p`, at the energy `mean(w v^2) p^2`.
        """
        v2 = grid.mean(self.v.square())
        w = None if self.w is None else grid.mean(self.w * self.v.square()) / v2.clamp_min(1e-30)
        return Geometry(v2.sqrt(), self.c, w)

    def primal(self, z: Tensor) -> Tensor:
        """The change of the picture that belongs to the dual variable `z`, `(B, 3, H, W)`."""
        if self.c == 0:
            return self.v * z
        return self.v * z / self.damping(self.energy(z, z))

    def energy(self, a: Tensor, b: Tensor) -> Tensor:
        """`(B, 1, H, W)`: `blur(w a b)`, its mean over the channels."""
        product = a * b if self.w is None else self.w * a * b
        size = min(2 * round(3 * SIGMA) + 1, 2 * min(a.shape[2:]) - 1)
        return blur(product.mean(1, keepdim=True), gaussian(size, SIGMA, a), "reflect")

    def damping(self, energy: Tensor) -> Tensor:
        """`(1 + (c sqrt(e))^ONSET)^(HOLD / ONSET)`: what divides a change where the energy is e."""
        # a blur may come out as a little less than nothing
        return energy.clamp_min(0).mul_(self.c**2).pow_(ONSET / 2).add_(1).pow_(HOLD / ONSET)

    def dual(self, u: Tensor) -> Tensor:
        """About the size of the dual variable whose change is everywhere of the size `v u`."""
        damping: Tensor = 1 + (self.c * u) ** (HOLD / (1 - HOLD))
        return u * damping


@dataclass(frozen=True, slots=True)
class Duals:
    """The dual variable `z = sum_k m_k z_k` as a function of the multipliers.

    The energy of such a sum is a quadratic form, `e(z) = sum_jk m_j m_k blur(w z_j z_k)`: its blurs are done
    once for all multipliers that are tried.
    """

    geometry: Geometry
    parts: Sequence[Tensor]
    """The K parts `z_k`, `(B, 3, H, W)` each."""
    energies: Sequence[Sequence[Tensor]]
    """`blur(w z_j z_k)` of each k and the j from 0 to k, `(B, 1, H, W)`; nothing without c."""

    @staticmethod
    def of(geometry: Geometry, parts: Sequence[Tensor]) -> Duals:
        """The parts and their energies."""
        some = parts if geometry.c else []
        energies = [[geometry.energy(some[j], z) for j in range(k + 1)] for k, z in enumerate(some)]
        return Duals(geometry, parts, energies)

    def sample(self, every: int) -> Duals:
        """Those at every so many pixels in each direction."""
        if every == 1:
            return self

        def some(t: Tensor) -> Tensor:
            return t[..., ::every, ::every].contiguous()

        return Duals(
            replace(self.geometry, v=some(self.geometry.v), w=None),
            [some(z) for z in self.parts],
            [[some(energy) for energy in row] for row in self.energies],
        )

    def primal(self, multipliers: Tensor) -> Tensor:
        """The change that belongs to the sum; multipliers `(K, B)`."""
        change = _sum(self.parts, multipliers).mul_(self.geometry.v)  # in place: of a large photo it is much
        if not self.energies:
            return change
        return change.div_(self.geometry.damping(self._form(multipliers)))

    def along(self, multipliers: Tensor, k: int) -> Callable[[Tensor], Tensor]:
        """`primal` as a function of the k-th multiplier, `(B,)`, alone."""
        rest = multipliers.clone()
        rest[k] = 0
        change = self.geometry.v * self.parts[k]
        still = self.geometry.v * _sum(self.parts, rest)
        if not self.energies:
            return lambda one: still + per_image(one) * change
        alone, two = self._form(rest), self.energies[k][k]
        both = _sum([self.energies[max(j, k)][min(j, k)] for j in range(len(rest))], rest)
        if not bool(rest.any()):  # nothing else counts: the energy grows as the square, its power is known
            steep = two.clamp_min(0).mul_(self.geometry.c**2).pow_(ONSET / 2)

            def straight(one: Tensor) -> Tensor:
                m = per_image(one)
                damping = (steep * m.abs() ** ONSET).add_(1).pow_(HOLD / ONSET)
                return (change * m).div_(damping)

            return straight

        def path(one: Tensor) -> Tensor:
            m = per_image(one)
            return (still + m * change) / self.geometry.damping(alone + m * (2 * both + m * two))

        return path

    def _form(self, multipliers: Tensor) -> Tensor:
        """The energy of the sum, `(B, 1, H, W)`."""
        pairs = [(j, k) for k in range(len(self.energies)) for j in range(k + 1)]
        products = [multipliers[j] * multipliers[k] * (1 if j == k else 2) for j, k in pairs]
        return _sum([self.energies[k][j] for j, k in pairs], torch.stack(products))


def _sum(parts: Sequence[Tensor], multipliers: Tensor) -> Tensor:
    """`sum_k m_k parts_k`."""
    weights = per_image(multipliers)
    total = parts[0] * weights[0]
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        total.addcmul_(part, weight)
    return total


def rounded(x: Tensor, change: Tensor, levels: int | None) -> Tensor:
    """The picture with a change, on the grey levels of its file; takes the memory of `change`."""
    y = change.add_(x).clamp_(0, 1)
    return y if levels is None else y.mul_(levels - 1).round_().div_(levels - 1)


def per_image(values: Tensor) -> Tensor:
    """A value for each picture, `(..., B)`, beside pictures `(..., B, C, H, W)`."""
    return values[..., None, None, None]


def _flatness(v: Tensor, flat: float) -> Tensor:
    """`(h / h_mean)^flat`, the mean a geometric one; 0 where nothing may change."""
    there = v > 0
    depth = torch.where(there, v.log(), 0.0)
    middle = depth.sum((1, 2, 3), keepdim=True) / there.sum((1, 2, 3), keepdim=True).clamp_min(1)
    return torch.where(there, (2 * flat * (middle - depth)).exp(), 0.0)
