"""Sources: a folder of any depth, a list of paths (text, CSV, Parquet), or shards; always in one order."""

from __future__ import annotations

import csv
import functools
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from ..files import PhotoError
from .items import Found, Item, Other, Refused, Shard

LISTS = (".txt", ".lst", ".csv", ".tsv", ".parquet")
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
UNSUPPORTED = (".heic", ".heif", ".avif", ".gif", ".jxl", ".jp2")
"""Suffixes of pictures that cannot be kept: they are tried, and said to be unsupported."""
_DOCUMENTS = (b"%PDF", b"\0\0\1\0")
_HEAD = 16


class Source(Protocol):
    """What SRC is."""

    root: Path
    """Names are relative to it."""

    def __iter__(self) -> Iterator[Found]: ...


def source(src: Path, dst: Path, column: str = "path") -> Source:
    """The source at `src`; nothing is read yet.

    Args:
        src: a folder, a tar file, or a list of paths.
        dst: where results go: never a part of the source.
        column: of a CSV or Parquet file, the one with the paths.

    Raises:
        FileNotFoundError: there is nothing of that name.
        ValueError: it is none of these.
    """
    if src.is_dir():
        return Folder(src, dst)
    if not src.exists():
        raise FileNotFoundError(f"{src}: there is no such file or folder, expected photos")
    name = src.name.lower()
    if name.endswith(PACKED):
        raise ValueError(f"{src}: a compressed shard, whose members cannot be reached; expected a .tar")
    if name.endswith(".tar"):
        return Single(src)
    if name.endswith(LISTS):
        return Paths(src, dst, column)
    raise ValueError(
        f"{src}: expected a folder, a .tar, or a list of paths ({', '.join(LISTS)}); "
        "a single photo is for mnd cloak"
    )


def classified(name: str, path: str) -> Found:
    """What the file at `path` is: by its name where that says it is a picture, else by its first bytes."""
    base = name.rsplit("/", 1)[-1]
    if base.startswith("."):
        return Other(name, "hidden")
    if base.lower().endswith(".tar"):
        return Shard(name, path)
    if is_named_picture(base):
        return Item(name, path)
    if not os.path.isfile(path):
        return Other(name, "no regular file")
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        return Other(name, f"cannot be read ({error.strerror or error})")
    return Item(name, path) if looks_like_picture(head) else Other(name, "no picture")


def is_named_picture(name: str) -> bool:
    """
    >>> is_named_picture("a.JPG"), is_named_picture("a.heic"), is_named_picture("a.txt")
    (True, True, False)
    """
    return name.lower().endswith(_suffixes())


def looks_like_picture(head: bytes) -> bool:
    """Whether a file that begins so is a picture, even of a format that is not supported."""
    from ..opening import format_of

    try:
        format_of(head, "")
    except PhotoError as error:
        return error.kind == "unsupported" and not head.startswith(_DOCUMENTS)
    # two letters are little: a text, too, can begin with BM
    return not head.startswith(b"BM") or head[6:10] == bytes(4)


@functools.cache
def _suffixes() -> tuple[str, ...]:
    from ..photo import FORMATS

    return (*(s for several in FORMATS.values() for s in several), *UNSUPPORTED)


class Folder:
    """Every file below a folder, sorted folder by folder; links are followed, but never in a circle."""

    def __init__(self, root: Path, dst: Path) -> None:
        self.root = root
        self._dst = _identity(dst)

    def __iter__(self) -> Iterator[Found]:
        return self._walk(str(self.root), "", ())

    def _walk(self, folder: str, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[Found]:
        here = _identity(folder)
        if here is None or here in above:
            yield Other(prefix, "a link to a folder above it")
            return
        if here == self._dst:
            yield Other(prefix, "the folder of the results")
            return
        try:
            with os.scandir(folder) as found:
                entries = sorted((entry.name, entry.is_dir()) for entry in found)
        except OSError as error:
            why = f"{prefix or self.root}: the folder cannot be read ({error.strerror or error})"
            yield Refused(prefix or ".", "unreadable", why)
            return
        for name, is_folder in entries:
            path = os.path.join(folder, name)
            if not is_folder:
                yield classified(prefix + name, path)
            elif name.startswith("."):
                yield Other(f"{prefix}{name}/", "hidden")
            else:
                yield from self._walk(path, f"{prefix}{name}/", (*above, here))


class Single:
    """One shard."""

    def __init__(self, path: Path) -> None:
        self.root = path.parent
        self._path = path

    def __iter__(self) -> Iterator[Found]:
        yield Shard(self._path.name, str(self._path))


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
        for row in read_paths(self._path, self._column):
            path = os.path.normpath(os.path.join(base, row))
            name = listed_name(path, base)
            if "\0" in row:
                yield Refused(name, "missing", f"{name!r}: a name with a zero byte, expected a path")
            elif os.path.realpath(path).startswith(self._dst + os.sep):
                yield Refused(name, "original", f"{name}: lies in the folder of the results")
            elif os.path.isdir(path):
                yield Refused(name, "folder", f"{name}: this is a folder, expected a photo")
            elif not os.path.lexists(path):
                yield Item(name, path)  # which will be said to be missing
            else:
                yield classified(name, path)


def listed_name(path: str, base: str) -> str:
    """The name of a path in a list that lies in the folder `base`.

    >>> listed_name("/photos/a/1.jpg", "/photos"), listed_name("/mnt/b/2.jpg", "/photos")
    ('a/1.jpg', 'mnt/b/2.jpg')
    """
    if path.startswith(os.path.join(base, "")):
        path = path[len(os.path.join(base, "")) :]
    drive, rest = os.path.splitdrive(path)
    return "/".join(part for part in (drive.strip(":\\/"), *rest.split(os.sep)) if part)


def read_paths(path: Path, column: str) -> Iterator[str]:
    """The paths in a text file (one a line), or in a column of a CSV or Parquet file.

    Raises:
        ValueError: it has no such column, is no UTF-8, or is no Parquet file.
        ModuleNotFoundError: Parquet needs the package pyarrow.
    """
    readers: dict[str, Callable[[Path, str], Iterator[str]]] = {
        ".csv": _csv, ".tsv": _csv, ".parquet": _parquet,
    }  # fmt: skip
    return (row for row in readers.get(path.suffix.lower(), _text)(path, column) if row)


def _text(path: Path, column: str) -> Iterator[str]:
    del column
    # names need not be text; utf-8-sig: some editors begin a file with a mark
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
        for line in file:
            yield line.rstrip("\r\n")


def _csv(path: Path, column: str) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        _check_column(path, column, list(rows.fieldnames or ()))
        for row in rows:
            yield row[column] or ""


def _parquet(path: Path, column: str) -> Iterator[str]:
    try:
        pyarrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{path}: reading Parquet needs the package pyarrow: pip install 'mnd[parquet]'"
        ) from error
    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, ValueError) as error:
        raise ValueError(f"{path}: no readable Parquet file ({error})") from error
    with file:
        _check_column(path, column, file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=1024, columns=[column]):
            for value in batch.column(0):
                yield str(value.as_py() or "")


def _check_column(path: Path, column: str, there: list[str]) -> None:
    if column not in there:
        raise ValueError(
            f"{path}: has the columns {', '.join(there) or 'none'}, expected one named {column!r}"
        )


def _identity(path: Path | str) -> tuple[int, int] | None:
    try:
        told = os.stat(path)
    except OSError:
        return None
    return told.st_dev, told.st_ino
