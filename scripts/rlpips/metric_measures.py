"""What `evaluate_metrics.py` measures: metrics attacked through their own distance, judged afterwards."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mnd.channel import to_pixels
from mnd.losses.elpips import ELPIPS
from mnd.losses.images import Distance
from mnd.losses.lpips import LPIPS
from mnd.losses.structure import SSIM
from mnd.metrics.fidelity import ssimulacra2
from rlpips.misleading import Norm, pgd
from rlpips.square import square
from rlpips.twoafc import Batch, score

Move = Literal["x0", "x1", "both", "preferred", "ref"]
"""What an attack moves of a triplet; `preferred` is the one that the raters find nearer, pushed away."""
Change = Literal["mse", "ssim"]
How = Literal["apgd", "square", "transfer"]
"""Along the metric's own slopes; by its values alone; along the slopes of LPIPS, as packaged."""
Near = Callable[[Tensor], Tensor]
Objective = Callable[[Distance], Near]
"""What is to be made large, `(B,)` of pictures, as a metric sees it."""
Measured = dict[str, Any]

SIDE = 64
"""Radii of L2 balls are those of pictures of this side; larger ones get the same change a pixel."""
NOISES = 4
"""Random changes that an attacked one is compared with, for each picture."""
RESAMPLES = 2000
"""Of the bootstrap."""
ATTACK, CHOICE, JUDGE = 1, 2, 3
"""What is added to the seed of a random metric: no draw of the attack is seen by the judge."""


# metrics and settings -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ball:
    """Where an attack may go: `Ball("linf", 4 / 255)`, in units of [0, 1]."""

    norm: Norm
    eps: float

    @property
    def name(self) -> str:
        """As the tables have it."""
        return f"Linf {self.eps * 255:g}/255" if self.norm == "linf" else f"L2 {self.eps:g}"

    def radius(self, x: Tensor) -> float:
        """The radius for pictures like `x`: that of L2 grows with the side, from 64x64 pixels."""
        return self.eps if self.norm == "linf" else self.eps * math.sqrt(x[0].numel() / (3 * SIDE**2))


@dataclass(frozen=True)
class Settings:
    """How hard all metrics are attacked, and by how many draws a random one is judged."""

    steps: int = 50
    restarts: int = 1
    draws: int = 1
    """Of a random metric, new ones at every step."""
    judged: int = 20
    """Draws of a random metric that judge the result."""
    search: int = 100
    """Steps of the search for collapse."""
    batch: int = 50
    seed: int = 0
    queries: int = 1000
    """Of the square attack."""
    how: How = "apgd"
    """By what metrics without draws are attacked in a ball of Linf."""

    def generator(self, *more: int) -> torch.Generator:
        """A new generator for the seed and further integers."""
        mixed = np.random.SeedSequence((self.seed, *more)).generate_state(1)[0]
        return torch.Generator().manual_seed(int(mixed))


@dataclass(frozen=True)
class Metric:
    """A distance under the name that the command line gave it."""

    name: str
    distance: Distance

    @property
    def random(self) -> bool:
        """Whether a distance is the mean over random draws."""
        return isinstance(self.distance, ELPIPS)

    def drawn(self, samples: int, seed: int) -> Distance:
        """The metric as a sequence of draws of its own; itself where it has none."""
        if isinstance(self.distance, ELPIPS):
            return ELPIPS(self.distance.base, samples, seed)
        return self.distance

    def judge(self, s: Settings) -> Distance:
        """The metric that has the last word: always by the same draws, which no attack has seen."""
        return self.drawn(s.judged, s.seed + JUDGE)


def near(distance: Distance, x: Tensor) -> Near:
    """The distance from `x`; a random metric makes new draws at every call."""
    return (lambda y: distance.at(x)(y)) if isinstance(distance, ELPIPS) else distance.at(x)


