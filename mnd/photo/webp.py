"""WebP, lossless where the source is; at the quality that gives back the size where it is not."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, WebPImagePlugin

from ..base.files import PhotoError
from ..base.pillow import without_limit
from ..base.types import Pixels
from .encoding import Usual
from .format import Format
from .metadata.exif import clean_exif, exif_orientation, shown_exif
from .metadata.icc import clean_icc
from .metadata.noted import Noted
from .metadata.xmp import clean_xmp
from .sized import quality_of

_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"EXIF", b"ICCP", b"XMP ", b"ANIM", b"ANMF"}


@dataclass(frozen=True, eq=False)
class WebpEncoding(Usual):
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

    whole_below = 1_000_000

    @property
    def slack(self) -> int:  # type: ignore[override]
        """What a lossy file gives to a grey picture is off by one."""
        return 0 if self.lossless else 1

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
        return quality_of(
            self.size, lambda quality: webp_pixel_bytes(self._save(self.source, quality)), step=0.03
        )

    def encode(self, picture: Image.Image) -> bytes:
        """The new file."""
        quality = 75 if self.lossless else self.quality
        return self._save(picture, quality, exif=self.exif, icc_profile=self.icc, xmp=self.xmp)

    def seen(self, picture: Image.Image) -> Pixels:
        """What decoding gives; exact for a whole picture only."""
        data = io.BytesIO(self._save(picture, self.quality))
        with without_limit():
            decoded = WebPImagePlugin.WebPImageFile(data)
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
        raise PhotoError(
            "unsupported",
            f"{name}: an animation of {frames} frames, expected one picture "
            "(`magick IN -coalesce frame-%03d.png` makes a file of each)",
        )
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
    clean = shown_exif(clean_exif(exif, noted), orientation, noted)
    icc = clean_icc(chunks.get(b"ICCP", b""), noted)
    xmp = clean_xmp(chunks.get(b"XMP ", b""), noted, orientation)
    if noted.strip and xmp:
        noted.cut("XMP")
    return WebpEncoding(
        lossless=b"VP8L" in chunks,
        exif=clean,
        icc=icc,
        xmp=b"" if noted.strip else xmp,
        source=image,
        size=webp_pixel_bytes(data),
        orientation=orientation,
    )


WEBP = Format(
    name="WEBP",
    suffixes=(".webp",),
    starts=lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    open=WebPImagePlugin.WebPImageFile,
    encoding=webp_encoding,
    size=webp_size,
    saving=lambda image: {"lossless": True},  # noqa: ARG005
)
