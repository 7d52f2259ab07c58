"""Damaged inputs for every reader: no traceback, no leak, no hang. No part of the tests, as it takes long.

Small valid files are made, a picture ("the clean face") is planted in them, in every form and place that the
tests know; then they are damaged, read, and written again. What is written is searched for the picture by a
searcher of its own (`fuzzing/leaks.py`). The same seed gives the same inputs. Exit status 1: a fault.

    python scripts/fuzz.py --count 100000 --seed 0 --keep faults
    python scripts/fuzz.py --only photos,metadata --minutes 10 --workers 2
    python scripts/fuzz.py --replay faults        # those that were kept, once more
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import itertools
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from fuzzing.cases import FAULTS, Case, Kind, Verdict

SHARES = {"photos": 0.45, "metadata": 0.3, "cards": 0.05, "manifests": 0.07, "tars": 0.06, "lists": 0.07}
"""The kinds, and their shares of the inputs."""
ROOM, GROWN = 2 << 30, 192 << 20
"""Bytes of memory that a worker may take beside what it starts with, and that a single input may add."""
WAIT = 12
"""A worker that says nothing for so many times `--seconds` is ended: it hangs where no signal is heard."""
REPEATS = 5
"""So many inputs of one fault are kept."""


class HangError(BaseException):
    """An input took too long; no `Exception`, so that no reader takes it for a fault of the file."""


def kind_of(name: str) -> Kind:
    """Imported where it is needed: what cards need takes seconds."""
    from fuzzing import photos, sets

    made = {"photos": photos.Photos, "metadata": photos.Metadata, "cards": sets.Cards, "tars": sets.Tars,
            "manifests": sets.Manifests, "lists": sets.Lists}  # fmt: skip
    return made[name]()


def judged(kind: Kind, case: Case, folder: Path, seconds: float) -> Verdict:
    """What becomes of an input; exceptions that come out are tracebacks."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        verdict = kind.judge(case, folder)
    except HangError:
        verdict = Verdict("hang", f"more than {seconds:g} s")
    except MemoryError as error:
        verdict = Verdict("memory", _place(error))
    except Exception as error:
        verdict = Verdict("traceback", _place(error))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if grown > GROWN and verdict.what in ("accepted", "refused"):
        return Verdict("memory", f"{grown >> 20} MB more than before")
    return verdict


