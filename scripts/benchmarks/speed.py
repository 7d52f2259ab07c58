"""This build beside another one: time, memory and quality of the same photos, in turn."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.judging import DATA, differences, read

DIGITS = {"of it: CPU": 2, "of it: wall": 2, "of it: GB": 2, "CPU s": 1, "protected": 0}
HERE = Path(__file__).parents[2]
BEFORE = "dbf5d2b"
"""The build before searches began on a coarser grid."""
CAMERA = (4000, 3000)


class Job(NamedTuple):
    """What is cloaked, and how."""

    photo: Path
    words: tuple[str, ...]
    face: tuple[int, int, int, int]
    """The part of the picture whose quality is told."""


def speed(args: argparse.Namespace) -> dict[str, Any]:
    """Ratios of this build to the one in `--against`, medians of some turns, and the quality of both."""
    rows = {}
    with tempfile.TemporaryDirectory() as name, other_build(args.against) as other:
        folder = Path(name)
        for title, job in _jobs(args, folder):
            turns = [
                (_run(other, job, folder / "theirs.jpg"), _run(HERE, job, folder / "ours.jpg"))
                for _ in range(args.turns)
            ]
            row: dict[str, float] = {
                f"of it: {what}": median(ours[i] / theirs[i] for theirs, ours in turns)
                for i, what in enumerate(("CPU", "wall", "GB"))
            }
            row["CPU s"] = median(ours[0] for _, ours in turns)
            for whose in ("theirs", "ours"):
                made = folder / f"{whose}.jpg"
                if made.exists():
                    left, top, right, bottom = job.face
                    clean, changed = (read(p)[top:bottom, left:right] for p in (job.photo, made))
                    row |= {f"{k}, {whose}": v for k, v in differences(clean, changed).items()}
                row[f"protected, {whose}"] = float(made.exists())
                made.unlink(missing_ok=True)
            rows[title] = row
            print(title, {k: round(v, 3) for k, v in row.items()}, flush=True)
    mean = {k: fmean(r[k] for r in rows.values() if k in r) for k in next(iter(rows.values()))}
    return {"this build by another": rows | {"mean": mean}}


@contextmanager
def other_build(against: Path | None) -> Iterator[Path]:
    """The folder of the other build: by default a worktree of the commit `BEFORE`, removed again."""
    if against is not None:
        yield against.resolve()
        return
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "before"
        git = ["git", "-C", str(HERE), "worktree"]
        made = subprocess.run([*git, "add", "--detach", str(tree), BEFORE], capture_output=True, text=True)
        if made.returncode:
            raise SystemExit(f"no worktree of {BEFORE}: {made.stderr.strip()}; expected --against DIR then")
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True, capture_output=True)


def _jobs(args: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Job]]:
    targets = ("--targets", "dlib")
    for side in (800, 1200):
        photo, face = _portrait(folder, side)
        for level in ("minimum", "robust"):
            yield f"12 megapixels, head of {side}, {level}", Job(photo, (*targets, "--level", level), face)
    small = sorted((args.data or DATA / "faces" / "lfw38").glob("*/*_0001.jpg"))[: args.limit or 3]
    for path in small:
        photo = folder / path.name
        Image.fromarray(read(path)).save(photo, quality=92)
        for level in ("minimum", "robust"):
            yield f"{path.stem}, {level}", Job(photo, (*targets, "--level", level), (0, 0, 250, 250))


def _portrait(folder: Path, head: int) -> tuple[Path, tuple[int, int, int, int]]:
    """A camera's JPEG with a head of so many pixels: an enlarged face with grain on a slope with noise."""
    from skimage import data

    rng, side, (width, height) = np.random.default_rng(0), min(2 * head, CAMERA[1] - 200), CAMERA
    noise = rng.normal(0, 6, (height, width, 1))
    picture = (np.linspace(60, 180, width)[None, :, None] + noise).clip(0, 255).astype(np.uint8).repeat(3, 2)
    face = Image.fromarray(data.astronaut()).crop((120, 20, 330, 230)).resize((side, side), 1)
    grain = rng.normal(0, 3, (side, side, 1))
    left, top = 1000, 100
    picture[top : top + side, left : left + side] = (np.asarray(face) + grain).clip(0, 255)
    path = folder / f"portrait-{head}.jpg"
    Image.fromarray(picture).save(path, quality=92)
    return path, (left, top, left + side, top + side)


def _run(build: Path, job: Job, out: Path) -> tuple[float, float, float]:
    """Processor seconds, wall seconds and peak GB of `mnd cloak` in the build of a folder, one thread."""
    words = ["cloak", str(job.photo), "-o", str(out), "--overwrite", "--offline", *job.words]
    environment = os.environ | {"PYTHONPATH": str(build), "OMP_NUM_THREADS": "1"}
    begin = time.perf_counter()
    done = subprocess.Popen(
        [sys.executable, "-m", "mnd", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=build,
    )  # fmt: skip
    _, status, usage = os.wait4(done.pid, 0)
    done.returncode = os.waitstatus_to_exitcode(status)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"mnd cloak in {build} ended with {done.returncode}, expected 0 or 1")
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - begin, usage.ru_maxrss * unit / 1e9
