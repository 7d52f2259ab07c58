"""MND: the search for the smallest noticeable change that fools every target; tensors in, tensors out.

The paper (Sun, Jin and Lin 2022) minimises an adversarial loss and a perceptual one together. Here they are

    adversarial     margin_k(y), one a target: `mnd.losses.adversarial`
    perceptual      D(x, y) = alpha magnitude + beta structure + gamma gradient: `mnd.losses.composite`

and the weight between them is none that somebody chooses: it is the multiplier that just fools the target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..losses.composite import Composite
from ..losses.curvature import Curved, Metric, stiffness
from ..losses.images import Distance, check_images
from .geometry import Duals, Geometry, per_image
from .limits import Limits

SAMPLE = 400_000
"""So many values of a picture are enough to solve for the multipliers."""
FAR = 1e12
"""The largest multiplier, in those of a first step: any value that has a slope is black or white by then."""
Margins = Callable[[Tensor], Tensor] | Sequence[Callable[[Tensor], Tensor]]
"""`(B, 3, H, W)` -> `(B,)` or `(K, B)`, or one such function a target; > 0: still recognised. A row of NaN
says that a target was not looked at in this step: its last linear model stands then, and the picture is not
kept. The first step and the last one look at all."""
Slopes = Callable[[Sequence[Tensor], Tensor], Tensor]
"""Rows of margins, each `(B,)`, and the pictures -> `(K, B, 3, H, W)`, their gradients; see `gradients`."""
Keep = Literal["cheapest", "last"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The settings of the search.

    Raises:
        ValueError: a value is outside its range.

    >>> SearchSettings(steps=20).steps
    20
    """

    steps: int = 40
    """Forward and backward passes through the targets."""
    kappa: float = 0.0
    """Head-room: every margin must reach -kappa, in the target's own unit."""
    momentum: tuple[float, float] = (0.3, 0.95)
    """How slowly the average of the targets' gradients forgets, in the first step and in the last: at first
    the search looks around, in the end it settles."""
    trust: float = 1.6
    """How much the change may grow or shrink in one step, as a factor."""
    gain: float = 0.7
    """How much of what a linear model of the margin missed is added to its aim in the next step."""
    relax: float | None = None
    """How fast what the diagonal model of D misses is followed, at the price of D's gradient in every step.
    None: as fast as is stable, 0.2 at most, for a distance whose curvature must be estimated; 0 for one that
    knows its own."""
    start: float = 0.5
    """Size of the random start in grey levels: the gradient of a distance to itself is zero."""
    levels: int | None = 256
    """Grey levels of the saved file; None: no rounding."""
    keep: Keep = "cheapest"
    """Which of the fooling pictures is returned. cheapest: the one of least D. last: for margins that are
    drawn anew in every step, where the cheapest picture is one that was lucky."""
    patience: int = 6
    """So many more steps each time a picture is not accepted."""
    rounds: int = 4
    """So often at most."""
    ready: int = 0
    """The first step whose picture may be returned: until then what the margins ask for may still change."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.ready < max(self.steps, 1):
            raise ValueError(f"ready is {self.ready}, expected a step of 0 to {self.steps - 1}")
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, expected at least 1")
        if len(self.momentum) != 2 or not all(0 <= value < 1 for value in self.momentum):
            raise ValueError(f"momentum is {self.momentum}, expected two numbers from 0 to below 1")
        if not self.trust > 1:
            raise ValueError(f"trust is {self.trust}, expected a factor above 1")
        if self.levels is not None and self.levels < 2:
            raise ValueError(f"levels is {self.levels}, expected at least 2, or None for no rounding")
        if self.keep not in get_args(Keep):
            raise ValueError(f"keep is {self.keep!r}, expected one of {', '.join(get_args(Keep))}")


@dataclass(frozen=True, slots=True)
class Result:
    """What a search found.

    Attributes:
        image: `(B, 3, H, W)` in [0, 1], on the grey levels of the file: the best verified picture, or where
            nothing fooled every target the one that came nearest to it.
        success: `(B,)` bool: every margin of `image` was seen at or below -kappa.
        distance: `(B,)`, D of `image`.
        steps: forward and backward passes done.
        margins: `(K, B)` of `image`.
    """

    image: Tensor
    success: Tensor
    distance: Tensor
    steps: int
    margins: Tensor


class MND:
    """The y on the file's grey levels that solves

        min_y  D(x, y)   subject to   margin_k(y) <= -kappa   for every target k

    At the optimum the slopes balance, `grad D(y) = - sum_k lambda_k grad margin_k(y)`. With `v` and `primal`
    of the geometry of D (`mnd.optimizer.geometry`), each step t does

        G_k   <- beta_t G_k + (1 - beta_t) v grad margin_k(y) / |v grad margin_k(y)|
        s_k   <- max(0, s_k + gain (margin_k(y) + kappa))
        lambda_k: the least for which  margin_k(y) + kappa + s_k + grad margin_k(y) . (y(lambda) - y) <= 0
        y(lambda) = round(x + primal(- sum_k lambda_k G_k))

    The slack s is what the linear model of a margin missed, an integral control, so that the search settles
    on the border; *rounding is part of the model*. Every step's picture is judged as it would be saved; the
    best one judged is returned (see `keep`).

    The objective is that of Sun, Jin and Lin 2022, arXiv 2206.08638; the search is ours.

    Args:
        distance: D, by default the composite of the paper.
        settings: see `SearchSettings`.
        slopes: who computes the margins' gradients; by default `gradients`.

    >>> x = torch.full((1, 3, 16, 16), 0.5)
    >>> result = MND()(x, lambda y: y.mean((1, 2, 3)) - 0.49)
    >>> bool(result.success), bool(result.image.mean() <= 0.49)
    (True, True)
    """

    def __init__(
        self,
        distance: Metric | None = None,
        settings: SearchSettings | None = None,
        slopes: Slopes | None = None,
    ) -> None:
        self.distance = distance or Composite()
        self.settings = settings or SearchSettings()
        self.slopes = slopes or gradients

    def __call__(
        self,
        x: Tensor,
        margins: Margins,
        mask: Tensor | None = None,
        grey: bool = False,
        progress: Callable[[int], None] | None = None,
        accept: Callable[[Tensor], bool] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """Search for every picture of a batch by itself.

        Args:
            x: `(B, 3, H, W)` in [0, 1], the clean pictures.
            margins: what the targets say, see `Margins`; differentiable.
            mask: `(B or 1, 1 or 3, H, W)`, 1 where pixels may change; everywhere by default.
            grey: the three channels change alike.
            progress: called with the number of steps done.
            accept: asked of the picture that would be returned: where it says no, margins have become
                stricter, and the search goes on (see `patience`).
            limits: what no change may do.

        Raises:
            ValueError: x is no batch of pictures, or margins have another shape or are not finite; a target
                that was not looked at in the first or the last step.
        """
        check_images(x)
        run, step, end = _Run(self, x, mask, grey, limits or Limits()), 0, self.settings.steps
        latest = end + self.settings.rounds * self.settings.patience
        while step < end:
            m, g = _slopes(margins, run.y, grey, self.slopes)
            seen = _seen(m)
            if step in (0, end - 1) and not seen.all():
                raise _not_finite(m)
            m, g = run.recalled(m, g, seen)
            run.judge(m, step + 1 == latest, bool(seen.all()) and step >= self.settings.ready)
            step += 1
            if progress is not None:
                progress(min(step, self.settings.steps))
            if step == end < latest and accept is not None and not accept(run.best):
                end += self.settings.patience
                run.forget()
            if step < end:
                run.move(m, g, seen, step - 1)
        return run.result()


def gradients(rows: Sequence[Tensor], y: Tensor, keep: bool = False) -> Tensor:
    """`(K, B, 3, H, W)`: the gradient of each row of margins `(B,)` by the pictures `y`.

    Args:
        rows: K rows, functions of y.
        y: `(B, 3, H, W)`.
        keep: leave the graph as it is, for others who have a part in it.
    """
    last = len(rows) - 1
    slopes = [
        torch.autograd.grad(row.sum(), y, retain_graph=keep or k < last)[0]
        if looked_at(row)
        else torch.zeros_like(y)
        for k, row in enumerate(rows)
    ]
    return torch.stack(slopes)


def _slopes(margins: Margins, y: Tensor, grey: bool, slopes: Slopes) -> tuple[Tensor, Tensor]:
    """Margins `(K, B)` at y, and the gradient of each, `(K, B, 3, H, W)`."""
    y = y.detach().requires_grad_(True)
    parts = [margins(y)] if callable(margins) else [margin(y) for margin in margins]
    rows = [row for part in parts for row in (part if part.ndim == 2 else part[None])]
    m = torch.stack([row.detach() for row in rows]).to(y.dtype)
    if m.shape[1:] != y.shape[:1]:
        raise _shape(m, len(y))
    if not m[_seen(m)[:, 0]].isfinite().all():
        raise _not_finite(m)
    # no network is asked for the slopes of what was not looked at
    g = slopes([row if told else row.detach() for row, told in zip(rows, _seen(m), strict=True)], y)
    return m, (g.mean(2, keepdim=True).expand_as(g) if grey else g)


def looked_at(row: Tensor) -> bool:
    """Whether the slopes of a row of margins are to be asked for; not of one of NaN without a gradient.

    >>> looked_at(torch.zeros(2, requires_grad=True)), looked_at(torch.full((2,), torch.nan))
    (True, False)
    """
    return row.requires_grad or not bool(row.isnan().all())


def _seen(m: Tensor) -> Tensor:
    """`(K, 1)`: which rows of margins `(K, B)` were looked at."""
    return ~m.isnan().all(1, keepdim=True)


def _shape(m: Tensor, count: int) -> ValueError:
    got = f"margins have shape {tuple(m.shape)}"
    return ValueError(
        f"{got}, expected (targets, {count}): one number for each of {count} images, > 0 while recognised. "
        "Of a classifier: mnd.losses.classifier_margin(model, labels)"
    )


def _not_finite(m: Tensor) -> ValueError:
    values = str(m.tolist())
    told = values if len(values) < 300 else f"{values[:300]} ..."
    return ValueError(
        f"margins are {told}, expected finite numbers, one for each of {m.shape[1]} images; "
        "NaN for a target that a step between the first and the last did not look at"
    )


def _dot(a: Tensor, b: Tensor) -> Tensor:
    dot: Tensor = torch.linalg.vecdot(a.flatten(-3), b.flatten(-3))
    return dot


def _sample(t: Tensor, every: int) -> Tensor:
    return t if every == 1 or t.ndim == 0 else t[..., ::every, ::every]


class _Run:
    """One search under way: the picture, the averages, the multipliers and the best so far."""

    def __init__(self, search: MND, x: Tensor, mask: Tensor | None, grey: bool, limits: Limits) -> None:
        self.x, self.settings, self.grey, self.limits = x, search.settings, grey, limits
        self.geometry = Geometry.of(search.distance, x, mask, grey)
        distance = search.distance
        self.relax = self._relax(search)
        self.follows = bool(self.relax.any())
        self.cost = distance.at(x) if isinstance(distance, Distance) else lambda y: distance(x, y)
        self.y = self._start()
        self.G = torch.zeros(0)
        self.lambdas = self.slack = self.damped = torch.zeros(0)
        self.residual = torch.zeros((), dtype=x.dtype, device=x.device)
        self.border = self.slopes = torch.zeros(0)
        self.best = x.clone()
        self.best_cost = torch.full_like(x[:, 0, 0, 0], torch.inf)
        self.best_worst = torch.full_like(self.best_cost, torch.inf)
        self.best_margins = torch.zeros(0)
        self.steps = 0

    def _relax(self, search: MND) -> Tensor:
        """`(B, 1, 1, 1)`: twice the inverse of D's stiffness would be too fast, and the search diverge."""
        ones = torch.ones_like(self.x[:, :1, :1, :1])
        if search.settings.relax is not None:
            return search.settings.relax * ones
        if isinstance(search.distance, Curved):
            return 0 * ones
        stiff = stiffness(search.distance, self.x, self.geometry.v) * self.x[0].numel()
        return (0.7 / per_image(stiff).clamp_min(1e-9)).clamp_max(0.2)

    def _start(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.settings.seed)
        noise = torch.randn(self.x.shape[1:], generator=generator).to(self.x)
        if self.grey:
            noise = noise[:1].expand_as(noise)
        return self._saved(self.x, noise * self.settings.start / 255 * (self.geometry.v > 0))

    def _saved(self, x: Tensor, change: Tensor) -> Tensor:
        """The picture with a change, as the file will hold it; takes the memory of `change`."""
        y = change.add_(x).clamp_(0, 1)
        if self.settings.levels is None:
            return y
        top = self.settings.levels - 1
        return y.mul_(top).round_().div_(top)

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
        self.best_margins = m if not len(self.best_margins) else torch.where(better, m, self.best_margins)
        self.steps += 1

    def forget(self) -> None:
        """Nothing found so far counts any more."""
        self.best_cost = torch.full_like(self.best_cost, torch.inf)
        self.best_worst = torch.full_like(self.best_cost, torch.inf)

    def _cost(self, wanted: bool, follow: bool) -> Tensor:
        """D of the present picture where it is wanted; its slope is followed on the way."""
        if not follow:
            with torch.no_grad():
                return self.cost(self.y) if wanted else torch.zeros_like(self.best_cost)
        y = self.y.requires_grad_(True)
        cost = self.cost(y)
        (slope,) = torch.autograd.grad(cost.sum(), y)
        self.y = y.detach()
        self._follow(slope)
        return cost.detach()

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
        if step == 0:
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
        change = self.limits.keep(duals.primal(self._weights()), self.geometry.v)
        self.y = self._saved(self.x, change)

    def _duals(self) -> Duals:
        """`G_k` of each target, and, where D's own slope is followed, the residual."""
        return Duals.of(self.geometry, [*self.G, *([self.residual] if self.follows else [])])

    def _weights(self) -> Tensor:
        """`-lambda_k` of each target, and -1 of a residual."""
        ones = torch.ones_like(self.lambdas[: self.follows])
        return -torch.cat([self.lambdas, ones])

    def _solve(self, aim: Tensor, g: Tensor, duals: Duals, halvings: int = 10) -> None:
        """For each target the multiplier at which `aim + g (y(lambda) - y) <= 0` just holds, by bisection.

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
            high = top = torch.where(current > 0, current * growth, first)
            for _ in range(halvings):
                middle = (low + high) / 2
                y = self._saved(x, limits.keep(change(-middle), v))
                recognised = offset[k] + _dot(g[k], y) > 0
                low, high = torch.where(recognised, middle, low), torch.where(recognised, high, middle)
            # a margin that no picture reaches asks for more in every step
            self.lambdas[k] = high.minimum(FAR * first)
            self.damped[k] = high >= top

    def _first_step(self) -> Tensor:
        """The multiplier whose first change is a tenth of a grey level, in the norm of the geometry."""
        size = self.geometry.v.square().mean((1, 2, 3)).sqrt()
        size = torch.where(size > 0, size, 1.0)  # a mask may let nothing change
        return self.geometry.dual(0.1 / 255 / size)

    def result(self) -> Result:
        with torch.no_grad():
            distance = self.cost(self.best)
        return Result(self.best, self.best_cost < torch.inf, distance, self.steps, self.best_margins)
