"""Who is looking: when the last page has been closed for a while, everything is forgotten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Tabs:
    """Counts open pages.

    Args:
        grace: seconds that a page may be away, to be loaded again.
        forget: called when none has been open for so long.
        now: the time in seconds.
    """

    def __init__(
        self, grace: float, forget: Callable[[], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._grace, self._forget, self._now = grace, forget, now
        self.count = 0
        self._left: float | None = None
        """When the last page was closed; None: one is open, or none ever was."""

    @contextmanager
    def open(self) -> Iterator[None]:
        """A page is open."""
        self.count += 1
        self._left = None
        try:
            yield
        finally:
            self.count -= 1
            if self.count == 0:
                self._left = self._now()

    def check(self) -> bool:
        """Forget everything where nobody has looked for long enough; whether that was so."""
        if self._left is None or self._now() - self._left < self._grace:
            return False
        self._left = None
        self._forget()
        return True

    async def watch(self) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(min(1.0, max(self._grace / 4, 0.05)))
            self.check()
