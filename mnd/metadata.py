"""What a photo says about itself, without the small pictures of the clean face that hide in it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

PICTURE = re.compile(rb"\xff\xd8\xff|.\xd8\xff[\xc0\xc4\xdb\xdd\xe0\xe1\xfe]|\x89PNG\r\n", re.DOTALL)
"""The first bytes of an embedded JPEG (some cameras alter the very first) or PNG."""

ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = 274, 34665, 34853, 40965
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_FORMATS = {1: "B", 3: "H", 4: "I", 13: "I"}
_PICTURE_TAGS = {46, 273, 279, 288, 289, 324, 325, 330, 513, 514, 700, 34377, 37724, 50740}
"""Tags that point at pictures (strips, tiles, previews, other directories) or hold blocks that may."""
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/=]|\s|&#x[aAdD];){1024,}")
_XMP_PICTURES = "Thumbnails|PageInfo|image"
_XMP_DATA = "GImage|GDepth|GAudio|GFocus|GPano|Device|Camera|Image|Depth|DepthMap"
_XMP_STALE = "GCamera|Container|Item|hdrgm|HDRGainMap"


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a TIFF directory: where it stands, and where its value stands."""

    tag: int
    type: int
    count: int
    at: int
    value_at: int
    size: int


@dataclass(frozen=True, slots=True)
class Directory:
    """A TIFF directory (IFD), as EXIF and TIFF files have them."""

    data: bytes
    order: str
    at: int
    entries: tuple[Entry, ...]
    next: int

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The whole numbers of `tag`, `()` when it is absent or of another type."""
        for entry in self.entries:
            if entry.tag == tag and entry.type in _FORMATS:
                form = f"{self.order}{entry.count}{_FORMATS[entry.type]}"
                return struct.unpack_from(form, self.data, entry.value_at)
        return ()

    def number(self, tag: int, default: int) -> int:
        """The first whole number of `tag`."""
        return next(iter(self.numbers(tag)), default)


def first_directory(data: bytes) -> Directory:
    """The first directory of a TIFF structure.

    Raises:
        ValueError: the bytes do not start as a TIFF structure, or end too early.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]))
    if order is None or len(data) < 8:
        raise ValueError(f"the structure starts with {bytes(data[:4])!r}, expected II*\\0 or MM\\0*")
    return directory(data, order, struct.unpack_from(order + "I", data, 4)[0])


def directory(data: bytes, order: str, at: int) -> Directory:
    """The directory at byte `at`; entries whose values lie outside the data are left out.

    Raises:
        ValueError: the directory itself lies outside the data.
    """
    try:
        count = struct.unpack_from(order + "H", data, at)[0]
        following = struct.unpack_from(order + "I", data, at + 2 + 12 * count)[0]
    except struct.error as error:
        raise ValueError(f"the directory at byte {at} lies outside the {len(data)} bytes") from error
    entries = []
    for entry_at in range(at + 2, at + 2 + 12 * count, 12):
        tag, form, items = struct.unpack_from(order + "HHI", data, entry_at)
        size = _SIZES.get(form, 1) * items
        value_at = entry_at + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry_at + 8)[0]
        if value_at + size <= len(data):
            entries.append(Entry(tag, form, items, entry_at, value_at, size))
    return Directory(data, order, at, tuple(entries), following)


def exif_orientation(exif: bytes) -> int:
    """The orientation 1..8 that EXIF (without its `Exif` header) asks for; 1 when it says nothing."""
    try:
        value = first_directory(exif).number(ORIENTATION, 1)
    except ValueError:
        return 1
    return value if 1 <= value <= 8 else 1


