"""Tables beside the pictures of a folder, as imagefolders have them: metadata.jsonl, .csv and .parquet."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..base.files import PhotoError, write_atomic
from .lists import encoding_of, long_fields
from .shards import pictures_in_text

NAMES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_COLUMN = "file_name"


def copied(name: str, src: Path, dst: Path, overwrite: bool) -> str:
    """Copy such a table beside the results, without the rows whose pictures have none.

    Args:
        name: of the table, relative to both folders.
        src: the source.
        dst: the folder of the results.
        overwrite: replace a file that has other rows.

    Returns:
        What people should know of it; empty: every row is there.
    """
    try:
        if not name.endswith(".parquet") and (what := pictures_in_text(src / name)):
            return f"{name}: a {what}, not copied"
        folder, there = (dst / name).parent, dst / name
        if not folder.is_dir():
            return ""  # nothing of it has a result
        kind = _parquet if name.endswith(".parquet") else _csv if name.endswith(".csv") else _lines
        made, left = kind(src / name, lambda names: all((folder / one).is_file() for one in names))
        if there.exists() and not overwrite and not _rows(there) <= _rows(src / name):
            return f"{name}: a file of that name with other rows is there, not replaced (or --overwrite)"
        write_atomic(there, made, overwrite=True)
    except (ImportError, OSError, ValueError, PhotoError) as error:
        return f"{name}: not copied ({error})"
    if not left:
        return ""
    rest = "row, whose picture has no result, is" if left == 1 else "rows, whose pictures have no result, are"
    return f"{name}: {left:,} {rest} left out"


def _text(path: Path) -> tuple[str, Callable[[str], bytes]]:
    """What a file says, without the mark at its beginning, and what makes bytes of another such text."""
    encoding, errors = encoding_of(path)
    data = path.read_bytes()
    if encoding == "utf-8-sig":  # which would write a mark where there was none
        mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        text = data.removeprefix(mark).decode("utf-8", errors)
        return text, lambda made: mark + made.encode("utf-8", errors)
    return data.decode(encoding, errors), lambda made: made.encode(encoding, errors)


def _split(text: str) -> list[str]:
    """Lines with their ends; a text may have other breaks within a line."""
    return list(io.StringIO(text, newline=""))


_There = Callable[[list[str]], bool]


def _rows(path: Path) -> set[str]:
    """What tells one table from another."""
    if path.suffix != ".parquet":
        return set(_split(_text(path)[0]))
    from .beside_parquet import rows

    return {json.dumps(row, default=str) for row in rows(path)}


def _parquet(path: Path, there: _There) -> tuple[bytes, int]:
    """The table with the rows whose pictures are there, and how many are not."""
    from .beside_parquet import filtered

    return filtered(path, lambda row: there(list(_names(row))))


def _lines(path: Path, there: _There) -> tuple[bytes, int]:
    """The lines of JSON whose pictures are there, as they are, and how many are not."""
    (text, encoded), kept, left = _text(path), [], 0
    for number, line in enumerate(_split(text), start=1):
        row = json.loads(line) if line.strip() else {}
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is no JSON object")
        if there(list(_names(row))):
            kept.append(line)
        else:
            left += 1
    return encoded("".join(kept)), left


def _csv(path: Path, there: _There) -> tuple[bytes, int]:
    """The rows whose pictures are there, and how many are not; where all are, the text is as it was."""
    long_fields()
    text, encoded = _text(path)
    table = csv.DictReader(io.StringIO(text, newline=""))
    rows = list(table)
    kept = [row for row in rows if there(list(_names(row)))]
    if len(kept) == len(rows):
        return encoded(text), 0
    made = io.StringIO()
    writer = csv.DictWriter(made, table.fieldnames or (), lineterminator="\r\n" if "\r\n" in text else "\n")
    writer.writeheader()
    writer.writerows(kept)
    return encoded(made.getvalue()), len(rows) - len(kept)


def _names(row: dict[str, Any]) -> Iterator[str]:
    """The files that a row names: columns `file_name` and `*_file_name`, and lists in `*_file_names`."""
    for key, value in row.items():
        if key == _COLUMN or key.endswith(f"_{_COLUMN}"):
            yield from [value] if isinstance(value, str) else []
        elif key.endswith(f"{_COLUMN}s") and isinstance(value, list):
            yield from (one for one in value if isinstance(one, str))