def _place(error: BaseException) -> str:
    """The exception and where in the product it was raised."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}mnd{os.sep}" in f.filename]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {str(error)[:120]!r}{where}"


def _stop(*_: object) -> None:
    raise HangError


def work(name: str, seed: str, first: int, last: int, seconds: float, shared: Any, results: Any) -> None:
    """Go through the inputs `first` to `last` of a kind; say of each which one it is before it is judged."""
    kind = kind_of(name)
    signal.signal(signal.SIGVTALRM, _stop)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))
    with tempfile.TemporaryDirectory() as home, open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        for number in range(first, last):
            shared.value = number
            case = kind.make(f"{seed}/{name}/{number}")
            verdict = judged(kind, case, Path(home), seconds)
            for path in Path(home).iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            results.put((number, verdict.what, verdict.why))
    results.put((last, "done", ""))


class Run:
    """The inputs of one kind, judged in processes of their own."""

    def __init__(self, name: str, args: argparse.Namespace, until: float) -> None:
        self.name, self.args, self.until = name, args, until
        self.counts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")

    def through(self, first: int, last: int) -> None:
        """Judge a range of inputs; a process that dies or hangs is followed by another one."""
        while first < last and time.monotonic() < self.until:
            first = self._process(first, last)

    def _process(self, first: int, last: int) -> int:
        """Judge from `first` on; the input to go on with."""
        shared: Synchronized[int] = self._context.Value(ctypes.c_long, first)  # type: ignore[assignment]
        results = self._context.SimpleQueue()
        options = self.name, str(self.args.seed), first, last, self.args.seconds, shared, results
        process = self._context.Process(target=work, args=options, daemon=True)
        process.start()
        heard, seen = time.monotonic(), first
        try:
            while True:
                while not results.empty():
                    number, what, why = results.get()
                    heard = time.monotonic()
                    if what == "done":
                        return last
                    seen = number + 1
                    self._count(number, Verdict(what, why))
                if not process.is_alive() and results.empty():
                    self._count(shared.value, Verdict("crash", f"exit code {process.exitcode}"))
                    return int(shared.value) + 1
                if time.monotonic() - heard > WAIT * self.args.seconds + 60:
                    self._count(shared.value, Verdict("hang", "in code that hears no signal"))
                    return int(shared.value) + 1
                if time.monotonic() > self.until:
                    return seen
                time.sleep(0.02)
        finally:
            process.kill()
            process.join()

    def _count(self, number: int, verdict: Verdict) -> None:
        self.counts[verdict.what] += 1
        if verdict.what not in FAULTS:
            return
        self.faults[f"{verdict.what}: {verdict.why}"] += 1
        if self.args.keep and self.faults[f"{verdict.what}: {verdict.why}"] <= REPEATS:
            case = kind_of(self.name).make(f"{self.args.seed}/{self.name}/{number}")
            self.args.keep.mkdir(parents=True, exist_ok=True)
            name = f"{self.name}-{case.reader}-{self.args.seed}-{number}-{verdict.what}{case.suffix}"
            (self.args.keep / name).write_bytes(case.data)

    def told(self) -> str:
        """The line of figures."""
        total = sum(self.counts.values())
        figures = [f"{self.counts[what]:7,} {what}" for what in ("accepted", "refused", *FAULTS)]
        return f"{self.name:10} {total:8,} inputs {' '.join(figures)}"


def parts(name: str, args: argparse.Namespace) -> list[tuple[int, int]]:
    """The inputs of a kind, in ranges for the workers."""
    chosen = {kind: SHARES[kind] for kind in args.only}
    count = round(args.count * chosen[name] / sum(chosen.values()))
    edges = [count * i // args.workers for i in range(args.workers + 1)]
    return list(itertools.pairwise(edges))


def fuzz(args: argparse.Namespace) -> bool:
    """Run all kinds; whether a fault was found."""
    from concurrent.futures import ThreadPoolExecutor

    until = time.monotonic() + 60 * args.minutes
    runs = {name: Run(name, args, until) for name in args.only}
    for run in runs.values():
        kind_of(run.name)  # imported before processes are forked
        with ThreadPoolExecutor(args.workers) as pool:
            list(pool.map(lambda part, run=run: run.through(*part), parts(run.name, args)))
        print(run.told(), flush=True)
        for fault, times in run.faults.most_common(20):
            print(f"    {times:5} x {fault}", flush=True)
    return any(run.faults for run in runs.values())


def replay(folder: Path, seconds: float) -> bool:
    """Judge the inputs in a folder once more, in this process; whether one is still a fault."""
    signal.signal(signal.SIGVTALRM, _stop)
    found = False
    for path in sorted(folder.iterdir()):
        name, reader = path.name.split("-")[:2]
        with tempfile.TemporaryDirectory() as home:
            case = Case(reader, path.read_bytes(), path.suffix)
            verdict = judged(kind_of(name), case, Path(home), seconds)
        print(f"{path.name}: {verdict.what} {verdict.why}", flush=True)
        found |= verdict.what in FAULTS
    return found


def _kinds(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(SHARES):
        raise argparse.ArgumentTypeError(
            f"unknown {', '.join(sorted(unknown))}, expected {', '.join(SHARES)}"
        )
    return names


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="inputs, of all kinds together")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--only", type=_kinds, default=list(SHARES), help="kinds, with commas")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop then")
    parser.add_argument("--seconds", type=float, default=10, help="of processor time: more is a hang")
    parser.add_argument("--keep", type=Path, help="folder for the inputs at fault")
    parser.add_argument(
        "--replay", type=Path, metavar="FOLDER", help="judge kept inputs once more, nothing else"
    )
    return parser.parse_args()


def _main() -> Iterator[int]:
    args = _arguments()
    with contextlib.suppress(KeyboardInterrupt):
        yield int(replay(args.replay, args.seconds) if args.replay else fuzz(args))
    yield 130


if __name__ == "__main__":
    sys.exit(next(_main()))
