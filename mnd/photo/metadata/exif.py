"""EXIF without the pictures in it: what is known to be harmless stays, at the place where it stood."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import ExifTags

from . import makers
from .directories import (
    EXIF_IFD,
    GPS_IFD,
    INTEROP_IFD,
    ORIENTATION,
    TEXT,
    UTF8,
    Directory,
    Entry,
    directory,
    first_directory,
)
from .icc import clean_icc
from .iptc import clean_iptc, clean_photoshop
from .noted import Noted
from .pictures import block_hides, readable, starts_picture, text_block_hides, text_hides
from .places import EXIF_TIMES, GEO_TAGS, GPS_PLACE, MAKE, MODEL
from .xmp import clean_xmp

_HEADER = b"Exif\0\0"
_SUB = {EXIF_IFD: "EXIF", GPS_IFD: "GPS", INTEROP_IFD: "Interoperability"}
"""Tags that lead to directories which describe the photo."""
_MAIN = ("EXIF", "TIFF")
_PICTURES = {46, 273, 279, 288, 289, 324, 325, 330, 347, 513, 514, 519, 520, 521, 37724, 50740, 52545}
"""Tags that lead to pictures (strips, tiles, previews, other directories) or hold blocks of them."""
C2PA = 52545
XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG, ICC_TAG = 700, 33723, 34377, 34675
_MAKER_NOTE, _TRANSFER = 37500, 301
_MAKER_HEAD = 32
"""Bytes before the directory of a maker's note that are kept: its name and mark."""
_COMMENTS = {37510, 27, 28}
"""Texts after eight bytes that name their code: the user's comment, GPS method and area."""
_UTF16 = range(40091, 40096)
"""Windows' title, comment, author, keywords and subject: UTF-16 as bytes."""


def tag_name(tag: int, kind: str = "EXIF") -> str:
    """How a tag is called in the list of what was removed.

    >>> tag_name(37510), tag_name(50000)
    ('EXIF UserComment', 'EXIF 0xC350')
    """
    table = ExifTags.GPSTAGS if kind == "GPS" else ExifTags.TAGS
    return f"{kind} {table.get(tag, f'0x{tag:04X}')}"


def exif_orientation(exif: bytes) -> int:
    """The orientation 1..8 that EXIF asks for; 1 when it says nothing or cannot be read.

    >>> exif_orientation(b"II*\\0" + bytes.fromhex("08000000 0100 1201 0300 01000000 0600"))
    1
    >>> exif_orientation(b"II*\\0" + bytes.fromhex("08000000 0100 1201 0300 01000000 06000000"))
    6
    """
    try:
        return first_directory(exif.removeprefix(_HEADER)).orientation
    except ValueError:
        return 1


def only_orientation(orientation: int) -> bytes:
    """EXIF that says nothing but how to turn the picture."""
    return struct.pack("<4sIHHHIHHI", b"II*\0", 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)


def shown_exif(exif: bytes, orientation: int, noted: Noted) -> bytes:
    """Cleaned EXIF as it is carried: of a photo that is stripped how to turn it is left, and nothing else."""
    if not noted.strip or not exif:
        return exif
    turning = only_orientation(orientation) if orientation != 1 else b""
    if any(entry.tag != ORIENTATION for entry in first_directory(exif).entries):
        noted.cut("EXIF")
    return turning


def clean_exif(exif: bytes, noted: Noted | None = None) -> bytes:
    """EXIF without its thumbnail and without values that may hold a picture; all else stays where it stands.

    Only what the first directory and its EXIF, GPS and interoperability directories point at is kept, at its
    old place (makers' notes point at places); every gap becomes zero. Where readers differ about a damaged
    structure, as much is taken as there is: see `directory`.

    Args:
        exif: a TIFF structure, with or without the header `Exif\\0\\0`.
        noted: is told what went.

    Returns:
        The structure without that header; `b""` when it cannot be read.
    """
    noted = Noted() if noted is None else noted
    exif = exif.removeprefix(_HEADER)
    if not exif:
        return b""
    try:
        first = first_directory(exif)
    except ValueError:
        noted.cut("EXIF that cannot be read")
        return b""
    if first.next and _readable_at(first):
        noted.cut("EXIF thumbnail")
    copy = _Copy(exif, first.order, noted)
    copy.add(first, "EXIF", copy.kept)
    kept = copy.whole(first.at)
    if starts_picture(kept):
        noted.cut("EXIF with a picture across its values")
        return only_orientation(first.orientation)
    return kept


