"""HEIF files, written item by item: nothing is in them that was not put there."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .heif_boxes import Item, Property

_IN_META = {b"grid"}
"""Items whose few bytes stand in `meta` itself, where readers look for them."""


@dataclass(frozen=True, slots=True)
class Part:
    """An item to write; it is numbered by its place, from 1."""

    kind: bytes
    data: bytes
    properties: tuple[Property, ...] = ()
    refers: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    hidden: bool = False
    content_type: str = ""


def as_parts(item: Item, tiles: Sequence[Item], number: int, properties: Sequence[Property]) -> list[Part]:
    """A picture and its tiles as items from `number` on; its own properties are these.

    References are those to its tiles alone.
    """
    places = tuple(range(number + 1, number + 1 + len(tiles)))
    main = Part(item.kind, item.data, tuple(properties), ((b"dimg", places),) if tiles else ())
    return [main, *(Part(tile.kind, tile.data, tuple(tile.properties), hidden=True) for tile in tiles)]


def referring(part: Part, kind: bytes, to: int) -> Part:
    """The same with one more reference."""
    return replace(part, refers=(*part.refers, (kind, (to,))))


def written(brands: Sequence[bytes], parts: Sequence[Part]) -> bytes:
    """A file; its picture is the first item.

    Args:
        brands: the major one first, then those that it is compatible with.
        parts: its items.
    """
    known = list(dict.fromkeys((it.kind, it.body) for part in parts for it in part.properties))
    ftyp = _box(b"ftyp", brands[0] + bytes(4) + b"".join(dict.fromkeys(brands[1:])))
    inner = b"".join(part.data for part in parts if part.kind in _IN_META)
    meta = b"".join(
        (
            _full(b"hdlr", 0, 0, bytes(4) + b"pict" + bytes(13)),
            _full(b"pitm", 0, 0, struct.pack(">H", 1)),
            _listed(parts),
            _references(parts),
            _box(b"iprp", _box(b"ipco", b"".join(_box(*one) for one in known)) + _associated(parts, known)),
            _box(b"idat", inner) if inner else b"",
        )
    )
    # the places depend on the size of the box that says them, but not on the places
    start = len(ftyp) + len(_full(b"meta", 0, 0, meta + _places(parts, 0))) + 8
    whole = _full(b"meta", 0, 0, meta + _places(parts, start))
    return ftyp + whole + _box(b"mdat", b"".join(part.data for part in parts if part.kind not in _IN_META))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, version: int, flags: int, body: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + body)


def _listed(parts: Sequence[Part]) -> bytes:
    rows = b"".join(_described(number, part) for number, part in enumerate(parts, 1))
    return _full(b"iinf", 0, 0, struct.pack(">H", len(parts)) + rows)


def _described(number: int, part: Part) -> bytes:
    names = b"\0" + (part.content_type.encode() + b"\0" if part.kind == b"mime" else b"")
    return _full(b"infe", 2, int(part.hidden), struct.pack(">HH4s", number, 0, part.kind) + names)


def _references(parts: Sequence[Part]) -> bytes:
    listed = [
        _box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
        for number, part in enumerate(parts, 1)
        for kind, to in part.refers
    ]
    return _full(b"iref", 0, 0, b"".join(listed)) if listed else b""


def _associated(parts: Sequence[Part], known: list[tuple[bytes, bytes]]) -> bytes:
    rows = [(number, part.properties) for number, part in enumerate(parts, 1) if part.properties]
    body = struct.pack(">I", len(rows))
    for number, properties in rows:
        body += struct.pack(">HB", number, len(properties))
        for it in properties:
            body += struct.pack(">H", it.essential << 15 | known.index((it.kind, it.body)) + 1)
    return _full(b"ipma", 0, 1, body)


def _places(parts: Sequence[Part], start: int) -> bytes:
    """Where the bytes of each item lie: from `start` on in the file, or in `idat`."""
    body, at, inner = struct.pack(">HH", 0x4400, len(parts)), start, 0
    for number, part in enumerate(parts, 1):
        here = part.kind in _IN_META
        place = inner if here else at
        body += struct.pack(">HHHHII", number, int(here), 0, 1, place, len(part.data))
        inner, at = inner + here * len(part.data), at + (not here) * len(part.data)
    return _full(b"iloc", 1, 0, body)
