"""What holds several pictures in one file, a tar or a table: one door to both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .items import Item, Shard
from .outputs import PARTS

Wants = Callable[[str], bool]
"""Whether a picture of this name, within its file, is to be worked on."""


def everything(name: str) -> bool:
    """No picture is left alone."""
    del name
    return True


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a shard."""

    name: str
    """Of its item: the shard's, `/`, its own."""
    number: int
    """Among all members, or of its row, from 0."""
    offset: int = 0
    size: int = 0
    column: str = ""
    """Of a picture in a table."""
    place: int = 0
    """Of its column among those that are worked on."""

    def item(self, shard: Shard) -> Item:
        """What a worker is given."""
        if self.column:
            return Item(self.name, shard.path, part=self.part(shard), row=(self.column, self.number))
        return Item(self.name, shard.path, (self.offset, self.size), self.part(shard))

    def part(self, shard: Shard) -> str:
        """Where its result waits for the others, relative to DST."""
        return f"{PARTS}/{shard.name}/{self.number:08d}" + (f"-{self.place}" if self.column else "")


Replaced = Callable[[Member], bytes | None]
"""The bytes that stand in for a picture, None: it is left out."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a shard.

    Attributes:
        pictures: those to be worked on, in its order.
        left: what is copied as it is and may show faces: names by kind.
    """

    pictures: list[Member]
    left: dict[str, list[str]]


class Stored(Protocol):
    """The pictures in the result of a shard, by the names of their items."""

    def get(self, name: str) -> bytes | None:
        """The bytes of a picture, None where there is no such picture."""
        ...


def contents(shard: Shard, wants: Wants = everything) -> Contents:
    """What is in a shard.

    Args:
        shard: the tar file or table.
        wants: whether a picture of this name is to be worked on.

    Raises:
        PhotoError: it is broken, or cannot be read.
    """
    from . import shards, tables

    return tables.contents(shard, wants) if shard.columns else shards.contents(shard, wants)


def assemble(shard: Shard, aside: Path, replaced: Replaced, wants: Wants = everything) -> Path:
    """The shard again with other pictures, in a new file: all else, and the order, stay as they are.

    Args:
        shard: the source.
        aside: folder for the file.
        replaced: what stands in for each picture.
        wants: which pictures are not left as they are.

    Raises:
        PhotoError: the source cannot be read any more.
        OSError: the file cannot be written.
    """
    from . import shards, tables

    made = tables.assemble if shard.columns else shards.assemble
    return made(shard, aside, replaced, wants)


def stored(shard: str, out: Path) -> Stored:
    """The pictures in the result `out` of a shard; where there is none, there are no pictures."""
    from . import shards, tables

    return tables.StoredTable(shard, out) if out.suffix.lower() == ".parquet" else shards.Stored(shard, out)
