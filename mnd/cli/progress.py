"""How a run goes: a display on a terminal, a line every half minute elsewhere; records as JSON."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from ..base.jsonlines import finite
from .console import console, printable
from .talk import log_record
from .terminal import outcome

EVERY = 30.0
"""Seconds between two lines where there is no terminal."""
NAME = 40
"""Characters of the name of a photo in such a line."""
WORKED = ("protected", "whole")
"""What became of photos that cost a search; of others, those in whose record regions were judged."""


class ProtectMeter:
    """A `RunProgress` that shows what it is told on standard error.

    Args:
        as_json: print the record of each photo of this run on standard output.
        every: seconds between two lines where there is no terminal.
        clock: in seconds.
    """

    def __init__(
        self, as_json: bool = False, every: float = EVERY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._as_json, self._every, self._clock = as_json, every, clock
        self._console = console(stderr=True)
        self._bar = _bar(self._console) if self._console.is_terminal else None
        self._task: TaskID | None = None
        self._last = self._first = clock()
        self._stage = ""
        self._name = ""
        """Of the photo that was done last."""
        self.total: int | None = None
        """Photos in all, once they are counted."""
        self.done = self.earlier = self.failed = self.held = self.worked = 0
        """Photos of this run; of earlier ones; failures, and those held back, among both; and those of this
        run for which there was a search."""
        self._ssim, self._protected = 0.0, 0

    def loading(self, stage: str, done: int, total: int) -> None:
        """A download."""
        del done, total
        if stage != self._stage:
            self._stage = stage
            self._say(stage)

    def record(self, record: Mapping[str, Any], known: bool) -> None:
        """A photo is done, or is known to be done."""
        if record["status"] in ("other", "shard"):
            return
        if known:
            self.earlier += 1
        else:
            self._new(record)
            log_record(record)
        if record["status"] in ("failed", "held"):
            self.failed += record["status"] == "failed"
            self.held += record["status"] == "held"
            if not known:
                held = "held back: " if record["status"] == "held" else ""
                self._say(f"{held}{outcome(record) or ''}")
        self._show()

    def note(self, text: str) -> None:
        """Something that people should know."""
        self._say(text)

    def count(self, source: Callable[[], int | None]) -> None:
        """Find out in the meantime how many photos there are; what is wrong with them the run will say."""
        if self._bar is not None:
            self._show()

        def work() -> None:
            with contextlib.suppress(Exception):
                self.total = source()

        threading.Thread(target=work, daemon=True).start()

    def rest(self) -> None:
        """Take the display away, so that something else can be printed."""
        if self._bar is not None:
            self._bar.stop()

    def ask(self, question: str) -> bool:
        """Ask somebody at a terminal; nobody is there where there is none, or where JSON is asked for."""
        self.rest()
        return not self._as_json and asked(self._console, question)

    def _new(self, record: Mapping[str, Any]) -> None:
        self.done += 1
        self._name = str(record.get("input") or "")
        if record["status"] in WORKED or record.get("regions"):
            if self.worked == 0:
                # the rate is that of the work: what came before was loading
                self._first = self._clock() - float(record.get("seconds") or 0)
            self.worked += 1
        quality = record.get("quality")
        if quality and quality.get("ssim") is not None:
            self._ssim, self._protected = self._ssim + quality["ssim"], self._protected + 1
        if self._as_json:
            print(json.dumps(finite(record), allow_nan=False), flush=True)

    def told(self) -> str:
        """How far it is, in one line. What was refused or copied costs nothing, and says nothing of the rate.

        >>> ProtectMeter().told()
        '0 done, 0 failed'
        """
        done = self.done + self.earlier
        parts = [f"{done:,} done" if self.total is None else f"{done:,} of {self.total:,} done"]
        parts.append(f"{self.failed:,} failed")
        parts += [f"{self.held:,} held back"] if self.held else []
        rate = self.worked / max(self._clock() - self._first, 1e-9)
        if rate > 0:
            parts.append(f"{rate:.2f} a second" if rate >= 0.1 else f"{60 * rate:.2f} a minute")
        if rate > 0 and self.total is not None and self.total >= done:
            parts.append(f"{duration((self.total - done) / rate)} left")
        if self._protected:
            parts.append(f"mean SSIM {self._ssim / self._protected:.4f}")
        if self._name:
            parts.append(f"last {_short(printable(self._name))}")
        return ", ".join(parts)

    def _show(self) -> None:
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task("")
            self._bar.start()  # also where something else was shown meanwhile
            done = self.done + self.earlier
            told = self.told() if done else "looking for photos, loading"
            self._bar.update(self._task, description=told, completed=done, total=self.total)
        elif self._clock() - self._last >= self._every:
            self._last = self._clock()
            self._say(self.told())

    def _say(self, text: str) -> None:
        self._console.print(Text(f"mnd: {printable(text)}"), soft_wrap=True)


def asked(where: Console, question: str) -> bool:
    """Whether somebody at the terminal says yes; nobody does where there is none."""
    if not where.is_terminal or sys.stdin is None or not sys.stdin.isatty():
        return False
    where.print(Text(f"mnd: {printable(question)} [y/N] "), end="", soft_wrap=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _short(name: str) -> str:
    """The end of a name, which tells it apart from others of its folder.

    >>> _short("a.jpg"), _short("a" * 50 + ".jpg")[:4], len(_short("a" * 50))
    ('a.jpg', '\u2026aaa', 40)
    """
    return name if len(name) <= NAME else f"\N{HORIZONTAL ELLIPSIS}{name[1 - NAME :]}"


def _bar(where: Console) -> Progress:
    return Progress(
        BarColumn(bar_width=24), TextColumn("{task.description}", markup=False), console=where, transient=True
    )


def duration(seconds: float) -> str:
    """
    >>> duration(42), duration(3600 * 5 + 60 * 7), duration(3600 * 24 * 12)
    ('42 s', '5 h 07 min', '12 days')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 3 * 86400:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"
    return f"{seconds / 86400:.0f} days"
