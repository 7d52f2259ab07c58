"""Directories: the tables of tags (IFD) that EXIF, TIFF files and makers' notes are made of."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = 274, 34665, 34853, 40965
TEXT, UTF8 = 2, 129
"""Types of texts; the second is that of EXIF 3."""
_HEADER = 8
"""Bytes of a structure in which no directory and no value can stand."""
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    UTF8: 1,
}
_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q"}
_UNITS = {2: 1, 3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8}


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a directory: where it stands, and where its value stands."""

    tag: int
    type: int
    count: int
    at: int
    value_at: int
    size: int

    @property
    def known(self) -> bool:
        """Whether its type is one of those that the format has."""
        return self.type in _SIZES


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory; `next` is where the following one stands, 0 where none does."""

    data: bytes
    order: str
    at: int
    entries: tuple[Entry, ...]
    next: int

    def value(self, entry: Entry) -> bytes:
        """The bytes of a value, as they stand in the data."""
        return self.data[entry.value_at : entry.value_at + entry.size]

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The whole numbers of `tag`, `()` when it is absent or of another type."""
        for entry in self.entries:
            if entry.tag == tag and entry.type in _FORMATS:
                return whole_numbers(self.value(entry), entry, self.order)
        return ()

    def number(self, tag: int, default: int) -> int:
        """The first whole number of `tag`."""
        return next(iter(self.numbers(tag)), default)

    @property
    def orientation(self) -> int:
        """1..8, how the stored picture has to be turned to be upright; 1 when the directory says nothing."""
        entry = self.turning
        value = 1 if entry is None else whole_numbers(self.value(entry), entry, self.order)[0]
        return value if 1 <= value <= 8 else 1

    @property
    def turning(self) -> Entry | None:
        """The entry that says the orientation: the first with its tag, if it is one whole number."""
        entry = next((entry for entry in self.entries if entry.tag == ORIENTATION), None)
        return entry if entry is not None and entry.type in _FORMATS and entry.count == 1 else None


def whole_numbers(value: bytes, entry: Entry, order: str) -> tuple[int, ...]:
    """The whole numbers of a value, `()` when it is of another type."""
    form = _FORMATS.get(entry.type)
    return () if form is None else struct.unpack(f"{order}{entry.count}{form}", value)


def first_directory(data: bytes) -> Directory:
    """The first directory of a TIFF structure.

    The first two bytes say the order of bytes; the 42 after them is taken in both orders, as most readers do.

    Raises:
        ValueError: the bytes do not start as a TIFF structure, or end too early.
    """
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or data[2:4] not in (b"*\0", b"\0*") or len(data) < 8:
        raise ValueError(f"the structure starts with {bytes(data[:4])!r}, expected II*\\0 or MM\\0*")
    return directory(data, order, struct.unpack_from(order + "I", data, 4)[0])


def directory(data: bytes, order: str, at: int, base: int = 0) -> Directory:
    """The directory at byte `at`, read as far as the data go.

    Of a directory cut short the entries that are there are taken; a missing pointer to the next directory
    counts as 0; entries whose values lie outside the data are left out.

    Args:
        data: all bytes.
        order: `<` or `>`, of bytes in numbers.
        at: where the directory starts.
        base: where the places of values are counted from.

    Raises:
        ValueError: the directory itself lies outside the data.
    """
    if not _HEADER <= at <= len(data) - 2:
        raise ValueError(f"the directory at byte {at} lies outside the {len(data)} bytes, or in their header")
    count = struct.unpack_from(order + "H", data, at)[0]
    end = at + 2 + 12 * count
    entries = []
    for entry_at in range(at + 2, min(end, len(data) - 11), 12):
        tag, form, items = struct.unpack_from(order + "HHI", data, entry_at)
        size = _SIZES.get(form, 1) * items
        place = base + struct.unpack_from(order + "I", data, entry_at + 8)[0]
        value_at = entry_at + 8 if size <= 4 else place
        if value_at >= _HEADER and value_at + size <= len(data):
            entries.append(Entry(tag, form, items, entry_at, value_at, size))
    following = struct.unpack_from(order + "I", data, end)[0] if end + 4 <= len(data) else 0
    return Directory(data, order, at, tuple(entries), following)


@dataclass(frozen=True, slots=True)
class Field:
    """A tag with its value, away from any file: `value` are its bytes, or another directory's fields."""

    tag: int
    type: int
    value: bytes | tuple[Field, ...]

    @classmethod
    def of(cls, tag: int, form: int, numbers: Sequence[int], order: str) -> Field:
        """A field of whole numbers."""
        return cls(tag, form, struct.pack(f"{order}{len(numbers)}{_FORMATS[form]}", *numbers))


def reordered(value: bytes, form: int, before: str, after: str) -> bytes:
    """The bytes of a value of this type in the other order of bytes.

    >>> reordered(b"\\1\\0\\2\\0", 3, "<", ">").hex()
    '00010002'
    """
    unit = _UNITS.get(form, 1)
    if before == after or unit == 1:
        return value
    return b"".join(value[i : i + unit][::-1] for i in range(0, len(value), unit))


def written(fields: Sequence[Field], order: str, at: int) -> bytes:
    """A directory that starts at byte `at` of its file, its values and sub-directories behind it."""
    table, behind = b"", b""
    start = at + 2 + 12 * len(fields) + 4
    for field in sorted(fields, key=lambda field: field.tag):
        place = start + len(behind)
        if isinstance(field.value, tuple):
            value, count = struct.pack(order + "I", place), 1
            behind += written(field.value, order, place)
        else:
            value, count = field.value, len(field.value) // _SIZES.get(field.type, 1)
            if len(value) > 4:
                behind += value + bytes(len(value) & 1)
                value = struct.pack(order + "I", place)
        table += struct.pack(order + "HHI", field.tag, field.type, count) + value.ljust(4, b"\0")
    return struct.pack(order + "H", len(fields)) + table + bytes(4) + behind
