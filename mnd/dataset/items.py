"""What a source holds: pictures, shards of pictures, other files, and what has to be refused."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..base.files import Kind, PhotoError, read_bytes
from ..photo.walking import is_raw

LARGEST = 8 * 200_000_000 + (64 << 20)
"""Bytes of a file that can be a photo; larger ones are not read."""


@dataclass(frozen=True, slots=True)
class Stat:
    """Size and time of a file: as long as both are the same, so is what it holds."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path | str) -> Stat | None:
        """None where there is no such file."""
        try:
            told = os.stat(path)
        except (OSError, ValueError):  # ValueError: a name with a zero byte in it
            return None
        return cls(told.st_size, told.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of the source.

    >>> Item("a/b.jpg", "/photos/a/b.jpg").place
    'a/b.jpg'
    """

    name: str
    """Relative to the source, with `/`; of a picture in a shard: the shard's name, `/`, the member's."""
    path: str
    """The file that holds its bytes."""
    span: tuple[int, int] | None = None
    """Where in that file they are: offset and length; None: the whole of it."""
    part: str | None = None
    """Where its result waits for the rest of its shard, relative to DST; None: it goes to its own name."""
    ours: bool = False
    """What is at its place was put there by an earlier run."""
    replace: bool = False
    """What is at its place may be replaced, whosever it is."""
    told: tuple[str, str, str] | None = None
    """Status, sha256 of the input and of the output, as a manifest has them; for those who verify."""
    row: tuple[str, int] | None = None
    """Of a picture that a list holds: the column and the number of its row, from 0."""
    burst: str | None = None
    """The folder whose pictures are frames of a burst: none is begun before the one before it is done."""
    after: tuple[str, str] | None = None
    """Name and file of the frame before; None: it is the first."""

    @property
    def place(self) -> str:
        """Where its result goes, relative to DST, with `/`."""
        return self.part or self.name

    def read(self, limit: int = LARGEST) -> tuple[bytes, Stat]:
        """Its bytes, and what the file was like just before they were read.

        Raises:
            PhotoError: missing, folder, unsupported, unreadable, empty or too-large; names the item.
        """
        path = Path(self.path)
        stat = Stat.of(path)
        try:
            if stat is None:
                raise PhotoError("missing", f"{path}: there is no such file, expected a photo")
            data = self._bytes(path, limit)
            if is_raw(self.name, data):
                why = "a RAW picture, expected a JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP photo (convert it)"
                raise PhotoError("unsupported", f"{path}: {why}")
            return data, stat
        except PhotoError as error:
            raise PhotoError(error.kind, str(error).replace(str(path), self.name)) from error

    def _bytes(self, path: Path, limit: int) -> bytes:
        if self.row is not None:
            return self._held(path, *self.row, limit)
        return read_bytes(path, limit) if self.span is None else self._member(limit)

    def _held(self, path: Path, column: str, number: int, limit: int) -> bytes:
        from .held import picture_in

        try:
            data = picture_in(path, column, number)
        except (OSError, ValueError) as error:
            raise PhotoError("unreadable", f"{self.name}: cannot be read ({error})") from error
        if not 0 < len(data) <= limit:
            kind: Kind = "too-large" if data else "empty"
            raise PhotoError(kind, f"{self.name}: {len(data):,} bytes, expected a photo of at most {limit:,}")
        return data

    def _member(self, limit: int) -> bytes:
        assert self.span is not None
        offset, length = self.span
        if length == 0:
            raise PhotoError("empty", f"{self.name}: 0 bytes, expected a photo")
        if length > limit:
            raise PhotoError("too-large", f"{self.name}: {length:,} bytes, expected at most {limit:,}")
        try:
            with open(self.path, "rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise PhotoError("unreadable", f"{self.name}: cannot be read ({error.strerror})") from error
        if len(data) < length:
            raise PhotoError("truncated", f"{self.name}: {len(data)} bytes, expected {length:,}")
        return data


@dataclass(frozen=True, slots=True)
class Shard:
    """A tar file with pictures in it, or a table."""

    name: str
    path: str
    columns: tuple[str, ...] = ()
    """Of a table (Parquet) those that hold pictures to be worked on; none: it is a tar file."""


@dataclass(frozen=True, slots=True)
class Other:
    """Something that is no picture: it is left alone."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that should be protected and cannot be tried."""

    name: str
    kind: str
    message: str


Found = Item | Shard | Other | Refused