def clean_exif(exif: bytes) -> bytes:
    """EXIF without its thumbnail and without maker notes that hold a picture; all else stays where it stands.

    Only bytes that the first directory and its EXIF, GPS and interoperability directories point at are kept,
    at their old place (maker notes point at places); the thumbnail's directory and every gap become zero.

    Args:
        exif: a TIFF structure, with or without the header `Exif\\0\\0`.

    Returns:
        The structure without that header; `b""` when it cannot be read.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    try:
        first = first_directory(exif)
        clean = bytearray(len(exif))
        clean[:8] = exif[:8]
        end = _copy(first, clean, set())
    except ValueError:
        return b""
    kept = bytes(clean[:end])
    return _orientation_only(exif_orientation(exif)) if PICTURE.search(kept) else kept


def _copy(source: Directory, clean: bytearray, seen: set[int]) -> int:
    """Copy a directory, its harmless values and sub-directories into `clean`; the end of what is kept."""
    seen.add(source.at)
    table, end = b"", 0
    for entry in source.entries:
        if entry.tag in _PICTURE_TAGS:
            continue
        if entry.tag in (EXIF_IFD, GPS_IFD, INTEROP_IFD):
            at = source.number(entry.tag, 0)
            if at in seen:
                continue
            try:
                end = max(end, _copy(directory(source.data, source.order, at), clean, seen))
            except ValueError:
                continue
        elif entry.size > 4:
            value = source.data[entry.value_at : entry.value_at + entry.size]
            if PICTURE.search(value):
                continue
            clean[entry.value_at : entry.value_at + entry.size] = value
            end = max(end, entry.value_at + entry.size)
        table += source.data[entry.at : entry.at + 12]
    # the pointer after the table becomes zero: it led to the thumbnail
    table = struct.pack(source.order + "H", len(table) // 12) + table + bytes(4)
    clean[source.at : source.at + len(table)] = table
    return max(end, source.at + len(table))


def _orientation_only(orientation: int) -> bytes:
    return struct.pack("<4sIHHHIHHI", b"II*\0", 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)


def clean_xmp(xmp: bytes) -> bytes:
    """XMP without embedded pictures and without pointers to pictures that are not copied.

    Thumbnail and preview elements, depth maps and images in base64, and the directories of gain maps and
    motion photos go. If a picture could still be in what is left (long base64, or not UTF-8), all goes.
    """
    text = xmp
    text = re.sub(rb"<(\w+):(%s)\b[^>]*?/>" % _XMP_PICTURES.encode(), b"", text)
    text = re.sub(rb"<(\w+):(%s)\b.*?</\1:\2\s*>" % _XMP_PICTURES.encode(), b"", text, flags=re.DOTALL)
    stale = _XMP_STALE.encode()
    text = re.sub(rb"<(%s):(\w+)\b[^>]*?/>" % stale, b"", text)
    text = re.sub(rb"<(%s):(\w+)\b.*?</\1:\2\s*>" % stale, b"", text, flags=re.DOTALL)
    text = re.sub(rb"<(%s):Data\b.*?</\1:Data\s*>" % _XMP_DATA.encode(), b"", text, flags=re.DOTALL)
    attribute = rb"""\s(?:(?:%s):Data|(?:%s):\w+|xmpNote:HasExtendedXMP)\s*=\s*(?:"[^"]*"|'[^']*')"""
    text = re.sub(attribute % (_XMP_DATA.encode(), stale), b"", text)
    return b"" if holds_picture(text) or not _well_formed(text) else text


def _well_formed(text: bytes) -> bool:
    """Whether `text` is XML in UTF-8: what is cut out must not leave broken XML behind."""
    if b"\0" in text.strip(b"\0") or b"<!" in text.replace(b"<!--", b""):
        return False  # UTF-16, which is not searched here; or a document type, whose entities can unfold
    parser = expat.ParserCreate()
    try:
        parser.Parse(text.strip(b"\0 \r\n\t"), True)
    except expat.ExpatError:
        return False
    return True


def holds_picture(text: bytes) -> bool:
    """Whether text may hold a picture: raw, in base64, or in hexadecimal."""
    if PICTURE.search(text) or b"/9j/4" in text or b"iVBORw0KGgo" in text:
        return True
    run = _BASE64.search(text)
    # prose and XMP padding are no base64: they have blanks between short words
    return run is not None and max(map(len, re.split(rb"\s|&#x[aAdD];", run[0]))) >= 60


def iptc_block(photoshop: bytes) -> bytes:
    """The resources of a Photoshop block that describe the photo (IPTC, copyright), not its thumbnails."""
    kept = b""
    for number, resource in _resources(photoshop):
        if number in (1028, 1034, 1035, 1061) and not PICTURE.search(resource):
            kept += resource
    return kept


def _resources(block: bytes) -> Iterator[tuple[int, bytes]]:
    """The resources of a Photoshop block: number, and all its bytes."""
    at = 0
    while block[at : at + 4] == b"8BIM" and at + 12 <= len(block):
        name = (block[at + 6] + 2) & ~1
        if at + 10 + name > len(block):
            return
        size = struct.unpack_from(">I", block, at + 6 + name)[0]
        end = at + 10 + name + size + (size & 1)
        yield struct.unpack_from(">H", block, at + 4)[0], block[at:end].ljust(end - at, b"\0")
        at = end