def _readable_at(first: Directory) -> bool:
    try:
        return bool(directory(first.data, first.order, first.next).entries)
    except ValueError:
        return False


@dataclass
class _Copy:
    """What is kept of a structure, byte for byte at its place, and zeros between."""

    data: bytes
    order: str
    noted: Noted
    _clean: bytearray = field(init=False)
    _end: int = 8
    _tables: list[tuple[int, bytes]] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._clean = bytearray(len(self.data) + 4)

    def add(
        self, source: Directory, kind: str, keep: Callable[[Directory, Entry, str], bytes | None]
    ) -> None:
        """Copy a directory: the entries whose value `keep` gives back, which may be shorter than it was."""
        self._seen.add(source.at)
        rows = b""
        for entry in source.entries:
            value = keep(source, entry, kind)
            if value is None:
                continue
            row = bytearray(self.data[entry.at : entry.at + 12])
            if len(value) != entry.size:
                struct.pack_into(source.order + "I", row, 4, len(value) * entry.count // entry.size)
            rows += row
            if entry.size > 4:
                self._put(entry.value_at, value)
        self._tables.append((source.at, struct.pack(source.order + "H", len(rows) // 12) + rows))

    def _put(self, at: int, part: bytes) -> None:
        self._clean[at : at + len(part)] = part
        self._end = max(self._end, at + len(part))

    def kept(self, source: Directory, entry: Entry, kind: str) -> bytes | None:
        """What is kept of a value of EXIF."""
        if entry.tag in _SUB:
            return self._directory(source, entry)
        if entry.tag == _MAKER_NOTE and entry.size > 4:
            return self._maker(source, entry)
        return kept_value(source, entry, kind, self.noted)

    def _directory(self, source: Directory, entry: Entry) -> bytes | None:
        at = source.number(entry.tag, 0)
        if entry.size > 4:  # a pointer is one number: what is longer is something else
            self.noted.cut(tag_name(entry.tag))
            return None
        if at in self._seen:
            return None
        try:
            below = directory(self.data, source.order, at)
        except ValueError:
            return None
        if entry.tag == GPS_IFD and gps_goes(below, self.noted):
            return None
        self.add(below, _SUB[entry.tag], self.kept)
        return source.value(entry)

    def _maker(self, source: Directory, entry: Entry) -> bytes | None:
        """A maker's note: whole if it is small, else its own directory, copied in the same way."""
        note, start, end = source.value(entry), entry.value_at, entry.value_at + entry.size
        found = makers.note_directory(self.data, start, entry.size, source.order)
        if found is not None:
            makers.note_people(note, found, self.noted)
        named = self.noted.strip_names and makers.names_people(note)
        placed = found is not None and makers.note_places(note, found, self.noted)
        if not block_hides(note) and not named and not placed:
            return note
        if found is None or found.at in self._seen:
            self.noted.cut("EXIF MakerNote")
            return None

        def keep(inner: Directory, part: Entry, kind: str) -> bytes | None:
            outside = part.size > 4 and not start <= part.value_at <= end - part.size
            value = inner.value(part)
            hides = text_block_hides(value) if part.type == TEXT else block_hides(value)
            who = self.noted.strip_names and makers.names_people(note, part.tag)
            where = self.noted.strip_gps and makers.names_place(note, part.tag, value)
            if outside or hides or who or where or makers.leads_away(note, part.tag):
                self.noted.cut(makers.called(note, part.tag) if who or where else f"{kind} 0x{part.tag:04X}")
                return None
            return value

        self._put(start, note[: min(found.at - start, _MAKER_HEAD)])
        self.add(found, "MakerNote", keep)
        return bytes(self._clean[start:end])

    def whole(self, first_at: int) -> bytes:
        """The structure, up to the last byte that is kept."""
        mark = b"*\0" if self.order == "<" else b"\0*"
        self._put(0, self.data[:2] + mark + struct.pack(self.order + "I", first_at))
        for at, table in self._tables:
            self._put(at, table)
            # the pointer to a next directory: four zeros, except where a kept value stands in its place
            self._end = max(self._end, at + len(table) + 4)
        return bytes(self._clean[: self._end])


def gps_goes(below: Directory, noted: Noted) -> bool:
    """Whether a GPS directory has to go, whole: what is left of it would still tell the hour or a bearing."""
    if noted.strip_gps and below.entries:
        noted.cut("EXIF GPS")
    return noted.strip_gps


def kept_value(source: Directory, entry: Entry, kind: str, noted: Noted) -> bytes | None:
    """What is kept of a value of EXIF or of a TIFF file; `None` when it goes, which `noted` is told.

    Texts stay unless they hide a picture; of known structures (XMP, IPTC, colour profiles) what hides one is
    cut out; everything else stays up to 256 bytes.
    """
    value, before = source.value(entry), len(noted.removed)
    new: bytes | None
    if entry.tag == ORIENTATION and kind in _MAIN:
        new = value if entry is source.turning else None
    elif entry.tag == C2PA:
        noted.cut("C2PA manifest")
        return None
    elif entry.tag in _PICTURES and kind in _MAIN:
        new = None
    elif _says_where(entry.tag, value, kind) and noted.place(tag_name(entry.tag, kind)):
        return None
    elif entry.tag in _STRUCTURES:
        new = _structure(entry, value, noted)
    elif entry.type in (TEXT, UTF8):
        new = None if text_block_hides(value) else value
    elif entry.tag in _UTF16:
        new = None if _utf16_hides(value) else value
    elif entry.tag in _COMMENTS and len(value) > 8 and entry.type in (2, 7):
        new = None if _comment_hides(value, source.order) else value
    elif entry.tag == _TRANSFER and _curves(source.numbers(_TRANSFER)):
        new = value
    else:
        new = None if not entry.known or block_hides(value) else value
    if new is None and len(noted.removed) == before:
        noted.cut(tag_name(entry.tag, kind))
    if new is not None and entry.type in (TEXT, UTF8):
        _note_taking(entry.tag, new, kind, noted)
    return new


def _says_where(tag: int, value: bytes, kind: str) -> bool:
    """Whether a value is a place; programs also write directories of zeros."""
    if kind == "GPS":
        return tag in GPS_PLACE and bool(value.strip(b"\0 "))
    return tag in GEO_TAGS and kind in _MAIN


def _note_taking(tag: int, value: bytes, kind: str, noted: Noted) -> None:
    """Note with what and when the photo was taken."""
    text = value.split(b"\0")[0].decode("utf-8", "replace").strip() if kind in _MAIN else ""
    if tag == MAKE:
        noted.make = text
    elif tag == MODEL:
        noted.model = text
    elif tag in EXIF_TIMES:
        noted.taken |= any(c in "123456789" for c in text)


def _structure(entry: Entry, value: bytes, noted: Noted) -> bytes | None:
    """A structure without what hides in it; it must not get longer, as it stays at its place."""
    new = _STRUCTURES[entry.tag](value, noted) if entry.type in (1, 2, 4, 7) else b""
    if entry.type == 4:  # IPTC that calls itself a row of long numbers
        new += bytes(-len(new) % 4)
    return new if new and len(new) <= entry.size else None


_STRUCTURES: dict[int, Callable[[bytes, Noted], bytes]] = {
    XMP_TAG: clean_xmp,
    IPTC_TAG: clean_iptc,
    PHOTOSHOP_TAG: clean_photoshop,
    ICC_TAG: clean_icc,
}


def _utf16_hides(value: bytes) -> bool:
    if not block_hides(value):
        return False
    text = readable(b"\xff\xfe" + value)
    return starts_picture(value) or text is None or text_hides(text)


def _comment_hides(value: bytes, order: str) -> bool:
    """Whether a text after the name of its code may hold a picture."""
    if not block_hides(value):
        return False
    code, text = value[:8], value[8:]
    if starts_picture(text):
        return True
    if code == b"UNICODE\0":
        # in the order of the structure, as many write it, or in the other; UTF-8 under this name is met too
        marks = (b"\xff\xfe", b"\xfe\xff") if order == "<" else (b"\xfe\xff", b"\xff\xfe")
        texts = [readable(mark + text) for mark in marks] + [readable(text)]
        told = [text for text in texts if text is not None]
        return not told or any(text_hides(text) for text in told)
    if re.fullmatch(rb"[A-Z\0]{8}", code):
        return text_block_hides(text)
    return text_block_hides(value)


def _curves(values: tuple[int, ...]) -> bool:
    """Whether these are transfer functions: one or three tables of 256 numbers that never fall."""
    tables = [values[i : i + 256] for i in range(0, len(values), 256)]
    return len(values) in (256, 768) and all(list(table) == sorted(table) for table in tables)
