"""Verification: is every result there, is it what was written, and are the targets fooled by it still?"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..base.files import PhotoError, read_bytes
from ..cloaking.settings import CloakSettings
from .items import LARGEST, Item, Refused, Shard, Stat
from .lines import Line
from .members import Stored, contents, stored
from .planner import Planner, Task
from .worker import blank, tell_error


class VerifyPlanner(Planner):
    """Goes through a source, and gives as tasks the photos that have a result."""

    def task(self, item: Item, whole: bool = False) -> Task | None:
        """The task of looking at a result again, where there is one."""
        del whole
        line = self.index.get(item.name)
        if line is None or line["status"] == "other":
            self.settle(Refused(item.name, "not-done", f"{item.name}: there is no result of it yet"))
            return None
        self.found += 1
        self.counts["kept"] += 1
        if line["status"] == "failed" or line.get("output") is None:
            self.known(line)
            return None
        told = line["status"], line.get("input_sha256") or "", line.get("output_sha256") or ""
        return Task(replace(item, told=told), "verified")

    def tasks_of(self, shard: Shard) -> Iterator[Task]:
        """Those of the results in a shard."""
        try:
            inside = contents(shard, self.settings.wants).pictures
        except PhotoError as error:
            self.settle(Refused(shard.name, error.kind, str(error)))
            return
        for member in inside:
            # a task whose result is in a shard names that shard; it has no part of its own any more
            item = replace(member.item(shard), part=shard.name)
            if (task := self.task(item)) is not None:
                yield task


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """How a `Verifier` is made, in whatever process."""

    cloak: CloakSettings
    dst: Path
    settings_sha256: str

    def __call__(self) -> Verifier:
        """Load the models."""
        return Verifier(self)

    def failed(self, item: Item, kind: str, message: str) -> Line:
        """The record of a result that could not be looked at."""
        return blank(item.name, self.cloak) | {"error": {"kind": kind, "message": message}}


class Verifier:
    """Looks at results again, as `mnd check` does.

    Args:
        job: the settings, and where results are.
    """

    def __init__(self, job: VerifyJob) -> None:
        import torch

        from ..cloaking.checker import Checker

        torch.set_num_threads(1)
        self.job = job
        self.worker = f"{socket.gethostname()}-{os.getpid()}"
        self.checker = Checker(job.cloak)
        self._shard: tuple[str, Stored] | None = None

    def __call__(self, items: Sequence[Item]) -> list[Line]:
        """The record of each item: what its result is now."""
        return [self._item(item) for item in items]

    def _item(self, item: Item) -> Line:
        assert item.told is not None
        start = time.perf_counter()
        record = blank(item.name, self.job.cloak) | {"output": item.name, "output_sha256": item.told[2]}
        try:
            self._verify(item, record, *item.told)
        except Exception as error:  # whatever is wrong with a result is told in its record
            tell_error(record, error)
            record |= {"output": item.name, "output_sha256": item.told[2]}
        record |= {"settings_sha256": self.job.settings_sha256, "worker": self.worker}
        record["seconds"] = round(time.perf_counter() - start, 3)
        return record

    def _verify(self, item: Item, record: Line, status: str, input_sha256: str, output_sha256: str) -> None:
        clean, stat = item.read()
        record["input_sha256"] = input_sha256
        if hashlib.sha256(clean).hexdigest() != input_sha256:
            raise PhotoError("changed", f"{item.name}: the photo has changed since it was done")
        record["input_stat"] = [stat.size, stat.mtime_ns]
        result = self._result(item, record)
        if hashlib.sha256(result).hexdigest() != output_sha256:
            raise PhotoError("damaged", f"{item.name}: the result is not what was written")
        if status in ("protected", "whole"):
            settings = replace(self.job.cloak, whole=True, box=None) if status == "whole" else None
            told = self.checker.judged(clean, result, item.name, Path(item.path), settings)
            record |= told | {"output": item.name}
        record["status"] = "failed" if record["error"] else status

    def _result(self, item: Item, record: Line) -> bytes:
        """The bytes of the result, from its file or from its shard."""
        if item.part is None:
            path = self.job.dst / item.name
            stat = Stat.of(path)
            record["output_stat"] = None if stat is None else [stat.size, stat.mtime_ns]
            return read_bytes(path, LARGEST)
        if self._shard is None or self._shard[0] != item.part:
            self._shard = item.part, stored(item.part, self.job.dst / item.part)
        found = self._shard[1].get(item.name)
        if found is None:
            raise PhotoError("missing", f"{item.name}: is not in the shard of results, expected it there")
        return found
