"""How long a cloak still takes, from the steps that are done and how long the check took the last time."""

from __future__ import annotations

import time
from collections.abc import Callable

CHECKING = 0.3
"""Of the time of a search: what judging its file takes, until one was seen."""


class Clock:
    """Tells the seconds left of one cloak after the other.

    Args:
        now: the time in seconds.

    >>> clock = Clock(iter([0.0, 5.0, 10.0, 10.0, 12.0]).__next__)
    >>> clock.begin(searches=1)
    >>> [clock.left("search", done, 10) for done in (0, 5, 10)]
    [None, 8.0, 3.0]
    >>> [clock.left("checking the saved file", 0, 0) for _ in range(2)]
    [3.0, 1.0]
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._share = CHECKING
        self.begin(1)

    def begin(self, searches: int) -> None:
        """A new cloak, of so many searches, one for each group of faces."""
        self._searches = searches
        self._finished, self._last = 0, 0
        self._started: float | None = None
        self._checking: float | None = None
        self._took = 0.0

    def left(self, stage: str, done: int, total: int) -> float | None:
        """Seconds left when a stage is so far; None while nothing can be told."""
        now = self._now()
        if stage.startswith("search"):
            return self._searching(now, done, total)
        if stage.startswith("checking"):
            if self._checking is None:
                self._checking = now
            return max(0.0, self._share * self._took - (now - self._checking))
        return None

    def end(self) -> None:
        """The cloak is done: what its check took is remembered."""
        if self._checking is not None and self._took > 0:
            self._share = (self._now() - self._checking) / self._took

    def _searching(self, now: float, done: int, total: int) -> float | None:
        if self._checking is not None:  # another attempt, which is as long as the first
            self.begin(self._searches)
        if self._started is None:
            self._started = now
        if done < self._last:
            self._finished += 1
        self._last = done
        steps, all_steps = self._finished * total + done, self._searches * total
        self._took = now - self._started
        if steps == 0:
            return None
        whole = self._took * max(all_steps, steps) / steps
        return whole * (1 + self._share) - self._took
