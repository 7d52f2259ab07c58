"""What has arrived in a folder: a source that knows which of its files are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base.files import PhotoError
from .items import Found, Item, Other, Refused, Shard, Stat
from .sources import Source

PATIENCE = 60.0
"""Seconds after which a file that does not change any more, and cannot be read, is not waited for."""
_ENDS = (
    ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".opdownload", ".!sync",
    ".swp", "~",
)  # fmt: skip
_BEGINS = (".", "~")
HALF = ("empty", "truncated", "not-an-image", "unreadable", "missing")
"""Kinds of errors of a file that may only not be there as a whole yet."""


def is_temporary(name: str) -> bool:
    """Whether browsers and programs that synchronise folders give such a name to what is not whole yet.

    >>> [is_temporary(name) for name in ("a.jpg.part", "x/~a.jpg", ".syncthing.a.jpg.tmp", "a.jpg")]
    [True, True, True, False]
    """
    return any(part.lower().endswith(_ENDS) or part.startswith(_BEGINS) for part in name.split("/"))


@dataclass(slots=True)
class _Seen:
    """A file as it was seen last."""

    stat: Stat
    since: float
    """When it was first seen like this."""
    whole: bool = False
    told: bool = False
    """That it is waited for."""


class Arrivals:
    """The files below a folder that are whole.

    Args:
        folder: all files below it.
        settle: seconds that a file has to stay as it is.
        clock: in seconds.
        known: whether an earlier run has seen a file as it is now, which therefore was whole.
        readable: why a photo cannot be read as it is now; empty where it can be.
        say: told of files that are waited for, and of those that went away before they were whole.
    """

    def __init__(
        self,
        folder: Source,
        settle: float,
        clock: Callable[[], float],
        known: Callable[[str, Stat], bool],
        readable: Callable[[Path], str],
        say: Callable[[str], None],
    ) -> None:
        self.root = folder.root
        self._folder, self._settle, self._clock = folder, settle, clock
        self._known, self._readable, self._say = known, readable, say
        self._seen: dict[str, _Seen] = {}
        self._given: dict[str, Stat | None] = {}
        """What was given to a run, as it was then."""
        self._whole: list[Found] = []
        self.new: tuple[str, ...] = ()
        """Names of what is whole, and was not given to a run like this."""
        self.waiting: tuple[str, ...] = ()
        """Names of what is not whole yet."""

    def __iter__(self) -> Iterator[Found]:
        """All that is whole, also what a run has had already."""
        return iter(tuple(self._whole))

    def look(self) -> bool:
        """Look through the folder; whether there is something new that is whole."""
        before, self._seen, self._whole = self._seen, {}, []
        new, waiting = [], []
        for found in self._folder:
            if not isinstance(found, Refused) and is_temporary(found.name):  # the folder itself is .
                continue
            stat = Stat.of(found.path) if isinstance(found, (Item, Shard)) else None
            if stat is not None and not self._is_whole(found, stat, before.get(found.name)):
                waiting.append(found.name)
                continue
            if isinstance(found, (Item, Shard)) and stat is None:
                continue  # it has gone, or is a link to nowhere
            self._whole.append(found)
            if not isinstance(found, Other) and self._given.get(found.name, 0) != stat:
                new.append(found.name)
        for name in before.keys() - self._seen.keys():
            self._gone(name, before[name])
        self.new, self.waiting = tuple(new), tuple(waiting)
        return bool(new)

    def given(self) -> None:
        """What `look` has found is given to a run."""
        for found in self._whole:
            seen = self._seen.get(found.name)
            self._given[found.name] = seen.stat if seen else None

    def _is_whole(self, found: Found, stat: Stat, before: _Seen | None) -> bool:
        now = self._clock()
        seen = before if before is not None and before.stat == stat else _Seen(stat, now)
        self._seen[found.name] = seen
        if seen.whole or self._known(found.name, stat):
            seen.whole = True
        elif now - seen.since >= self._settle:
            seen.whole = self._can_be_read(found, seen, now)
        return seen.whole

    def _can_be_read(self, found: Found, seen: _Seen, now: float) -> bool:
        """Whether a file that has settled can be read, or is not waited for any longer."""
        if not isinstance(found, Item) or now - seen.since >= self._settle + PATIENCE:
            return True
        why = self._readable(Path(found.path))
        if why and not seen.told:
            seen.told = True
            self._say(f"{found.name}: is not whole yet ({why}); waiting for it")
        return not why

    def _gone(self, name: str, seen: _Seen) -> None:
        self._given.pop(name, None)
        if not seen.whole:
            self._say(f"{name}: went away before it was whole")


def half_written(path: Path) -> str:
    """Why a file cannot be read that may be there only in part; empty where it can be, or never could."""
    from ..photo.photo import Photo

    try:
        Photo.read(path)
    except PhotoError as error:
        return error.kind if error.kind in HALF else ""
    return ""
