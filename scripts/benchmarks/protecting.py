"""What `mnd protect` costs: photos a second of one and two workers, what is not search, the pipeline."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from benchmarks.judging import DATA
from mnd.cloaking import cloaker, panel
from mnd.cloaking.settings import CloakSettings
from mnd.dataset import assembler, worker
from mnd.dataset.engines import Job
from mnd.dataset.items import Item
from mnd.dataset.manifest import Manifest
from mnd.dataset.protect import NullProgress, Protection, Summary
from mnd.dataset.settings import ProtectSettings
from mnd.photo.photo import Photo

DIGITS = {"workers": 0, "a second": 3, "by one worker": 2, "with start a second": 3, "done": 0,
          "pictures": 0, "ms a photo": 2, "CPU ms a photo": 2, "each more ms": 2,
          "parent MB": 1, "worker MB": 1, "by 500": 3, "s": 3, "share %": 1}  # fmt: skip
ROOT = Path(__file__).parents[2]
SIZES = (500, 5000)
"""Numbers of small pictures."""
Figures = dict[str, dict[str, dict[str, Any]]]


def protect(args: argparse.Namespace) -> Figures:
    """All of it, on some photos of faces, and on small pictures without any search."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _photos(args.data or DATA / "faces" / "lfw10", home / "src", args.limit)
        return {
            "photos a second, dlib, level minimum": _speed(home),
            "where the time of a photo goes, one worker": _shares(home),
            "the pipeline, a search that does nothing": _pipeline(home / "small"),
        }


def _photos(data: Path, folder: Path, limit: int | None) -> None:
    """Photos of all people in turn, so that a few of them are as mixed as all."""
    found = sorted(data.rglob("*.jpg"), key=lambda path: (path.stem[-4:], path.name))
    folder.mkdir()
    for path in found[:limit]:
        shutil.copy(path, folder)
    if not found:
        raise FileNotFoundError(f"{data}: has no .jpg, expected photos of faces")


def _run(src: Path, dst: Path, workers: int, watcher: Any = None) -> Summary:
    cloak = CloakSettings(targets=("dlib",), level="minimum", offline=True)
    return Protection(src, dst, cloak, ProtectSettings(workers=workers), watcher).run()


# workers --------------------------------------------------------------------------------------------------


