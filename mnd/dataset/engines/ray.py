"""The Ray engine: actors of a Ray cluster. Each computes with one thread at a time.

They are plain actors: Ray Data reads its input in tasks of the cluster, whereas what is left to do is found
out by the parent as it goes, with the manifest that it alone writes. All nodes have to see the source and the
results under the same paths.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import math
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..items import Item
from ..lines import Line
from ..settings import ProtectSettings
from . import Job
from .local import cores, portable
from .pool import BATCH, PER_GPU, Pool, Worker

ray: Any
errors: Any
try:
    ray, errors = importlib.import_module("ray"), importlib.import_module("ray.exceptions")
except ImportError:  # `engines.load` says so
    ray = errors = None

WAIT = 300.0
"""Seconds after which a cluster that has no place for even one worker is given up: one may be on its way."""
LOOK = 5.0
"""Seconds between two looks at what the cluster has: nodes come and go."""
LOCK = "mnd.lock"
"""In the folder of a cluster: whoever made it holds it."""
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def run(make: Job, items: Iterator[Item], settings: ProtectSettings) -> Generator[Line, None, None]:
    """The record of each item, in the order in which they are done; see `mnd.dataset.engines`.

    Raises:
        ConnectionError: no cluster answers at the address.
        TimeoutError: the cluster has no room for even one worker.
        OSError: workers die while they start.
        Exception: whatever a worker raises, which is not the fault of one photo.
    """
    first = next(items, None)
    if first is None:
        return
    with _cluster(settings.address):
        pool = _Pool(make, itertools.chain([first], items), settings)
        try:
            while pool.start():
                yield from pool.answers()
        finally:
            pool.dismiss()


# the cluster --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """The cluster that this program has already, the one at the address, or a new one on this machine."""
    if ray.is_initialized():
        yield
        return
    # nothing is told to anybody outside
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(_instead("ray._private.worker", "print_to_stdstream", _on_stderr))
        if address is None:
            # as on other systems than Linux: nobody but this machine can reach it
            stack.enter_context(_instead("ray._private.ray_constants", "ENABLE_RAY_CLUSTER", lambda _: False))
            address, options = "local", options | _private(stack.enter_context(_folder()))
        stack.callback(ray.shutdown)
        _connect(address, **options)
        yield


@contextlib.contextmanager
def _instead(module: str, name: str, change: Callable[[Any], Any]) -> Iterator[None]:
    """Ray with something else in it, where there is no option for that; a Ray without it is left as it is."""
    within: Any = importlib.import_module(module)
    if not hasattr(within, name):
        yield
        return
    usual = getattr(within, name)
    setattr(within, name, change(usual))
    try:
        yield
    finally:
        setattr(within, name, usual)


def _on_stderr(usual: Callable[..., None]) -> Callable[..., None]:
    """Ray prints the news of its cluster on standard output, which is for records."""
    return lambda data, **rest: usual(data | {"is_err": True}, **rest)


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    """A new folder for Ray's files; those that killed runs have left are taken away.

    Its sockets lie far below, and the name of a socket has at most 107 bytes.
    """
    usual = tempfile.gettempdir()
    base = usual if len(usual) <= 20 or not os.path.isdir("/tmp") else "/tmp"
    for old in Path(base).glob("mnd-ray-*"):
        with contextlib.suppress(OSError, Timeout), FileLock(old / LOCK, blocking=False):
            shutil.rmtree(old, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix="mnd-ray-", dir=base)
    try:
        with FileLock(os.path.join(folder, LOCK)):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _private(folder: str) -> dict[str, Any]:
    """How a cluster is that nobody needs after us."""
    return {
        "num_cpus": cores(),
        "include_dashboard": False,
        "object_store_memory": 100 << 20,  # records are small, and go another way
        "_temp_dir": folder,
    }


def _connect(address: str, **options: Any) -> None:
    """`ray.init`, without what it does to SIGTERM."""
    _check_answers(address)
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, **options)
    except SystemExit:
        if callable(before):
            before(signal.SIGTERM, None)
        raise
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        raise ConnectionError(f"{address}: got no Ray cluster ({error}), expected one there") from error
    finally:
        if main and before is not None:
            signal.signal(signal.SIGTERM, before)


def _check_answers(address: str) -> None:
    """Ray itself would look for minutes for somebody who is not there."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=20).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(f"{address}: got no answer ({error}), expected a Ray cluster there") from error


def _room(workers: int | None, cpus: float, gpus: float, batch: int = 1) -> tuple[int, dict[str, float]]:
    """How many workers there should be, and what each takes of the cluster.

    A worker takes a bit less than a CPU: Ray's own tasks never wait for ever for one. More workers than
    there are CPUs share them, so that all can start; so do workers that have few photos each with GPUs.

    >>> _room(None, 8, 0), _room(3, 2, 0)
    ((8, {'CPU': 0.99}), (3, {'CPU': 0.495}))
    >>> _room(None, 32, 2)
    (16, {'CPU': 0.99, 'GPU': 0.125})
    >>> _room(None, 32, 2, 16)
    (2, {'CPU': 0.99, 'GPU': 1.0})
    """
    each = math.ceil(PER_GPU / batch)
    count = workers or max(int(min(cpus, each * gpus) if gpus else cpus), 1)
    takes = {"CPU": _share(0.99, count, cpus)}
    if gpus:
        takes["GPU"] = _share(1, count, gpus)
    return count, takes


