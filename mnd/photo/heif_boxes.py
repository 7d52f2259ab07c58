"""HEIF files as boxes and items: read strictly, before a decoder sees anything of them.

A HEIF file (ISO/IEC 23008-12; HEIC and AVIF are such) is a tree of boxes: a size, four letters, a body. One
of them, `meta`, lists items: pictures, the tiles of pictures, EXIF, XMP. Each has properties (size, colours,
how it is turned), refers to others, and says where its bytes lie.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_ITEMS = 20_000
"""A picture of 200 million pixels in tiles of 256 has about 3,000."""
_META = {
    b"hdlr", b"dinf", b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat", b"grpl", b"ipro", b"free",
    b"skip",
}  # fmt: skip
"""Boxes that say how the items of a file hang together."""
_TOP = {b"ftyp", b"meta", b"mdat", b"free", b"skip", b"moov", b"uuid", b"mpvd", b"sefd", b"etyp", b"wide"}


@dataclass(frozen=True, slots=True)
class Box:
    """Four letters and a body."""

    kind: bytes
    body: bytes

    def full(self) -> tuple[int, int, Cursor]:
        """Version, flags and the rest of a body that begins with them."""
        cursor = Cursor(self.body, self.kind)
        return cursor.number(1), cursor.number(3), cursor


@dataclass(slots=True)
class Cursor:
    """Reads a body from its start; what is not there is an error that names the box."""

    data: bytes
    kind: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            ValueError: the box ends before.
        """
        if self.at + count > len(self.data):
            raise ValueError(f"box {self.kind!r} of {len(self.data)} bytes ends within a value")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size: int) -> int:
        """The next whole number, of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def text(self) -> str:
        """The next text, up to its zero byte."""
        end = self.data.find(b"\0", self.at)
        raw = self.take((len(self.data) if end < 0 else end) - self.at)
        self.at += end >= 0
        return raw.decode("utf-8", "replace")

    @property
    def rest(self) -> bytes:
        """All that was not read yet."""
        return self.data[self.at :]


@dataclass(frozen=True, slots=True)
class Property:
    """What is said of an item: its size, its colours, its decoder's settings, how it is turned."""

    kind: bytes
    body: bytes
    essential: bool = False
    """Who does not know the property must not show the item."""


