"""PNG, written with all the chunks of the source that describe the photo and hide no picture."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, PngImagePlugin

from ..base.files import PhotoError
from .deep import Deep, read_deep
from .encoding import Lossless
from .format import Format
from .metadata.exif import clean_exif, exif_orientation, shown_exif
from .metadata.icc import clean_icc
from .metadata.noted import Noted
from .metadata.pictures import TEXT_LIMIT, block_hides, starts_picture, text_block_hides
from .metadata.places import keyword_place, keyword_time
from .metadata.profiles import clean_profile, is_profile, profile_exif
from .metadata.xmp import clean_xmp
from .png_rows import deep_png

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs", b"tIME"}
"""Chunks that describe the picture and stay true when pixels change."""
_PNG_PICTURE = {b"PLTE", b"tRNS", b"hIST", b"sPLT", b"eXIf", b"acTL", b"fcTL", b"fdAT"}
"""Chunks of the pixels as they were stored: the writer makes what is needed anew."""
_PNG_COLOURS = _PNG_KEPT - {b"pHYs", b"tIME"} | {b"sBIT"}
"""Chunks without which the picture would look otherwise."""
_PNG_LAYOUT = {b"sBIT", b"bKGD"}
"""Chunks that are true only while the kind of pixels (grey, colour, palette, depth) is the same."""
_PNG_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_DEEP = 16
"""Bits a channel that Pillow would reduce to eight."""
_KEYWORD = 79
"""Bytes of a keyword at most, as PNG has it."""
_PNG_XMP = b"XML:com.adobe.xmp"


@dataclass(frozen=True)
class PngEncoding(Lossless):
    """The chunks of a PNG file; the pixels are written without interlacing."""

    exif: bytes
    header: bytes
    before: tuple[tuple[bytes, bytes], ...]
    after: tuple[tuple[bytes, bytes], ...]
    orientation: int = 1
    stored: Deep | None = None
    """Of 16 bits a channel."""

    @property
    def depth(self) -> int:  # type: ignore[override]
        """By the header."""
        return self.header[8]

    def encode(self, picture: Image.Image) -> bytes:
        """The new file: Pillow's pixels between the source's own chunks."""
        if self.stored is None:
            header, pixels = _packed(picture)
        else:
            header, pixels = deep_png(self.stored.merged(np.asarray(picture)))
        same = header[8:10] == self.header[8:10]
        before = [chunk for chunk in self.before if same or chunk[0] not in _PNG_LAYOUT]
        exif = [(b"eXIf", self.exif)] if self.exif else []
        chunks = [(b"IHDR", header), *before, *exif, (b"IDAT", pixels), *self.after, (b"IEND", b"")]
        return _PNG + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _packed(picture: Image.Image) -> tuple[bytes, bytes]:
    """Header and pixels as Pillow writes them."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    fresh = list(png_chunks(buffer.getvalue()))
    assert {name for name, _ in fresh} <= {b"IHDR", b"IDAT", b"IEND"}, (
        "Pillow adds nothing to a picture that carries nothing"
    )
    return fresh[0][1], b"".join(body for name, body in fresh if name == b"IDAT")


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each chunk of a PNG file.

    Raises:
        ValueError: the file ends before its last chunk does.
    """
    at, name = 8, b""
    while name != b"IEND":
        if at + 12 > len(data):
            raise ValueError(f"the file ends at byte {len(data)} without an IEND chunk")
        size, name = struct.unpack_from(">I4s", data, at)
        if at + 12 + size > len(data):
            raise ValueError(f"chunk {name!r} has {size} bytes, but the file ends at byte {len(data)}")
        yield name, data[at + 8 : at + 8 + size]
        at += 12 + size


def png_encoding(image: Image.Image, data: bytes, name: str, noted: Noted) -> PngEncoding:  # noqa: ARG001
    """What the PNG file `data` carries; `noted` is told what it does not.

    The orientation is that of the eXIf chunk, else of EXIF that ImageMagick wrote as text, which becomes one.
    """
    chunks = list(png_chunks(data))
    bodies = dict(reversed(chunks))
    profiles = [
        (keyword, text)
        for chunk, body in chunks
        if chunk in _PNG_TEXT
        for keyword, text in _texts(chunk, body)
    ]
    hidden = [exif for keyword, text in profiles if (exif := profile_exif(keyword, text))]
    source = bodies.get(b"eXIf") or next(iter(hidden), b"")
    orientation = exif_orientation(source)
    for exif in hidden:
        if exif != source and exif_orientation(exif) != orientation:
            noted.cut("second EXIF")
    before: list[tuple[bytes, bytes]] = []
    after: list[tuple[bytes, bytes]] = []
    here = before
    for chunk, body in chunks:
        if chunk == b"IDAT":
            here = after
        elif chunk not in (b"IHDR", b"IEND", b"eXIf"):
            kept = _kept_png(chunk, body, orientation, source, noted)
            if kept is not None and noted.strip and chunk not in _PNG_COLOURS:
                noted.cut(_stripped(chunk, kept))
            elif kept is not None:
                here.append((chunk, kept))
    size = 8 + sum(12 + len(body) for _, body in chunks)
    if data[size:].strip(b"\0"):
        noted.cut("data behind the picture")
    clean = shown_exif(clean_exif(source, noted), orientation, noted)
    header = bodies[b"IHDR"]
    deep = Deep(read_deep(PngImagePlugin.PngImageFile, data)) if header[8] == _DEEP else None
    return PngEncoding(clean, header, tuple(before), tuple(after), orientation, deep)


def check_png(data: bytes, name: str) -> None:
    """Refuse, by the header alone, a PNG that Pillow would quietly flatten."""
    deep = False
    for chunk, body in png_chunks(data):
        if chunk == b"IHDR":
            deep = body[8:9] == bytes([_DEEP])
        if chunk == b"tRNS" and deep:
            got = f"{name}: a PNG of 16 bits a channel with one transparent colour"
            raise PhotoError("unsupported", f"{got}, expected one with alpha, or 8 bits")
        if chunk == b"acTL" and (frames := int.from_bytes(body[:4], "big")) > 1:
            raise PhotoError(
                "unsupported",
                f"{name}: an animated PNG of {frames} frames, expected one picture "
                "(`ffmpeg -i IN frame-%03d.png` makes a file of each)",
            )


def _kept_png(chunk: bytes, body: bytes, orientation: int, exif: bytes, noted: Noted) -> bytes | None:
    """What is left of a chunk, `None` when it goes; private ones stay if PNG calls them safe to copy."""
    if chunk in _PNG_TEXT:
        return _kept_text(chunk, body, orientation, exif, noted)
    if chunk == b"iCCP":
        return _kept_profile(body, noted)
    if (chunk in _PNG_KEPT or chunk in _PNG_LAYOUT) and not block_hides(body):
        noted.taken |= chunk == b"tIME"
        return body
    ancillary, safe = bool(chunk[0] & 0x20), bool(chunk[3] & 0x20)
    if ancillary and safe and chunk not in _PNG_PICTURE and not block_hides(body):
        return body
    if chunk not in _PNG_PICTURE:
        told = chunk.decode("latin-1")
        noted.cut("C2PA manifest" if chunk == b"caBX" else f"PNG chunk {told!r}")
    return None


def _kept_profile(body: bytes, noted: Noted) -> bytes | None:
    """The colour profile, packed again only if something went from it."""
    name, _, rest = body.partition(b"\0")
    profile = _unpacked(rest[1:])
    clean = b"" if profile is None else clean_icc(profile, noted)
    if not clean:
        return None
    return body if clean == profile else name + b"\0\0" + zlib.compress(clean)


def _unpacked(data: bytes) -> bytes | None:
    """What a deflated text unpacks to; `None` if it is damaged or too long to be searched."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, TEXT_LIMIT)
    except zlib.error:
        return None
    return None if stream.unconsumed_tail else text