def _share(most: float, count: int, have: float) -> float:
    """What each of `count` takes; Ray knows ten-thousandths."""
    each = math.ceil(count / have) if have else 1
    return max(math.floor(1e4 * most / each + 1e-6), 1) / 1e4


# the workers --------------------------------------------------------------------------------------------


class _Actor:
    """The worker, on whatever node. What happens in it is told, since Ray would change the exceptions."""

    def place(self) -> tuple[str, Any]:
        """The node that it is on."""
        return "placed", ray.get_runtime_context().get_node_id()

    def load(self, make: Job, folder: str) -> tuple[str, Any]:
        """Load the models; paths are relative to `folder`."""
        with contextlib.suppress(OSError):
            os.chdir(folder)
        try:
            _check_shared(make)
            self._work = make()
        except Exception as error:
            return "broken", portable(error)
        return "ready", None

    def work(self, items: list[Item]) -> tuple[str, Any]:
        """The records of items."""
        try:
            return "done", self._work(items)
        except Exception as error:
            return "broken", portable(error)


def _check_shared(make: Job) -> None:
    """Without the folder of the results on a node, every photo that it gets would fail there."""
    dst: Path | None = getattr(make, "dst", None)
    if dst is not None and not dst.is_dir():
        raise FileNotFoundError(
            f"{dst}: there is no such folder on {socket.gethostname()}, expected one that all nodes share"
        )


class _Worker(Worker):
    """An actor, and the answer that is awaited of it."""

    def __init__(self, make: Job, takes: dict[str, float]) -> None:
        super().__init__()
        kind: Any = ray.remote(_Actor)
        self.actor = kind.options(
            num_cpus=takes["CPU"], num_gpus=takes.get("GPU", 0), scheduling_strategy="SPREAD",
            runtime_env={"env_vars": THREADS},
        ).remote()  # fmt: skip
        self.answer: Any = self.actor.place.remote()
        """None: nothing is asked of it."""
        self.since = time.monotonic()
        self.make = make
        self.node: str | None = None
        """None: the cluster has had no place for it yet."""

    def placed(self, node: str) -> None:
        """It runs: have it load the models."""
        self.node = node
        self.answer = self.actor.load.remote(self.make, os.getcwd())

    def send(self, items: list[Item]) -> None:
        self.answer = self.actor.work.remote(items)


class _Pool(Pool[_Worker]):
    """Actors of a cluster, as many as it has room for."""

    def __init__(self, make: Job, items: Iterator[Item], settings: ProtectSettings) -> None:
        super().__init__(make, items)
        self._settings = settings
        self._looked = -LOOK
        self._takes = {"CPU": 0.99}

    def start(self) -> bool:
        self._look()
        return super().start()

    def _look(self) -> None:
        """What the cluster has now."""
        if time.monotonic() < self._looked + LOOK:
            return
        has = ray.cluster_resources()
        # who wants no GPU can work on nodes without one
        gpus = 0.0 if _on_cpu(self.make) else has.get("GPU", 0.0)
        self.batch = self._settings.batch or (BATCH if gpus else 1)
        self.count, self._takes = _room(self._settings.workers, has.get("CPU", 0.0), gpus, self.batch)
        self._looked = time.monotonic()

    def enlist(self) -> _Worker:
        return _Worker(self.make, self._takes)

    def answers(self) -> Iterator[Line]:
        asked = {worker.answer: worker for worker in self.workers if worker.answer is not None}
        told, _ = ray.wait(list(asked), num_returns=1, timeout=min(LOOK, WAIT))
        for answer in told:
            yield from self._answered(asked[answer])
        if not told:
            self._check_room()

    def _answered(self, worker: _Worker) -> Iterator[Line]:
        answer, worker.answer = worker.answer, None
        try:
            kind, what = ray.get(answer)
        except errors.RayTaskError:
            raise  # no death, but a mistake of this module
        except errors.RayError as error:
            # a lost node is no fault of a photo
            lost = isinstance(error, errors.ActorUnavailableError) or worker.node in _dead()
            yield from self.reap(worker, _reason(error), lost)
            return
        if kind == "placed":
            worker.placed(what)
        else:
            yield from self.heard(worker, kind, what)

    def _check_room(self) -> None:
        """Give up a cluster that has no place for anybody."""
        if not self.workers or any(worker.node for worker in self.workers):
            return
        if time.monotonic() < max(worker.since for worker in self.workers) + WAIT:
            return
        free = ray.available_resources()
        told = ", ".join(f"{n:g} {kind} of {free.get(kind, 0.0):g} free" for kind, n in self._takes.items())
        raise TimeoutError(f"got no worker from the Ray cluster in {WAIT:g} s, expected one to take {told}")

    def part(self, worker: _Worker) -> None:
        # it may be gone already, and so may the connection
        with contextlib.suppress(errors.RayError, RuntimeError, ValueError):
            ray.kill(worker.actor)

    def dismiss(self) -> None:
        for worker in self.workers:
            self.part(worker)


def _on_cpu(make: Job) -> bool:
    return getattr(getattr(make, "cloak", None), "device", None) == "cpu"


def _dead() -> set[str]:
    """The nodes that were lost."""
    return {node["NodeID"] for node in ray.nodes() if not node["Alive"]}


def _reason(error: Exception) -> str:
    """The first sentence of the last line of what Ray tells: what follows is advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].split(". ")[0][:200] if lines else type(error).__name__
