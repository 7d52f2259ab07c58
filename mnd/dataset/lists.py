"""Lists: the paths in a text, CSV or Parquet file, or the pictures themselves where a column holds them."""

from __future__ import annotations

import codecs
import csv
import importlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.distribution import pip_install

LISTS = (".txt", ".lst", ".csv", ".tsv", ".parquet")
LONGEST_PATH = 4096
"""Characters; what is longer is no path on any system."""
FIRST = 100
"""So many rows are looked at before any work is done."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\s*")
_LARGEST_FIELD = 1 << 30
_SHORT = 200


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list that says where a picture is, or has it.

    Attributes:
        number: of the row, from 0.
        path: as it stands there; of a picture in the list: the name that the list has for it, or nothing.
        head: the first bytes of a picture in the list.
        wrong: what stands there instead of a path.
    """

    number: int
    path: str = ""
    head: bytes = b""
    wrong: str = ""


def rows(path: Path, column: str) -> Iterator[ListRow]:
    """The rows of a text file (one path a line), or of a column of a CSV or Parquet file; no empty ones.

    Raises:
        ValueError: it has no such column, the column is none of paths nor of pictures, or it cannot be read.
        ModuleNotFoundError: Parquet needs the package pyarrow.
    """
    readers: dict[str, Callable[[Path, str], Iterator[ListRow]]] = {
        ".csv": _csv, ".tsv": _csv, ".parquet": _parquet,
    }  # fmt: skip
    found = readers.get(path.suffix.lower(), _text)(path, column)
    return (row for row in found if row.path or row.head or row.wrong)


def check(path: Path, column: str) -> None:
    """Refuse a list whose first rows are no paths, before anything is done.

    Raises:
        ValueError, ModuleNotFoundError: as `rows`; no message has what stands in a row that is no path.
    """
    for row in itertools.islice(rows(path, column), FIRST):
        if row.wrong:
            where = "a list of paths" if path.suffix.lower() in (".txt", ".lst") else f"column {column!r}"
            raise ValueError(
                f"{path}: {where} holds pictures or other data, not paths: {row.wrong} in row"
                f" {row.number + 1}; expected paths (write the pictures to files, or name another --column)"
            )


def no_path(value: str) -> str:
    """What a value is that is no path; empty where it can be one.

    >>> no_path("a/photo.jpg"), no_path("data:image/png;base64,iVBORw0KGgo=")
    ('', 'a data URI of 34 characters')
    >>> no_path('[{"bytes": "x"}]'), no_path("x y " * 1250)
    ('JSON of 16 characters', 'a text of 5,000 characters')
    """
    what = ""
    if re.match(r"data:[\w.+/-]*[;,]", value):
        what = "a data URI"
    elif value.startswith(("b'", 'b"', "{'bytes'")) and "\\x" in value:
        what = "bytes, written as text,"
    elif value.startswith(("[", "{")) and _is_json(value):
        what = "JSON"
    elif _BASE64.fullmatch(value) and max(map(len, value.split("/"))) > _SHORT // 2:
        # a part of a path is hardly as long as that, and without a dot
        what = "base64 or hexadecimal text"
    elif len(value) > LONGEST_PATH:
        what = "a text"
    return f"{what} of {len(value):,} characters" if what else ""


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


def _row(number: int, value: str) -> ListRow:
    wrong = no_path(value) if value else ""
    return ListRow(number, wrong=wrong) if wrong else ListRow(number, value)


