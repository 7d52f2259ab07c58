"""Work for the engine that is no photo at all, so that a test of processes takes no longer than they do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnd.dataset.items import Item
from mnd.dataset.outputs import Places
from mnd.dataset.worker import ProtectJob, Protector


@dataclass(frozen=True)
class FakeJob:
    """What a worker does is in the name of its item: `die`, `die-once`, `raise`, `slow`, `nap`, `say`.

    `meet-3` waits until three processes have tried an item: how fast a busy machine starts them is no part of
    a test.
    """

    folder: Path
    start: str = ""

    def __call__(self) -> Any:
        if self.start == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.start == "raise":
            raise FileNotFoundError("weights x are not there")
        return self.work

    def failed(self, item: Item, kind: str, message: str) -> dict[str, Any]:
        return {"input": item.name, "error": {"kind": kind, "message": message}}

    def work(self, items: Sequence[Item]) -> list[dict[str, Any]]:
        return [self.one(item) | {"batch": len(items)} for item in items]

    def one(self, item: Item) -> dict[str, Any]:
        what = item.name.split(" ")[-1]
        (self.folder / f"{item.name} {os.getpid()}").touch()
        if what == "die" or (what == "die-once" and len(list(self.folder.glob(f"{item.name} *"))) == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "raise":
            raise ZeroDivisionError("a bug")
        if what == "slow":
            time.sleep(60)
        if what.startswith("meet-"):
            self.wait_for(int(what.removeprefix("meet-")))
        if what == "nap" or what.startswith("meet-"):
            time.sleep(0.2)
        if what == "say":
            print("a library that prints")
        return {
            "input": item.name, "error": None, "pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"],
            "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        }  # fmt: skip

    def wait_for(self, processes: int) -> None:
        until = time.monotonic() + 120
        while len({path.name.split(" ")[-1] for path in self.folder.glob("* * *")}) < processes:
            if time.monotonic() > until:
                raise TimeoutError(f"fewer than {processes} processes after 120 s")
            time.sleep(0.05)


class Trivial:
    """Stands for the Cloaker: every photo is protected as it is."""

    def encoded(self, data: bytes, name: str, path: Path) -> tuple[bytes, dict[str, Any]]:
        quality = {"psnr": 50.0, "ssim": 0.999, "above_jnd": 0.0, "regions": []}
        return data, {"input": name, "protected": True, "error": None, "quality": quality}


class TrivialProtector(Protector):
    """Reads, sums and writes as the real one does, and searches for nothing."""

    def __init__(self, job: ProtectJob) -> None:
        self.job, self.places, self.worker = job, Places(job.dst), "trivial"
        self.cloaker = self.whole = Trivial()  # type: ignore[assignment]


class TrivialJob(ProtectJob):
    """The real job with a trivial search; nothing heavy is imported by its workers."""

    def __call__(self) -> TrivialProtector:
        return TrivialProtector(self)
