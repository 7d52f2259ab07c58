"""The segments of a JPEG file: which of them are carried to the new file, cleaned."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..base.files import PhotoError
from .metadata.exif import clean_exif, exif_orientation, only_orientation, shown_exif
from .metadata.icc import clean_icc
from .metadata.iptc import clean_photoshop
from .metadata.noted import Noted
from .metadata.pictures import block_hides, text_block_hides
from .metadata.xmp import clean_xmp

_EXIF, _XMP, _EXTENDED = (
    b"Exif\0\0",
    b"http://ns.adobe.com/xap/1.0/\0",
    b"http://ns.adobe.com/xmp/extension/\0",
)
_PHOTOSHOP, _ICC = b"Photoshop 3.0\0", b"ICC_PROFILE\0"
_LARGEST = 65533
"""The largest body of a segment."""
_PART = 65400
_NO_DENSITY = bytes([1, 1, 0, 0, 1, 0, 1])
"""Version 1.1, no unit, square pixels."""
_CODED = {
    0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical lossless",
    0xCB: "lossless", 0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical lossless",
}  # fmt: skip
_LS = 0xF7
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
"""What the segments of gain maps by ISO 21496-1 begin with."""
INDEX, BEHIND = "index of further pictures (MPF)", "data behind the picture"
PADDING = b"\0\r\n \xff"
"""Bytes that mean nothing behind a picture."""


@dataclass
class Segments:
    """What the segments of a JPEG file say."""

    exif: bytes = b""
    """Cleaned."""
    orientation: int = 1
    density: bytes = b""
    """Version, unit and density of the JFIF header."""
    icc: bytes = b""
    jfif: bool = False
    adobe: bytes = b""
    """What Adobe's segment says of colours, 12 bytes; the last is the transform."""
    kept: bytes = b""
    """XMP, IPTC, comments and small notes of programs, as whole segments."""

    @property
    def colours(self) -> bytes:
        """The segments that say how colours are stored."""
        jfif = segment(0xE0, b"JFIF\0" + (self.density or _NO_DENSITY) + b"\0\0") if self.jfif else b""
        return jfif + (segment(0xEE, self.adobe) if self.adobe else b"")


@dataclass
class _Bodies:
    """The bodies of the segments, put together where they came in parts."""

    exif: bytes = b""
    jfif: bool = False
    adobe: bytes = b""
    density: bytes = b""
    icc: dict[int, bytes] = field(default_factory=dict)
    xmp: bytes = b""
    extended: dict[bytes, dict[int, bytes]] = field(default_factory=dict)
    photoshop: bytes = b""
    rest: bytes = b""


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of each segment before the first scan.

    >>> list(jpeg_segments(bytes.fromhex("ffd8 fffe0004 6869 ffd9")))
    [(254, b'hi')]
    """
    yield from ((marker, body) for marker, body, _ in walked(data))


def walked(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, body and end of each segment before the first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
        elif marker in (0xD9, 0xDA):
            return
        else:
            size = struct.unpack_from(">H", data, at + 2)[0]
            yield marker, data[at + 4 : at + 2 + size], at + 2 + size
            at += 2 + size


def segment(marker: int, body: bytes) -> bytes:
    """A whole segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def icc_segments(profile: bytes) -> bytes:
    """A colour profile as whole segments."""
    parts = [profile[at : at + _PART] for at in range(0, len(profile), _PART)]
    heads = [_ICC + bytes([number, len(parts)]) for number in range(1, len(parts) + 1)]
    return b"".join(segment(0xE2, head + part) for head, part in zip(heads, parts, strict=True))


def check_jpeg(data: bytes, name: str) -> None:
    """Refuse the kinds of JPEG that no usual reader decodes, by what they are.

    Raises:
        PhotoError: unsupported: lossless, hierarchical or JPEG-LS coding, or more than 8 bits a channel.
    """
    for marker, body in jpeg_segments(data):
        frame = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if not frame and marker != _LS:
            continue
        kind = "JPEG-LS" if marker == _LS else f"{_CODED.get(marker, '')} JPEG".lstrip()
        bits = body[0] if body else 8
        if marker == _LS or marker in _CODED or bits != 8:
            depth = f" of {bits} bits a channel" if bits != 8 else ""
            article = "an" if kind[0] == "a" else "a"
            raise PhotoError(
                "unsupported",
                f"{name}: {article} {kind}{depth}, expected a baseline or progressive JPEG of 8 bits",
            )
        return


