"""The local engine: processes on this machine. Each computes with one thread at a time."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import sys
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from multiprocessing import connection, get_context, parent_process
from typing import Any

from ...base.runtime import pick_device
from ..items import Item
from ..lines import Line
from ..settings import ProtectSettings
from . import Job
from .pool import BATCH, PER_GPU, Pool, Worker


def run(make: Job, items: Iterator[Item], settings: ProtectSettings) -> Generator[Line, None, None]:
    """The record of each item, in the order in which they are done; see `mnd.dataset.engines`.

    Raises:
        OSError: workers die while they start.
        Exception: whatever a worker raises, which is not the fault of one photo.
    """
    pool = _Pool(make, items, settings)
    try:
        while pool.start():
            yield from pool.answers()
    finally:
        pool.dismiss()


class Staying:
    """The same engine with workers that stay for the next run, whose models are loaded already."""

    def __init__(self) -> None:
        self._pool: _Pool | None = None
        self._make: Job | None = None

    def __call__(
        self, make: Job, items: Iterator[Item], settings: ProtectSettings
    ) -> Generator[Line, None, None]:
        """As `run`; a run that does not come to its end ends the workers."""
        if self._pool is not None and make == self._make:
            self._pool.go_on(items)
        else:
            self.dismiss()
            self._pool, self._make = _Pool(make, items, settings), make
        try:
            while self._pool.start():
                yield from self._pool.answers()
        except BaseException:
            self.dismiss()
            raise

    def dismiss(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.dismiss()
        self._pool = None


def cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus(make: Job) -> list[str]:
    """The GPUs that a job is for, by the names that CUDA takes."""
    device = getattr(getattr(make, "cloak", None), "device", "cpu")
    if device == "cpu":
        return []
    import torch

    if device in ("auto", "cuda") and torch.cuda.is_available():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        every = list(map(str, range(torch.cuda.device_count())))
        return every if visible is None else visible.split(",")[: len(every)]
    if device == "auto":
        device = pick_device(device)
    return ["mps"] if device == "mps" and torch.backends.mps.is_available() else []


class _Worker(Worker):
    """A process."""

    def __init__(self, make: Job, gpu: str | None) -> None:
        super().__init__()
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.gpu = gpu
        self.process = context.Process(target=_serve, args=(theirs, make, gpu), daemon=True)
        with _no_interrupts():
            self.process.start()
        theirs.close()

    def send(self, items: list[Item]) -> None:
        with contextlib.suppress(OSError):
            self.pipe.send(items)

    def heard(self) -> tuple[list[tuple[str, Any]], bool]:
        """What it has said, and whether it lives."""
        said = []
        try:
            while self.pipe.poll():
                said.append(self.pipe.recv())
        except (EOFError, OSError, pickle.UnpicklingError):
            return said, False
        return said, self.process.is_alive() or self.pipe.poll()


class _Pool(Pool[_Worker]):
    """Processes of this machine, spread over its GPUs."""

    def __init__(self, make: Job, items: Iterator[Item], settings: ProtectSettings) -> None:
        self._gpus = gpus(make)
        batch = settings.batch or (BATCH if self._gpus else 1)
        most = len(self._gpus) * math.ceil(PER_GPU / batch) if self._gpus else cores()
        super().__init__(make, items, settings.workers or min(most, cores()), batch)

    def enlist(self) -> _Worker:
        taken = Counter(worker.gpu for worker in self.workers)
        # of one GPU there is no choice, and it goes by whatever name it has
        gpu = min(self._gpus, key=lambda name: taken[name]) if len(self._gpus) > 1 else None
        return _Worker(self.make, gpu)

    def answers(self) -> Iterator[Line]:
        waited = [handle for w in self.workers for handle in (w.pipe, w.process.sentinel)]
        told = set(connection.wait(waited)) if waited else set()
        for worker in [w for w in self.workers if w.pipe in told or w.process.sentinel in told]:
            said, alive = worker.heard()
            for kind, what in said:
                yield from self.heard(worker, kind, what)
            if not alive:
                self.part(worker)  # only then it has a status
                code = worker.process.exitcode
                how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
                yield from self.reap(worker, how)

    def part(self, worker: _Worker) -> None:
        worker.pipe.close()
        worker.process.join(5)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()

    def dismiss(self) -> None:
        for worker in self.workers:
            if worker.items or not worker.ready:
                worker.process.terminate()
        for worker in self.workers:
            self.part(worker)


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


def _serve(pipe: connection.Connection, make: Job, gpu: str | None) -> None:
    """A worker: items come in, records go out, until nobody is there to hear them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_parent, daemon=True).start()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
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
