"""JSON objects, one a line: strict, and on the disk before the next."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .disks import sync


def finite(value: Any) -> Any:
    """The same for JSON, which knows no infinities: they become null.

    >>> finite({"a": [1.5, float("nan")]})
    {'a': [1.5, None]}
    """
    if isinstance(value, dict):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Appender:
    """Adds lines to a file: what `append` has returned from is on the disk.

    Raises:
        OSError: the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, contextlib.closing(Appender(Path(folder, "a"))) as file:
    ...     file.append([{"a": 1.0}, {"b": float("inf")}])
    ...     (Path(folder) / "a").read_text()
    '{"a": 1.0}\\n{"b": null}\\n'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)

    def append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Add lines and wait until they are on the disk.

        Raises:
            OSError: there is no room; what was written of them is taken away again.
        """
        data = b"".join(json.dumps(finite(line), allow_nan=False).encode("ascii") + b"\n" for line in lines)
        before = os.fstat(self._fd).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            sync(self._fd, self.path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, before)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
