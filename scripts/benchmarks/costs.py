"""What MND costs: time beside its targets' own passes, memory of a large photo, start of the command."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.judging import DATA
from benchmarks.people import people
from mnd.channel import to_tensor
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.crops import PAD
from mnd.cloaking.settings import CloakSettings
from mnd.faces.detector import Detector
from mnd.losses.composite import Composite
from mnd.losses.standard import standard
from mnd.optimizer.mnd import MND
from mnd.optimizer.settings import SearchSettings
from mnd.targets import registry
from mnd.targets.face import FaceTarget

DIGITS = {"targets alone s": 2, "search s": 2, "ratio": 3, "with R-LPIPS s": 2,
          "by that without": 3, "threads": 0, "peak GB": 2, "seconds": 2,
          "exit status": 0, "median s": 1, "most s": 1}  # fmt: skip
STEPS, REPEATS = 40, 5


@dataclass(frozen=True)
class _Job:
    """One search: the picture, what the target says of it, and where it may change."""

    x: Tensor
    margin: Callable[[Tensor], Tensor]
    mask: Tensor | None = None

    def search(self, distance: Composite | None = None) -> None:
        # a copy: a picture that is known already would cost the learned term nothing
        MND(distance, SearchSettings(steps=STEPS))(self.x.clone(), self.margin, self.mask)

    def passes(self) -> None:
        """The forward and backward passes of the target that a search asks for, and nothing else."""
        for _ in range(STEPS):
            y = self.x.clone().requires_grad_(True)
            torch.autograd.grad(self.margin(y).sum(), y)


def times(args: argparse.Namespace) -> dict[str, Any]:
    """The time of a search by that of its targets' passes alone, in turn, the median of the ratios.

    The same with R-LPIPS in the loss, by the time without it.
    """
    if args.threads == "all":
        torch.set_num_threads(os.cpu_count() or 1)
    rows, learned = {}, standard(CloakSettings().rho)
    for name, job in {"dlib, 250x250 photo": _face(), "efficientnet-lite0, 224x224": _whole()}.items():
        turns: list[Callable[[], None]] = [job.passes, job.search, partial(job.search, learned)]
        for work in turns:
            work()  # the first one imports and sets up what later ones find ready
        seconds = [[_seconds(work) for work in turns] for _ in range(REPEATS)]
        rows[name] = {
            "threads": torch.get_num_threads(),
            "targets alone s": median(alone for alone, _, _ in seconds),
            "search s": median(search for _, search, _ in seconds),
            "ratio": median(search / alone for alone, search, _ in seconds),
            "with R-LPIPS s": median(longer for _, _, longer in seconds),
            "by that without": median(longer / search for _, search, longer in seconds),
        }
    return {f"time of {STEPS} passes, medians of {REPEATS}": rows}


def _face() -> _Job:
    """The search of `mnd cloak` on 250x250 pixels with one face, in the crop that dlib looks at."""
    target = registry.load("dlib", offline=True)
    assert isinstance(target, FaceTarget)
    photo = _astronaut()[0:250, 100:350]
    landmarks = torch.from_numpy(Detector()(photo)[0].landmarks.copy())[None]
    x0, y0, x1, y1 = (int(v) for v in target.support(landmarks)[0].tolist())
    left, top = max(x0 - PAD, 0), max(y0 - PAD, 0)
    x = to_tensor(photo)[..., top : y1 + PAD, left : x1 + PAD].contiguous()
    mask = torch.zeros_like(x[:, :1])
    mask[..., max(y0, 0) - top : y1 - top, max(x0, 0) - left : x1 - left] = 1
    reference = target.refer(x, landmarks - torch.tensor([left, top]))
    return _Job(
        x,
        lambda y: (
            target.margin(y, reference) + CloakSettings(level="minimum").plan.headroom * target.card.threshold
        ),
        mask,
    )


def _whole() -> _Job:
    target = registry.load("efficientnet-lite0", offline=True)
    photo = Image.fromarray(_astronaut()).resize((224, 224), Image.Resampling.BICUBIC)
    x = to_tensor(np.asarray(photo))
    reference = target.refer(x)
    return _Job(x, lambda y: target.margin(y, reference))


def memory(_: argparse.Namespace) -> dict[str, Any]:
    """The largest resident memory of `mnd cloak` on a JPEG of 12 megapixels with one face."""
    rows = {}
    for side in (400, 1600, 2000, 2400):
        with tempfile.TemporaryDirectory() as folder:
            photo = Path(folder) / "large.jpg"
            Image.fromarray(_large(side)).save(photo, quality=92)
            seconds, peak, status = _command(
                "cloak", str(photo), "--offline", "--targets", "dlib", "--level", "minimum"
            )
        name = f"4000x3000 JPEG, a head of about {side // 2} pixels"
        rows[name] = {"peak GB": peak, "seconds": seconds, "exit status": status}
    return {"memory": rows}


def robust(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds a photo of the level `robust` with dlib and MobileFaceNet attacked, after the first photo."""
    if args.threads == "all":
        torch.set_num_threads(os.cpu_count() or 1)
    targets, rows = ("dlib", f"card:{args.unseen}"), {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sittings = people(args.data or DATA / "faces" / "lfw10", folder, 92, args.limit)
        settings = [
            CloakSettings(targets=targets, level="robust", gallery=s.gallery, offline=True) for s in sittings
        ]
        jobs = [(Cloaker(chosen), s.photo) for chosen, s in zip(settings, sittings, strict=True)]
        rows["250x250 pixels, gallery of four"] = _cloaking(jobs, folder)
        alone = Cloaker(CloakSettings(targets=targets, level="robust", offline=True))
        for side in (250, 400, 800, 1600):
            photo = folder / f"{side}.jpg"
            Image.fromarray(_large(side)).save(photo, quality=92)
            rows[f"4000x3000, a head of about {side // 2} pixels"] = _cloaking([(alone, photo)], folder)
    return {f"robust, {torch.get_num_threads()} threads": rows}


def _cloaking(jobs: Sequence[tuple[Cloaker, Path]], folder: Path) -> dict[str, Any]:
    """What the photos took, the first of them done once before."""
    out = folder / "cloaked.jpg"
    jobs[0][0].photo(jobs[0][1], out, overwrite=True)
    records = [cloaker.photo(photo, out, overwrite=True) for cloaker, photo in jobs]
    seconds = [record["seconds"] for record in records]
    return {
        "photos": len(jobs), "median s": median(seconds), "most s": max(seconds),
        "protected %": 100 * fmean(bool(record["protected"]) for record in records),
    }  # fmt: skip


def start(_: argparse.Namespace) -> dict[str, Any]:
    """Wall time of the shortest command and of the demonstration, medians of three."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, words in {"mnd --help": ["--help"], "mnd demo": ["demo", "--out", folder]}.items():
            runs = [_command(*words) for _ in range(3)]
            rows[name] = {
                "seconds": median(seconds for seconds, _, _ in runs),
                "exit status": max(status for _, _, status in runs),
            }
    return {"start": rows}


def _command(*words: str) -> tuple[float, float, int]:
    """Seconds, peak resident memory in GB, and the exit status of `mnd` with these words."""
    begin = time.perf_counter()
    done = subprocess.Popen(
        [sys.executable, "-m", "mnd", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(done.pid, 0)
    done.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - begin, usage.ru_maxrss * unit / 1e9, done.returncode


def _seconds(work: Callable[[], None]) -> float:
    """Of one thread the time that it computes, which other programs on the machine disturb less."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    begin = clock()
    work()
    return clock() - begin


def _astronaut() -> np.ndarray[Any, np.dtype[np.uint8]]:
    from skimage import data

    photo: Callable[[], np.ndarray[Any, np.dtype[np.uint8]]] = data.astronaut
    return np.ascontiguousarray(photo())


def _large(side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A head and shoulders, `side` pixels, on a slope with noise."""
    noise = np.random.default_rng(0).normal(0, 6, (3000, 4000, 1))
    picture = (np.linspace(60, 180, 4000)[None, :, None] + noise).clip(0, 255).astype(np.uint8).repeat(3, 2)
    head = Image.fromarray(_astronaut()).crop((120, 20, 330, 230))
    head = head.resize((side, side), Image.Resampling.LANCZOS)
    picture[500 : 500 + side, 1000 : 1000 + side] = np.asarray(head)
    return picture
