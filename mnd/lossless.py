"""The lossless formats: write PNG, TIFF and BMP with all that the source carries but hidden pictures."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

from . import metadata
from .encoding import Pixels
from .files import PhotoError

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs", b"tIME"}
"""Chunks that describe the picture and stay true when pixels change."""
_PNG_LAYOUT = {b"sBIT", b"bKGD"}
"""Chunks that are true only while the kind of pixels (grey, colour, palette, depth) is the same."""
_PNG_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_PNG_XMP = b"XML:com.adobe.xmp"
_TEXT_LIMIT = 1 << 24

_COMPRESSION = {
    1: "raw",
    5: "tiff_lzw",
    8: "tiff_adobe_deflate",
    32773: "packbits",
    32946: "tiff_adobe_deflate",
}
_TIFF_LAYOUT = {
    *range(254, 260), 262, *range(263, 267), 273, 274, *range(277, 282), 284, *range(288, 294), 317, 320, 321,
    *range(322, 329), *range(330, 335), 336, *range(338, 348), *range(512, 522), *range(529, 533),
}  # fmt: skip
"""TIFF tags that say how pixels are laid out: the writer makes them anew."""
_TIFF_BLOCKS = {34377, 37724, metadata.EXIF_IFD, metadata.GPS_IFD, metadata.INTEROP_IFD}
_RAW_TAGS = {50706: "a camera's raw file (DNG)", 33422: "a camera's raw file (colour filter array)"}
_PHOTOMETRIC = {
    0: "grey", 1: "grey", 2: "RGB", 3: "palette", 4: "a mask", 5: "CMYK", 6: "YCbCr", 8: "CIE Lab",
    9: "ICC Lab", 10: "ITU Lab", 32803: "colour filter array", 32844: "LogL", 32845: "LogLuv",
}  # fmt: skip


class _Lossless:
    """What the lossless encodings share."""

    grid = None
    shared = (1, 1)

    def seen(self, picture: Image.Image) -> Pixels:
        """The picture itself."""
        return np.asarray(picture)[..., :3]


@dataclass(frozen=True)
class PngEncoding(_Lossless):
    """The chunks of a PNG file; the pixels are written without interlacing."""

    exif: bytes
    header: bytes
    before: tuple[tuple[bytes, bytes], ...]
    after: tuple[tuple[bytes, bytes], ...]

    def encode(self, picture: Image.Image) -> bytes:
        """The new file: Pillow's pixels between the source's own chunks."""
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        fresh = dict.fromkeys(name for name, _ in png_chunks(buffer.getvalue()))
        pixels = b"".join(body for name, body in png_chunks(buffer.getvalue()) if name == b"IDAT")
        header = next(body for _, body in png_chunks(buffer.getvalue()))
        assert set(fresh) <= {b"IHDR", b"IDAT", b"IEND"}, (
            "Pillow adds nothing to a picture that carries nothing"
        )
        same = header[8:10] == self.header[8:10]
        before = [chunk for chunk in self.before if same or chunk[0] not in _PNG_LAYOUT]
        exif = [(b"eXIf", self.exif)] if self.exif else []
        chunks = [(b"IHDR", header), *before, *exif, (b"IDAT", pixels), *self.after, (b"IEND", b"")]
        return _PNG + b"".join(_png_chunk(*chunk) for chunk in chunks)


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


def png_encoding(image: PngImagePlugin.PngImageFile, data: bytes) -> PngEncoding:
    """What the PNG file `data`, opened as `image`, carries."""
    before: list[tuple[bytes, bytes]] = []
    after: list[tuple[bytes, bytes]] = []
    exif, header, here = b"", b"", before
    for chunk, body in png_chunks(data):
        if chunk == b"IHDR":
            header = body
        elif chunk == b"IDAT":
            here = after
        elif chunk == b"eXIf":
            exif = metadata.clean_exif(body)
        elif (kept := _kept_png(chunk, body)) is not None:
            here.append((chunk, kept))
    if not exif and image.info.get("Raw profile type exif"):
        exif = metadata.clean_exif(_raw_profile(image.info["Raw profile type exif"]))
    return PngEncoding(exif, header, tuple(before), tuple(after))


def check_png(data: bytes, name: str) -> None:
    """Refuse, by the header alone, a PNG that Pillow would quietly flatten."""
    for chunk, body in png_chunks(data):
        if chunk == b"IHDR" and body[8:9] == b"\x10":
            raise PhotoError("unsupported", f"{name}: a PNG of 16 bits a channel, expected 8 bits")
        if chunk == b"acTL" and (frames := int.from_bytes(body[:4], "big")) > 1:
            raise PhotoError(
                "unsupported", f"{name}: an animated PNG of {frames} frames, expected one picture"
            )


def _kept_png(chunk: bytes, body: bytes) -> bytes | None:
    """What is left of a chunk, `None` when it goes; private ones stay if PNG calls them safe to copy."""
    if chunk in _PNG_TEXT:
        return _kept_text(chunk, body)
    if chunk in _PNG_KEPT or chunk in _PNG_LAYOUT:
        return body
    ancillary, safe = bool(chunk[0] & 0x20), bool(chunk[3] & 0x20)
    standard = chunk in (b"tRNS", b"hIST", b"sPLT", b"eXIf", b"acTL", b"fcTL", b"fdAT")
    return body if ancillary and safe and not standard and not metadata.holds_picture(body) else None


def _kept_text(chunk: bytes, body: bytes) -> bytes | None:
    """A text chunk unless a picture hides in it; XMP is cleaned instead."""
    keyword, _, rest = body.partition(b"\0")
    packed = chunk == b"zTXt" or (chunk == b"iTXt" and rest[:1] == b"\1")
    text = rest[1:] if chunk == b"zTXt" else rest
    if chunk == b"iTXt":
        text = rest[2:].split(b"\0", 2)[-1]
    if packed:
        try:
            text = zlib.decompressobj().decompress(text, _TEXT_LIMIT)
        except zlib.error:
            return None
    if keyword == _PNG_XMP:
        xmp = metadata.clean_xmp(text)
        return _PNG_XMP + bytes(5) + xmp if xmp else None
    if keyword.startswith(b"Raw profile type") and keyword != b"Raw profile type iptc":
        return None  # EXIF in hexadecimal, thumbnail and all: it becomes an eXIf chunk
    hidden = metadata.holds_picture(text) or b"ffd8ff" in text.lower().replace(b"\n", b"")
    return None if hidden else body


def _raw_profile(text: str) -> bytes:
    """The bytes of a profile that ImageMagick wrote as text: name, length, hexadecimal."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