@dataclass(slots=True)
class Item:
    """An item of a file."""

    id: int
    kind: bytes
    content_type: str = ""
    """Of an item of the kind `mime`."""
    hidden: bool = False
    properties: list[Property] = field(default_factory=list)
    refers: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    """The items that it refers to, by the kind of reference, in their order."""
    data: bytes = b""

    def one(self, kind: bytes) -> bytes | None:
        """The body of its first property of a kind."""
        return next((it.body for it in self.properties if it.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Heif:
    """A file."""

    brands: tuple[bytes, ...]
    """The first is the major one."""
    primary: int
    items: dict[int, Item]
    beside: tuple[bytes, ...]
    """The kinds of other boxes that hold something: films, makers' data (`uuid` with its 16 bytes); `b""`:
    bytes that are no box."""

    def referring(self, kind: bytes, to: int) -> list[Item]:
        """The items that refer to another, in their order."""
        return [item for item in self.items.values() if to in item.refers.get(kind, ())]


def boxes(data: bytes) -> Iterator[Box]:
    """The boxes of a body.

    Raises:
        ValueError: one of them is longer than what holds it.
    """
    at = 0
    while at < len(data):
        box, end = _box(data, at)
        if box is None:
            got = f"box {data[at + 4 : at + 8]!r} at byte {at}"
            raise ValueError(f"{got} has {end - at} bytes, but only {len(data) - at} are there")
        yield box
        at = end


def _box(data: bytes, at: int) -> tuple[Box | None, int]:
    """The box that starts at a byte, and where it ends; none where it is cut short."""
    head = data[at : at + 8]
    if len(head) < 8:
        return None, at + 8
    size, kind = struct.unpack(">I4s", head)
    start = at + 8
    if size == 1:
        size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
    elif size == 0:
        size = len(data) - at
    if size < start - at or at + size > len(data):
        return None, at + max(size, 8)
    return Box(kind, data[start : at + size]), at + size


def brands(data: bytes) -> tuple[bytes, ...]:
    """The brands of a file that begins so, the major one first; none where it is no such file.

    >>> brands(b"\\0\\0\\0\\x18ftypmif1\\0\\0\\0\\0mif1avif")
    (b'mif1', b'mif1', b'avif')
    """
    if data[4:8] != b"ftyp":
        return ()
    size = min(max(int.from_bytes(data[:4], "big"), 16), 4096)
    listed = data[16:size]
    return (data[8:12], *(listed[at : at + 4] for at in range(0, len(listed) - 3, 4)))


def read(data: bytes) -> Heif:
    """All items of a file, with their bytes.

    Raises:
        ValueError: a box or an item is cut short, refers to what is not there, or says so in more bytes than
            the file has.
    """
    meta: Box | None = None
    beside: list[bytes] = []
    at = 0
    while at < len(data):
        box, end = _box(data, at)
        if box is None:
            if meta is not None and data[at + 4 : at + 8] not in _TOP:
                beside.append(b"" if data[at:].strip(b"\0") else b"free")
                break
            got = f"box {data[at + 4 : at + 8]!r} at byte {at}"
            raise ValueError(f"{got} has {end - at} bytes, but the file has {len(data)}")
        if box.kind == b"meta" and meta is None:
            meta = box
        elif box.kind not in (b"ftyp", b"mdat", b"free", b"skip", b"wide", b"etyp"):
            beside.append(box.kind + box.body[:16] if box.kind == b"uuid" else box.kind)
        at = end
    if meta is None:
        raise ValueError("there is no box 'meta', which says what the file holds")
    listed = list(boxes(meta.full()[2].rest))
    parts = {box.kind: box for box in reversed(listed)}
    beside += [box.kind for box in listed if box.kind not in _META]
    for kind in (b"pitm", b"iinf", b"iloc", b"iprp"):
        if kind not in parts:
            raise ValueError(f"there is no box {kind!r} in 'meta'")
    items = _listed(parts[b"iinf"])
    _describe(items, parts[b"iprp"])
    if b"iref" in parts:
        _refer(items, parts[b"iref"])
    _fetch(items, parts[b"iloc"], data, parts[b"idat"].body if b"idat" in parts else b"")
    version, _, cursor = parts[b"pitm"].full()
    primary = cursor.number(4 if version else 2)
    if primary not in items:
        raise ValueError(f"the picture is item {primary}, which there is not")
    return Heif(brands(data), primary, items, tuple(dict.fromkeys(beside)))


def _listed(iinf: Box) -> dict[int, Item]:
    version, _, cursor = iinf.full()
    count = cursor.number(4 if version else 2)
    if count > MOST_ITEMS:
        raise ValueError(f"the file says to have {count:,} items, expected at most {MOST_ITEMS:,}")
    items: dict[int, Item] = {}
    for box in boxes(cursor.rest):
        version, flags, cursor = box.full()
        if box.kind != b"infe" or version < 2:
            raise ValueError(
                f"an item is described by {box.kind!r} of version {version}, expected 'infe' of 2"
            )
        number = cursor.number(2 if version == 2 else 4)
        protected, kind = cursor.number(2), cursor.take(4)
        cursor.text()
        if protected or number in items:
            raise ValueError(f"item {number} is {'encrypted' if protected else 'there twice'}")
        content_type = cursor.text() if kind == b"mime" else ""
        items[number] = Item(number, kind, content_type, bool(flags & 1))
    if len(items) != count:
        raise ValueError(f"the file says to have {count} items, but describes {len(items)}")
    return items


def _describe(items: dict[int, Item], iprp: Box) -> None:
    """Give each item its properties, in their order."""
    inner = list(boxes(iprp.body))
    known = [made for box in inner if box.kind == b"ipco" for made in boxes(box.body)]
    for box in inner:
        if box.kind != b"ipma":
            continue
        version, flags, cursor = box.full()
        for _ in range(cursor.number(4)):
            item = items.get(number := cursor.number(4 if version else 2))
            for _ in range(cursor.number(1)):
                word = cursor.number(2 if flags & 1 else 1)
                top = 0x8000 if flags & 1 else 0x80
                place = word & (top - 1)
                if place > len(known):
                    raise ValueError(f"item {number} has property {place}, but there are {len(known)}")
                if item is not None and place:
                    found = known[place - 1]
                    item.properties.append(Property(found.kind, found.body, bool(word & top)))


def _refer(items: dict[int, Item], iref: Box) -> None:
    version, _, cursor = iref.full()
    size = 4 if version else 2
    for box in boxes(cursor.rest):
        inner = Cursor(box.body, box.kind)
        source = inner.number(size)
        targets = tuple(inner.number(size) for _ in range(inner.number(2)))
        for number in (source, *targets):
            if number not in items:
                raise ValueError(f"a reference {box.kind!r} leads to item {number}, which there is not")
        refers = items[source].refers
        refers[box.kind] = refers.get(box.kind, ()) + targets


def _fetch(items: dict[int, Item], iloc: Box, data: bytes, idat: bytes) -> None:
    """Give each item its bytes: pieces of the file, or of the box `idat`."""
    version, _, cursor = iloc.full()
    if version > 2:
        raise ValueError(f"box 'iloc' is of version {version}, expected 0 to 2")
    sizes = cursor.number(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    total = 0
    for _ in range(cursor.number(4 if version == 2 else 2)):
        number = cursor.number(4 if version == 2 else 2)
        way = cursor.number(2) & 15 if version else 0
        if cursor.number(2):
            raise ValueError(f"item {number} lies in another file")
        start, pieces = cursor.number(base), []
        for _ in range(cursor.number(2)):
            if version and index:
                cursor.number(index)
            begin, size = start + cursor.number(offset), cursor.number(length)
            source = idat if way == 1 else data
            size = size or len(source) - begin
            if way > 1 or begin + size > len(source) or size < 0:
                raise ValueError(f"item {number} lies at bytes {begin} to {begin + size} of {len(source)}")
            total += size
            if total > len(data) + len(idat):
                raise ValueError("the items say to have more bytes than the file")
            pieces.append(source[begin : begin + size])
        if number in items:
            items[number].data = b"".join(pieces)
