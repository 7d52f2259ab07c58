"""The lossy formats: write JPEG and WebP as the source was written, and foresee what that does to pixels."""

from __future__ import annotations

import io
import math
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin, WebPImagePlugin

from ..base.files import PhotoError
from ..base.types import Pixels
from .metadata.exif import clean_exif, exif_orientation
from .metadata.icc import clean_icc
from .metadata.noted import Noted
from .metadata.xmp import clean_xmp
from .segments import read_segments

_SUBSAMPLING: dict[tuple[float, float], int] = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
"""Chroma at 1/1, 1/2 across, 1/2 across and down (4:4:4, 4:2:2, 4:2:0), in Pillow's numbers."""
_SHARED = tuple((int(down), int(across)) for across, down in _SUBSAMPLING)
"""Rows and columns of pixels that share a colour, by Pillow's numbers."""
_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"EXIF", b"ICCP", b"XMP ", b"ANIM", b"ANMF"}
_BUFFER = threading.RLock()


class Encoding(Protocol):
    """How a photo is written: everything its file holds besides the pixels."""

    @property
    def exif(self) -> bytes:
        """The cleaned EXIF structure, `b""` when there is none."""
        ...

    @property
    def orientation(self) -> int:
        """1..8: how the stored picture has to be turned to be upright, as the source says it."""
        ...

    @property
    def grid(self) -> int | None:
        """The side of the blocks that pixels change in, with the next ones; `None`: lossless."""
        ...

    @property
    def shared(self) -> tuple[int, int]:
        """How many rows and columns of pixels share a colour."""
        ...

    def encode(self, picture: Image.Image) -> bytes:
        """The whole new file, from the picture as it is stored (not upright)."""
        ...

    def seen(self, picture: Image.Image) -> Pixels:
        """What a reader sees of `picture` after it was encoded, `(h, w)` or `(h, w, 3)`; fast."""
        ...


@dataclass(frozen=True)
class JpegEncoding:
    """The tables, subsampling and segments of a JPEG file.

    Sampling other than 4:4:4, 4:2:2 and 4:2:0 (4:4:0, 4:1:1) is written as 4:4:4, which loses no more colour.
    """

    tables: tuple[tuple[int, ...], ...]
    """The quantisation table of each component (the last one stands for the rest): 64 numbers, row by row."""
    subsampling: int
    progressive: bool
    rgb: bool
    """Stored as RGB, without the step to YCbCr (Adobe transform 0)."""
    density: bytes
    """Version, unit and density of the JFIF header (7 bytes); empty when there is none."""
    exif: bytes
    icc: bytes
    segments: bytes
    """XMP, IPTC and comments as complete segments."""
    orientation: int = 1

    grid = 16

    @property
    def shared(self) -> tuple[int, int]:
        """By its subsampling."""
        return _SHARED[self.subsampling]

    def encode(self, picture: Image.Image) -> bytes:
        """The new file; Huffman tables are optimised, restart markers are not kept."""
        with _room(6 * picture.width * picture.height):
            data = self._save(picture, progressive=self.progressive, optimize=True)
        if self.density and data[2:4] == b"\xff\xe0":
            data = data[:11] + self.density + data[18:]
        return data

    def seen(self, picture: Image.Image) -> Pixels:
        """What decoding `encode(picture)` gives, exactly; entropy coding touches no pixel: kept cheap."""
        buffer = io.BytesIO()
        self._put(picture, buffer)
        buffer.seek(0)
        return np.asarray(JpegImagePlugin.JpegImageFile(buffer))

    def _save(self, picture: Image.Image, **extra: bool) -> bytes:
        buffer = io.BytesIO()
        exif = b"Exif\0\0" + self.exif if self.exif else b""
        self._put(picture, buffer, exif=exif, icc_profile=self.icc, extra=self.segments, **extra)
        return buffer.getvalue()

    def _put(self, picture: Image.Image, buffer: io.BytesIO, **extra: bool | bytes) -> None:
        tables = [list(table) for table in self.tables]
        sampling = self.subsampling if picture.mode == "RGB" else -1
        picture.save(buffer, "JPEG", qtables=tables, subsampling=sampling, keep_rgb=self.rgb, **extra)


@contextmanager
def _room(size: int) -> Iterator[None]:
    """A buffer for a whole noisy JPEG, which optimised tables need; Pillow gives 2 bytes a pixel."""
    with _BUFFER:
        before = ImageFile.MAXBLOCK
        ImageFile.MAXBLOCK = max(before, size)
        try:
            yield
        finally:
            ImageFile.MAXBLOCK = before


