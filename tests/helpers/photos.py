"""Photos made for tests, and ways to look at what is written."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps
from skimage import data as skdata

from mnd.photo.photo import Photo
from mnd.photo.png import png_chunks

FACE = skdata.astronaut()[:203, 120:357]
GREY = skdata.camera()[:90, :131]
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSLESS = {"PNG": ("RGB", "RGBA", "L", "LA"), "TIFF": ("RGB", "RGBA", "L", "LA"), "BMP": ("RGB", "L"),
            "WEBP": ("RGB", "RGBA")}  # fmt: skip


def save(image: Image.Image | np.ndarray, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, form, **({"lossless": True, "exact": True} if form == "WEBP" else {}) | options)
    return buffer.getvalue()


def with_alpha(mode: str = "RGBA") -> Image.Image:
    image = Image.fromarray(FACE).convert(mode)
    ramp = np.add.outer(np.arange(FACE.shape[0]), np.arange(FACE.shape[1])).astype(np.uint8)
    image.putalpha(Image.fromarray(ramp))
    return image


def picture(mode: str) -> Image.Image:
    return with_alpha(mode) if mode.endswith("A") else Image.fromarray(FACE).convert(mode)


def pillow_sees(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def changed(photo: Photo, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-9, 10, photo.pixels.shape)
    if photo.grey:
        noise = noise[..., :1]
    return np.clip(photo.pixels + noise, 0, 255).astype(np.uint8)


def exif_block(
    order: str = "<", *, orientation: int = 1, maker: bytes = b"", thumbnail: bytes = b""
) -> bytes:
    """EXIF written by hand: make, orientation, maker note, GPS latitude, and IFD1 with a thumbnail."""

    def table(entries: list[tuple[int, int, int, bytes]], following: int) -> bytes:
        rows = b"".join(struct.pack(order + "HHI", *e[:3]) + e[3].ljust(4, b"\0") for e in entries)
        return struct.pack(order + "H", len(entries)) + rows + struct.pack(order + "I", following)

    def long(n: int) -> bytes:
        return struct.pack(order + "I", n)

    make, latitude = b"Camera works\0", struct.pack(order + "6I", 52, 1, 31, 1, 12, 1)
    ifd0, exif = 8, 8 + 54
    gps = exif + 6 + 12 * 2
    ifd1 = gps + 6 + 12 * 2
    values = ifd1 + 6 + 12 * 2
    maker_at, lat_at = values + len(make), values + len(make) + len(maker)
    thumb_at = lat_at + len(latitude)
    short = struct.pack(order + "H", orientation)
    parts = [
        table([(271, 2, len(make), long(values)), (274, 3, 1, short), (34665, 4, 1, long(exif)),
               (34853, 4, 1, long(gps))], ifd1),
        table([(36864, 7, 4, b"0230"),
               (37500, 7, len(maker), long(maker_at) if len(maker) > 4 else maker)], 0),
        table([(1, 2, 2, b"N\0"), (2, 5, 3, long(lat_at))], 0),
        table([(513, 4, 1, long(thumb_at)), (514, 4, 1, long(len(thumbnail)))], 0),
        make, maker, latitude, thumbnail,
    ]  # fmt: skip
    head = (b"II*\0" if order == "<" else b"MM\0*") + long(ifd0)
    return head + b"".join(parts)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def no_trace(secret: bytes, data: bytes) -> bool:
    """Whether no 24 bytes in a row of `secret` stand in `data`."""
    return all(secret[i : i + 24] not in data for i in range(len(secret) - 24))


def scan(jpeg: bytes) -> bytes:
    """The coded pixels of a JPEG: its tables may be the same as another's."""
    return jpeg[jpeg.index(b"\xff\xda") + 14 : -2]


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(
        struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b)) for n, b in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def add_chunks(data: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    first, *rest = list(png_chunks(data))
    return png([first, *extra, *rest])
