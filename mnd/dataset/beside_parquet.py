"""A `metadata.parquet` beside pictures: its rows, and the same table with some of them."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import lists
from .shards import pictures_in
from .tables import compression

Row = dict[str, Any]
BATCH = 1000
"""Rows that are looked at at once."""


def rows(path: Path) -> Iterator[Row]:
    """All rows.

    Raises:
        ValueError: it is no Parquet file.
        ModuleNotFoundError: the package pyarrow is not installed.
    """
    with contextlib.closing(lists.opened(path)) as file:
        for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
            yield from batch.to_pylist()


def filtered(path: Path, keep: Callable[[Row], bool]) -> tuple[bytes, int]:
    """The table with the rows that are to be kept, the very file where all are, and how many are not.

    Raises:
        ValueError: it is no Parquet file, or has values that may be pictures: binary ones, or base64.
        ModuleNotFoundError: the package pyarrow is not installed.
    """
    parquet: Any = importlib.import_module("pyarrow.parquet")
    made, left = io.BytesIO(), 0
    with contextlib.closing(lists.opened(path)) as file:
        schema = file.schema_arrow
        if binary := [field.name for field in schema if _has_binary(field.type)]:
            raise ValueError(
                f"column {binary[0]} is of {schema.field(binary[0]).type}, which may be pictures"
            )
        with parquet.ParquetWriter(made, schema, compression=compression(file.metadata)) as writer:
            for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
                told = batch.to_pylist()
                if what := pictures_in([json.dumps(told, default=str).encode()]):
                    raise ValueError(f"a {what}")
                kept = [keep(row) for row in told]
                left += kept.count(False)
                writer.write_batch(batch.filter(importlib.import_module("pyarrow").array(kept)))
    return (made.getvalue() if left else path.read_bytes()), left


def _has_binary(kind: Any) -> bool:
    """Whether a type is binary, or has such a part."""
    types: Any = importlib.import_module("pyarrow").types
    binary = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    if any(one(kind) for one in binary):
        return True
    parts = [kind.field(i).type for i in range(kind.num_fields)]
    return any(map(_has_binary, parts)) or (types.is_dictionary(kind) and _has_binary(kind.value_type))
