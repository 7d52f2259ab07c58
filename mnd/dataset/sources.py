"""Sources: a folder of any depth, a list of paths (text, CSV, Parquet), or shards; always in one order."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from ..photo import walking
from . import arrays, braces, held, lists
from .items import Found, Item, Other, Refused, Shard
from .lists import LISTS

TABLE = ".parquet"
USUAL = "path"
"""The column that is looked for where none was asked for."""
ALONE = "left alone (--include, --exclude)"
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


class Source(Protocol):
    """What SRC is."""

    root: Path
    """Names are relative to it."""

    def __iter__(self) -> Iterator[Found]: ...


def source(src: Path, dst: Path, column: str = "path") -> Source:
    """The source at `src`; nothing is read yet but the first rows of a list.

    Args:
        src: a folder, a tar file or table of pictures, several by a pattern with braces, or a list of paths.
        dst: where results go: never a part of the source.
        column: of a CSV or Parquet file, the one with the paths or pictures.

    Raises:
        FileNotFoundError: there is nothing of that name.
        ValueError: it is none of these, or a list without such a column, of paths or pictures.
        ModuleNotFoundError: Parquet needs the package pyarrow.
    """
    if src.is_dir():
        return Folder(src, dst, column)
    if not src.exists() and braces.is_pattern(str(src)):
        return Several(src, column)
    if not src.exists():
        raise FileNotFoundError(f"{src}: there is no such file or folder, expected photos")
    name = src.name.lower()
    if name.endswith(PACKED):
        raise ValueError(f"{src}: a compressed shard, whose members cannot be reached; expected a .tar")
    if name.endswith(".tar"):
        return Single(src)
    if name.endswith(arrays.SUFFIXES):
        raise ValueError(
            f"{src}: a NumPy file, expected photos in files of their own (or a .tar, or a .parquet)"
        )
    if name.endswith(TABLE) and (columns := columns_of(src, column)):
        if any(lists.embeds(src, one) for one in columns):
            return Single(src, columns)
        column = columns[0]  # it could hold pictures, and names them only
    if name.endswith(LISTS):
        lists.check(src, column)
        return Paths(src, dst, column)
    raise ValueError(
        f"{src}: expected a folder, a .tar, or a list of paths ({', '.join(LISTS)}); "
        "a single photo is for mnd cloak"
    )


def columns_of(path: Path, column: str) -> tuple[str, ...]:
    """The columns of pictures of a Parquet file that are to be worked on; none: it is a list of paths.

    Args:
        path: the file.
        column: the one that was asked for; where there is none of the usual name, all that hold pictures.

    Raises:
        ValueError: the column holds neither paths nor pictures, or the file cannot be read.
        ModuleNotFoundError: the package pyarrow is not installed.
    """
    from . import tables

    with contextlib.closing(lists.opened(path)) as file:
        there = column in file.schema_arrow.names
    if there or column != USUAL:
        return (column,) if lists.holds_pictures(path, column) else ()
    return tuple(tables.picture_columns(path))


def classified(entry: walking.Entry, column: str = USUAL) -> Found:
    """What is to be done with a file."""
    match entry.kind:
        case "photo":
            return Item(entry.name, entry.path)
        case "unsupported":
            return Item(entry.name, entry.path)  # which will be said to be what it is
        case "tar":
            return Shard(entry.name, entry.path)
        case "unreadable":
            name = entry.name or "."
            return Refused(name, "unreadable", f"{entry.name or entry.path}: {entry.what}")
        case _ if pictures := _arrays(entry):
            why = f"a NumPy file that can hold pictures ({pictures}), expected photos in files of their own"
            return Refused(entry.name, "unsupported", f"{entry.name}: {why}")
        case _:
            table = entry.kind == "other" and entry.name.lower().endswith(TABLE)
            return _table(entry, column) if table else Other(entry.name, entry.what)


def _arrays(entry: walking.Entry) -> str:
    """What a NumPy file among others has that can be pictures."""
    named = entry.kind == "other" and entry.name.lower().endswith(arrays.SUFFIXES)
    return arrays.pictures_in(entry.path) if named else ""


def _table(entry: walking.Entry, column: str) -> Found:
    """What is to be done with a Parquet file among others."""
    try:
        columns = columns_of(Path(entry.path), column)
    except ModuleNotFoundError as error:
        return Refused(entry.name, "unsupported", f"{entry.name}: may hold pictures ({error})")
    except ValueError as error:
        told = str(error).removeprefix(f"{entry.path}: ")
        return Refused(entry.name, "unsupported", f"{entry.name}: {told}")
    if not columns:
        return Other(entry.name, "a Parquet file without pictures")
    return Shard(entry.name, entry.path, columns)


def is_named_picture(name: str) -> bool:
    """
    >>> is_named_picture("a.JPG"), is_named_picture("a.heic"), is_named_picture("a.txt")
    (True, True, False)
    """
    return name.lower().endswith(walking.suffixes()) or bool(walking.unsupported(name))


def looks_like_picture(head: bytes) -> bool:
    """Whether a file that begins so is a picture, even of a format that is not supported."""
    return walking.kind_of(head) != "other"


class Chosen:
    """A source without the pictures that are to be left alone.

    Args:
        source: all there is.
        wants: whether a name is to be worked on; names in shards are for others to ask about.
        refuses: whether a shard is to be left alone.
    """

    def __init__(self, source: Source, wants: Callable[[str], bool], refuses: Callable[[str], bool]) -> None:
        self.root = source.root
        self._source, self._wants, self._refuses = source, wants, refuses

    def __iter__(self) -> Iterator[Found]:
        for found in self._source:
            if isinstance(found, Shard):
                alone = self._refuses(found.name)
            else:
                alone = not isinstance(found, Other) and not self._wants(found.name)
            yield Other(found.name, ALONE) if alone else found


class Folder:
    """Every file below a folder, in the order of `mnd.photo.walking.walk`."""

    def __init__(self, root: Path, dst: Path, column: str = USUAL) -> None:
        self.root = root
        self._dst, self._column = walking.identity(dst), column

    def __iter__(self) -> Iterator[Found]:
        return (classified(entry, self._column) for entry in walking.walk(self.root, self._dst))


class Single:
    """One shard."""

    def __init__(self, path: Path, columns: tuple[str, ...] = ()) -> None:
        self.root = path.parent
        self._path, self._columns = path, columns

    def __iter__(self) -> Iterator[Found]:
        yield Shard(self._path.name, str(self._path), self._columns)


class Several:
    """The shards that a pattern with braces names, in its order; names are relative to what they share.

    Raises:
        ValueError: the pattern names something else than tar files or tables of pictures.
        FileNotFoundError: one of them is not there.
    """

    def __init__(self, pattern: Path, column: str = USUAL) -> None:
        names = list(dict.fromkeys(braces.expanded(str(pattern))))
        if not all(name.lower().endswith((".tar", TABLE)) for name in names):
            expected = "names that end with .tar or .parquet"
            raise ValueError(f"{pattern}: braces stand for shards, expected {expected}")
        if gone := [name for name in names if not os.path.isfile(name)]:
            more = f" and {len(gone) - 1:,} more" if len(gone) > 1 else ""
            raise FileNotFoundError(
                f"{pattern}: there is no {gone[0]}{more}, expected all {len(names):,} shards that it names"
            )
        self.root = Path(os.path.commonpath([os.path.dirname(os.path.abspath(name)) for name in names]))
        self._paths = {name: self._columns_of(name, column) for name in names}

    @staticmethod
    def _columns_of(name: str, column: str) -> tuple[str, ...]:
        if not name.lower().endswith(TABLE):
            return ()
        if columns := columns_of(Path(name), column):
            return columns
        raise ValueError(f"{name}: a Parquet file without pictures, expected some in each of several")

    def __iter__(self) -> Iterator[Found]:
        for path, columns in self._paths.items():
            name = os.path.relpath(os.path.abspath(path), self.root)
            yield Shard(name.replace(os.sep, "/"), path, columns)


class Paths:
    """The files that a list names, in its order.

    Paths below the list's folder keep their name relative to it; of others the whole path is the name,
    without the root: a name never depends on what else is in the list.
    """

    def __init__(self, path: Path, dst: Path, column: str) -> None:
        self.root = path.parent
        self._path = path
        self._dst = os.path.realpath(dst)
        self._column = column

    def __iter__(self) -> Iterator[Found]:
        base = os.path.abspath(self.root)
        for row in lists.rows(self._path, self._column):
            if row.wrong:
                name = f"{self._path.name}, row {row.number + 1}"
                yield Refused(name, "value", f"{name}: {row.wrong}, expected a path")
            elif row.head:
                name = held.name_of(self._path.stem, row.number, row.path, row.head)
                yield Item(name, str(self._path), row=(self._column, row.number))
            else:
                yield self._found(row.path, base)

    def _found(self, row: str, base: str) -> Found:
        path = os.path.normpath(os.path.join(base, row))
        name = listed_name(path, base)
        if "\0" in row:
            return Refused(name, "missing", f"{name!r}: a name with a zero byte, expected a path")
        if os.path.realpath(path).startswith(self._dst + os.sep):
            return Refused(name, "original", f"{name}: lies in the folder of the results")
        if os.path.isdir(path):
            return Refused(name, "folder", f"{name}: this is a folder, expected a photo")
        if not os.path.lexists(path):
            return Item(name, path)  # which will be said to be missing
        return classified(walking.entry(name, path))


def listed_name(path: str, base: str) -> str:
    """The name of a path in a list that lies in the folder `base`.

    >>> listed_name("/photos/a/1.jpg", "/photos"), listed_name("/mnt/b/2.jpg", "/photos")
    ('a/1.jpg', 'mnt/b/2.jpg')
    """
    if path.startswith(os.path.join(base, "")):
        path = path[len(os.path.join(base, "")) :]
    drive, rest = os.path.splitdrive(path)
    return "/".join(part for part in (drive.strip(":\\/"), *rest.split(os.sep)) if part)
