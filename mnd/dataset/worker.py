"""The worker object of all engines: settings in, then batches of items in and batches of records out."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import logging
import os
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..base import disks
from ..base.errors import MndError
from ..base.files import PhotoError, check_name, read_bytes, write_checked
from ..cloaking.settings import CloakSettings, Where
from .items import LARGEST, Item, Stat
from .lines import Line
from .outputs import Places
from .settings import NoFace

if TYPE_CHECKING:
    from ..cloaking.burst import Frame
    from ..cloaking.record import Record
    from ..optimizer.batching import Batcher

log = logging.getLogger(__name__)
DOUBTS = ("no-face", "suspected-face", "not-proven")
"""Kinds of errors of photos in which no face was surely seen. suspected-face: a later look saw something like
one; not-proven: it was changed where no face was seen."""


class DiskFullError(MndError, OSError):
    """There is no room for results: no photo's fault, and no other photo will fare better.

    >>> str(DiskFullError(errno.ENOSPC, "out/a.jpg: no room for 9 bytes"))
    'out/a.jpg: no room for 9 bytes'
    """

    def __str__(self) -> str:
        return str(self.args[-1])


def blank(name: str, settings: CloakSettings) -> Line:
    """A record of `mnd cloak --json`, and what the manifest has beyond it, before anything is done."""
    from ..cloaking.record import blank as cloaked

    return {
        **cloaked(name, settings), "status": "failed", "input_sha256": None, "input_stat": None,
        "output_sha256": None, "output_stat": None, "settings_sha256": None, "worker": None,
        "suspected": False,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProtectJob:
    """How a `Protector` is made, in whatever process."""

    cloak: CloakSettings
    """With every target named."""
    no_face: NoFace
    dst: Path
    aside: Path
    """A folder on the file system of `dst` for files that are being written."""
    settings_sha256: str
    side_by_side: bool = False
    """Networks see the faces of several photos at once also on a CPU; on a GPU they always do."""

    def __call__(self) -> Protector:
        """Load the models."""
        return Protector(self)

    def failed(self, item: Item, kind: str, message: str) -> Line:
        """The record of a photo that could not be tried."""
        record = blank(item.name, self.cloak) | {"error": {"kind": kind, "message": message}}
        stat = Stat.of(item.path)
        record["input_stat"] = None if stat is None else [stat.size, stat.mtime_ns]
        return record | {"settings_sha256": self.settings_sha256}


class Protector:
    """Protects photos, those of a batch side by side; nothing that one of them does stops the others.

    The bytes of a result depend on the photo and the settings alone: every sum is made by one thread, and in
    company networks are asked as `mnd.optimizer.batching` does, so that nobody can tell who else was there.

    Args:
        job: the settings, and where results go.

    Raises:
        ValueError: a target is not known, or the gallery shows no face.
        OSError: weights are not there.
    """

    batcher: Batcher | None = None
    """Where the photos of a batch meet; None: they are done one after the other."""

    def __init__(self, job: ProtectJob) -> None:
        import torch

        from ..base.runtime import pick_device
        from ..cloaking.cloaker import Cloaker
        from ..optimizer.batching import Batcher

        disks.silence()  # the parent has said what the disk cannot do
        torch.set_num_threads(1)
        device = pick_device(job.cloak.device)
        if device == "cuda":
            _in_order()
        if job.side_by_side or device != "cpu":
            self.batcher = Batcher.on(device)
        self.job = job
        self.places = Places(job.dst)
        self.worker = f"{socket.gethostname()}-{os.getpid()}"
        self.cloaker = Cloaker(job.cloak, batcher=self.batcher)
        if job.cloak.galleries is not None:
            self.cloaker.panel.gallery(None)  # what is wrong with one of them is wrong with all photos
        self.whole = Where(whole=True)
        """Of photos in which no face was found."""

    def __call__(self, items: Sequence[Item]) -> list[Line]:
        """The record of each item, in their order.

        Raises:
            DiskFullError: there is no room for a result.
        """
        if self.batcher is None or len(items) == 1:
            return [self._item(item) for item in items]
        with ThreadPoolExecutor(len(items), initializer=_one_thread) as pool:
            records = list(pool.map(self._beside, items))
        # what was too much for the memory together need not be too much alone
        crowded = [(record["error"] or {}).get("kind") == "memory" for record in records]
        return [
            self._item(item) if again else record
            for item, record, again in zip(items, records, crowded, strict=True)
        ]

    def _beside(self, item: Item) -> Line:
        """The record of an item, one of several."""
        assert self.batcher is not None
        with self.batcher.member():
            return self._item(item)

    def _item(self, item: Item) -> Line:
        start = time.perf_counter()
        record = blank(item.name, self.job.cloak)
        try:
            self._protect(item, record)
        except Exception as error:  # whatever a photo makes happen is told in its record
            tell_error(record, error)
            with contextlib.suppress(OSError, ValueError):
                self._clear(item)
            if record["error"]["kind"] == "disk-full":
                raise DiskFullError(errno.ENOSPC, record["error"]["message"]) from error
        record |= {"settings_sha256": self.job.settings_sha256, "worker": self.worker}
        record["seconds"] = round(time.perf_counter() - start, 3)
        return record

    def _protect(self, item: Item, record: Line) -> None:
        data, stat = item.read()
        record["input_sha256"] = hashlib.sha256(data).hexdigest()
        record["input_stat"] = [stat.size, stat.mtime_ns]
        check_name(self.places.path(item.place))  # before work is done for a name that the disk does not take
        cloaked = self.cloaker.encoded
        if item.burst is not None:
            cloaked = functools.partial(cloaked, before=self._before(item, record))
        made, found = cloaked(data, item.name, Path(item.path))
        told: Line = {**found}
        status = "protected"
        if _kind(told) in DOUBTS:
            made, told, status = self._doubtful(data, item, told)
        record |= told | {"status": "failed" if told["error"] and status != "held" else status}
        record["suspected"] = told.get("suspected", False)
        if made is None:
            self._clear(item)
        else:
            stat = self._write(item, made)
            record["output"] = item.name
            record["output_sha256"] = hashlib.sha256(made).hexdigest()
            record["output_stat"] = [stat.size, stat.mtime_ns]

    def _before(self, item: Item, record: Line) -> Frame | None:
        """The frame before, as it was and as it is in the results; the record is told which it was."""
        from ..cloaking.burst import Frame
        from ..photo.photo import Photo

        record["follows"] = None
        if item.after is None:
            return None
        name, path = item.after
        try:
            data, _ = Item(name, path).read()
            record["follows"] = [hashlib.sha256(data).hexdigest(), None]
            made = read_bytes(self.places.path(name), LARGEST)
            record["follows"][1] = hashlib.sha256(made).hexdigest()
            clean, shown = Photo.from_bytes(data, name=name), Photo.from_bytes(made, name=name)
        except PhotoError:  # its own line says what is wrong with it
            record["follows"] = record["follows"] or [None, None]
            return None
        return Frame.of(clean.pixels, shown.pixels, self.cloaker.detector)

    def _doubtful(self, data: bytes, item: Item, told: Line) -> tuple[bytes | None, Line, str]:
        """What becomes of a photo in which no face was found, or not surely: bytes, record and status."""
        if self.job.no_face == "whole" and _kind(told) != "not-proven":
            made, found = self.cloaker.encoded(data, item.name, Path(item.path), self.whole)
            told = {**found}
            if _kind(told) not in DOUBTS:
                return made, told, "whole"
        suspected = _kind(told) != "no-face"
        told = told | {"suspected": suspected}
        match self.job.no_face:
            case "skip":
                return None, told | {"error": None}, "skipped"
            case "fail":
                return None, told, "failed"
            case "hold" | "whole" if suspected:
                return None, told, "held"
            case "hold" | "copy":
                # of what was changed nothing was written
                told = told | {"error": None, "regions": [], "quality": None}
                return *self._bare(data, item, told), "copied"
            case _:
                return None, told, "failed"

    def _bare(self, data: bytes, item: Item, told: Line) -> tuple[bytes, Line]:
        """A photo that is copied, and its record: as it is, unless metadata have to go from it, too."""
        stripping = self.job.cloak.stripping
        if not any(stripping.values()):
            return data, told
        from ..photo.photo import Photo

        photo = Photo.from_bytes(data, name=item.name, **stripping)
        return photo.encode(photo.pixels), told | {"removed": list(photo.removed)}

    def _clear(self, item: Item) -> None:
        """Take away what an earlier run made of another content, or with other settings."""
        if item.ours:
            self.places.path(item.place).unlink(missing_ok=True)

    def _write(self, item: Item, data: bytes) -> Stat:
        """Write a result, unless the very same is there already, left by a run that was killed."""
        path = self.places.path(item.place)
        if os.path.realpath(path) == os.path.realpath(item.path):
            raise PhotoError("original", f"{item.name}: its result would replace the photo itself")
        if not _holds(path, data):
            try:
                write_checked(path, data, item.ours or item.replace, self.job.aside)
            except PhotoError as error:
                # another part of the data set, of runs that divide it otherwise, may have made it just now
                if error.kind != "exists" or not _holds(path, data):
                    raise
        stat = Stat.of(path)
        if stat is None:
            raise PhotoError("unwritable", f"{path}: the file has gone as soon as it was written")
        return stat


def _kind(record: Line) -> str | None:
    """Of its error."""
    return record["error"]["kind"] if record["error"] else None


def _in_order() -> None:
    """Have the GPU add up in one order where it can: some of its kernels take whoever comes first."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)


def _one_thread() -> None:
    """How a thread begins: torch asks each anew how many it may use."""
    import torch

    torch.set_num_threads(1)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_bytes(path, LARGEST) == data
    except PhotoError:
        return False


def tell_error(record: Line, error: Exception) -> None:
    """Write an error into a record, a fault of ours too; that is logged in full."""
    from ..cloaking.verdict import failed

    try:
        failed(cast("Record", record), error)
    except Exception:
        log.exception("%s: a fault of this program", ascii(record["input"]))
        message = f"{record['input']}: {type(error).__name__}: {error}"
        record.update(protected=False, error={"kind": "unexpected", "message": message})
    record.update(status="failed", output=None, output_sha256=None, output_stat=None)
