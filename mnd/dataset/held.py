"""Pictures that a list itself holds, in a column of a Parquet file: each is read where it is needed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..base.files import PhotoError
from ..photo.walking import suffixes
from .lists import opened

_BATCH = 8
_SOON = 2048
"""Rows that are gone through to get to another one; what is farther is looked up."""
_OPEN = 4
"""Columns that are open at once."""
_Which = tuple[Path, str, int, int]
"""Path, column, size and time of a file."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')


def name_of(stem: str, number: int, name: str, head: bytes) -> str:
    """The name of the picture in row `number` of the list `stem`, which has the name `name` for it.

    >>> name_of("train", 7, "cats/tom.jpg", b""), name_of("train", 8, "", b"\\xff\\xd8\\xff\\xe0")
    ('train/00000007-tom.jpg', 'train/00000008.jpg')
    """
    base = _UNSAFE.sub("_", re.split(r"[/\\]", name)[-1])[-80:]
    suffix = "" if base.lower().endswith(suffixes()) else _suffix(head)
    return f"{stem}/{number:08d}{'-' if base else ''}{base}{suffix}"


def _suffix(head: bytes) -> str:
    from ..photo.opening import format_of

    try:
        return format_of(head, "").suffixes[0]
    except PhotoError:
        return ".bin"


def picture_in(path: Path, column: str, number: int) -> bytes:
    """The bytes of the picture in a row; rows that are asked for in about their order are read once.

    Raises:
        ValueError: the list cannot be read, or has no such row.
        ModuleNotFoundError: the package pyarrow is not installed.
        OSError: the file cannot be read.
    """
    told = path.stat()
    which = path, column, told.st_size, told.st_mtime_ns
    with _LOCK:
        reader = _readers.pop(which, None)
        if reader is None or not reader.reaches(number):
            old = (
                [reader] if reader else [_readers.pop(next(iter(_readers)))] if len(_readers) == _OPEN else []
            )
            for one in old:
                one.close()
            reader = _Reader(which, number)
        _readers[which] = reader
        return reader.row(number)


class _Reader:
    """Goes through a column, from the row group on that has a row in it.

    Args:
        which: path, column, size and time of the file.
        number: of the first row that is going to be asked for.
    """

    def __init__(self, which: _Which, number: int) -> None:
        self.which = which
        path, column, _, _ = which
        self._file: Any = opened(path, column)
        group = self._start = 0
        sizes = [self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)]
        while group < len(sizes) and number >= self._start + sizes[group]:
            self._start += sizes[group]
            group += 1
        groups = list(range(group, len(sizes)))
        self._batches: Iterator[Any] = self._file.iter_batches(
            batch_size=_BATCH, row_groups=groups, columns=[column], use_threads=False
        )
        self._rows: list[Any] = []

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def reaches(self, number: int) -> bool:
        """Whether a row is at hand, or comes soon."""
        return self._start <= number < self._start + _SOON

    def row(self, number: int) -> bytes:
        """The bytes of a row that has not been gone by."""
        while number >= self._start + len(self._rows):
            self._start += len(self._rows)
            batch = next(self._batches, None)
            if batch is None:
                raise ValueError(f"there is no row {number + 1}, expected at most {self._start}")
            self._rows = batch.column(0)
        value = self._rows[number - self._start].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        return data if isinstance(data, bytes) else b""


_LOCK = threading.Lock()
_readers: dict[_Which, _Reader] = {}
"""The last ones that were used, the latest at the end."""
