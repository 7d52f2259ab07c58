"""A long run of `mnd protect` in which everything goes wrong, again and again, and what is left of it.

`python scripts/soak.py [--photos 2000] [--faults 1000] [--seed 0] [--disk DIR] [--json FILE]` makes small
pictures of five formats, some of them broken, and protects them with a target that costs nothing. Every run
of the command meets a few faults: files that are cut short, replaced, lost or dated otherwise while it works,
a quota, and in the end its own death or that of a worker. Then a last run is left in peace; its folder must
be what a run makes to which nothing ever happened: each picture once, the same bytes, no torn line, no clean
picture, nothing left lying about.

`--disk DIR` puts the results on a small disk of their own (`mount -t tmpfs -o size=64m tmpfs DIR`), which is
full now and then as well.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the folder of `tests`

from mnd.dataset.manifest import manifest_path, read_manifest
from tests.helpers import tiny
from tests.helpers.data_sets import bytes_of, command, files, lines, timeless, workers_of

FORMS = (("PNG", "png"), ("BMP", "bmp"), ("JPEG", "jpg"), ("WEBP", "webp"), ("TIFF", "tif"))
BROKEN = 25
"""One of so many pictures is no picture from the beginning."""
A_ROUND = 12
"""Faults of a run, its end among them."""
YEAR = 365 * 86400
EARLY = 0.003
"""Chance in every tenth of a second that a run is disturbed before it has done a picture."""
ENDINGS = ("parent killed", "worker killed", "interrupted", "terminated", "quota met")
FULL = "disk full"
SMALL = 1 << 30
"""Bytes: no larger disk is filled."""


class Soak:
    """A source, its results, and chance."""

    def __init__(self, folder: Path, photos: int, seed: int, disk: Path | None = None) -> None:
        self.src, self.dst, self.chance = folder / "src", (disk or folder) / "dst", random.Random(seed)
        self.disk, self.endings = disk, ENDINGS if disk is None else (*ENDINGS, FULL)
        self.target = tiny.write_target(folder)
        self.met: collections.Counter[str] = collections.Counter()
        self.version = photos
        for number in range(photos):
            form, suffix = FORMS[number % len(FORMS)]
            path = self.src / f"{number % 7}" / f"{number:05d}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            data = tiny.picture(number, form)
            path.write_bytes(data[: len(data) // 3] if number % BROKEN == 0 else data)
        self.names = sorted(p for p in self.src.rglob("*") if p.is_file())

    def arguments(self, dst: Path) -> list[str]:
        return command(self.src, dst, "--targets", self.target, *tiny.FLAGS, "--workers", 2)

    # faults -----------------------------------------------------------------------------------------------

    def cut_short(self) -> None:
        """A source that loses its end."""
        path = self.chance.choice(self.names)
        data = path.read_bytes()
        path.write_bytes(data[: max(len(data) // 2, 1)])

    def replaced(self) -> None:
        """A source that becomes another picture, or a whole one again."""
        path = self.chance.choice(self.names)
        self.version += 1
        form = next(form for form, suffix in FORMS if path.suffix == f".{suffix}")
        path.write_bytes(tiny.picture(self.version, form))

    def result_lost(self) -> None:
        """A result that somebody deletes."""
        with contextlib.suppress(IndexError, FileNotFoundError):
            (self.dst / self.chance.choice(files(self.dst))).unlink()

    def result_cut(self) -> None:
        """A result of which half is lost."""
        with contextlib.suppress(IndexError, FileNotFoundError):
            path = self.dst / self.chance.choice(files(self.dst))
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def clock_jumped(self) -> None:
        """Dates of a source years ahead, or years ago."""
        path, jump = self.chance.choice(self.names), self.chance.choice((-5, -1, 1, 5)) * YEAR
        os.utime(path, (time.time() + jump, time.time() + jump))

    FAULTS: tuple[Callable[[Soak], None], ...] = (cut_short, replaced, result_lost, result_cut, clock_jumped)

    # runs -------------------------------------------------------------------------------------------------

    def round(self) -> None:
        """One run that meets its faults and does not end well."""
        ending = self.chance.choice(self.endings)
        limited = (lambda: _files_of(self.chance.randrange(2_000, 9_000))) if ending == "quota met" else None
        process = subprocess.Popen(
            self.arguments(self.dst), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            preexec_fn=limited, start_new_session=True,
        )  # fmt: skip
        self._until_it_works(process)
        for _ in range(A_ROUND - 1):
            time.sleep(self.chance.uniform(0, 0.5))
            fault = self.chance.choice(self.FAULTS)
            fault(self)
            self.met[fault.__name__.replace("_", " ")] += 1
        with self._full_disk() if ending == FULL else contextlib.nullcontext():
            self._end(process, ending)
            said = process.communicate(timeout=600)[1]
        self.met[ending] += 1
        if "Traceback" in said:
            raise AssertionError(f"{ending}: {said[-3000:]}")
        if manifest_path(self.dst).exists():
            list(read_manifest(manifest_path(self.dst), torn=True))

    @contextlib.contextmanager
    def _full_disk(self) -> Iterator[None]:
        """Ballast on the small disk until nothing goes on it, or a few bytes."""
        assert self.disk is not None
        room = shutil.disk_usage(self.disk).free
        if room > SMALL:
            raise ValueError(f"{self.disk} has {room:,} bytes free; only a disk below {SMALL:,} is filled")
        ballast = self.disk / "ballast"
        with contextlib.suppress(OSError):  # the run may have been quicker: full it is
            ballast.write_bytes(bytes(max(room - self.chance.randrange(0, 20_000), 0)))
        yield
        ballast.unlink()

    def _until_it_works(self, process: subprocess.Popen[str]) -> None:
        """Until it writes of a picture; now and then sooner."""
        before, deadline = self._written(), time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if self._written() != before or self.chance.random() < EARLY:
                return
            time.sleep(0.1)

    def _written(self) -> int:
        """Bytes of the manifest, which grows by every line."""
        path = manifest_path(self.dst)
        return path.stat().st_size if path.exists() else 0

    def _end(self, process: subprocess.Popen[str], ending: str) -> None:
        time.sleep(self.chance.uniform(0, 4))
        if process.poll() is not None:
            return
        if ending == "parent killed":
            os.killpg(process.pid, signal.SIGKILL)
        elif ending == "worker killed":
            for worker in workers_of(process.pid)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
        elif ending == FULL:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            process.send_signal(signal.SIGTERM)  # where it had no more to write
        else:
            process.send_signal(signal.SIGTERM if ending == "terminated" else signal.SIGINT)

    def in_peace(self, dst: Path) -> None:
        """A run that nothing happens to, and that tries again what failed; broken pictures fail again."""
        done = subprocess.run([*self.arguments(dst), "--retry"], capture_output=True, text=True)
        if done.returncode not in (0, 1) or "Traceback" in done.stderr:
            raise AssertionError(f"exit status {done.returncode}: {done.stderr[-3000:]}")

    # what must hold ---------------------------------------------------------------------------------------

    def wrong(self, clean: Path) -> Iterator[str]:
        """All that is not as it would be if nothing had happened."""
        told, asked = lines(self.dst), sorted(p.relative_to(self.src).as_posix() for p in self.names)
        yield from (f"lost: {name}" for name in asked if name not in told)
        yield from (f"nobody's: {name}" for name in told if name not in asked)
        ours, theirs = bytes_of(self.dst), bytes_of(clean)
        yield from (f"missing: {name}" for name in theirs if name not in ours)
        yield from (f"left over: {name}" for name in ours if name not in theirs)
        yield from (f"other bytes: {name}" for name in theirs if name in ours and ours[name] != theirs[name])
        same, undisturbed = timeless(self.dst), timeless(clean)
        yield from (f"told otherwise: {name}" for name in undisturbed if same.get(name) != undisturbed[name])
        yield from (f"torn: {e}" for e in _torn(manifest_path(self.dst)))
        originals = {hashlib.sha256(p.read_bytes()).hexdigest() for p in self.names if _whole(p)}
        for path in (p for p in self.dst.rglob("*") if p.is_file()):
            if hashlib.sha256(path.read_bytes()).hexdigest() in originals:
                yield f"clean picture: {path.relative_to(self.dst)}"
            if path.name.startswith(".") and path.name != ".mnd.lock":
                yield f"left lying about: {path.relative_to(self.dst)}"


def _files_of(size: int) -> None:
    """No file of this process, or of those that it starts, may become larger: what it writes fails."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _torn(path: Path) -> Iterator[str]:
    try:
        list(read_manifest(path))
    except ValueError as error:
        yield str(error)


