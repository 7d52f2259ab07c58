"""How far the work is: a bar on a terminal, a few lines elsewhere, on standard error."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from .console import console, line, printable

BYTES = 100_000
"""A count that reaches this far is one of bytes, of a download."""
FOR_A_BAR = 50
"""Columns from which on there is room for a bar beside the words."""
LOADING = "loading"
log = logging.getLogger(__name__)
_meters: weakref.WeakSet[Meter] = weakref.WeakSet()


class Meter:
    """Called as `meter(stage, done, total)`: a bar on a terminal, a line for each new stage elsewhere.

    Args:
        photos: how many there are, where there are several; where there is no terminal only the first of
            them has a line for each stage, the others one each.
        quiet: show nothing.
        clock: in seconds.
    """

    def __init__(
        self, photos: int = 0, quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = ""
        """What is being worked on."""
        self._photos, self._quiet, self._clock = photos, quiet, clock
        self._ended, self._spent, self._begun = 0, 0.0, clock()
        self._console = console(stderr=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._last = ("", "")
        self._drawn = ("", "", False)
        _meters.add(self)

    def begin(self, name: str) -> None:
        """A photo is begun."""
        self.name, self._begun = name, self._clock()
        log.info("%s", self._told("begun"))
        if self._several and self._ended and not self._quiet and not self._console.is_terminal:
            line(self._console, self._told(""))

    def ended(self) -> None:
        """A photo is done, or refused: the bar goes, so that something else can be printed."""
        self._spent += self._clock() - self._begun if self.name else 0.0
        self._ended += 1
        self.name, self._begun = "", self._clock()
        self.rest()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if (self.name, stage) != self._last:
            log.debug("%s", self._told(stage))
        if self._quiet:
            pass
        elif self._console.is_terminal:
            self._draw(stage, done, total)
        elif (self.name, stage) != self._last and self._speaks(stage):
            size = f" ({size_of(total)})" if total >= BYTES else ""
            line(self._console, self._told(stage) + size)
        self._last = (self.name, stage)

    def left(self) -> float | None:
        """Seconds that the photos will still take, if they go as those before; none before the first.

        >>> Meter(photos=3).left()
        """
        if not self._several or not self._ended:
            return None
        each, now = self._spent / self._ended, self._clock() - self._begun if self.name else 0.0
        return max(each * (self._photos - self._ended) - min(now, each), 0.0)

    def rest(self) -> None:
        """Take the bar away, so that something else can be printed."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._last = ("", "")

    @property
    def _several(self) -> bool:
        return self._photos > 1

    def _speaks(self, stage: str) -> bool:
        """Whether a stage has a line where there is no terminal."""
        return not (self._several and self._ended and self.name) or stage.startswith("download")

    def _told(self, stage: str) -> str:
        """Which photo of how many, what is done to it, and how long all will take."""
        from .progress import duration

        place = f"photo {self._ended + 1} of {self._photos}" if self._several and self.name else ""
        left = self.left()
        later = f"about {duration(left)} left" if left is not None and left >= 1 else ""
        head = ", ".join(filter(None, (place, printable(self.name))))
        return ", ".join(filter(None, (": ".join(filter(None, (head, stage))), later)))

    def _draw(self, stage: str, done: int, total: int) -> None:
        """A bar that moves where nobody knows how much there is to do, and never stands still at its end."""
        if self._bar is None:
            words = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
            wide = self._console.width >= FOR_A_BAR
            bars = [BarColumn(bar_width=min(40, self._console.width // 4))] if wide else []
            self._bar = Progress(*bars, words, console=self._console, transient=True)
            self._bar.start()
        known = total > 0 and done < total
        far = (
            f" {size_of(done)} of {size_of(total)}" if total >= BYTES else f" {done}/{total}" if total else ""
        )
        told, completed = self._fitted(stage + far), done if known else 0
        if (key := (self.name, stage, known)) != self._drawn or not self._bar.tasks:
            for task in self._bar.task_ids:
                self._bar.remove_task(task)
            self._task, self._drawn = self._bar.add_task(told, total=total if known else None), key
        self._bar.update(self._task, description=told, completed=completed)

    def _fitted(self, stage: str) -> str:
        """The same as it fits beside a bar: of a long name little is shown, without room for a bar none."""
        width = self._console.width
        if width < FOR_A_BAR:
            return f"{self._ended + 1}/{self._photos} {stage}" if self._several and self.name else stage
        told, name = self._told(stage), printable(self.name)
        over = len(told) + min(40, width // 4) + 1 - width
        if over <= 0 or len(name) < 12:
            return told
        kept = max(len(name) - over - 1, 8)
        return told.replace(
            name, f"{name[: kept // 2]}\N{HORIZONTAL ELLIPSIS}{name[-(kept - kept // 2) :]}", 1
        )


def rest() -> None:
    """Take away the bars of all meters: what ends the command is told below them."""
    for meter in list(_meters):
        meter.rest()


def size_of(count: int) -> str:
    """
    >>> size_of(107_000_000)
    '107.0 MB'
    """
    return f"{count / 1e6:.1f} MB"
