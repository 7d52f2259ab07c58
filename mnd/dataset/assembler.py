"""Shards that are not written yet: each waits for its last picture, then its result appears as a whole."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

from ..base import windows
from ..base.files import PhotoError, sha256_of
from .items import Item, Stat
from .lines import Line
from .members import Member, Wants, assemble, everything, stored
from .outputs import PARTS, Places
from .planner import OpenShard


class Assembler:
    """Puts shards together.

    Args:
        dst: the folder of the results.
        aside: folder for what is being written.
        overwrite: replace files that no earlier run has made.
        say: called with a line for the manifest about each shard.
        wants: which pictures are worked on; others stay as they are.
    """

    def __init__(
        self,
        dst: Path,
        aside: Path,
        overwrite: bool,
        say: Callable[[Line], None],
        wants: Wants = everything,
    ) -> None:
        self._dst, self._aside, self._overwrite, self._say = dst, aside, overwrite, say
        self._wants = wants
        self._places = Places(dst)
        self._open: dict[str, OpenShard] = {}
        self._waiting: dict[str, str] = {}
        """The shard of each picture in work."""

    def open(self, shard: OpenShard) -> None:
        """A shard some of whose pictures are going to be worked on."""
        self._open[shard.shard.name] = shard
        self._close_if_done(shard)

    def given(self, item: Item) -> Item:
        """An item that is handed to a worker."""
        if item.part is not None:
            self._waiting[item.name] = item.part.removeprefix(f"{PARTS}/").rpartition("/")[0]
        return item

    def told(self, record: Line) -> None:
        """The record of an item, which is in the manifest."""
        name = self._waiting.pop(record["input"], None)
        if name is None:
            return
        shard = self._open[name]
        shard.left -= 1
        if record["output"] is None:
            shard.without.add(record["input"])
        self._close_if_done(shard)

    def _close_if_done(self, shard: OpenShard) -> None:
        if shard.left > 0:
            return
        del self._open[shard.shard.name]
        if shard.changed:
            self._say(self._written(shard))

    def _written(self, shard: OpenShard) -> Line:
        """The line of a shard, whose result is there now, or which says why not."""
        name = shard.shard.name
        line: Line = {"input": name, "output": None, "protected": False, "status": "failed", "error": None}
        try:
            out = self._places.path(name)
            line["output_sha256"] = self._assemble(shard, out)
        except (PhotoError, ValueError) as error:
            kind = error.kind if isinstance(error, PhotoError) else "unwritable"
            return line | {"error": {"kind": kind, "message": str(error)}}
        self._remove_parts(name)
        after = Stat.of(out)
        stats = {"input_stat": _pair(shard.stat), "output_stat": None if after is None else _pair(after)}
        return line | {"output": name, "status": "shard"} | stats | shard.told

    def _assemble(self, shard: OpenShard, out: Path) -> str:
        """Write the result; its sha256."""
        name = shard.shard.name
        before = stored(name, out if shard.whole else self._dst / PARTS / "nothing")

        def replaced(member: Member) -> bytes | None:
            if member.name in shard.without:
                return None
            part = self._dst / member.part(shard.shard)
            made = part.read_bytes() if part.is_file() else before.get(member.name)
            if made is None:
                raise PhotoError(
                    "missing", f"{member.name}: its result has gone, expected it until {name} is whole"
                )
            return made

        made = assemble(shard.shard, self._aside, replaced, self._wants)
        try:
            if Stat.of(shard.shard.path) != shard.stat:
                raise PhotoError("unreadable", f"{name}: the shard has changed while it was worked on")
            sha256 = sha256_of(made)
            if not shard.ours and not self._overwrite and out.exists() and sha256_of(out) != sha256:
                why = "a file of that name is there, expected none (or overwrite)"
                raise PhotoError("exists", f"{name}: {why}")
            windows.replace(made, out)
        finally:
            made.unlink(missing_ok=True)
        return sha256

    def _remove_parts(self, name: str) -> None:
        folder = self._dst / PARTS / name
        shutil.rmtree(folder, ignore_errors=True)
        for above in folder.parents:
            if above == self._dst:
                break
            with contextlib.suppress(OSError):  # another shard has parts in it
                above.rmdir()


def _pair(stat: Stat) -> list[int]:
    return [stat.size, stat.mtime_ns]
