"""Watch a folder: photos that arrive are protected into another one, once they are whole."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ..base.files import try_folder
from ..cloaking.settings import CloakSettings
from .arrivals import Arrivals, half_written
from .engines import local
from .items import Stat
from .lines import Line
from .manifest import Index, locked, manifests
from .outputs import check_places
from .progress import NullProgress, RunProgress
from .protect import Protection, Standing
from .settings import ProtectSettings, WatchSettings
from .sources import Folder
from .summary import PHOTOS, Summary


class WatchProgress(RunProgress, Protocol):
    """Somebody who wants to know how watching goes."""

    def working(self, names: Sequence[str]) -> None:
        """These photos have arrived, and are worked on now."""

    def waiting(self, names: Sequence[str]) -> None:
        """There is nothing to do; these are not whole yet."""


class NullWatchProgress(NullProgress):
    """Nobody wants to know."""

    def working(self, names: Sequence[str]) -> None:
        """Say nothing."""

    def waiting(self, names: Sequence[str]) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of watching."""

    done: int
    """Photos that were worked on; one that changed meanwhile counts each time."""
    failed: int
    """Those of them that failed or were held back."""
    seconds: float
    last: Summary | None
    """All that is in the folder, at the last look at which there was something to do."""
    waiting: tuple[str, ...]
    """Files that were not whole yet."""

    @property
    def good(self) -> bool:
        """Nothing in the folder failed, was held back or was left unfinished."""
        return self.last is None or (self.last.finished and not (self.last.failed or self.last.held))


class _Once(NullWatchProgress):
    """Passes on what is told, a note only the first time; counts what was done."""

    def __init__(self, watcher: WatchProgress) -> None:
        self._watcher = watcher
        self._noted: set[str] = set()
        self.done = self.failed = 0

    def loading(self, stage: str, done: int, total: int) -> None:
        """A download."""
        self._watcher.loading(stage, done, total)

    def record(self, record: Line, known: bool) -> None:
        """A photo is done, or is known to be done."""
        if not known and record["status"] in PHOTOS:
            self.done += 1
            self.failed += record["status"] in ("failed", "held")
        self._watcher.record(record, known)

    def note(self, text: str) -> None:
        """Something that people should know."""
        if text not in self._noted:
            self._noted.add(text)
            self._watcher.note(text)


class Watch:
    """Watches a folder: each time that photos have arrived, all that is whole in it is a `Protection`.

    Args:
        src: the folder in which photos arrive; it has to be there.
        dst: the folder of the results; it is made.
        cloak: how each photo is cloaked.
        settings: how they are gone through; by processes of this machine.
        how: when a photo is whole, and how often to look.
        watcher: told of everything that happens.
        ask: asked where the results of another source are in `dst`; by default that is refused.

    Raises:
        ValueError: one of the two lies in the other, `src` is no folder, or a setting is for other runs.
    """

    def __init__(
        self,
        src: Path | str,
        dst: Path | str,
        cloak: CloakSettings | None = None,
        settings: ProtectSettings | None = None,
        how: WatchSettings | None = None,
        watcher: WatchProgress | None = None,
        ask: Callable[[str], bool] | None = None,
    ) -> None:
        self.src, self.dst = Path(src), Path(dst)
        self.cloak, self.settings = cloak or CloakSettings(), settings or ProtectSettings()
        self.how = how or WatchSettings()
        self.watcher = watcher or NullWatchProgress()
        if not self.src.is_dir():
            raise ValueError(f"{self.src}: there is no such folder, expected one in which photos arrive")
        asked = self.settings
        if asked.engine != "local" or asked.part or asked.verify or asked.burst:
            raise ValueError("got engine, shard, verify or burst, expected them with mnd protect only")
        check_places(self.src, self.dst)
        self._ask = ask
        self._told = _Once(self.watcher)
        self._engine = local.Staying()
        self._run: Protection | None = None
        self._arrivals: Arrivals | None = None
        self._absent = False
        self._start = time.perf_counter()

    def run(self) -> Watched:
        """Watch until an exception ends it, or until what is there is done where that was asked for.

        Raises:
            LockedError: another run writes to the same manifest.
            OtherSourceError, ManifestError, ValueError, OSError: as `Protection.run`.
        """
        self.dst.mkdir(parents=True, exist_ok=True)
        try_folder(self.dst)
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(self.dst, None))
            stack.callback(self._engine.dismiss)
            known = stack.enter_context(self._known())
            folder = Folder(self.src, self.dst)
            self._arrivals = Arrivals(
                folder, self.how.settle, time.monotonic, known, half_written, self._told.note
            )
            self._work(self._arrivals)
        return self.watched()

    def watched(self) -> Watched:
        """What is known so far."""
        last = None if self._run is None else self._run.summary()
        waiting = () if self._arrivals is None else self._arrivals.waiting
        seconds = round(time.perf_counter() - self._start, 3)
        return Watched(self._told.done, self._told.failed, seconds, last, waiting)

    def _work(self, arrivals: Arrivals) -> None:
        """Look, wait, and do what has arrived."""
        shared = Standing(arrivals, self._engine)
        self.watcher.waiting(())
        arrivals.look()
        while True:
            if arrivals.new:
                self._pass(arrivals, shared)
            elif self.how.once and self._settled(arrivals):
                return
            self.watcher.waiting(arrivals.waiting)
            time.sleep(min(self.how.every, max(self.how.settle, 0.05)) if self.how.once else self.how.every)
            if self._there():
                arrivals.look()

    def _pass(self, arrivals: Arrivals, shared: Standing) -> None:
        """Do what is whole and not done yet."""
        self.watcher.working(arrivals.new)
        arrivals.given()
        self._run = Protection(
            self.src, self.dst, self.cloak, self.settings, self._told, ask=self._ask, standing=shared
        )
        self._run.run_locked()
        self.settings = replace(self.settings, retry=False)  # else all failures would be tried for ever

    def _settled(self, arrivals: Arrivals) -> bool:
        """Whether a look at once would find nothing more: what is there had the time to settle."""
        return (
            not arrivals.waiting or time.perf_counter() - self._start > 2 * self.how.settle + self.how.every
        )

    def _there(self) -> bool:
        """Whether the folder is there: a disk may be taken out, and come back."""
        there = self.src.is_dir()
        if there == self._absent:
            self._absent = not there
            self.watcher.note(f"{self.src}: {'is there again' if there else 'has gone; waiting for it'}")
        return there

    @contextlib.contextmanager
    def _known(self) -> Iterator[Callable[[str, Stat], bool]]:
        """Whether an earlier run has seen a file as it is now."""
        with contextlib.closing(Index()) as index:
            for path in manifests(self.dst):
                index.add(path, torn=True)

            def known(name: str, stat: Stat) -> bool:
                line = index.get(name)
                return line is not None and line.get("input_stat") == [stat.size, stat.mtime_ns]

            yield known