@dataclass(frozen=True, eq=False)
class TiffEncoding(_Lossless):
    """The tags and compression of a TIFF file; lossy compression becomes deflate, which loses no more."""

    exif: bytes
    compression: str
    predictor: int
    orientation: int
    tags: tuple[tuple[int, int | None, Any], ...]
    """Number, type and value of every tag that describes the photo."""

    def encode(self, picture: Image.Image) -> bytes:
        """The new file: strips as Pillow compresses them, under one directory of old and new tags."""
        buffer = io.BytesIO()
        predict = (
            {317: 2} if self.predictor == 2 and self.compression in ("tiff_lzw", "tiff_adobe_deflate") else {}
        )
        picture.save(buffer, "TIFF", compression=self.compression, tiffinfo=predict)
        data = buffer.getvalue()
        plain = TiffImagePlugin.TiffImageFile(io.BytesIO(data)).tag_v2
        ifd = TiffImagePlugin.ImageFileDirectory_v2(prefix=data[:2])
        for tag in plain:
            ifd.tagtype[tag] = plain.tagtype[tag]
            ifd[tag] = plain[tag]
        for number, form, value in self.tags:
            if form is not None:
                ifd.tagtype[number] = form
            ifd[number] = value
        ifd[metadata.ORIENTATION] = self.orientation
        spans = list(zip(plain[273], plain[279], strict=True))
        strips = [data[start : start + size] for start, size in spans]
        ifd.tagtype[273] = ifd.tagtype[279] = 4
        ifd[273] = tuple(accumulate((len(strip) for strip in strips[:-1]), initial=0))
        ifd[279] = tuple(len(strip) for strip in strips)
        out = io.BytesIO()
        ifd.save(out)
        return out.getvalue() + b"".join(strips)


