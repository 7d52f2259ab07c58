"""How well a metric agrees with people: rank and linear correlation with scores, and right choices of two.

Pictures of one reference are not independent of each other, so that the bootstrap draws references, each with
all its pictures; of triplets it draws triplets. Draws are always the same ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Agreement:
    """A figure with its interval; None where there are too few values."""

    value: float | None
    low: float | None
    high: float | None
    count: int
    """Pictures or triplets."""


def srcc(quality: Floats, scores: Floats) -> float:
    """Spearman's rank correlation, ties at their mean rank.

    >>> srcc(np.array([1.0, 2.0, 9.0]), np.array([3.0, 4.0, 5.0]))
    1.0
    """
    return _pearson(_ranks(quality), _ranks(scores))


def krcc(quality: Floats, scores: Floats) -> float:
    """Kendall's rank correlation, tau-b.

    >>> krcc(np.array([1.0, 2.0, 9.0]), np.array([3.0, 4.0, 5.0]))
    1.0
    """
    from scipy.stats import kendalltau

    return float(kendalltau(quality, scores).statistic)


def fitted(quality: Floats, scores: Floats) -> Floats:
    """A metric's values on the scale of the scores, by the logistic function of VQEG (2003) that fits best.

        f(q) = b2 + (b1 - b2) / (1 + exp(-(q - b3) / |b4|))

    Four parameters, rising: it cannot mend a wrong order. Where none is found, the straight line.

    >>> q = np.linspace(-3, 3, 50)
    >>> bool(np.abs(fitted(q, 1 + 4 / (1 + np.exp(-q))) - (1 + 4 / (1 + np.exp(-q)))).max() < 1e-3)
    True
    """
    from scipy.optimize import OptimizeWarning, curve_fit

    spread = quality.std()
    if not spread > 0:
        return np.full_like(scores, scores.mean())
    q = (quality - quality.mean()) / spread

    def logistic(q: Floats, top: float, bottom: float, middle: float, width: float) -> Floats:
        steep = np.clip(-(q - middle) / max(abs(width), 1e-6), -500, 500)
        values: Floats = bottom + (top - bottom) / (1 + np.exp(steep))
        return values

    start = [scores.max(), scores.min(), float(np.median(q)), 1.0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            found, _ = curve_fit(logistic, q, scores, start, maxfev=20_000)
    except RuntimeError:
        return quality
    # a falling function would make a wrong order right
    return logistic(q, *found) if found[0] >= found[1] else quality


def plcc(quality: Floats, scores: Floats) -> float:
    """Pearson's correlation of two scales as they are; of a metric after `fitted`."""
    return _pearson(quality, scores)


def chosen(d0: Floats, d1: Floats, judge: Floats) -> Floats:
    """What each triplet gives a metric: the share of people with whom it agrees; a half for no opinion.

    >>> chosen(np.array([1.0, 1.0]), np.array([2.0, 1.0]), np.array([0.2, 0.0])).tolist()
    [0.8, 0.5]
    """
    values: Floats = np.where(d0 < d1, 1 - judge, np.where(d1 < d0, judge, 0.5))
    return values


def interval(
    of: Callable[[npt.NDArray[np.intp]], float], groups: Sequence[str], seed: int = 0, draws: int = DRAWS
) -> Agreement:
    """A figure of all rows, and its percentile interval over draws of whole groups with replacement.

    Args:
        of: the figure of the rows at these places.
        groups: to which each row belongs.
        seed, draws: of the bootstrap.
    """
    names, at = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(at == number) for number in range(len(names))]
    value = of(np.arange(len(at)))
    if len(members) < 2 or not np.isfinite(value):
        return Agreement(float(value) if np.isfinite(value) else None, None, None, len(at))
    rng = np.random.default_rng(seed)
    drawn = [
        of(np.concatenate([members[number] for number in rng.integers(len(members), size=len(members))]))
        for _ in range(draws)
    ]
    known = [it for it in drawn if np.isfinite(it)]
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if known else (None, None)
    return Agreement(
        float(value), None if low is None else float(low), None if high is None else float(high), len(at)
    )


def with_scores(
    quality: Floats, scores: Floats, groups: Sequence[str], seed: int = 0
) -> dict[str, Agreement]:
    """SRCC, KRCC, PLCC after the logistic fit and before it; every draw has the fit of all pictures."""
    on_scale = fitted(quality, scores)
    return {
        "SRCC": interval(lambda at: srcc(quality[at], scores[at]), groups, seed),
        "KRCC": Agreement(krcc(quality, scores), None, None, len(scores)),
        "PLCC": interval(lambda at: plcc(on_scale[at], scores[at]), groups, seed),
        "PLCC, no fit": interval(lambda at: plcc(quality[at], scores[at]), groups, seed),
    }


def with_choices(
    d0: Floats, d1: Floats, judge: Floats, subsets: Sequence[str], seed: int = 0
) -> dict[str, Agreement]:
    """The 2AFC score of all triplets and of each subset, and the best that there is where people disagree."""
    right = chosen(d0, d1, judge)
    best = np.maximum(judge, 1 - judge)
    kinds = np.asarray(subsets)
    found = {"2AFC": _mean(right, seed), "best possible": _mean(best, seed)}
    if len(names := np.unique(kinds)) > 1:
        found |= {f"2AFC {name}": _mean(right[kinds == name], seed) for name in names}
    return found


def _mean(values: Floats, seed: int) -> Agreement:
    if len(values) < 2:
        return Agreement(float(values[0]) if len(values) else None, None, None, len(values))
    rng = np.random.default_rng(seed)
    drawn = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Agreement(float(values.mean()), float(low), float(high), len(values))


def _ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    ranks: Floats = rankdata(values)
    return ranks


def _pearson(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 0 else float("nan")
