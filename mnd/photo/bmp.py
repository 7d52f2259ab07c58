"""BMP, of which the resolution alone is carried."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

from PIL import BmpImagePlugin, Image

from ..base.files import PhotoError
from .encoding import Lossless
from .format import Format
from .metadata.noted import Noted


@dataclass(frozen=True)
class BmpEncoding(Lossless):
    """BMP, written without run lengths; only its resolution is carried."""

    resolution: bytes
    exif: bytes = b""
    orientation: int = 1

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


def bmp_encoding(image: Image.Image, data: bytes, name: str, noted: Noted) -> BmpEncoding:  # noqa: ARG001
    """What the BMP file `data` carries; its resolution is all that could be stripped.

    Raises:
        PhotoError: unsupported: a colour profile inside, which could not be kept.
    """
    size = int.from_bytes(data[14:18], "little")
    if size >= 124 and data[70:74] in (b"DEBM", b"KNIL"):
        raise PhotoError("unsupported", f"{name}: a BMP with a colour profile inside, expected one without")
    resolution = data[38:46] if size >= 40 else bytes(8)
    if noted.strip and any(resolution):
        noted.cut("BMP resolution")
    return BmpEncoding(bytes(8) if noted.strip else resolution)


BMP = Format(
    name="BMP",
    suffixes=(".bmp", ".dib"),
    starts=lambda data: data.startswith(b"BM"),
    open=BmpImagePlugin.BmpImageFile,
    encoding=bmp_encoding,
    short=True,
)