def check_tiff(data: bytes, name: str) -> None:
    """Refuse, by the first directory alone, a TIFF that Pillow would quietly flatten.

    Raises:
        PhotoError: unsupported, naming what was got.
        ValueError: the directory cannot be read.
    """
    if data[:4] in (b"II+\0", b"MM\0+"):
        raise PhotoError("unsupported", f"{name}: a BigTIFF, expected a classic TIFF")
    first = metadata.first_directory(data)
    pages, following, seen = 1, first.next, {first.at}
    while following and following not in seen:
        pages, seen = pages + 1, seen | {following}
        following = metadata.directory(data, first.order, following).next
    kind = first.number(262, 1)
    bits = set(first.numbers(258)) or {1}
    extra = set(first.numbers(338))
    raw = next((text for entry in first.entries if (text := _RAW_TAGS.get(entry.tag))), "")
    wrong = {
        f"a TIFF of {pages} pages": pages > 1,
        raw: bool(raw),
        "a reduced copy (thumbnail) of some other picture": bool(first.number(254, 0) & 1),
        f"a TIFF of {max(bits)} bits a channel": not bits <= {1, 2, 4, 8},
        "a TIFF of signed or floating-point numbers": not set(first.numbers(339)) <= {1},
        f"a TIFF in {_PHOTOMETRIC.get(kind, f'colour scheme {kind}')}": kind not in (0, 1, 2, 3, 6),
        "a TIFF with channels that are neither colour nor alpha": not extra <= {1, 2} or len(extra) > 1,
    }
    if got := next((text for text, found in wrong.items() if found), ""):
        raise PhotoError("unsupported", f"{name}: {got}, expected one page of 8-bit grey or RGB")


def tiff_upright(data: bytes) -> tuple[bytes, int]:
    """The file with its orientation set to 1, so that no reader turns it, and the orientation it had."""
    first = metadata.first_directory(data)
    orientation = first.number(metadata.ORIENTATION, 1)
    for entry in first.entries:
        if entry.tag == metadata.ORIENTATION and entry.type == 3:
            one = struct.pack(first.order + "H", 1)
            data = data[: entry.value_at] + one + data[entry.value_at + 2 :]
    return data, orientation if 1 <= orientation <= 8 else 1


def tiff_encoding(image: TiffImagePlugin.TiffImageFile, data: bytes, orientation: int) -> TiffEncoding:
    """What the TIFF file `data`, opened as `image`, carries; `orientation` is the one to write."""
    first = metadata.first_directory(data)
    exif = image.getexif()
    tags: list[tuple[int, int | None, Any]] = []
    for number in (metadata.EXIF_IFD, metadata.GPS_IFD):
        values = {tag: value for tag, value in exif.get_ifd(number).items() if _plain(value)}
        values.pop(metadata.INTEROP_IFD, None)
        if values:
            tags.append((number, None, values))
    for number, value in image.tag_v2.items():
        if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], bytes):
            value = value[0]  # Pillow wraps blocks whose tag it does not expect to be one
        if number == 700:
            value = metadata.clean_xmp(value if isinstance(value, bytes) else b"")
        if number == 34377 and isinstance(value, bytes):
            value = metadata.iptc_block(value)
        elif number in _TIFF_LAYOUT or number in _TIFF_BLOCKS or not _plain(value):
            continue
        if value != b"":
            tags.append((number, image.tag_v2.tagtype[number], value))
    compression = _COMPRESSION.get(first.number(259, 1), "tiff_adobe_deflate")
    return TiffEncoding(b"", compression, first.number(317, 1), orientation, tuple(tags))


def _plain(value: object) -> bool:
    """Whether a tag's value can be copied: no picture in it, and no directory."""
    parts = value if isinstance(value, tuple) else (value,)
    pictures = any(isinstance(part, bytes) and metadata.PICTURE.search(part) for part in parts)
    return not pictures and not isinstance(value, dict)


@dataclass(frozen=True)
class BmpEncoding(_Lossless):
    """BMP, written without run lengths; only its resolution is carried."""

    resolution: bytes
    exif: bytes = b""

    def encode(self, picture: Image.Image) -> bytes:
        """The new file; with alpha it gets the header (version 4) that says where alpha is."""
        if picture.mode == "RGBA":
            return self._with_alpha(picture)
        buffer = io.BytesIO()
        picture.save(buffer, "BMP")
        data = buffer.getvalue()
        return data[:38] + self.resolution + data[46:]

    def _with_alpha(self, picture: Image.Image) -> bytes:
        body = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
        masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        start = struct.pack("<IiiHHII", 108, *picture.size, 1, 32, 3, len(body))
        header = start + self.resolution + bytes(8) + masks + b"BGRs" + bytes(48)
        offset = 14 + len(header)
        return struct.pack("<2sIII", b"BM", offset + len(body), 0, offset) + header + body


def bmp_encoding(data: bytes, name: str) -> BmpEncoding:
    """What the BMP file `data` carries.

    Raises:
        PhotoError: unsupported: a colour profile inside, which could not be kept.
    """
    size = int.from_bytes(data[14:18], "little")
    if size >= 124 and data[70:74] in (b"DEBM", b"KNIL"):
        raise PhotoError("unsupported", f"{name}: a BMP with a colour profile inside, expected one without")
    return BmpEncoding(data[38:46] if size >= 40 else bytes(8))