def jpeg_encoding(image: JpegImagePlugin.JpegImageFile, data: bytes, name: str, noted: Noted) -> JpegEncoding:
    """How the JPEG file `data`, opened as `image`, was encoded; `noted` is told what is not carried.

    Raises:
        PhotoError: unsupported: more than 8 bits, CMYK, or a scheme of colours that cannot be written again.
    """
    if image.mode not in ("L", "RGB"):
        raise PhotoError("unsupported", f"{name}: a JPEG of mode {image.mode}, expected grey or RGB (8 bits)")
    layers = image.layer
    factors = [(h, v) for _, h, v, _ in layers]
    ratios = {(factors[0][0] / h, factors[0][1] / v) for h, v in factors[1:]}
    rgb = image.info.get("adobe_transform") == 0 or bytes(layer[0] for layer in layers) == b"RGB"
    rgb = rgb and image.mode == "RGB"
    subsampling = _SUBSAMPLING.get(ratios.pop(), 0) if len(ratios) == 1 else 0
    tables = tuple(tuple(image.quantization[table]) for *_, table in layers)
    while len(tables) > 1 and tables[-1] == tables[-2] and (len(tables) > 2 or rgb):
        tables = tables[:-1]
    told = read_segments(data, noted)
    return JpegEncoding(
        tables=tables,
        subsampling=0 if rgb else subsampling,
        progressive=bool(image.info.get("progressive")),
        rgb=rgb,
        density=told.density,
        exif=told.exif,
        icc=told.icc,
        segments=told.kept,
        orientation=told.orientation,
    )


@dataclass(frozen=True, eq=False)
class WebpEncoding:
    """WebP, lossless when the source is; a lossy file does not tell its quality, which is found by size."""

    lossless: bool
    exif: bytes
    icc: bytes
    xmp: bytes
    source: Image.Image
    """The picture as it was read, for `quality`."""
    size: int
    """Bytes of the pixels in the source file."""
    orientation: int = 1

    @property
    def grid(self) -> int | None:
        """Macroblocks of 16 pixels, which are predicted from each other: a window is never quite exact."""
        return None if self.lossless else 16

    @property
    def shared(self) -> tuple[int, int]:
        """Half the resolution, unless it is lossless."""
        return (1, 1) if self.lossless else (2, 2)

    @cached_property
    def quality(self) -> int:
        """The quality 1..100 whose file is nearest in size to the source's, found once."""
        want = math.log(max(self.size, 1))
        sizes: dict[int, float] = {}
        low, high, guess = 1, 100, 80
        while low <= high and guess not in sizes:
            sizes[guess] = math.log(webp_pixel_bytes(self._save(self.source, guess)))
            if sizes[guess] < want:
                low = guess + 1
            else:
                high = guess - 1
            # about 3 % a step of quality where most photos are; where they are not, halving is quicker
            near = guess + round((want - sizes[guess]) / 0.03)
            guess = min(max(near, low), high) if len(sizes) < 4 else (low + high) // 2
        return min(sizes, key=lambda quality: abs(sizes[quality] - want))

    def encode(self, picture: Image.Image) -> bytes:
        """The new file."""
        quality = 75 if self.lossless else self.quality
        return self._save(picture, quality, exif=self.exif, icc_profile=self.icc, xmp=self.xmp)

    def seen(self, picture: Image.Image) -> Pixels:
        """What decoding gives; exact for a whole picture only."""
        decoded = WebPImagePlugin.WebPImageFile(io.BytesIO(self._save(picture, self.quality)))
        return np.asarray(decoded)[..., :3]

    def _save(self, picture: Image.Image, quality: int, **extra: bytes) -> bytes:
        buffer = io.BytesIO()
        # exact: colours under full transparency are pixels too; alpha_quality 100: alpha without loss
        save = {"lossless": self.lossless, "exact": True, "alpha_quality": 100, "method": 4}
        picture.save(buffer, "WEBP", quality=quality, **save, **extra)
        return buffer.getvalue()


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each chunk of a WebP file."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)


def webp_pixel_bytes(data: bytes) -> int:
    """The size of the pixels (alpha not counted) in a WebP file."""
    return sum(len(body) for name, body in webp_chunks(data) if name in (b"VP8 ", b"VP8L"))


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from a WebP header, without any decoding; `None` when it holds none."""
    name, body = next(webp_chunks(data), (b"", b""))
    if name == b"VP8X" and len(body) >= 10:
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if name == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if name == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def webp_encoding(image: WebPImagePlugin.WebPImageFile, data: bytes, name: str, noted: Noted) -> WebpEncoding:
    """How the WebP file `data`, opened as `image`, was encoded; `noted` is told what is not carried.

    Raises:
        PhotoError: unsupported: an animation.
    """
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise PhotoError("unsupported", f"{name}: an animation of {frames} frames, expected one picture")
    chunks: dict[bytes, bytes] = {}
    for chunk, body in webp_chunks(data):
        if chunk in chunks or chunk not in _WEBP_CHUNKS:
            told = chunk.decode("latin-1").strip()
            noted.cut("C2PA manifest" if chunk == b"C2PA" else f"WebP chunk {told!r}")
        chunks.setdefault(chunk, body)
    end = 8 + int.from_bytes(data[4:8], "little")
    if data[end:].strip(b"\0"):
        noted.cut("data behind the picture")
    exif = chunks.get(b"EXIF", b"")
    orientation = exif_orientation(exif)
    return WebpEncoding(
        lossless=b"VP8L" in chunks,
        exif=clean_exif(exif, noted),
        icc=clean_icc(chunks.get(b"ICCP", b""), noted),
        xmp=clean_xmp(chunks.get(b"XMP ", b""), noted, orientation),
        source=image,
        size=webp_pixel_bytes(data),
        orientation=orientation,
    )
