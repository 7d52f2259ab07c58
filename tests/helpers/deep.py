"""Pictures of 16 bits a channel, written and read by what shares nothing with the package."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest

from tests.helpers.photos import FACE, png

COUNTS = {"grey": 1, "grey and alpha": 2, "RGB": 3, "RGBA": 4}
_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def deep_face(count: int, seed: int = 0, size: int | None = None) -> np.ndarray:
    """The face `(h, w, count)` uint16, with lower bits of their own."""
    face = FACE[:size, :size].astype(np.uint16)
    low = np.random.default_rng(seed).integers(0, 256, (*face.shape[:2], 4), dtype=np.uint16)
    grey = face.mean(axis=2, dtype=np.float64).astype(np.uint16)[..., None]
    colours = grey if count < 3 else face
    ramp = np.add.outer(np.arange(len(face)), np.arange(face.shape[1])).astype(np.uint16)[..., None] % 256
    whole = np.concatenate([colours, ramp], axis=2) if count in (2, 4) else colours
    return (whole << 8) | low[..., : whole.shape[2]]


def write_png(samples: np.ndarray, *chunks: tuple[bytes, bytes], kind: int | None = None) -> bytes:
    """A PNG of 16 bits, each row with the next of the five filters (or always `kind`)."""
    h, w, count = samples.shape
    rows = samples.astype(">u2").reshape(h, -1).view(np.uint8)
    step, packed = 2 * count, bytearray()
    for y in range(h):
        how = y % 5 if kind is None else kind
        left, above, corner = neighbours(rows[y], rows[y - 1] if y else np.zeros_like(rows[y]), step)
        packed += bytes([how]) + (rows[y] - predictor(how, left, above, corner)).astype(np.uint8).tobytes()
    header = struct.pack(">IIBBBBB", w, h, 16, _TYPES[count], 0, 0, 0)
    return png([(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(bytes(packed))), (b"IEND", b"")])


def neighbours(row: np.ndarray, above: np.ndarray, step: int) -> tuple[np.ndarray, ...]:
    return tuple(
        it.astype(int) for it in (np.pad(row[:-step], (step, 0)), above, np.pad(above[:-step], (step, 0)))
    )


def predictor(how: int, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    p = a + b - c
    near = np.abs(p - a), np.abs(p - b), np.abs(p - c)
    paeth = np.where((near[0] <= near[1]) & (near[0] <= near[2]), a, np.where(near[1] <= near[2], b, c))
    return (0 * a, a, b, (a + b) // 2, paeth)[how]


def read_png(data: bytes) -> np.ndarray:
    """Samples `(h, w, C)` of a PNG of 16 bits without interlacing: PNG (2003), clause 9, byte by byte."""
    at, packed, header = 8, b"", ()
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(name + body)
        if name == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        packed += body if name == b"IDAT" else b""
        at += 12 + size
    w, h, bits, kind, *_, interlaced = header
    assert (bits, interlaced) == (16, 0)
    count = {0: 1, 4: 2, 2: 3, 6: 4}[kind]
    step, raw = 2 * count, zlib.decompress(packed)
    n = w * step
    above, rows = bytearray(n), []
    for y in range(h):
        how, line = raw[y * (n + 1)], bytearray(raw[y * (n + 1) + 1 : (y + 1) * (n + 1)])
        for i in range(n):
            a, c = (line[i - step], above[i - step]) if i >= step else (0, 0)
            b = above[i]
            if how == 4:
                p = a + b - c
                guess = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            else:
                guess = (0, a, b, (a + b) // 2)[how]
            line[i] = (line[i] + guess) & 255
        rows.append(bytes(line))
        above = line
    return np.frombuffer(b"".join(rows), ">u2").reshape(h, w, count).astype(np.uint16)


def write_tiff(samples: np.ndarray, **options: object) -> bytes:
    tifffile = pytest.importorskip("tifffile")
    buffer, count = io.BytesIO(), samples.shape[2]
    kind = {"photometric": "rgb" if count > 2 else "minisblack"}
    extra = {"extrasamples": ["unassalpha"]} if count in (2, 4) else {}
    tifffile.imwrite(buffer, samples[..., 0] if count == 1 else samples, **(kind | extra | options))
    return buffer.getvalue()


def read_tiff(data: bytes) -> np.ndarray:
    tifffile = pytest.importorskip("tifffile")
    samples = tifffile.imread(io.BytesIO(data))
    return samples[..., None] if samples.ndim == 2 else samples
