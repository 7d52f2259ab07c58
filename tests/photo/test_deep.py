"""Sixteen bits a channel: the change is added to the upper eight, all else is as it was, bit for bit."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnd.photo.deep import Deep
from mnd.photo.photo import Photo, PhotoError
from mnd.photo.png_rows import filtered
from mnd.photo.second_reader import disagreement
from tests.helpers.deep import COUNTS, deep_face, read_png, read_tiff, write_png, write_tiff
from tests.helpers.photos import ICC, add_chunks, exif_block

TIFFS = {
    "raw": {}, "raw, high byte first": {"byteorder": ">"},
    "deflate": {"compression": "zlib"}, "deflate, high byte first": {"compression": "zlib", "byteorder": ">"},
    "predictor": {"compression": "zlib", "predictor": True},
    "predictor, high byte first": {"compression": "zlib", "predictor": True, "byteorder": ">"},
    "tiles": {"compression": "zlib", "tile": (32, 32)}, "strips": {"rowsperstrip": 7},
}  # fmt: skip


def changed_in(photo: Photo, box: tuple[int, int, int, int], seed: int = 0) -> np.ndarray:
    """The pixels with noise in a box, of an upright photo."""
    x0, y0, x1, y1 = box
    noise = np.random.default_rng(seed).integers(-9, 10, (y1 - y0, x1 - x0, 1 if photo.grey else 3))
    pixels = photo.pixels.copy()
    pixels[y0:y1, x0:x1] = np.clip(pixels[y0:y1, x0:x1] + noise, 0, 255)
    return pixels


def check(data: bytes, out: bytes, photo: Photo, pixels: np.ndarray, read) -> None:
    before, after = read(data), read(out)
    assert (before.shape, after.dtype) == (after.shape, np.uint16)
    np.testing.assert_array_equal(before & 0xFF, after & 0xFF)
    count = before.shape[2]
    shown = (after >> 8).astype(np.uint8)
    colours = np.repeat(shown[..., :1], 3, axis=2) if count < 3 else shown[..., :3]
    np.testing.assert_array_equal(colours, pixels)
    same = (pixels == photo.pixels).all(axis=2)
    np.testing.assert_array_equal(after[same], before[same])
    if count in (2, 4):
        np.testing.assert_array_equal(after[..., -1], before[..., -1])
    np.testing.assert_array_equal(photo.decode(out), pixels)
    assert disagreement(out, photo.pixels, pixels, [(60, 40, 200, 180)]) == ""
    assert 0.75 <= len(out) / len(data) <= 1.25


@pytest.mark.parametrize("kind", COUNTS)
def test_png_of_16_bits(kind: str) -> None:
    samples = deep_face(COUNTS[kind])
    data = write_png(samples, (b"iCCP", profile_chunk()), (b"gAMA", (45455).to_bytes(4, "big")))
    np.testing.assert_array_equal(read_png(data), samples)
    photo = Photo.from_bytes(data)
    assert (photo.format, photo.lossless, photo.grey) == ("PNG", True, COUNTS[kind] < 3)
    pixels = changed_in(photo, (60, 40, 200, 180))
    out = photo.encode(pixels)
    check(data, out, photo, pixels, read_png)
    assert Image.open(io.BytesIO(out)).info["icc_profile"] == ICC
    assert b"gAMA" in out


def profile_chunk() -> bytes:
    import zlib

    return b"sRGB\0\0" + zlib.compress(ICC)


@pytest.mark.parametrize("kind", ["grey", "RGB", "RGBA"])
@pytest.mark.parametrize("how", TIFFS)
def test_tiff_of_16_bits(kind: str, how: str) -> None:
    samples = deep_face(COUNTS[kind])
    data = write_tiff(samples, iccprofile=ICC, description="by the sea", **TIFFS[how])
    photo = Photo.from_bytes(data)
    assert (photo.format, photo.lossless, photo.grey) == ("TIFF", True, COUNTS[kind] < 3)
    pixels = changed_in(photo, (60, 40, 200, 180))
    out = photo.encode(pixels)
    check(data, out, photo, pixels, read_tiff)
    assert out[:2] == data[:2]
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as a, tifffile.TiffFile(io.BytesIO(out)) as b:
        for tag in ("Compression", "Predictor", "InterColorProfile", "ImageDescription", "BitsPerSample",
                    "SamplesPerPixel", "ExtraSamples", "PhotometricInterpretation"):  # fmt: skip
            one, two = (it.pages[0].tags.get(tag) for it in (a, b))
            if one is None and tag == "Predictor":
                assert two is None or two.value == 1
            else:
                assert (one and one.value) == (two and two.value), tag


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_grey_tiff_of_16_bits_as_libtiff_packs_it(compression: str) -> None:
    samples = deep_face(1)
    buffer = io.BytesIO()
    Image.fromarray(samples[..., 0]).save(buffer, "TIFF", compression=compression)
    photo = Photo.from_bytes(buffer.getvalue())
    pixels = changed_in(photo, (60, 40, 200, 180))
    out = Image.open(io.BytesIO(photo.encode(pixels)))
    assert (out.mode, out.info["compression"]) == ("I;16", compression)
    np.testing.assert_array_equal(np.asarray(out) >> 8, pixels[..., 0])
    np.testing.assert_array_equal(np.asarray(out) & 255, samples[..., 0] & 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_turned_pictures_of_16_bits(orientation: int, form: str) -> None:
    samples = deep_face(3, size=48)
    if form == "PNG":
        data = add_chunks(write_png(samples), (b"eXIf", exif_block(orientation=orientation)))
    else:
        data = write_tiff(samples, extratags=[(274, 3, 1, orientation, True)])
    photo = Photo.from_bytes(data)
    assert photo.orientation == orientation
    pixels = changed_in(photo, (4, 8, 40, 30))
    out = photo.encode(pixels)
    again = Photo.from_bytes(out)
    assert again.orientation == orientation
    np.testing.assert_array_equal(again.pixels, pixels)
    read = read_png if form == "PNG" else read_tiff
    np.testing.assert_array_equal(read(out) & 255, samples & 255)
    assert disagreement(out, photo.pixels, pixels, [(4, 8, 40, 30)]) == ""


@pytest.mark.parametrize("bits", [8, 16])
def test_an_interlaced_png_is_read_as_its_samples(bits: int) -> None:
    """Adam7: seven pictures, the rows of which have no filter."""
    import struct
    import zlib

    from tests.helpers.photos import png

    samples, rows = deep_face(3, size=29), b""
    samples = samples if bits == 16 else (samples >> 8).astype(np.uint8)
    for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                         (0, 1, 1, 2)):  # fmt: skip
        part = samples[y::dy, x::dx]
        rows += b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in part)
    header = struct.pack(">IIBBBBB", 29, 29, bits, 2, 0, 0, 1)
    data = png([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])
    photo = Photo.from_bytes(data)
    out = photo.encode(photo.pixels)
    assert out[28] == 0
    np.testing.assert_array_equal(read_png(out) if bits == 16 else photo.decode(out), samples)


@given(st.integers(1, 70), st.integers(1, 9), st.sampled_from([1, 2, 3, 4]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_rows_of_any_size_come_back(h: int, w: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = (rng.integers(0, 65536, (h, w, count)) // rng.integers(1, 4000)).astype(np.uint16)
    data = write_png(samples)
    photo = Photo.from_bytes(data)
    np.testing.assert_array_equal(read_png(photo.encode(photo.pixels)), samples)


def test_a_filter_is_chosen_for_each_row() -> None:
    rows = np.array([[9, 9, 9, 9], [9, 9, 9, 9], [1, 0, 1, 0]], np.uint8)
    made = filtered(rows, 1)
    assert [made[i] for i in (0, 5, 10)] == [1, 2, 0]


@given(st.integers(0, 65535), st.integers(0, 255))
def test_the_change_in_closed_form(sample: int, wanted: int) -> None:
    deep = Deep(np.full((1, 1, 1), sample, np.uint16))
    made = int(deep.merged(np.full((1, 1), wanted, np.uint8))[0, 0, 0])
    assert made == sample + 256 * (wanted - sample // 256)
    assert 0 <= made <= 65535


REFUSED = {
    "one transparent colour": lambda: write_png(deep_face(3, size=9), (b"tRNS", bytes(6))),
    "no plain grey": lambda: write_tiff(deep_face(2, size=9)),
    "RGB or RGBA": lambda: write_tiff(
        np.moveaxis(deep_face(3, size=9), 2, 0).copy(), planarconfig="separate", photometric="rgb"
    ),
    "premultiplied alpha": lambda: write_tiff(
        deep_face(4, size=9), photometric="rgb", extrasamples=["assocalpha"]
    ),
    "32 bits a channel": lambda: write_tiff(deep_face(3, size=9).astype(np.float32), photometric="rgb"),
    "16 bits a channel that": lambda: write_tiff(deep_face(1, size=9), photometric="miniswhite"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_read_without_loss_is_refused(reason: str) -> None:
    with pytest.raises(PhotoError, match=reason) as caught:
        Photo.from_bytes(REFUSED[reason]())
    assert caught.value.kind == "unsupported"


def test_a_picture_in_memory_of_16_bits_is_refused() -> None:
    with pytest.raises(PhotoError, match="mode I;16 has more than 8 bits"):
        Photo.from_image(Image.fromarray(deep_face(1)[..., 0]))


@pytest.mark.skipif(shutil.which("identify") is None, reason="needs ImageMagick, which is not installed")
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("kind", ["grey", "RGB", "RGBA"])
def test_imagemagick_reads_the_same_samples(form: str, kind: str, tmp_path: Path) -> None:
    samples = deep_face(COUNTS[kind])
    data = write_png(samples) if form == "PNG" else write_tiff(samples, compression="zlib", predictor=True)
    photo = Photo.from_bytes(data)
    out = photo.encode(changed_in(photo, (60, 40, 200, 180)))
    path = tmp_path / f"a.{form.lower()}"
    path.write_bytes(out)
    word = {1: "gray", 3: "rgb", 4: "rgba"}[COUNTS[kind]]
    raw = subprocess.run(
        ["convert", str(path), "-depth", "16", "-endian", "LSB", f"{word}:-"], capture_output=True, check=True
    ).stdout
    seen = np.frombuffer(raw, "<u2").reshape(samples.shape)
    np.testing.assert_array_equal(seen, (read_png if form == "PNG" else read_tiff)(out))