def encoding_of(path: Path) -> tuple[str, str]:
    """The encoding of a text file, by the mark at its beginning, and what becomes of what it does not have.

    Windows writes UTF-16 or UTF-32. Everything else is taken for UTF-8, and bytes that are none stay as they
    are: names need not be text. A name may begin as such a mark does; but it has no zero bytes.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, name in _MARKS:
        if head.startswith(mark) and b"\0" in head:
            return name, "replace"
    return "utf-8-sig", "surrogateescape"


def _text(path: Path, column: str) -> Iterator[ListRow]:
    del column
    encoding, errors = encoding_of(path)
    with path.open(encoding=encoding, errors=errors, newline="\n") as file:
        for number, line in enumerate(file):
            yield _row(number, line.rstrip("\r\n"))


def long_fields() -> None:
    """Let a field of a CSV file be longer than a page: captions can be."""
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_FIELD))


def _csv(path: Path, column: str) -> Iterator[ListRow]:
    long_fields()
    encoding, errors = encoding_of(path)
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        try:
            table = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            _check_column(path, column, list(table.fieldnames or ()))
            for number, row in enumerate(table):
                yield _row(number, row[column] or "")
        except csv.Error as error:
            raise ValueError(f"{path}: no readable table ({error})") from error


def _parquet(path: Path, column: str) -> Iterator[ListRow]:
    with opened(path, column) as file:
        pictures = _holds_pictures(path, column, file.schema_arrow)
        number, size = 0, 8 if pictures else 1024
        for batch in file.iter_batches(batch_size=size, columns=[column], use_threads=False):
            for value in batch.column(0):
                yield _held(number, value.as_py()) if pictures else _row(number, value.as_py() or "")
                number += 1


def opened(path: Path, column: str | None = None) -> Any:
    """The Parquet file at `path`, which has such a column; to be closed.

    Raises:
        ValueError: it is none, or has no such column.
        ModuleNotFoundError: the package pyarrow is not installed.
    """
    try:
        pyarrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{path}: reading Parquet needs the package pyarrow: {pip_install('[parquet]')}"
        ) from error
    try:
        # piece by piece: pyarrow's own way is to read all row groups of a column at once
        file = parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except (pyarrow.ArrowException, ValueError) as error:
        raise ValueError(f"{path}: no readable Parquet file ({error})") from error
    try:
        if column is not None:
            _check_column(path, column, file.schema_arrow.names)
    except ValueError:
        file.close()
        raise
    return file


def holds_pictures(path: Path, column: str) -> bool:
    """Whether a column of a Parquet file holds pictures; False: paths.

    Raises:
        ValueError: neither, or it cannot be read.
        ModuleNotFoundError: the package pyarrow is not installed.
    """
    with opened(path, column) as file:
        return _holds_pictures(path, column, file.schema_arrow)


def embeds(path: Path, column: str) -> bool:
    """Whether one of the first rows of a column holds a picture, and does not only name it.

    Raises:
        ValueError, ModuleNotFoundError: as `rows`.
    """
    return any(row.head for row in itertools.islice(rows(path, column), FIRST))


def _holds_pictures(path: Path, column: str, schema: Any) -> bool:
    types: Any = importlib.import_module("pyarrow").types
    kind = schema.field(column).type
    if _is_text(types, _plain(types, kind)) or types.is_null(kind):
        return False
    if may_hold_pictures(kind):
        return True
    fitting = [field.name for field in schema if may_hold_pictures(field.type)]
    texts = [field.name for field in schema if _is_text(types, _plain(types, field.type))]
    would = "; ".join(
        f"{what}: {', '.join(name[:_SHORT] for name in names[:10])}"
        for what, names in (("of pictures", fitting), ("of text", texts))
        if names
    )
    raise ValueError(
        f"{path}: column {column!r} holds {str(kind)[:_SHORT]}, expected paths (text) or pictures (binary,"
        f" or a struct of bytes and path); columns that would do: {would or 'none'}"
    )


def may_hold_pictures(kind: Any) -> bool:
    """Whether a column of this type can hold pictures: binary, or a struct that has `bytes`."""
    types: Any = importlib.import_module("pyarrow").types
    kind = _plain(types, kind)
    return _is_binary(types, kind) or is_struct(kind)


def is_struct(kind: Any) -> bool:
    """Whether this type is a struct whose `bytes` are binary."""
    types: Any = importlib.import_module("pyarrow").types
    kind = _plain(types, kind)
    if not types.is_struct(kind):
        return False
    fields = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
    return "bytes" in fields and _is_binary(types, fields["bytes"])


def _plain(types: Any, kind: Any) -> Any:
    """The type of the values, of which a column may have a dictionary."""
    return kind.value_type if types.is_dictionary(kind) else kind


def _is_text(types: Any, kind: Any) -> bool:
    checks = ("is_string", "is_large_string", "is_string_view")
    return any(getattr(types, name)(kind) for name in checks if hasattr(types, name))


def _is_binary(types: Any, kind: Any) -> bool:
    checks = ("is_binary", "is_large_binary", "is_binary_view")  # no picture has a fixed size
    return any(getattr(types, name)(kind) for name in checks if hasattr(types, name))


def _held(number: int, value: Any) -> ListRow:
    """A row of a column of pictures: bytes, or a struct of `bytes` and `path`; one of them may be missing."""
    name = ""
    if isinstance(value, dict):
        name, value = value.get("path") or "", value.get("bytes")
    if value:
        return ListRow(number, name if isinstance(name, str) else "", bytes(value[:16]))
    return _row(number, name) if isinstance(name, str) else ListRow(number)


def _check_column(path: Path, column: str, there: list[str]) -> None:
    if column not in there:
        names = ", ".join(name[:_SHORT] for name in there[:50]) or "none"
        raise ValueError(f"{path}: has the columns {names}, expected one named {column!r}")
