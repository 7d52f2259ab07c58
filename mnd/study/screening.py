"""Means with their intervals, and the screening of observers, as Recommendation ITU-R BT.500 has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Grades = Mapping[str, Mapping[str, float]]
"""For each observer, for each presentation: the grade."""

NORMAL, OTHER = 2.0, math.sqrt(20.0)
"""How many standard deviations off is too far: where the grades look normal, and elsewhere."""
OFTEN, BALANCED = 0.05, 0.3


@dataclass(frozen=True)
class Mean:
    """A mean opinion with its 95 % interval; `low` and `high` are `None` with fewer than two values."""

    n: int
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Screened:
    """How often an observer was far above the others (`p`) or below (`q`), and whether that is too odd."""

    presentations: int
    p: int
    q: int
    rejected: bool


def mean_of(values: Sequence[float]) -> Mean:
    """The mean and its 95 % confidence interval.

        u = sum(u_i) / N,   S = sqrt(sum((u - u_i)^2) / (N - 1)),   interval u -+ 1.96 S / sqrt(N)

    The factor 1.96 is that of the recommendation; with few values Student's t would be wider. The interval
    is not cut to the scale.

    Raises:
        ValueError: there is no value.

    Source: ITU-R BT.500-13 (2012), annex 2, 2.2.1; kept by later editions.

    >>> mean_of([5, 4, 4, 3])
    Mean(n=4, mean=4.0, low=3.199833..., high=4.800166...)
    """
    if not values:
        raise ValueError("got no grades, expected at least 1")
    count = len(values)
    mean = math.fsum(values) / count
    if count == 1:
        return Mean(1, mean, None, None)
    half = 1.96 * deviation(values) / math.sqrt(count)
    return Mean(count, mean, mean - half, mean + half)


def deviation(values: Sequence[float]) -> float:
    """The standard deviation `S` with `N - 1` in the denominator, of at least two values."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def kurtosis(values: Sequence[float]) -> float | None:
    """beta2 = m4 / m2^2 with m_x = sum((u_i - u)^x) / N; 3 for a normal distribution, `None` if all agree.

    >>> kurtosis([1, 2, 3, 4, 5])
    1.7
    """
    mean = math.fsum(values) / len(values)
    m2, m4 = (math.fsum((value - mean) ** x for value in values) / len(values) for x in (2, 4))
    return m4 / m2**2 if m2 > 0 else None


def screen(grades: Grades) -> dict[str, Screened]:
    """Which observers are so erratic that their grades should not count.

    Over all observers, each presentation has a mean `u`, a deviation `S` and a kurtosis `beta2`. Its grades
    count as normally distributed when `2 <= beta2 <= 4`; the distance that is too far is then `2 S`, and
    `sqrt(20) S` elsewhere. For each observer `i` it is counted on how many presentations

        P_i: u_i >= u + distance,    Q_i: u_i <= u - distance

    and he is rejected when both hold, `K` being the number of presentations that he graded:

        (P_i + Q_i) / K > 0.05    and    |P_i - Q_i| / (P_i + Q_i) < 0.3

    So who is often far off in both directions is rejected, and who is merely severe or mild is not. It is
    done once, not repeated on who is left. Presentations on which all agree (`S = 0`) say nothing of anybody,
    and neither do those with one grade. No grade is further from the mean than `(N - 1) / sqrt(N) S`: with
    fewer than six observers nobody can be rejected.

    Source: ITU-R BT.500-13 (2012), annex 2, 2.3.1; kept by later editions.

    >>> screen({"a": {"x": 5}, "b": {"x": 4}})["a"]
    Screened(presentations=1, p=0, q=0, rejected=False)
    """
    p, q = dict.fromkeys(grades, 0), dict.fromkeys(grades, 0)
    for presentation in sorted({name for own in grades.values() for name in own}):
        given = {observer: own[presentation] for observer, own in grades.items() if presentation in own}
        for observer, side in _far(given).items():
            (p if side > 0 else q)[observer] += 1
    return {name: _verdict(len(own), p[name], q[name]) for name, own in grades.items()}


def _far(given: Mapping[str, float]) -> dict[str, int]:
    """Who is too far above (1) or below (-1) the others on one presentation."""
    values = list(given.values())
    beta2 = kurtosis(values)
    if beta2 is None:
        return {}
    mean = math.fsum(values) / len(values)
    distance = (NORMAL if 2 <= beta2 <= 4 else OTHER) * deviation(values)
    far = {name: value - mean for name, value in given.items() if abs(value - mean) >= distance}
    return {name: 1 if off > 0 else -1 for name, off in far.items()}


def _verdict(count: int, p: int, q: int) -> Screened:
    far = p + q
    rejected = far > OFTEN * count and abs(p - q) < BALANCED * far
    return Screened(count, p, q, rejected)