def read_segments(data: bytes, noted: Noted) -> Segments:
    """What is carried of the segments of the JPEG file `data`, cleaned; `noted` is told what is not."""
    bodies = _Bodies()
    for marker, body in jpeg_segments(data):
        _sort(marker, body, bodies, noted)
    told = Segments(density=bodies.density, orientation=exif_orientation(bodies.exif))
    told.jfif, told.adobe = bodies.jfif, bodies.adobe
    told.exif = clean_exif(bodies.exif, noted)
    if len(told.exif) > _LARGEST - len(_EXIF):
        noted.cut("EXIF longer than a segment")
        told.exif = only_orientation(told.orientation)
    told.exif = shown_exif(told.exif, told.orientation, noted)
    told.icc = clean_icc(b"".join(body for _, body in sorted(bodies.icc.items())), noted)
    xmp = _xmp(bodies, told.orientation, noted)
    photoshop = clean_photoshop(bodies.photoshop, noted)
    iptc = b"".join(
        segment(0xED, _PHOTOSHOP + photoshop[at : at + _PART]) for at in range(0, len(photoshop), _PART)
    )
    if noted.strip:
        told.density = b""
        for what, there in (("XMP", xmp), ("Photoshop resources", iptc), ("comments", bodies.rest)):
            if there:
                noted.cut(what)
    else:
        told.kept = xmp + iptc + bodies.rest
    _note_behind(data, noted)
    return told


def _sort(marker: int, body: bytes, bodies: _Bodies, noted: Noted) -> None:
    """Put a segment where it belongs, or note that it does not come out."""
    if marker == 0xE0 and body[:5] == b"JFIF\0":
        bodies.density = body[5:12] if len(body) >= 12 else b""
        bodies.jfif = bodies.jfif or len(body) >= 14  # libjpeg does not take a shorter one for it
        if len(body) > 14:
            noted.cut("JFIF thumbnail")
    elif marker == 0xE0:
        noted.cut("JFIF thumbnail" if body[:5] == b"JFXX\0" else "segment APP0")
    elif marker == 0xE1 and body.startswith(_EXIF):
        part = body[len(_EXIF) :]
        # a structure that is longer than a segment goes on in the next; another one that starts there is none
        if not bodies.exif:
            bodies.exif = part
        elif part[:2] in (b"II", b"MM") and part[2:4] in (b"*\0", b"\0*"):
            noted.cut("second EXIF")
        else:
            bodies.exif += part
    elif marker == 0xE1 and body.startswith(_XMP):
        if bodies.xmp:
            noted.cut("second XMP")
        else:
            bodies.xmp = body[len(_XMP) :]
    elif marker == 0xE1 and body.startswith(_EXTENDED) and len(body) >= 75:
        digest, at = body[35:67], struct.unpack_from(">I", body, 71)[0]
        bodies.extended.setdefault(digest, {})[at] = body[75:]
    elif marker == 0xE2 and body.startswith(_ICC) and len(body) >= 14:
        bodies.icc[body[12]] = body[14:]
    elif marker == 0xED and body.startswith(_PHOTOSHOP):
        bodies.photoshop += body[len(_PHOTOSHOP) :]
    elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
        bodies.adobe = body[:12]
    elif marker == 0xFE and not text_block_hides(body):
        bodies.rest += segment(marker, body)
    elif marker in (0xEC, 0xEF) and not block_hides(body):
        bodies.rest += segment(marker, body)  # quality, as Photoshop and GraphicConverter note it
    elif marker == 0xFE:
        noted.cut("comment")
    elif 0xE1 <= marker <= 0xEF and marker != 0xEE and (what := _dropped(marker, body)):
        noted.cut(what)


def _dropped(marker: int, body: bytes) -> str:
    """What a segment that does not come out is called; empty: it says nothing."""
    if marker == 0xEB and body[:2] == b"JP":
        return "C2PA manifest" if b"c2pa" in body[:256] else "JUMBF boxes"
    if marker == 0xE2 and body[:4] == b"MPF\0":
        return INDEX
    if marker == 0xE2 and body.startswith(ISO) and len(body) == len(ISO) + 4:
        return ""  # the version alone
    return f"segment APP{marker - 0xE0}"


def _xmp(bodies: _Bodies, orientation: int, noted: Noted) -> bytes:
    """The segments of XMP: the packet, and the extended one in parts, both cleaned."""
    long, digest = b"", b""
    for found, parts in bodies.extended.items():
        whole = b"".join(part for _, part in sorted(parts.items()))
        if found in bodies.xmp and not long:
            long = clean_xmp(whole, noted, orientation)
        else:
            noted.cut("extended XMP without its packet")
    if long:
        digest = hashlib.md5(long, usedforsecurity=False).hexdigest().upper().encode()
    packet = clean_xmp(bodies.xmp, noted, orientation, digest.decode())
    if not packet:
        return b""
    if len(packet) > _LARGEST - len(_XMP):
        noted.cut("XMP longer than a segment")
        return b""
    kept = segment(0xE1, _XMP + packet)
    for at in range(0, len(long), _PART):
        head = _EXTENDED + digest + struct.pack(">II", len(long), at)
        kept += segment(0xE1, head + long[at : at + _PART])
    return kept


def end_of_picture(data: bytes) -> int:
    """Where the first picture of a JPEG file ends, the length of the file if that is not said."""
    scan = max((end for _, _, end in walked(data)), default=2)
    # in coded data, FF is followed by a zero or a restart marker: the first FFD9 is the end of the picture
    end = data.find(b"\xff\xd9", scan)
    return end + 2 if end >= 0 else len(data)


def _note_behind(data: bytes, noted: Noted) -> None:
    """Note what stands behind the picture: further pictures, films, what phones append."""
    if data[end_of_picture(data) :].strip(PADDING):
        noted.cut(BEHIND)
