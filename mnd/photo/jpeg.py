"""JPEG, written with the tables and subsampling of the source, and with what its segments carry."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from ..base.files import PhotoError
from ..base.types import Pixels
from .encoding import Usual
from .format import Format
from .jpeg_segments import check_jpeg, read_segments
from .metadata.noted import Noted

_SUBSAMPLING: dict[tuple[float, float], int] = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
"""Chroma at 1/1, 1/2 across, 1/2 across and down (4:4:4, 4:2:2, 4:2:0), in Pillow's numbers."""
_SHARED = tuple((int(down), int(across)) for across, down in _SUBSAMPLING)
"""Rows and columns of pixels that share a colour, by Pillow's numbers."""
_BUFFER = threading.RLock()


@dataclass(frozen=True)
class JpegEncoding(Usual):
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

    def seen(self, picture: Image.Image, at: tuple[int, int] = (0, 0)) -> Pixels:  # noqa: ARG002
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


JPEG = Format(
    name="JPEG",
    suffixes=(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    starts=lambda data: data.startswith(b"\xff\xd8\xff"),
    open=JpegImagePlugin.JpegImageFile,  # of a multi-picture file (MPO) the first picture
    encoding=jpeg_encoding,
    check=check_jpeg,
    saving=lambda image: {"quality": "keep" if image.format == "JPEG" else 95},
)