def _whole(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            np.asarray(image)
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def soak(photos: int, faults: int, seed: int = 0, disk: Path | None = None) -> dict[str, object]:
    """The figures of a soak: what was met, and what was wrong in the end."""
    # who is started in the background may be deaf to Ctrl-C, and so would be the runs
    signal.signal(signal.SIGINT, signal.default_int_handler)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        run = Soak(Path(name), photos, seed, disk)
        rounds = 0
        while run.met.total() < faults:
            run.round()
            rounds += 1
            print(
                f"{run.met.total()} of {faults} faults, {rounds} runs, {len(lines(run.dst))} lines",
                flush=True,
            )
        run.in_peace(run.dst)
        run.in_peace(Path(name) / "clean")
        wrong = sorted(run.wrong(Path(name) / "clean"))
        done = collections.Counter(line["status"] for line in lines(run.dst).values())
        shutil.rmtree(run.dst)
    return {
        "photos": photos, "faults": run.met.total(), "runs": rounds, "met": dict(sorted(run.met.items())),
        "outcomes": dict(sorted(done.items())), "wrong": wrong, "minutes": (time.monotonic() - begin) / 60,
    }  # fmt: skip


def main() -> int:
    """Print the figures; the exit status is 1 where anything was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--disk", type=Path, help="a small disk for the results, to be filled now and then")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    figures = soak(args.photos, args.faults, args.seed, args.disk)
    print(json.dumps(figures, indent=1))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return bool(figures["wrong"])


if __name__ == "__main__":
    sys.exit(main())
