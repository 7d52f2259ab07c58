"""JPEG, written with the tables and subsampling of the source, and with what its segments carry."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from ..base.files import PhotoError
from ..base.pillow import LOCK
from ..base.types import Box, Pixels
from .behind import check_frames, note_behind
from .coefficients import CodedPicture, Frame, NotReadError
from .encoding import Usual
from .format import Format
from .inks import ADVICE, Inks, inks_of
from .jpeg_segments import check_jpeg, icc_segments, read_segments, segment
from .metadata.noted import Noted
from .ultra_hdr import UltraHdr, ultra_hdr

_SUBSAMPLING: dict[tuple[float, float], int] = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
"""Chroma at 1/1, 1/2 across, 1/2 across and down (4:4:4, 4:2:2, 4:2:0), in Pillow's numbers."""
_SHARED = tuple((int(down), int(across)) for across, down in _SUBSAMPLING)
"""Rows and columns of pixels that share a colour, by Pillow's numbers."""
_BUFFER = threading.RLock()


@dataclass(frozen=True)
class JpegEncoding(Usual):
    """What a JPEG file holds besides its pixels, and its coefficients.

    A new file has the coefficients of the old one but where pixels change, in the same scans. Where those are
    not read here (`frame` is None), the whole picture is coded anew with the tables, subsampling and segments
    of the file; sampling other than 4:4:4, 4:2:2 and 4:2:0 becomes 4:4:4, which loses no more colour.
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
    data: bytes = field(default=b"", repr=False)
    """The file."""
    frame: Frame | None = field(default=None, repr=False)
    """How its coefficients are coded; None: not so that they are read here."""
    colours: bytes = b""
    """The segments that say how colours are stored (JFIF without what is private, Adobe)."""
    hdr: UltraHdr | None = None
    """The gain map behind the picture, where it can be kept."""
    stored: Inks | None = None
    """In CMYK."""

    @property
    def grid(self) -> int:
        """The larger side of a group of blocks."""
        return 16 if self.frame is None else 8 * max(self.frame.most)

    @property
    def read_as(self) -> tuple[str, ...]:  # type: ignore[override]
        """Inks without their profile."""
        return () if self.stored is None else self.stored.read_as

    def readings(self, pixels: Pixels) -> dict[str, Pixels]:
        """What viewers of HDR show, and inks without their profile."""
        hdr = {} if self.hdr is None else self.hdr.readings(pixels)
        return hdr if self.stored is None else hdr | self.stored.readings(self.stored.samples)

    @property
    def shared(self) -> tuple[int, int]:
        """By its subsampling."""
        if self.frame is not None and len(self.frame.shares) > 1:
            return self.frame.shares[1]
        return _SHARED[self.subsampling]

    def encode(self, picture: Image.Image) -> bytes:
        """The new file; Huffman tables are the best for it."""
        if self.coded is not None:
            return self._head + self.coded.coded(self._samples(picture))
        with _room(6 * picture.width * picture.height):
            data = self._save(picture, progressive=self.progressive, optimize=True)
        if self.density and data[2:4] == b"\xff\xe0":
            data = data[:11] + self.density + data[18:]
        return data

    def seen(self, picture: Image.Image) -> Pixels:
        """What decoding `encode(picture)` gives, exactly; entropy coding touches no pixel: kept cheap."""
        if self.coded is not None:
            seen = self.coded.seen(self._samples(picture))
            return seen if self.stored is None else self.stored.shown(seen)
        buffer = io.BytesIO()
        self._put(picture, buffer)
        buffer.seek(0)
        return np.asarray(JpegImagePlugin.JpegImageFile(buffer))

    def part(self, box: Box) -> Self:
        """That of a part of the picture: of its own coefficients."""
        if self.coded is None:
            return self
        if box not in self._parts:
            self._parts.clear()
            # the cached properties of the part are there already
            inks = None if self.stored is None else self.stored.part(box)
            self._parts[box] = part = replace(self, data=b"", stored=inks)
            part.__dict__["coded"] = self.coded.part(box)
        return self._parts[box]

    def _samples(self, picture: Image.Image) -> Pixels:
        """What the file shall show: colours, or the inks for them."""
        pixels = np.asarray(picture)
        return pixels if self.stored is None else self.stored.merged(pixels)

    @cached_property
    def _parts(self) -> dict[Box, Self]:
        """The part that was asked for last: a search asks for the same one again and again."""
        return {}

    @cached_property
    def coded(self) -> CodedPicture | None:
        """Its coefficients; None: they are not read here."""
        if self.frame is None:
            return None
        try:
            # its EXIF was read once, and what Pillow says of it then was dealt with
            with LOCK, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                before = np.asarray(JpegImagePlugin.JpegImageFile(io.BytesIO(self.data)))
            return CodedPicture.of(self.frame, before, self.colours, self.rgb)
        except NotReadError:  # damaged data that decoders pass over
            return None

    @property
    def _head(self) -> bytes:
        exif = segment(0xE1, b"Exif\0\0" + self.exif) if self.exif else b""
        return b"\xff\xd8" + self.colours + exif + self.segments + icc_segments(self.icc)

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
    """How the JPEG file `data`, opened as `image`, was encoded, with the gain map behind it.

    Raises:
        PhotoError: as `_alone`.
    """
    how, hdr = _alone(image, data, name, noted), ultra_hdr(data, image.size, name, _alone)
    note_behind(data, hdr is not None, noted)
    return replace(how, hdr=hdr)


def _alone(image: JpegImagePlugin.JpegImageFile, data: bytes, name: str, noted: Noted) -> JpegEncoding:
    """How the JPEG file `data`, opened as `image`, was encoded; `noted` is told what is not carried.

    Raises:
        PhotoError: unsupported: a scheme of colours, or a coding of CMYK, that cannot be written again.
    """
    layers = image.layer
    factors = [(h, v) for _, h, v, _ in layers]
    ratios = {(factors[0][0] / h, factors[0][1] / v) for h, v in factors[1:]}
    told = read_segments(data, noted)
    names = bytes(layer[0] for layer in layers)
    if image.mode == "CMYK":
        rgb = told.adobe[-1:] in (b"", b"\0")
    else:
        plain = told.adobe[-1:] == b"\0" if told.adobe else names == b"RGB"
        rgb = image.mode == "RGB" and not told.jfif and plain
    subsampling = _SUBSAMPLING.get(ratios.pop(), 0) if len(ratios) == 1 else 0
    tables = tuple(tuple(image.quantization[table]) for *_, table in layers)
    while len(tables) > 1 and tables[-1] == tables[-2] and (len(tables) > 2 or rgb):
        tables = tables[:-1]
    try:
        frame = Frame.of(data)
    except NotReadError as reason:
        frame = None
        noted.cut(f"coefficients as they were coded ({reason})")
    stored = inks_of(image, told.icc, name) if image.mode == "CMYK" else None
    how = JpegEncoding(
        tables=tables,
        subsampling=0 if rgb else subsampling,
        progressive=bool(image.info.get("progressive")),
        rgb=rgb,
        density=told.density,
        exif=told.exif,
        icc=told.icc,
        segments=told.kept,
        orientation=told.orientation,
        data=data,
        frame=frame,
        colours=told.colours,
        stored=stored,
    )
    if stored is not None and how.coded is None:
        got = f"{name}: a CMYK JPEG whose coefficients cannot be read"
        raise PhotoError("unsupported", f"{got}, expected one of usual Huffman codes; {ADVICE}")
    return how


def _check(data: bytes, name: str) -> None:
    check_jpeg(data, name)
    check_frames(data, name)


JPEG = Format(
    name="JPEG",
    suffixes=(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    starts=lambda data: data.startswith(b"\xff\xd8\xff"),
    open=JpegImagePlugin.JpegImageFile,  # of a multi-picture file (MPO) the first picture
    encoding=jpeg_encoding,
    check=_check,
    saving=lambda image: {"quality": "keep" if image.format == "JPEG" else 95},
)
