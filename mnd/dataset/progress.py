"""Who is told how a run goes."""

from __future__ import annotations

from typing import Protocol

from ..base.types import Progress
from .lines import Line


class RunProgress(Protocol):
    """Somebody who wants to know how it goes."""

    def loading(self, stage: str, done: int, total: int) -> None:
        """Before the first photo: downloads."""

    def record(self, record: Line, known: bool) -> None:
        """A photo is done, or is `known` to be done by an earlier run."""

    def note(self, text: str) -> None:
        """Something that people should know."""


class NullProgress:
    """Nobody wants to know."""

    def loading(self, stage: str, done: int, total: int) -> None:
        """Say nothing."""

    def record(self, record: Line, known: bool) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


class Counted(NullProgress):
    """Tells a plain function how many photos are done."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._done = progress, 0

    def loading(self, stage: str, done: int, total: int) -> None:
        """A download."""
        self._progress(stage, done, total)

    def record(self, record: Line, known: bool) -> None:
        """One more."""
        del known
        if record["status"] not in ("other", "shard"):
            self._done += 1
            self._progress("photos", self._done, 0)
