"""One search under way: where it stands, its next picture, the best so far."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from ..losses.curvature import Curved, Metric, stiffness
from ..losses.images import Distance
from .crossing import crossing
from .geometry import Duals, Geometry, per_image, rounded
from .limits import Limits
from .settings import Result, SearchSettings
from .start import Start

SAMPLE = 100_000
"""So many values of a picture are enough to solve for the multipliers."""
FAR = 1e12
"""The largest multiplier, in those of a first step: any value that has a slope is black or white by then."""


class Run:
    """One search under way: the picture, the averages, the multipliers and the best so far."""

    def __init__(
        self,
        distance: Metric,
        settings: SearchSettings,
        x: Tensor,
        geometry: Geometry,
        grey: bool,
        limits: Limits,
        start: Start | None = None,
    ) -> None:
        self.x, self.settings, self.grey, self.limits = x, settings, grey, limits
        self.geometry = geometry
        self.relax = self._relax(distance)
        self.follows = bool(self.relax.any())
        self.distance = distance
        self.G = torch.zeros(0)
        self.lambdas = self.slack = self.damped = torch.zeros(0)
        self.residual = torch.zeros((), dtype=x.dtype, device=x.device)
        self.border = self.slopes = torch.zeros(0)
        self.y = self._random() if start is None else self._resumed(start)
        self.best = x.clone()
        self.best_cost = torch.full_like(x[:, 0, 0, 0], torch.inf)
        self.best_worst = torch.full_like(self.best_cost, torch.inf)
        self.best_margins = torch.zeros(0)
        self.best_pulls = self.best_lambdas = self.best_slack = torch.zeros(0)
        self.steps = 0

    def _relax(self, distance: Metric) -> Tensor:
        """`(B, 1, 1, 1)`: twice the inverse of D's stiffness would be too fast, and the search diverge."""
        ones = torch.ones_like(self.x[:, :1, :1, :1])
        if self.settings.relax is not None:
            return self.settings.relax * ones
        if isinstance(distance, Curved):
            return 0 * ones
        stiff = stiffness(distance, self.x, self.geometry.v) * self.x[0].numel()
        return (0.7 / per_image(stiff).clamp_min(1e-9)).clamp_max(0.2)

    def _resumed(self, start: Start) -> Tensor:
        """The picture of another search's pulls and multipliers."""
        self.G = self.limits.pull(start.pulls(self.geometry.v), self.geometry.v)
        self.lambdas, self.slack = start.multipliers.clone(), start.slack.clone()
        self.damped = torch.zeros_like(self.lambdas, dtype=torch.bool)
        return self._changed(self._duals())

    def _random(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.settings.seed)
        noise = torch.randn(self.x.shape[1:], generator=generator).to(self.x)
        if self.grey:
            noise = noise[:1].expand_as(noise)
        noise = noise * self.settings.start / 255 * (self.geometry.v > 0)
        return self._saved(self.x, self.limits.with_begun(noise))

    def _saved(self, x: Tensor, change: Tensor) -> Tensor:
        """The picture with a change, as the file will hold it; takes the memory of `change`."""
        return rounded(x, change, self.settings.levels)

    def recalled(self, m: Tensor, g: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Margins and slopes; of rows that were not seen, `(K, 1)`, by their last linear model."""
        border = m - _dot(g, self.y[None])
        if not seen.all():
            border = torch.where(seen, border, self.border)
            g = torch.where(seen[..., None, None, None], g, self.slopes)
            m = torch.where(seen, m, border + _dot(g, self.y[None]))
        self.border, self.slopes = border, g
        return m, g

    def judge(self, m: Tensor, last: bool, seen: bool = True) -> None:
        """Keep the present picture where it is the best judged so far, and follow D's own slope."""
        worst = m.amax(0) if seen else torch.full_like(m[0], torch.inf)
        fooled = worst <= -self.settings.kappa
        cost = self._cost(bool(fooled.any()), self.follows and not last)
        found = self.best_cost < torch.inf
        kept = cost < (self.best_cost if self.settings.keep == "cheapest" else torch.inf)
        better = torch.where(fooled, kept, ~found & (worst < self.best_worst))
        self.best = torch.where(per_image(better), self.y, self.best)
        self.best_cost = torch.where(fooled & better, cost, self.best_cost)
        self.best_worst = torch.where(better, worst, self.best_worst)
        self._remember(better)
        self.best_margins = m if not len(self.best_margins) else torch.where(better, m, self.best_margins)
        self.steps += 1

    def _remember(self, better: Tensor) -> None:
        """With which pulls and multipliers the best picture was made."""
        if not len(self.G):  # a random one
            return
        if better.all() or not len(self.best_pulls):
            # in place only multipliers are changed
            self.best_pulls, self.best_lambdas, self.best_slack = self.G, self.lambdas.clone(), self.slack
        elif better.any():
            self.best_pulls = torch.where(per_image(better), self.G, self.best_pulls)
            self.best_lambdas = torch.where(better, self.lambdas, self.best_lambdas)
            self.best_slack = torch.where(better, self.slack, self.best_slack)

    def forget(self) -> None:
        """Nothing found so far counts any more."""
        self.best_cost = torch.full_like(self.best_cost, torch.inf)
        self.best_worst = torch.full_like(self.best_cost, torch.inf)

    def _cost(self, wanted: bool, follow: bool) -> Tensor:
        """D of the present picture where it is wanted; its slope is followed on the way."""
        if not follow:
            wanted = wanted and self.settings.keep == "cheapest"
            with torch.no_grad():
                return self.cost(self.y) if wanted else torch.zeros_like(self.best_cost)
        y = self.y.requires_grad_(True)
        cost = self.cost(y)
        (slope,) = torch.autograd.grad(cost.sum(), y)
        self.y = y.detach()
        self._follow(slope)
        return cost.detach()

    @cached_property
    def cost(self) -> Callable[[Tensor], Tensor]:
        """D from the clean picture; not asked for where nobody compares."""
        if isinstance(self.distance, Distance):
            return self.distance.at(self.x)
        return lambda y: self.distance(self.x, y)

    def _follow(self, slope: Tensor) -> None:
        """The part of D's slope that the geometry does not hold: `v grad D - u`, averaged."""
        v, relax = self.geometry.v, self.relax
        if self.grey:
            slope = slope.mean(1, keepdim=True).expand_as(slope)
        u = torch.where(v > 0, (self.y.detach() - self.x) / v, 0.0)
        self.residual = (1 - relax) * self.residual + relax * (v * slope * self.x[0].numel() - u)

    def move(self, m: Tensor, g: Tensor, seen: Tensor, step: int) -> None:
        """The next picture, by the four equations of `MND`."""
        # v grad margin_k / |v grad margin_k|
        scaled = self.limits.pull(g * self.geometry.v, self.geometry.v)
        size = torch.linalg.vector_norm(scaled.flatten(2), dim=2) / self.x[0].numel() ** 0.5
        scaled = scaled / per_image(size.clamp_min(torch.finfo(g.dtype).tiny))
        if not len(self.G):
            self.G = scaled
            self.lambdas, self.slack = torch.zeros_like(m), torch.zeros_like(m)
            self.damped = torch.ones_like(m, dtype=torch.bool)
        # G_k <- beta G_k + (1 - beta) ...
        first, last = self.settings.momentum
        beta = first + (last - first) * min(step / self.settings.steps, 1)
        # where a target has no slope (at the clean picture its distance has none) nothing is learned
        new = per_image(torch.where(seen & (size > 0), 1 - beta, 0.0))
        self.G = (1 - new) * self.G + new * scaled
        # s_k <- max(0, s_k + gain (margin_k + kappa))
        miss = m + self.settings.kappa
        # while the trust holds a picture back it is on its way: a miss says nothing of the linear model then
        learned = torch.where(miss > 0, torch.where(self.damped, 0.0, miss), miss / 2) * seen
        self.slack = (self.slack + self.settings.gain * learned).clamp_min(0)
        # lambda_k: the linear model of each margin is just fooled
        duals = self._duals()
        self._solve(miss + self.slack, g, duals)
        # y = round(x + primal(- sum_k lambda_k G_k))
        self.y = self._changed(duals)

    def _changed(self, duals: Duals) -> Tensor:
        """`round(x + primal(- sum_k lambda_k G_k))`, within the limits."""
        change = self.limits.keep(duals.primal(self._weights()), self.geometry.v)
        return self._saved(self.x, change)

    def _duals(self) -> Duals:
        """`G_k` of each target, and, where D's own slope is followed, the residual."""
        return Duals.of(self.geometry, [*self.G, *([self.residual] if self.follows else [])])

    def _weights(self) -> Tensor:
        """`-lambda_k` of each target, and -1 of a residual."""
        ones = torch.ones_like(self.lambdas[: self.follows])
        return -torch.cat([self.lambdas, ones])

    def _solve(self, aim: Tensor, g: Tensor, duals: Duals) -> None:
        """For each target the multiplier at which `aim + g (y(lambda) - y) <= 0` just holds.

        Of a large picture a sample of the pixels tells the sums well enough; the slack sees to the rest.
        """
        every = max(round((self.x[0].numel() / SAMPLE) ** 0.5), 1)
        g = _sample(g, every).contiguous() * every**2
        offset = aim - _dot(g, _sample(self.y, every)[None])
        growth = self.settings.trust ** (2 if self.geometry.c else 1)
        first, x, duals = self._first_step(), _sample(self.x, every), duals.sample(every)
        limits, v = self.limits.sample(every), _sample(self.geometry.v, every)
        for k in range(len(offset)):
            current, change = self.lambdas[k], duals.along(self._weights(), k)
            low = torch.where(current > 0, current / growth, 0.0)
            top = torch.where(current > 0, current * growth, first)

            def model(one: Tensor, k: int = k, change: Callable[[Tensor], Tensor] = change) -> Tensor:
                return offset[k] + _dot(g[k], self._saved(x, limits.keep(change(-one), v)))

            found = crossing(model, low, top, torch.where(current > 0, current, first))
            # a margin that no picture reaches asks for more in every step
            self.lambdas[k] = found.minimum(FAR * first)
            self.damped[k] = found >= top

    def _first_step(self) -> Tensor:
        """The multiplier whose first change is a tenth of a grey level, in the norm of the geometry."""
        size = self.geometry.v.square().mean((1, 2, 3)).sqrt()
        size = torch.where(size > 0, size, 1.0)  # a mask may let nothing change
        return self.geometry.dual(0.1 / 255 / size)

    def result(self) -> Result:
        with torch.no_grad():
            distance = self.cost(self.best)
        success = self.best_cost < torch.inf
        return Result(self.best, success, distance, self.steps, self.best_margins, self._end())

    def _end(self) -> Start:
        if not len(self.best_pulls):  # it never moved
            nothing = torch.zeros_like(self.best_margins)
            return Start(torch.zeros_like(self.slopes), nothing, nothing)
        return Start.of(self.best_pulls, self.geometry.v, self.best_lambdas, self.best_slack)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    dot: Tensor = torch.linalg.vecdot(a.flatten(-3), b.flatten(-3))
    return dot


def _sample(t: Tensor, every: int) -> Tensor:
    return t if every == 1 or t.ndim == 0 else t[..., ::every, ::every]
