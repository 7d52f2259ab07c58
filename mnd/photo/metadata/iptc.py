"""IPTC and the Photoshop resources it stands in: captions, rights and keywords stay, previews go."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .noted import Noted
from .pictures import block_hides, starts_picture, text_block_hides
from .places import IPTC_PLACES, IPTC_TIMES

_IPTC, _DIGEST = 1028, 1061
_XMP, _ICC, _EXIF = 1060, 1039, 1058
_THUMBNAILS = (1033, 1036)
_KEYWORDS = (2, 25)
_PREVIEWS = {(2, 200), (2, 201), (2, 202)}
_TYPES = (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa")


def clean_iptc(data: bytes, noted: Noted) -> bytes:
    """The IPTC fields without previews and without any field that may hold a picture.

    >>> noted = Noted()
    >>> clean_iptc(b"\\x1c\\2\\x78\\0\\5A day" + b"\\x1c\\2\\xca\\0\\4\\xff\\xd8\\xff\\xe0", noted)
    b'\\x1c\\x02x\\x00\\x05A day'
    >>> noted.removed
    ['IPTC 2:202']
    """
    kept, at = b"", 0
    for record, number, start, end in _fields(data):
        value, at = data[start:end], end
        told = f"IPTC {record}:{number}"
        keyword = (record, number) == _KEYWORDS and _named(value, noted)
        if (record, number) in _PREVIEWS or keyword or text_block_hides(value):
            noted.cut(told)
        elif (record, number) not in IPTC_PLACES or not value.strip(b"\0 ") or not noted.place(told):
            noted.taken |= (record, number) in IPTC_TIMES
            head = 5 if end - start < 0x8000 else 9
            kept += data[start - head : end]
    if data[at:].strip(b"\0"):
        noted.cut("bytes after the IPTC fields")
    return kept


def _named(value: bytes, noted: Noted) -> bool:
    """Whether a keyword is the name of somebody, or of a place, that has to go."""
    text = value.decode("utf-8", "replace")
    return (noted.strip_names and noted.named(text)) or (
        noted.strip_gps and text.strip().casefold() in noted.spots
    )


def _fields(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Record and number of each field, and where its value starts and ends."""
    at = 0
    while data[at : at + 1] == b"\x1c" and at + 5 <= len(data):
        record, number, size = struct.unpack_from(">BBH", data, at + 1)
        start = at + 5
        if size & 0x8000:  # the size of the size
            if size != 0x8004:
                return
            size = int.from_bytes(data[start : start + 4], "big")
            start += 4
        if start + size > len(data):
            return
        yield record, number, start, start + size
        at = start + size


def clean_photoshop(block: bytes, noted: Noted) -> bytes:
    """The Photoshop resources that describe the photo: IPTC cleaned, small ones as they are."""
    kept, changed = [], False
    for number, head, body in resources(block):
        if number in _THUMBNAILS:
            noted.cut("Photoshop thumbnail")
        elif number == _IPTC:
            iptc = clean_iptc(body, noted)
            changed |= iptc != body
            if iptc:
                kept.append((number, head, iptc))
        elif number in (_XMP, _ICC, _EXIF) or block_hides(body):
            noted.cut(f"Photoshop resource {number}")
        else:
            kept.append((number, head, body))
    if changed:  # the digest is of the fields as they were, and would call the new ones another program's
        kept = [resource for resource in kept if resource[0] != _DIGEST]
    whole = b"".join(
        head + struct.pack(">I", len(body)) + body + bytes(len(body) & 1) for _, head, body in kept
    )
    if starts_picture(whole):
        noted.cut("Photoshop resources")
        return b""
    return whole


def resources(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The resources of a Photoshop block: number, all bytes before the size, and the body."""
    at = 0
    while block[at : at + 4] in _TYPES and at + 12 <= len(block):
        name = (block[at + 6] + 2) & ~1
        if at + 10 + name > len(block):
            return
        number = struct.unpack_from(">H", block, at + 4)[0]
        size = struct.unpack_from(">I", block, at + 6 + name)[0]
        start = at + 10 + name
        yield number, block[at : at + 6 + name], block[start : start + size]
        at = start + size + (size & 1)