def climb(m: Metric, objective: Objective, x: Tensor, ball: Ball, s: Settings) -> Tensor:
    """Where in the ball around `x` the objective is largest, through new draws at every step.

    A metric without draws is attacked by `pgd`. A random one makes its comparison of values, by which it sets
    the step and keeps the best, a matter of luck: there `_drift` reaches up to twice the distance.
    """
    radius = ball.radius(x)
    if not m.random:
        start = s.generator(ATTACK)
        if s.how == "square":
            return square(objective(m.distance), x, radius, s.queries, start)
        if s.how == "transfer":
            other = objective(LPIPS().to(x))
            return pgd(other, x, ball.norm, radius, s.steps, restarts=s.restarts, generator=start)
        return pgd(objective(m.distance), x, ball.norm, radius, s.steps, restarts=s.restarts, generator=start)
    drawn = objective(m.drawn(s.draws, s.seed + ATTACK))
    best, value = x, torch.full_like(x[:, 0, 0, 0], -torch.inf)
    for number in range(s.restarts):
        end = _drift(drawn, x, ball.norm, radius, s.steps, s.generator(ATTACK, number))
        with torch.no_grad():
            reached = objective(m.drawn(s.judged, s.seed + CHOICE))(end) if s.restarts > 1 else value + 1
        best = torch.where(_spread(reached > value) | (number == 0), end, best)
        value = torch.maximum(reached, value)
    return best


def _drift(f: Near, x: Tensor, norm: Norm, radius: float, steps: int, generator: torch.Generator) -> Tensor:
    """The end of a climb along slopes averaged over the steps, which become shorter by a cosine.

    The average, over some ten steps, is what stands for the expectation over the draws (Athalye et al. 2018,
    arXiv 1707.07397).
    """

    def within(delta: Tensor) -> Tensor:
        if norm == "linf":
            return (x + delta.clamp(-radius, radius)).clamp(0, 1)
        return (x + delta * (radius / _length(delta).clamp_min(radius))).clamp(0, 1)

    steepest = torch.sign if norm == "linf" else _unit
    y = within(radius * steepest(torch.randn(x.shape, generator=generator).to(x)))
    average = torch.zeros_like(x)
    for step in range(steps):
        average = 0.9 * average + 0.1 * _unit(_slope(f, y)[1])
        left = (1 + math.cos(math.pi * step / steps)) / 2
        y = within(y - x + left * radius * steepest(average))
    return y


def _split(x: Tensor, s: Settings) -> tuple[Tensor, ...]:
    return tuple(x[i : i + s.batch] for i in range(0, len(x), s.batch))


# 2afc -----------------------------------------------------------------------------------------------------


def two_afc(m: Metric, pairs: Batch, balls: Sequence[Ball], moves: Sequence[Move], s: Settings) -> Measured:
    """The score on the triplets, clean and after every attack, with its interval.

    Worst case: an attack raises `d(ref, nearer) - d(ref, farther)`, as the raters have it, and a triplet that
    is misjudged already stays as it is.
    """
    start = time.perf_counter()
    d0, d1 = _ranked(m, pairs, s)
    clean = score(d0, d1, pairs.judge)
    result: Measured = {"clean": _share(clean, s)}
    for move in moves:
        result[move] = {}
        for ball in balls:
            after = torch.minimum(score(*_misled(m, pairs, (d0, d1), move, ball, s), pairs.judge), clean)
            result[move][ball.name] = {"norm": ball.norm, "eps": ball.eps, **_share(after, s)}
    return result | {"seconds": time.perf_counter() - start}