class _Clock(NullProgress):
    """When each worker had done each photo."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)

    def record(self, record: dict[str, Any], known: bool) -> None:
        del known
        self.times[record["worker"]].append(time.perf_counter())

    def rate(self) -> float:
        """Photos a second while all work: from the first that each has done to the last of who ends first."""
        begin = max(times[0] for times in self.times.values())
        end = min(times[-1] for times in self.times.values())
        done = sum(begin < moment <= end for times in self.times.values() for moment in times)
        return done / (end - begin) if end > begin else float("nan")


def _speed(home: Path) -> dict[str, dict[str, Any]]:
    """One worker and two, in turn, on the same photos; the results have to be the same bytes."""
    rows: dict[str, dict[str, Any]] = {}
    for workers in (1, 2):
        clock, begin = _Clock(), time.perf_counter()
        summary = _run(home / "src", home / f"{workers}", workers, clock)
        whole = summary.photos / (time.perf_counter() - begin)
        rows[f"{workers} workers, one thread each"] = {
            "workers": workers, "done": summary.protected, "a second": clock.rate(),
            "with start a second": whole,
        }  # fmt: skip
    one = next(iter(rows.values()))["a second"]
    for row in rows.values():
        row["by one worker"] = row["a second"] / one
    same = _bytes(home / "1") == _bytes(home / "2")
    if not same:
        raise AssertionError("one worker and two gave different bytes")
    return rows


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.jpg"))}


# where the time goes --------------------------------------------------------------------------------------


class _Watch:
    """Adds up the time in some functions; what one of them calls of the others counts for these alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[float] = []

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        self._open.append(0.0)
        try:
            yield
        finally:
            passed = time.perf_counter() - begin
            self.seconds[name] += passed - self._open.pop()
            if self._open:
                self._open[-1] += passed

    def around(self, work: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(work)
        def timed(*args: Any, **options: Any) -> Any:
            with self(name):
                return work(*args, **options)

        return timed


_TIMED = (
    (cloaker, "search", "search"),
    (Item, "read", "reading"),
    (Photo, "from_bytes", "reading"),
    (panel.Panel, "subjects", "finding faces, references"),
    (Photo, "encode", "encoding"),
    (Photo, "decode", "verifying: decoding"),
    (cloaker, "regions", "verifying: targets, channel"),
    (cloaker, "quality", "verifying: quality"),
    (worker, "write_checked", "writing"),
    (Manifest, "append", "manifest"),
    (assembler.Assembler, "told", "shards"),
)
"""What is timed: where it is looked up, its name there, and what it counts as."""


def _shares(home: Path) -> dict[str, dict[str, Any]]:
    """The seconds of each stage for a photo, and their share of all.

    The worker is in this process, where its functions can be timed.
    """
    watch = _Watch()
    with contextlib.ExitStack() as stack:
        for owner, name, what in _TIMED:
            found = getattr(owner, name)
            timed = watch.around(found, what)
            if isinstance(owner, type) and isinstance(owner.__dict__[name], classmethod):
                timed = staticmethod(timed)  # it is bound to its class already
            stack.enter_context(mock.patch.object(owner, name, timed))
        photos, seconds = _inline(home, stack, watch)
    rest = seconds - sum(watch.seconds.values())
    told = dict(sorted(watch.seconds.items(), key=lambda told: -told[1])) | {"all else": rest}
    told["all but the search"] = seconds - watch.seconds["search"]
    return {name: {"s": value / photos, "share %": 100 * value / seconds} for name, value in told.items()}


def _inline(home: Path, stack: contextlib.ExitStack, watch: _Watch) -> tuple[int, float]:
    """Protect with the worker in this process: photos, and the seconds that they took.

    The first photo is left out: libraries are loaded and memory is set up in it. So is the report.
    """
    moments: list[float] = []

    def engine(
        make: Job, items: Iterator[Item], settings: ProtectSettings
    ) -> Generator[dict[str, Any], None, None]:
        del settings
        work = make()
        for item in items:
            yield from work([item])
            if not moments:
                watch.seconds.clear()
            moments.append(time.perf_counter())

    stack.enter_context(mock.patch("mnd.dataset.engines.load", return_value=engine))
    _run(home / "src", home / "inline", 1)
    assert len(moments) > 1, f"got {len(moments)} photos, expected at least two"
    return len(moments) - 1, moments[-1] - moments[0]


# the pipeline ---------------------------------------------------------------------------------------------


def _pipeline(home: Path) -> dict[str, dict[str, Any]]:
    """Small pictures through one worker that does not search; and the same command once more."""
    small = _small()
    rows: dict[str, dict[str, Any]] = {}
    for count in SIZES:
        for number in range(count):
            path = home / f"{count}" / f"{number % 50}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(small[number % len(small)])
        for what in ("", ", once more"):
            told = _trivial(home / f"{count}", home / f"out{count}")
            expected = count if what else 0
            assert told["kept"] == expected, f"{told['kept']} were kept, expected {expected}"
            rows[f"{count:,} pictures{what}"] = {
                "pictures": count, "s": told["all"], "ms a photo": 1000 * told["seconds"] / count,
                "CPU ms a photo": 1000 * told["cpu"] / count,
                "parent MB": told["peaks"][0], "worker MB": told["peaks"][1],
            }  # fmt: skip
    few, many = (rows[f"{count:,} pictures"] for count in SIZES)
    # what a picture costs beside the start of the command and of the worker
    many["each more ms"] = 1000 * (many["s"] - few["s"]) / (SIZES[1] - SIZES[0])
    many["by 500"] = max(many[peak] / few[peak] for peak in ("parent MB", "worker MB"))
    return rows


def _small() -> list[bytes]:
    """Twenty pictures of 32 x 32 pixels."""
    chance, found = np.random.default_rng(0), []
    for _ in range(20):
        file = io.BytesIO()
        Image.fromarray(chance.integers(0, 256, (32, 32, 3), np.uint8)).save(file, "PNG")
        found.append(file.getvalue())
    return found


def _trivial(src: Path, dst: Path) -> dict[str, Any]:
    """What `tests/helpers/trivial.py` says."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    program = ROOT / "tests" / "helpers" / "trivial.py"
    # by a shell: a process begins with the peak of the one that started it, and this one is large
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, *map(str, (program, src, dst))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["done"], done.stderr
    return told
