"""Frames of bursts: which picture of a folder follows which, and whether a result still follows from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from .items import Item
from .lines import Line


@dataclass(frozen=True, slots=True)
class _Last:
    """The frame that was planned last in a folder."""

    name: str
    path: str
    line: Line | None
    """What an earlier run says of it, and holds; None: it is to be done."""


class Frames:
    """Goes through the pictures of folders in their order.

    >>> frames = Frames()
    >>> first = frames.placed(Item("a/1.png", "/photos/a/1.png"))
    >>> frames.planned(first, None)
    >>> frames.placed(Item("a/2.png", "/photos/a/2.png")).after
    ('a/1.png', '/photos/a/1.png')
    """

    def __init__(self) -> None:
        self._last: dict[str, _Last] = {}

    def placed(self, item: Item) -> Item:
        """The picture as a frame of its folder."""
        folder = item.name.rpartition("/")[0]
        last = self._last.get(folder)
        return replace(item, burst=folder, after=None if last is None else (last.name, last.path))

    def planned(self, frame: Item, line: Line | None) -> None:
        """What becomes of a frame: its line holds, or it is to be done."""
        assert frame.burst is not None
        self._last[frame.burst] = _Last(frame.name, frame.path, line)

    def holds(self, frame: Item, line: Line) -> bool:
        """Whether the frame that a result was made after is the one before it now, with the same result."""
        if frame.burst is None:
            return True
        if "follows" not in line:  # no worker could say it
            return bool(line["status"] == "failed")
        last, follows = self._last.get(frame.burst), line["follows"]
        if last is None or follows is None:
            return last is None and follows is None
        if last.line is None:
            return False
        now = last.line.get("input_sha256"), last.line.get("output_sha256")
        return all(known is None or known == told for known, told in zip(now, follows, strict=True))


class Turns:
    """Frames that wait for the one before them, while that is being worked on.

    >>> turns, first, second = Turns(), Item("1", "1", burst=""), Item("2", "2", burst="")
    >>> turns.has(first), turns.has(second), turns.after(first) is second, turns.after(second)
    (True, False, True, None)
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Item]] = {}
        """Of each burst of which a frame is in work."""

    def has(self, item: Item) -> bool:
        """Whether it is an item's turn; a frame whose turn it is not waits here."""
        if item.burst is None:
            return True
        if item.burst in self._waiting:
            self._waiting[item.burst].append(item)
            return False
        self._waiting[item.burst] = deque()
        return True

    def after(self, item: Item) -> Item | None:
        """The frame whose turn it is when an item is done."""
        if item.burst is None:
            return None
        if waiting := self._waiting[item.burst]:
            return waiting.popleft()
        del self._waiting[item.burst]
        return None
