"""What is left to do: what a manifest tells of each input, and whether that still holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..base.files import PhotoError, sha256_of, shown
from . import beside
from .frames import Frames
from .items import Item, Other, Refused, Shard, Stat
from .lines import Line
from .manifest import Index, shortened
from .members import Contents, contents
from .outputs import Claims, digest, folded, is_reserved, twins
from .settings import ProtectSettings
from .sources import Source

Listed = Item | Other | Refused


@dataclass(frozen=True, slots=True)
class Task:
    """An item to be worked on, and why: new, changed (it, or the settings), lost (its result), retried."""

    item: Item
    why: str


@dataclass(slots=True)
class OpenShard:
    """A shard some of whose pictures are not done yet."""

    shard: Shard
    stat: Stat
    left: int
    """How many of them."""
    changed: bool
    """Whether it has to be written at all."""
    whole: bool
    """Its result is there, with the pictures that need no worker."""
    ours: bool
    """The file at its place was put there by an earlier run."""
    without: set[str] = field(default_factory=set)
    """Pictures that have no result any more."""
    told: Line = field(default_factory=dict)
    """What its line says beyond what became of it: how many members were left as they are, by which rule."""


class Planner:
    """Goes through a source, and tells what is done from what is to do.

    Args:
        source: what there is.
        index: what earlier runs say of it.
        dst: where results go.
        settings: which part, and whether failures are tried again.
        sha256: of the settings that results are to be made with.
        say: called with a line for the manifest about what needs no worker, and why: new or changed.
        known: called with the line of an earlier run that holds still.
        opened: called with a shard before its pictures.
    """

    def __init__(
        self,
        source: Source,
        index: Index,
        dst: Path,
        settings: ProtectSettings,
        sha256: str,
        *,
        say: Callable[[Line, str], None],
        known: Callable[[Line], None],
        opened: Callable[[OpenShard], None],
    ) -> None:
        self._source, self.index, self._dst, self.settings = source, index, dst, settings
        self._sha256, self._say, self.known, self._opened = sha256, say, known, opened
        self._claims = Claims()
        self._frames = Frames()
        self.counts: Counter[str] = Counter()
        """Of tasks by why; of what needs none: kept, failures (of earlier runs, not tried again), others."""
        self.found = 0
        """Lines of earlier runs whose input is there still."""
        self.left: dict[str, list[str]] = {}
        """What is copied as it is inside shards and may show faces: names by kind."""
        self.beside: list[str] = []
        """Tables about the pictures of a folder, which lie in it."""
        self._twins: dict[bytes, str] | None = None

    def __iter__(self) -> Iterator[Task]:
        for found in self._source:
            if isinstance(found, Other) and found.name.rpartition("/")[2] in beside.NAMES:
                self.beside.append(found.name)
            if not self.settings.is_of_part(found.name):
                continue
            if isinstance(found, Shard):
                yield from self.tasks_of(found)
            elif isinstance(found, Item):
                if (item := self._claimed(found)) and (task := self._in_turn(item)):
                    yield task
            else:
                self.settle(found)

    def _in_turn(self, item: Item) -> Task | None:
        """The task that a picture is, where there are bursts as a frame of its folder."""
        if not self.settings.burst or self.settings.verify:
            return self.task(item)
        item = self._frames.placed(item)
        task = self.task(item)
        self._frames.planned(item, None if task else self.index.get(item.name))
        return task

    def _claimed(self, item: Item) -> Item | None:
        """The item, if its result may go where it would go."""
        if is_reserved(item.name):
            why = "mnd itself writes a file of that name beside the results"
            self.settle(Refused(item.name, "exists", f"{item.name}: {why}, expected a name of its own"))
            return None
        claim = self._claims.take(item.name)
        if claim == "taken":
            self.settle(self._twin_of(item.name))
        return item if claim == "free" else None

    def _twin_of(self, name: str) -> Refused:
        """Say of an input that another one has its place; the source is gone through again to know which."""
        if self._twins is None:
            self._twins = twins(_Names(self._source))
        first = shown(self._twins.get(digest(folded(name)), "another input"))
        why = f"{first} has a result of that name already, where capitals do not count"
        return Refused(name, "exists", f"{name}: {why}; expected names that differ in more")

    def settle(self, found: Other | Refused) -> None:
        """Say once of an input that no worker will see it."""
        line = self.index.get(found.name)
        self.found += line is not None
        told: dict[str, Any] = {"kind": "other", "message": ""}
        status = "other"
        if isinstance(found, Refused):
            status, told = "failed", {"kind": found.kind, "message": found.message}
        fresh: Line = {"input": found.name, "output": None, "protected": False, "status": status}
        fresh |= {"error": told} if status == "failed" else {"error": None, "why": getattr(found, "why", "")}
        fresh = shortened(fresh)
        self.counts["others" if status == "other" else "refused"] += 1
        if line is not None and all(line.get(key) == value for key, value in fresh.items()):
            self.known(line)
        else:
            self._say(fresh, "new" if line is None else "changed")

    def task(self, item: Item, whole: bool = False) -> Task | None:
        """The task that an item is, None if it is done; `whole`: its result is in a shard that is there."""
        line = self.index.get(item.name)
        if line is None or line["status"] == "other":
            return self._counted(item, "new", item.part is not None)
        self.found += 1
        why = self._why(item, line, whole)
        if why is None:
            self.counts["failures" if line["status"] in ("failed", "held") else "kept"] += 1
            self.known(line)
            return None
        return self._counted(item, why, line.get("output") is not None)

    def _counted(self, item: Item, why: str, ours: bool) -> Task:
        self.counts[why] += 1
        return Task(replace(item, ours=ours, replace=self.settings.overwrite), why)

    def _why(self, item: Item, line: Line, whole: bool) -> str | None:
        """Why what a line says does not hold any more."""
        if line.get("settings_sha256") != self._sha256 or self._input_changed(item, line):
            return "changed"
        if self._suspect_otherwise(line) or not self._frames.holds(item, line):
            return "changed"
        if line["status"] in ("failed", "held") and self.settings.retry:
            return "retried"
        if line.get("output") is not None and not whole and self._output_lost(item.place, line):
            return "lost"
        return None

    def _suspect_otherwise(self, line: Line) -> bool:
        """Whether a suspect is to be treated otherwise now: the settings' sum is one for `hold` and `copy`.

        What earlier versions copied, which knew no suspects, is looked at again.
        """
        if self.settings.no_face == "hold":
            return line["status"] == "copied" and line.get("suspected") is not False
        return self.settings.no_face == "copy" and line["status"] == "held"

    @staticmethod
    def _input_changed(item: Item, line: Line) -> bool:
        stat = Stat.of(item.path)
        if stat is not None and line.get("input_stat") == [stat.size, stat.mtime_ns]:
            return False
        try:
            data, _ = item.read()
        except PhotoError as error:
            # what cannot be looked at now is as it was when it was looked at last
            return error.kind not in ("missing", "unreadable") and line.get("input_sha256") is not None
        return sha256_bytes(data) != line.get("input_sha256")

    def _output_lost(self, place: str, line: Line) -> bool:
        path = self._dst / place
        stat = Stat.of(path)
        if stat is None:
            return True
        if line.get("output_stat") == [stat.size, stat.mtime_ns]:
            return False
        return not path.is_file() or sha256_of(path) != line.get("output_sha256")

    # shards -----------------------------------------------------------------------------------------------

    def tasks_of(self, shard: Shard) -> Iterator[Task]:
        """The tasks of a shard: its result is written anew when any of them is done."""
        claim = self._claims.take(shard.name)
        if claim != "free":
            if claim == "taken":
                self.settle(self._twin_of(shard.name))
            return
        stat = Stat.of(shard.path)
        try:
            inside = contents(shard, self.settings.wants)
        except PhotoError as error:
            self.settle(Refused(shard.name, error.kind, str(error)))
            return
        pictures = inside.pictures
        if not pictures or stat is None:
            what = "a tar file without pictures"
            if shard.columns:
                what = f"a Parquet file that {'only names' if inside.left else 'holds no'} pictures"
            self.settle(Other(shard.name, what))
            return
        if len({member.name for member in pictures}) < len(pictures):
            why = f"{shard.name}: two pictures in it have one name, expected one each"
            self.settle(Refused(shard.name, "unsupported", why))
            return
        line = self.index.get(shard.name)
        line = line if line is not None and line["status"] == "shard" else None
        self.found += line is not None
        whole = line is not None and not self._output_lost(shard.name, line)
        changed = line is None or line.get("input_stat") != [stat.size, stat.mtime_ns]
        told = self._told(inside, shard)
        changed = changed or line is None or line.get("left_by", [[], []]) != told["left_by"]
        changed = changed or line is None or line.get("columns", []) != told.get("columns", [])
        opened = OpenShard(shard, stat, 0, changed or not whole, whole, line is not None, told=told)
        tasks = [task for member in pictures if (task := self._member(member.item(shard), opened))]
        opened.left, opened.changed = len(tasks), opened.changed or bool(tasks)
        self._opened(opened)
        yield from tasks

    def _told(self, inside: Contents, shard: Shard) -> Line:
        """What the line of a shard says of the members that are left as they are; they are remembered."""
        for kind, names in inside.left.items():
            self.left.setdefault(kind, []).extend(names)
        rule = [list(self.settings.include), list(self.settings.exclude)]
        told: Line = {"left": {kind: len(names) for kind, names in inside.left.items()}, "left_by": rule}
        return told | ({"columns": list(shard.columns)} if shard.columns else {})

    def _member(self, item: Item, opened: OpenShard) -> Task | None:
        task = self.task(item, opened.whole)
        if task is None and (line := self.index.get(item.name)) and line.get("output") is None:
            opened.without.add(item.name)
        return task


class _Names:
    """The names in a source, as often as they are asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __iter__(self) -> Iterator[str]:
        return (it.name for it in self._source if isinstance(it, (Item, Shard)))


def sha256_bytes(data: bytes) -> str:
    """As 64 hexadecimal digits."""
    import hashlib

    return hashlib.sha256(data).hexdigest()