def _misled(
    m: Metric, pairs: Batch, clean: tuple[Tensor, Tensor], move: Move, ball: Ball, s: Settings
) -> tuple[Tensor, Tensor]:
    """The distances after the attack of the triplets that were ranked right."""
    sign = torch.sign(1 - 2 * pairs.judge)
    d0, d1 = (d.clone() for d in clean)
    # most triplets fall in a few steps; what a random metric says of one is not certain enough to stop there
    for steps in (s.steps,) if m.random or s.how != "apgd" else (max(1, s.steps // 5), s.steps):
        right = (sign != 0) & (sign * (d0 - d1) <= 0)
        for rows in _split(right.nonzero()[:, 0], s):
            part = _rows(pairs, rows)
            moved = _mislead(m, part, sign[rows], move, ball, replace(s, steps=steps))
            d0[rows], d1[rows] = _ranked(m, moved, s)
    return d0, d1


def _mislead(m: Metric, part: Batch, sign: Tensor, move: Move, ball: Ball, s: Settings) -> Batch:
    """The triplets with what the attack moves; `sign` is 1 where the raters find p0 nearer, else -1."""
    if move == "ref":
        return replace(part, ref=climb(m, _swapped(part, sign), part.ref, ball, s))
    first = _spread(sign > 0)
    # the margin is a sum of terms with one picture each: what is searched together is searched apart
    x, weight, ref = {
        "x0": (part.p0, sign, part.ref),
        "x1": (part.p1, -sign, part.ref),
        "preferred": (torch.where(first, part.p0, part.p1), torch.ones_like(sign), part.ref),
        "both": (torch.cat([part.p0, part.p1]), torch.cat([sign, -sign]), part.ref.repeat(2, 1, 1, 1)),
    }[move]

    def objective(distance: Distance) -> Near:
        away = near(distance, ref)
        return lambda y: weight * away(y)

    y = climb(m, objective, x, ball, s)
    p0, p1 = {
        "x0": lambda: (y, part.p1),
        "x1": lambda: (part.p0, y),
        "preferred": lambda: (torch.where(first, y, part.p0), torch.where(first, part.p1, y)),
        "both": lambda: (y[: len(part)], y[len(part) :]),
    }[move]()
    return replace(part, p0=p0, p1=p1)


def _swapped(part: Batch, sign: Tensor) -> Objective:
    """The margin as a function of the reference."""

    def objective(distance: Distance) -> Near:
        def margin(ref: Tensor) -> Tensor:
            away = distance.at(ref)
            return sign * (away(part.p0) - away(part.p1))

        return margin

    return objective


@torch.no_grad()
def _ranked(m: Metric, pairs: Batch, s: Settings) -> tuple[Tensor, Tensor]:
    """Both distances of every triplet, a random metric's by the same draws."""
    found = []
    for rows in _split(torch.arange(len(pairs)), s):
        part, judge = _rows(pairs, rows), m.judge(s)
        if isinstance(judge, ELPIPS):
            found.append(judge.compare(part.ref, [part.p0, part.p1]))
        else:
            away = judge.at(part.ref)
            found.append(torch.stack([away(part.p0), away(part.p1)]))
    d0, d1 = torch.cat(found, 1)
    return d0, d1


def _rows(pairs: Batch, rows: Tensor) -> Batch:
    return Batch(pairs.ref[rows], pairs.p0[rows], pairs.p1[rows], pairs.judge[rows])


def _share(scores: Tensor, s: Settings) -> Measured:
    """The mean, and the ends of its 95 % interval by the bootstrap over triplets."""
    values = scores.double().cpu().numpy()
    drawn = np.random.default_rng(s.seed).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(1), (2.5, 97.5))
    return {"score": float(values.mean()), "low": float(low), "high": float(high), "scores": values.tolist()}


# inflation ------------------------------------------------------------------------------------------------


def inflation(m: Metric, x: Tensor, balls: Sequence[Ball], s: Settings) -> Measured:
    """The largest distance in a ball by the mean distance of random changes of the same size, photo by photo.

    Random: a sign for every value, and white noise, with the same mean square as the signs.
    """
    start = time.perf_counter()
    result: Measured = {}
    for ball in balls:
        y = torch.cat([climb(m, partial(_from, part), part, ball, s) for part in _split(x, s)])
        reached = _judged(m, x, y, s)
        noises = {"over sign noise": torch.sign, "over white noise": lambda v: v}
        result[ball.name] = {
            name: (reached / _random(m, x, shape, ball, s).clamp_min(1e-30)).tolist()
            for name, shape in noises.items()
        }
        if isinstance(judge := m.judge(s), ELPIPS) and "half width" not in result:
            estimate = judge.distance(x, y, most=10 * s.judged)
            width = (estimate.half_width / estimate.value).tolist()
            result["half width"] = {"relative": width, "draws": estimate.samples.tolist()}
    return result | {"seconds": time.perf_counter() - start}


def _from(x: Tensor, distance: Distance) -> Near:
    return near(distance, x)


def _random(m: Metric, x: Tensor, shape: Callable[[Tensor], Tensor], ball: Ball, s: Settings) -> Tensor:
    """The mean distance of random changes as large as the ball."""
    generator = s.generator(0)
    size = ball.radius(x) if ball.norm == "linf" else ball.radius(x) / math.sqrt(x[0].numel())
    total = x.new_zeros(len(x))
    for _ in range(NOISES):
        noise = shape(torch.randn(x.shape, generator=generator)).to(x)
        total = total + _judged(m, x, (x + size * noise).clamp(0, 1), s)
    return total / NOISES


@torch.no_grad()
def _judged(m: Metric, x: Tensor, y: Tensor, s: Settings) -> Tensor:
    parts = zip(_split(x, s), _split(y, s), strict=True)
    return torch.cat([m.judge(s).at(a)(b) for a, b in parts])


# collapse -------------------------------------------------------------------------------------------------


def collapse(m: Metric, x: Tensor, mild: Tensor, changes: Sequence[Change], s: Settings) -> Measured:
    """How bad pictures as near to `x` as the mildly distorted ones can be: PSNR, SSIM, SSIMULACRA2."""
    start = time.perf_counter()
    result: Measured = {}
    for change in changes:
        found = [_collapsed(m, a, b, change, s) for a, b in zip(_split(x, s), _split(mild, s), strict=True)]
        result[change] = quality(x, torch.cat(found))
    return result | {"seconds": time.perf_counter() - start}


def quality(x: Tensor, y: Tensor) -> dict[str, list[float]]:
    """By measures that none of the metrics defines; SSIMULACRA2 of 8-bit pixels, where it is installed."""
    square = (x - y).square().mean((1, 2, 3)).clamp_min(1e-12)
    values = {"PSNR": (-10 * square.log10()).tolist(), "SSIM": (1 - SSIM()(x, y)).tolist()}
    pairs = [tuple(to_pixels(p[None]) for p in pair) for pair in zip(x, y, strict=True)]
    try:
        return values | {"SSIMULACRA2": [ssimulacra2(*pair) for pair in pairs]}
    except ModuleNotFoundError:
        return values


def _collapsed(m: Metric, x: Tensor, mild: Tensor, change: Change, s: Settings) -> Tensor:
    """The most changed pictures that the judge finds no farther than the mild ones."""
    limit = _judged(m, x, mild, s)
    size: Near = (lambda y: (y - x).square().mean((1, 2, 3))) if change == "mse" else SSIM().at(x)
    best, last = _grown(m.drawn(s.draws, s.seed + ATTACK), size, x, mild, s.search)
    # allowed by one lucky draw is not allowed: of a random metric the end of the way counts
    end = _to_limit(m, x, last - x, limit, s)
    if m.random:
        return end
    other = _to_limit(m, x, best - x, limit, s)
    with torch.no_grad():
        return torch.where(_spread(size(other) > size(end)), other, end)


def _grown(distance: Distance, size: Near, x: Tensor, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """The largest change that was seen to be allowed, and the last one.

    DDN (Rony et al. 2019, arXiv 1811.09600) with its roles exchanged: on a sphere around `x` the distance is
    made small; the sphere grows while the distance is allowed and shrinks where it is not. Allowed is that of
    the start, by the same draws, from which both are far more certain to differ than from a mean.
    """
    y, best, reached = start, start, size(start)
    first, second = torch.zeros_like(x), torch.zeros_like(x)
    for step in range(steps):
        left = (1 + math.cos(math.pi * step / steps)) / 2
        if step == 0 or isinstance(distance, ELPIPS):
            away = distance.at(x)
            with torch.no_grad():
                limit = away(start)
        reach, slope = _slope(away, y)
        changed, outward = _slope(size, y)
        allowed = reach <= limit
        better = allowed & (changed > reached)
        best, reached = torch.where(_spread(better), y, best), torch.where(better, changed, reached)
        # Adam's way, of slopes of length 1: values that the metric hardly sees move as far as the others
        slope = _unit(slope) - _unit(outward)
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        usual = (second / (1 - 0.99 ** (step + 1))).sqrt() + 1e-4 / math.sqrt(x[0].numel())
        radius = _length(y - x) * (1 + (0.01 + 0.09 * left) * (2.0 * _spread(allowed) - 1))
        delta = y - x - 0.05 * (0.02 + 0.98 * left) * radius * _unit(first / usual)
        y = (x + radius * _unit(delta)).clamp(0, 1)
    return best, y


def _to_limit(m: Metric, x: Tensor, delta: Tensor, limit: Tensor, s: Settings) -> Tensor:
    """`x + t delta` with the largest t up to 2 that the judge allows (and t below it are taken to be)."""
    away = m.judge(s).at(x)
    low, high = torch.zeros_like(limit), torch.full_like(limit, 2.0)
    with torch.no_grad():
        for _ in range(14):
            middle = (low + high) / 2
            allowed = away((x + _spread(middle) * delta).clamp(0, 1)) <= limit
            low, high = torch.where(allowed, middle, low), torch.where(allowed, high, middle)
    return (x + _spread(low) * delta).clamp(0, 1)


def _slope(f: Near, y: Tensor) -> tuple[Tensor, Tensor]:
    y = y.detach().requires_grad_()
    value = f(y)
    (slope,) = torch.autograd.grad(value.sum(), y)
    return value.detach(), slope


def _length(v: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(v, dim=(1, 2, 3), keepdim=True)
    return length


def _unit(v: Tensor) -> Tensor:
    return v / _length(v).clamp_min(1e-20)


def _spread(values: Tensor) -> Tensor:
    return values[:, None, None, None]
