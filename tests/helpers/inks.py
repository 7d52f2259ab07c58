"""CMYK pictures, and a profile for them that is made here: a press of four inks, as a table (ICC 2)."""

from __future__ import annotations

import io
import struct
from functools import cache

import numpy as np
from PIL import Image

from tests.helpers.photos import FACE

GRID = 9
_PAPER = np.array([0.93, 0.93, 0.90])
_INKS = np.array([[0.16, 0.62, 0.80], [0.74, 0.17, 0.40], [0.90, 0.82, 0.12], [0.06, 0.06, 0.06]])
"""What each ink lets through of red, green and blue light."""
_XYZ = np.array([[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])
"""Linear sRGB to XYZ under D50."""
_WHITE = np.array([0.9642, 1.0, 0.8249])


def printed(inks: np.ndarray) -> np.ndarray:
    """Linear red, green and blue of inks `(..., 4)` in 0..1: each dot covers its share (Neugebauer)."""
    through = 1 - inks[..., None] * (1 - _INKS)
    return _PAPER * through.prod(axis=-2)


@cache
def press() -> bytes:
    """The profile: class prtr, CMYK to Lab, one table of 16 bits (mft2)."""
    levels = np.linspace(0, 1, GRID)
    inks = np.stack(np.meshgrid(levels, levels, levels, levels, indexing="ij"), axis=-1)
    ratio = np.clip(printed(inks) @ _XYZ.T / _WHITE, 1e-6, None)
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    coded = np.stack([lab[..., 0] * 652.80, (lab[..., 1] + 128) * 256, (lab[..., 2] + 128) * 256], axis=-1)
    table = np.round(coded).clip(0, 65535).astype(">u2").tobytes()
    ends = struct.pack(">HH", 0, 65535)
    lut = b"mft2" + bytes(4) + bytes([4, 3, GRID, 0])
    lut += struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536) + struct.pack(">HH", 2, 2)
    lut += ends * 4 + table + ends * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in _WHITE))
    text = b"desc" + bytes(4) + struct.pack(">I", 6) + b"press\0" + bytes(78)
    right = b"text" + bytes(4) + b"none\0"
    tags, body, at = [(b"desc", text), (b"cprt", right), (b"wtpt", white), (b"A2B0", lut)], b"", 132 + 12 * 4
    rows = b""
    for name, data in tags:
        rows += struct.pack(">4sII", name, at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", 0, b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += (
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
        + b"acsp"
        + bytes(28)
        + struct.pack(">3i", 63190, 65536, 54061)
    )
    head = head.ljust(128, b"\0")
    size = len(head) + 4 + len(rows) + len(body)
    return struct.pack(">I", size) + head[4:] + struct.pack(">I", 4) + rows + body


def inks_of(pixels: np.ndarray = FACE) -> np.ndarray:
    """A separation `(h, w, 4)` uint8: black is half of what the three have in common."""
    cmy = 255 - pixels.astype(float)
    black = cmy.min(axis=2, keepdims=True) * 0.5
    colour = (cmy - black) / np.maximum(1 - black / 255, 1e-3)
    return np.round(np.concatenate([colour * 0.8, black], axis=2)).clip(0, 255).astype(np.uint8)


def separated(pixels: np.ndarray = FACE) -> Image.Image:
    inks = inks_of(pixels)
    return Image.frombytes("CMYK", inks.shape[1::-1], inks.tobytes())


def saved(form: str, pixels: np.ndarray = FACE, profile: bool = True, **options: object) -> bytes:
    buffer = io.BytesIO()
    more = {"icc_profile": press()} if profile else {}
    separated(pixels).save(buffer, form, **(more | options))
    return buffer.getvalue()


def ycck(pixels: np.ndarray = FACE, profile: bool = True, **options: object) -> bytes:
    """A JPEG of which the first three planes are YCbCr of the inks, as Photoshop writes it (transform 2)."""
    inks = inks_of(pixels)
    # the decoder makes 255 - RGB of YCbCr, and of Adobe's files Pillow makes 255 less that: RGB is the ink
    ycc = np.asarray(Image.fromarray(inks[..., :3]).convert("YCbCr"))
    planes = np.concatenate([255 - ycc, inks[..., 3:]], axis=2)
    buffer = io.BytesIO()
    more = {"icc_profile": press()} if profile else {}
    image = Image.frombytes("CMYK", planes.shape[1::-1], planes.tobytes())
    image.save(buffer, "JPEG", **(more | {"subsampling": 0, "quality": 92} | options))
    data = buffer.getvalue()
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\x02" + data[at + 1 :]
