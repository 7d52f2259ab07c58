"""The index of a JPEG file with several pictures: CIPA DC-007, "Multi-Picture Format"."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from .metadata.directories import Field, first_directory, written

MARK = b"MPF\0"
_VERSION, _COUNT, _ENTRIES = 0xB000, 0xB001, 0xB002
_UNDEFINED = 7
_MOST = 64
"""Pictures that are looked at; no camera writes as many."""
_PRIMARY = 0x030000
_KIND = 0xFFFFFF
KINDS = {
    0x010001: "preview (MPF)", 0x010002: "preview (MPF)", 0x020001: "panorama",
    0x020002: "stereo", 0x020003: "several angles",
}  # fmt: skip
"""What the pictures behind the first are; those of the last three belong to one photo."""
FRAMES = {"panorama", "stereo", "several angles"}


@dataclass(frozen=True)
class Listed:
    """A picture of the index."""

    kind: str
    """One of `KINDS`, empty where the index does not say."""
    start: int
    """Where it begins in the file."""
    size: int


def listed(body: bytes, at: int) -> list[Listed]:
    """The pictures behind the first, of a segment's body after its mark, at byte `at` of the file.

    An index that cannot be read has none.
    """
    try:
        table = first_directory(body)
    except ValueError:
        return []
    found = next((entry for entry in table.entries if entry.tag == _ENTRIES), None)
    if found is None:
        return []
    rows = table.value(found)
    places = range(0, len(rows) - 15, 16)[:_MOST]
    told = [struct.unpack_from(table.order + "III", rows, k) for k in places]
    return [Listed(KINDS.get(kind & _KIND, ""), at + offset, size) for kind, size, offset in told if offset]


def index(sizes: Sequence[int], starts: Sequence[int]) -> bytes:
    """The body of the segment, its mark before it, for pictures of these sizes.

    Args:
        sizes: of the first picture and those behind it, in bytes.
        starts: where those behind it begin, counted from the byte after the mark.
    """
    kinds = [_PRIMARY] + [0] * len(starts)
    rows = b"".join(
        struct.pack(">IIIHH", kind, size, start, 0, 0)
        for kind, size, start in zip(kinds, sizes, [0, *starts], strict=True)
    )
    fields = [
        Field(_VERSION, _UNDEFINED, b"0100"),
        Field.of(_COUNT, 4, [len(sizes)], ">"),
        Field(_ENTRIES, _UNDEFINED, rows),
    ]
    return MARK + b"MM\0*\0\0\0\x08" + written(fields, ">", 8)