def _texts(chunk: bytes, body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keyword and text of a chunk; nothing where it has none, or it cannot be unpacked."""
    keyword, ends, rest = body.partition(b"\0")
    packed = chunk == b"zTXt" or (chunk == b"iTXt" and rest[:1] == b"\1")
    text = rest[1:] if chunk == b"zTXt" else rest
    if chunk == b"iTXt":  # two flags, a language and the keyword in it come before the text
        *before, text = rest[2:].split(b"\0", 2)
        ends = ends if len(before) == 2 else b""
    if not ends or len(keyword) > _KEYWORD:
        return
    unpacked = _unpacked(text) if packed else text
    if unpacked is not None:
        yield keyword, unpacked


def _kept_text(chunk: bytes, body: bytes, orientation: int, exif: bytes, noted: Noted) -> bytes | None:
    """A text chunk unless a picture hides in it; XMP and profiles written as text are cleaned instead."""
    for keyword, text in _texts(chunk, body):
        if keyword == _PNG_XMP:
            xmp = clean_xmp(text, noted, orientation)
            return (body if xmp == text else _PNG_XMP + bytes(5) + xmp) if xmp else None
        if is_profile(keyword):
            clean = clean_profile(keyword, text, exif, orientation, noted)
            if clean is None or clean == text:
                return None if clean is None else body
            return keyword + b"\0" + (b"\0" + zlib.compress(clean) if chunk == b"zTXt" else clean)
        if not text_block_hides(text) and not starts_picture(body):
            said = keyword.decode("latin-1")
            if text.strip(b"\0 ") and keyword_place(said) and noted.place(_text_called(body)):
                return None
            noted.taken |= keyword_time(said)
            return body
    noted.cut(_text_called(body))
    return None


def _text_called(body: bytes) -> str:
    """What a text chunk is called in the list of what was removed."""
    keyword = body.partition(b"\0")[0]
    return (
        f"PNG text {keyword.decode('latin-1')!r}" if len(keyword) < 80 and keyword.isascii() else "PNG text"
    )


def _stripped(chunk: bytes, body: bytes) -> str:
    """The same of any chunk that is carried unless metadata are to be stripped."""
    if chunk not in _PNG_TEXT:
        return f"PNG chunk {chunk.decode('latin-1')!r}"
    return "XMP" if body.startswith(_PNG_XMP) else _text_called(body)


PNG = Format(
    name="PNG",
    suffixes=(".png",),
    starts=lambda data: data.startswith(_PNG),
    open=PngImagePlugin.PngImageFile,
    encoding=png_encoding,
    check=check_png,
)
