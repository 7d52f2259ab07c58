"""Distributions of numbers that come one by one: memory that does not grow, the same in any order."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

MOST = 4096
"""So many bins are kept; where more would be needed they become twice as wide."""
FINEST = 2.0**-20
"""The width of a bin at first."""
BARS = 40
"""A plot has at most about so many bars."""
_UNIT = 2**40
"""Sums are whole multiples of one part in this: they are the same in any order."""
_CUT = 0.005
"""Share of the numbers at either end that may lie outside of a plot, in its first and last bar."""


class Spread:
    """How numbers are spread.

    Bins are as wide as they have to be for all numbers so far: their width never depends on the order.

    >>> spread = Spread()
    >>> for value in (0.25, 0.5, 0.5, 0.75):
    ...     spread.add(value)
    >>> spread.count, spread.mean, round(spread.quantile(0.5), 3)
    (4, 0.5, 0.5)
    """

    def __init__(self) -> None:
        self._width = FINEST
        self._bins: Counter[int] = Counter()
        self._sum = 0
        self.count = 0
        self.least, self.most = math.inf, -math.inf

    def add(self, value: float | None) -> None:
        """Another number; None, and what is not finite or above 1e100, is none."""
        if value is None or not abs(value) <= 1e100:
            return
        self.count += 1
        self._sum += round(value * _UNIT)
        self.least, self.most = min(self.least, value), max(self.most, value)
        self._bins[math.floor(value / self._width)] += 1
        while len(self._bins) > MOST:
            self._widen()

    def _widen(self) -> None:
        self._width *= 2
        wider: Counter[int] = Counter()
        for place, number in self._bins.items():
            wider[place // 2] += number
        self._bins = wider

    @property
    def mean(self) -> float | None:
        """None where there are no numbers."""
        return self._sum / _UNIT / self.count if self.count else None

    def quantile(self, share: float) -> float:
        """The number below which `share` of all lie, to the width of a bin.

        Raises:
            ValueError: there are no numbers, or `share` is not in 0..1.
        """
        if not self.count or not 0 <= share <= 1:
            raise ValueError(f"share is {share} of {self.count} numbers, expected 0..1 of at least one")
        below = 0
        for place in sorted(self._bins):
            below += self._bins[place]
            if below >= share * self.count:
                return min(max(self._centre(place), self.least), self.most)
        return self.most

    def _centre(self, place: int) -> float:
        return (place + 0.5) * self._width

    def histogram(self, mark: float | None = None) -> Histogram | None:
        """Some bars of round width; None where there are no numbers.

        Args:
            mark: a number that has to be on the axis.
        """
        if not self.count:
            return None
        low, high = self.quantile(_CUT), self.quantile(1 - _CUT)
        if mark is not None:
            low, high = min(low, mark), max(high, mark)
        step = round_step(max(high - low, abs(high) * 1e-2 or 1e-2, self._width), BARS)
        first, last = math.floor(low / step), math.floor(high / step)
        heights = [0] * (last - first + 1)
        for place, number in self._bins.items():
            at = math.floor(self._centre(place) / step)
            heights[min(max(at, first), last) - first] += number
        cut = self.least < first * step, self.most >= (last + 1) * step
        return Histogram(first * step, step, tuple(heights), cut, mark)


@dataclass(frozen=True)
class Histogram:
    """Bars side by side.

    Attributes:
        start: where the first begins.
        step: how wide each is.
        heights: how many numbers are in each.
        cut: whether the first, and the last, have in them what lies beyond.
        mark: a number to be marked.
    """

    start: float
    step: float
    heights: tuple[int, ...]
    cut: tuple[bool, bool]
    mark: float | None = None

    @property
    def end(self) -> float:
        """Where the last bar ends."""
        return self.start + self.step * len(self.heights)

    def ticks(self) -> list[tuple[float, str]]:
        """Some round numbers on the axis, as shares of its length, and how they are written."""
        step = round_step(self.end - self.start, 6)
        first, last = math.ceil(self.start / step - 1e-6), math.floor(self.end / step + 1e-6)
        told = [place * step for place in range(first, last + 1)]
        return [(self.share(value), written(value, step)) for value in told]

    def share(self, value: float) -> float:
        """Where a number is on the axis, 0..1."""
        return (value - self.start) / (self.end - self.start)

    def bars(self) -> list[tuple[float, float, str]]:
        """Of each bar that is not empty: where it begins (0..1), its height (0..1), and what it says."""
        most, count = max(self.heights), len(self.heights)
        found = []
        for place, height in enumerate(self.heights):
            low, high = (written(self.start + self.step * (place + k), self.step) for k in (0, 1))
            what = f"{low} to {high}"
            if place == 0 and self.cut[0]:
                what = f"below {high}"
            if place == count - 1 and self.cut[1]:
                what = f"{low} and above"
            if height:
                found.append((place / count, height / most, f"{what}: {height:,}"))
        return found


def round_step(length: float, parts: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten of which at most `parts` make up `length`.

    >>> round_step(0.37, 40), round_step(100, 6)
    (0.01, 20.0)
    """
    least = length / parts
    power = 10.0 ** math.floor(math.log10(least))
    return next(round(k * power, 12) for k in (1, 2, 5, 10) if k * power >= least * (1 - 1e-9))


def written(value: float, step: float) -> str:
    """A multiple of `step` with as many digits as that has.

    >>> written(0.30000000000000004, 0.1), written(4e9, 2e9)
    ('0.3', '4e+09')
    """
    if step >= 1e6:
        return f"{value:.4g}"
    return f"{value:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
