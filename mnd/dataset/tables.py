"""Tables: Parquet files with pictures in a column, as Hugging Face has them, read and written row by row."""

from __future__ import annotations

import contextlib
import importlib
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..base.disks import sync
from ..base.files import PhotoError
from . import held, lists
from .items import Shard
from .members import Contents, Member, Replaced, Wants, everything

BATCH = 8
"""Rows that are in memory at once while a column is gone through."""
LARGEST_GROUP = 32 << 20
"""Bytes of a row group: a larger one of the source becomes several, so that memory does not follow it."""
_CODECS = {"UNCOMPRESSED": "NONE", "LZO": "SNAPPY"}
"""Of compressions that are read under another name than they are written under, or cannot be written."""
_NUMBER = re.compile(r"\d+")


def picture_columns(path: Path | str) -> list[str]:
    """The columns of a Parquet file that hold pictures by their type: binary, or a struct with `bytes`.

    Of plain binary columns those count whose first values begin as pictures do.

    Raises:
        ValueError: it is none.
        ModuleNotFoundError: the package pyarrow is not installed.
    """
    with contextlib.closing(lists.opened(Path(path))) as file:
        found = [field.name for field in file.schema_arrow if lists.may_hold_pictures(field.type)]
        structs = {name for name in found if lists.is_struct(file.schema_arrow.field(name).type)}
    return [name for name in found if name in structs or _begins_with_pictures(Path(path), name)]


def _begins_with_pictures(path: Path, column: str) -> bool:
    from .sources import looks_like_picture

    for number, row in enumerate(lists.rows(path, column)):
        if row.head:
            return looks_like_picture(row.head)
        if number >= lists.FIRST:
            break
    return False


def contents(shard: Shard, wants: Wants = everything) -> Contents:
    """What is in a table, column by column; see `mnd.dataset.members.contents`."""
    found = Contents([], {})
    with _told(shard):
        others = [name for name in picture_columns(shard.path) if name not in shard.columns]
        for name in others:
            found.left.setdefault("picture column", []).append(f"{shard.name}/{name}")
        for place, column in enumerate(shard.columns):
            for row in lists.rows(Path(shard.path), column):
                inside = held.name_of(column, row.number, row.path, row.head)
                name = f"{shard.name}/{inside}"
                if not row.head:
                    found.left.setdefault("unembedded picture", []).append(name)
                elif wants(inside):
                    found.pictures.append(Member(name, row.number, column=column, place=place))
                else:
                    found.left.setdefault("picture left alone", []).append(name)
    return found


@contextlib.contextmanager
def _told(shard: Shard) -> Iterator[None]:
    """What a broken file raises becomes a `PhotoError` that names the table."""
    pyarrow: Any = importlib.import_module("pyarrow")
    try:
        yield
    except PhotoError:
        raise
    except (pyarrow.ArrowException, ValueError) as error:
        raise PhotoError("truncated", f"{shard.name}: no whole Parquet file ({error})") from error
    except OSError as error:
        raise PhotoError("unreadable", f"{shard.name}: cannot be read ({error.strerror or error})") from error


def assemble(shard: Shard, aside: Path, replaced: Replaced, wants: Wants = everything) -> Path:
    """The table again with other pictures, in a new file; see `mnd.dataset.members.assemble`.

    Rows, other columns, types, compression and the schema's metadata (where Hugging Face has its features)
    stay as they are. A row whose picture has no result keeps its place, with nothing in it.
    """
    pictures = {(member.column, member.number): member for member in contents(shard, wants).pictures}
    made = aside / f".mnd-{secrets.token_hex(6)}.parquet"
    try:
        with _told(shard), contextlib.closing(lists.opened(Path(shard.path))) as file:
            _write(file, made, shard.columns, lambda column, row: pictures.get((column, row)), replaced)
        with made.open("rb+") as done:
            sync(done.fileno(), aside)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    return made


def _write(
    file: Any,
    made: Path,
    columns: Sequence[str],
    member: Callable[[str, int], Member | None],
    replaced: Replaced,
) -> None:
    """Go through a table and write it, a row group at a time."""
    pyarrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    schema = file.schema_arrow
    for column in columns:  # a picture may be missing afterwards
        at = schema.get_field_index(column)
        schema = schema.set(at, schema.field(at).with_nullable(True))
    first = 0
    # so that a page has a few pictures, not a thousand: whoever reads one has it in memory
    how = {"compression": compression(file.metadata), "write_batch_size": BATCH}
    with parquet.ParquetWriter(made, schema, **how) as writer:
        for group in range(file.num_row_groups):
            waiting: list[Any] = []
            for batch in file.iter_batches(batch_size=BATCH, row_groups=[group], use_threads=False):
                arrays = list(batch.columns)
                for column in columns:
                    at = schema.get_field_index(column)
                    arrays[at] = _replaced(arrays[at], column, first, member, replaced)
                waiting.append(pyarrow.record_batch(arrays, schema=schema))
                first += batch.num_rows
                if sum(one.nbytes for one in waiting) > LARGEST_GROUP:
                    writer.write_table(pyarrow.Table.from_batches(waiting))
                    waiting = []
            if waiting:
                writer.write_table(pyarrow.Table.from_batches(waiting))


def compression(metadata: Any) -> dict[str, str] | str:
    """That of each column, by its path."""
    if metadata.num_row_groups == 0:
        return "SNAPPY"
    group = metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return {one.path_in_schema: _CODECS.get(one.compression, one.compression) for one in columns}


def _replaced(
    array: Any, column: str, first: int, member: Callable[[str, int], Member | None], replaced: Replaced
) -> Any:
    """A piece of a column of pictures, from the row `first` of the table on, with those that replace them."""
    pyarrow: Any = importlib.import_module("pyarrow")
    kind = array.type
    if pyarrow.types.is_dictionary(kind):
        array = array.dictionary_decode()
    inside = array.field("bytes") if pyarrow.types.is_struct(array.type) else array
    values, empty = [], []
    for place in range(len(array)):
        found = member(column, first + place) if array[place].is_valid else None
        value = inside[place].as_py() if found is None else replaced(found)
        values.append(value)
        empty.append(not array[place].is_valid or (found is not None and value is None))
    new = pyarrow.array(values, inside.type)
    if not pyarrow.types.is_struct(array.type):
        return new.dictionary_encode().cast(kind) if pyarrow.types.is_dictionary(kind) else new
    fields = [array.type.field(i) for i in range(array.type.num_fields)]
    parts = [new if field.name == "bytes" else array.field(field.name) for field in fields]
    return pyarrow.StructArray.from_arrays(parts, fields=fields, mask=pyarrow.array(empty, pyarrow.bool_()))


class StoredTable:
    """The pictures in the result of a table, by the names of their items.

    Args:
        shard: the source.
        out: its result; where there is none, there are no pictures.
    """

    def __init__(self, shard: str, out: Path) -> None:
        self._shard, self._out = shard, out

    def get(self, name: str) -> bytes | None:
        """The bytes of a picture, None where there is no such picture."""
        column, _, base = name.removeprefix(f"{self._shard}/").rpartition("/")
        number = _NUMBER.match(base)
        if number is None or not self._out.is_file():
            return None
        with contextlib.suppress(ValueError):
            return held.picture_in(self._out, column, int(number[0])) or None
        return None
