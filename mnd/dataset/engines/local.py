"""The local engine: processes on this machine, each with one thread and one photo."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator
from multiprocessing import connection, get_context, parent_process
from typing import Any

from ..items import Item
from ..settings import ProtectSettings
from . import Job, Record

STARTS = 3
"""After so many workers in a row that died before they were ready, the run ends."""


def run(make: Job, items: Iterator[Item], settings: ProtectSettings) -> Generator[Record, None, None]:
    """The record of each item, in the order in which they are done; see `mnd.dataset.engines`.

    Raises:
        OSError: workers die while they start.
        Exception: whatever a worker raises, which is not the fault of one photo.
    """
    crew = _Crew(make, items, settings.workers or cores())
    try:
        while crew.hire():
            yield from crew.answers()
    finally:
        crew.dismiss()


def cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker:
    """A process, and the item that it has and has not answered."""

    def __init__(self, make: Job) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, make), daemon=True)
        with _no_interrupts():
            self.process.start()
        theirs.close()
        self.ready = False
        self.fresh = True
        """It has not had an item yet."""
        self.item: Item | None = None

    def give(self, item: Item) -> None:
        """Its next item; a worker that has died meanwhile is noticed when it is heard."""
        self.item, self.fresh = item, False
        with contextlib.suppress(OSError):
            self.pipe.send([item])

    def heard(self) -> tuple[list[tuple[str, Any]], bool]:
        """What it has said, and whether it lives."""
        said = []
        try:
            while self.pipe.poll():
                said.append(self.pipe.recv())
        except (EOFError, OSError, pickle.UnpicklingError):
            return said, False
        return said, self.process.is_alive() or self.pipe.poll()


class _Crew:
    """The workers, and the items that wait for one."""

    def __init__(self, make: Job, items: Iterator[Item], count: int) -> None:
        self._make, self._items, self._count = make, items, count
        self._next: deque[Item] = deque()
        """Items for workers that are on their way, and one for who is ready first."""
        self._suspects: deque[Item] = deque()
        """Items in whose work a worker died."""
        self._again: set[str] = set()
        """The names of those that have another worker now."""
        self._workers: list[_Worker] = []
        self._stillborn = 0

    def hire(self) -> bool:
        """Give everybody something to do, with new workers where they help; False: all is done."""
        for worker in list(self._workers):
            if worker.ready and worker.item is None:
                self._feed(worker)
        while len(self._workers) < self._count and self._unassigned():
            # it is fed once it is ready: what it dies of before that is no item's fault
            self._workers.append(_Worker(self._make))
        if not self._next and (item := next(self._items, None)) is not None:
            self._next.append(item)
        return bool(self._next) or any(worker.item or not worker.ready for worker in self._workers)

    def _unassigned(self) -> bool:
        """Whether there is more to do than those who are not ready yet will take."""
        coming = sum(not worker.ready for worker in self._workers)
        while len(self._next) + len(self._suspects) <= coming:
            item = next(self._items, None)
            if item is None:
                return False
            self._next.append(item)
        return True

    def _feed(self, worker: _Worker) -> None:
        """An item for a worker that has none: one that has ended a worker is for a fresh one alone."""
        if self._suspects and worker.fresh:
            item: Item | None = self._suspects.popleft()
        else:
            item = self._next.popleft() if self._next else next(self._items, None)
        if item is not None:
            worker.give(item)
        elif self._suspects:
            self._part(worker)  # it makes room for a fresh one
            self._workers.remove(worker)

    def answers(self) -> Iterator[Record]:
        """Wait until somebody has something to say, and hear all who have."""
        waited = [handle for w in self._workers for handle in (w.pipe, w.process.sentinel)]
        told = set(connection.wait(waited)) if waited else set()
        for worker in [w for w in self._workers if w.pipe in told or w.process.sentinel in told]:
            said, alive = worker.heard()
            for kind, what in said:
                if kind == "broken":
                    raise what
                if kind == "ready":
                    worker.ready, self._stillborn = True, 0
                else:
                    worker.item = None
                    if self._next:
                        # it works on while this record is written down
                        worker.give(self._next.popleft())
                    yield from what
            if not alive:
                yield from self._bury(worker)

    def _bury(self, worker: _Worker) -> Iterator[Record]:
        """Take a dead worker's item back; one that has ended two workers is given up."""
        self._workers.remove(worker)
        self._part(worker)
        code = worker.process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= STARTS:
                raise OSError(f"{STARTS} workers in a row died at their start ({how}): too little memory?")
        item = worker.item
        if item is None:
            return
        if item.name in self._again:
            why = f"{item.name}: the worker died of it twice ({how}), expected a record"
            yield self._make.failed(item, "worker-died", why)
        else:
            self._again.add(item.name)
            self._suspects.append(item)

    @staticmethod
    def _part(worker: _Worker) -> None:
        worker.pipe.close()
        worker.process.join(5)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()

    def dismiss(self) -> None:
        """End all workers, whatever they do."""
        for worker in self._workers:
            if worker.item or not worker.ready:
                worker.process.terminate()
        for worker in self._workers:
            self._part(worker)


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """A process that is started in here never hears Ctrl-C, which is for its parent to decide on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: connection.Connection, make: Job) -> None:
    """A worker: items come in, records go out, until nobody is there to hear them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_parent, daemon=True).start()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.dup2(sys.stderr.fileno(), 1)  # what libraries print is no result
    try:
        try:
            work = make()
            pipe.send(("ready", None))
            while True:
                pipe.send(("done", work(pipe.recv())))
        except Exception as error:
            if isinstance(error, (EOFError, BrokenPipeError, ConnectionResetError)):
                raise
            pipe.send(("broken", portable(error)))
    except (EOFError, OSError):
        return  # the parent has closed the pipe: there is no more to do


def portable(error: Exception) -> Exception:
    """The error as it can be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its class makes of being pickled
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _watch_parent() -> None:
    """A killed parent closes nothing that a busy worker looks at: end at once, in the middle of a search."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
