"""Photos: what comes in goes out, and it is known beforehand what encoding does to pixels."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from mnd.photo.photo import Photo, PhotoError
from tests.helpers.photos import (
    FACE,
    GREY,
    ICC,
    LOSSLESS,
    changed,
    picture,
    pillow_sees,
    png,
    save,
    segment,
    with_alpha,
)


@pytest.mark.parametrize(("form", "mode"), [(f, m) for f, modes in LOSSLESS.items() for m in modes])
@pytest.mark.parametrize("orientation", [1, 6])
def test_lossless_formats_give_back_every_pixel(form: str, mode: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    options = {} if form == "BMP" else {"exif": exif}
    data = save(picture(mode), form, **options)
    photo = Photo.from_bytes(data)
    assert photo.format == form
    assert photo.lossless
    assert photo.mode == mode
    assert photo.grey == mode.startswith("L")
    np.testing.assert_array_equal(photo.pixels, pillow_sees(data))
    pixels = changed(photo)
    out = photo.encode(pixels)
    np.testing.assert_array_equal(photo.decode(out), pixels)
    np.testing.assert_array_equal(pillow_sees(out), pixels)
    again = Image.open(io.BytesIO(out))
    assert again.format == form
    assert again.mode == mode
    if mode.endswith("A"):
        stored = np.asarray(Image.open(io.BytesIO(data)).getchannel("A"))
        np.testing.assert_array_equal(np.asarray(again.getchannel("A")), stored)


def test_bmp_with_alpha_keeps_it() -> None:
    photo = Photo.from_image(with_alpha())
    from mnd.photo.bmp import BmpEncoding

    data = BmpEncoding(struct.pack("<ii", 2835, 2835)).encode(with_alpha())
    bmp = Photo.from_bytes(data)
    assert (bmp.format, bmp.mode) == ("BMP", "RGBA")
    np.testing.assert_array_equal(bmp.pixels, photo.pixels)
    np.testing.assert_array_equal(bmp.alpha, photo.alpha)
    assert bmp.encode(bmp.pixels) == data


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 8), st.sampled_from(["PNG", "TIFF", "WEBP"]))
@settings(max_examples=60, deadline=None)
def test_any_size_and_orientation_is_upright_and_comes_back(
    h: int, w: int, orientation: int, form: str
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = save(
        np.random.default_rng(h * 41 + w).integers(0, 256, (h, w, 3), dtype=np.uint8), form, exif=exif
    )
    photo = Photo.from_bytes(data)
    assert photo.orientation == orientation
    np.testing.assert_array_equal(photo.pixels, pillow_sees(data))
    pixels = changed(photo)
    out = photo.encode(pixels)
    np.testing.assert_array_equal(pillow_sees(out), pixels)
    again = Photo.from_bytes(out)
    assert again.orientation == orientation
    np.testing.assert_array_equal(again.pixels, pixels)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [35, 92])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_keeps_its_tables_and_its_size(subsampling: int, quality: int, progressive: bool) -> None:
    options = {"quality": quality, "subsampling": subsampling, "progressive": progressive, "dpi": (300, 300)}
    data = save(FACE, "JPEG", comment=b"hello", icc_profile=ICC, **options)
    photo = Photo.from_bytes(data)
    out = photo.encode(photo.pixels)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(out))
    assert isinstance(before, JpegImagePlugin.JpegImageFile)
    assert isinstance(after, JpegImagePlugin.JpegImageFile)
    assert after.quantization == before.quantization
    assert JpegImagePlugin.get_sampling(after) == subsampling
    assert bool(after.info.get("progressive")) == progressive
    assert after.info["dpi"] == (300, 300)
    assert after.info["comment"] == b"hello"
    assert after.info["icc_profile"] == ICC == photo.icc
    assert 0.85 < len(out) / len(data) < 1.05
    assert np.abs(photo.decode(out).astype(int) - photo.pixels).mean() < 1


def test_jpeg_density_without_a_unit_and_several_comments_are_kept() -> None:
    data = save(FACE, "JPEG")
    data = data[:11] + struct.pack(">HBHH", 0x0102, 0, 5, 3) + data[18:]
    data = data[:20] + segment(0xFE, b"one") + segment(0xFE, b"two") + data[20:]
    out = Photo.from_bytes(data).encode(Photo.from_bytes(data).pixels)
    assert out[6:18] == data[6:18]
    assert segment(0xFE, b"one") + segment(0xFE, b"two") in out


def test_jpeg_with_a_table_for_each_colour_and_odd_sampling() -> None:
    tables = [[k] * 64 for k in (3, 5, 7)]
    photo = Photo.from_bytes(save(FACE, "JPEG", qtables=tables, subsampling=0))
    after = Image.open(io.BytesIO(photo.encode(photo.pixels)))
    assert isinstance(after, JpegImagePlugin.JpegImageFile)
    assert {k: set(v) for k, v in after.quantization.items()} == {0: {3}, 1: {5}, 2: {7}}
    data = bytearray(save(FACE[:64, :64], "JPEG", subsampling=2))
    at = data.index(b"\xff\xc0") + 11
    assert data[at] == 0x22
    data[at] = 0x12  # 4:4:0; the scan no longer fits, so only the header is asked
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(bytes(data)))
    from mnd.photo.jpeg import jpeg_encoding
    from mnd.photo.metadata.noted import Noted

    assert jpeg_encoding(image, bytes(data), "a", Noted()).subsampling == 0


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_of_pure_noise_fits(progressive: bool, capfd: pytest.CaptureFixture[str]) -> None:
    tables = [[1] * 64] * 2
    photo = Photo.from_bytes(save(FACE // 8, "JPEG", qtables=tables, subsampling=0, progressive=progressive))
    noise = np.random.default_rng(0).integers(0, 256, photo.pixels.shape, dtype=np.uint8)
    out = photo.encode(noise)
    assert len(out) > 3 * noise[..., 0].size
    plain = save(noise, "JPEG", qtables=tables, subsampling=0)
    off = [np.abs(seen.astype(int) - noise).mean() for seen in (photo.decode(out), pillow_sees(plain))]
    assert off[0] < off[1] + 0.2  # what the photo was rounded by when it was decoded
    assert bool(Image.open(io.BytesIO(out)).info.get("progressive")) == progressive
    assert capfd.readouterr() == ("", "")


def test_jpeg_stored_as_rgb_stays_so() -> None:
    data = save(FACE, "JPEG", keep_rgb=True, quality=90)
    photo = Photo.from_bytes(data)
    out = photo.encode(changed(photo))
    assert Image.open(io.BytesIO(out)).info["adobe_transform"] == 0
    assert 0.9 < len(photo.encode(photo.pixels)) / len(data) < 1.05
    crop = changed(photo, 1)[40:90, 30:99]
    full = photo.pixels.copy()
    full[40:90, 30:99] = crop
    np.testing.assert_array_equal(
        photo.roundtrip(crop, (30, 40, 99, 90)), photo.decode(photo.encode(full))[40:90, 30:99]
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP"])
def test_grey_stays_grey(form: str) -> None:
    photo = Photo.from_bytes(save(GREY, form))
    assert photo.grey
    coloured = photo.pixels.copy()
    coloured[20:40, 20:40] = (200, 30, 90)
    out = photo.encode(coloured)
    assert Image.open(io.BytesIO(out)).mode == "L"
    seen = photo.decode(out)
    assert (seen == seen[..., :1]).all()
    luma = np.asarray(Image.fromarray(coloured).convert("L"))
    assert np.abs(seen[..., 0].astype(int) - luma).mean() < 3
    crop = photo.roundtrip(coloured[16:48, 16:48], (16, 16, 48, 48))
    np.testing.assert_array_equal(crop, seen[16:48, 16:48])


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_grey_stored_in_colour_stays_grey(form: str) -> None:
    photo = Photo.from_bytes(save(np.repeat(GREY[..., None], 3, 2), form))
    assert photo.grey
    assert photo.mode == "RGB"
    coloured = photo.pixels.copy()
    coloured[:, :, 0] //= 2
    seen = photo.decode(photo.encode(coloured))
    assert (seen == seen[..., :1]).all()


def test_palettes_and_few_bits_become_colours_without_loss() -> None:
    palette = Image.fromarray(FACE).quantize(40)
    for form in ("PNG", "BMP", "TIFF"):
        photo = Photo.from_bytes(save(palette, form))
        np.testing.assert_array_equal(photo.pixels, np.asarray(palette.convert("RGB")))
        np.testing.assert_array_equal(photo.decode(photo.encode(photo.pixels)), photo.pixels)
        assert not photo.grey
    clear = Photo.from_bytes(save(palette, "PNG", transparency=7))
    assert clear.alpha is not None
    np.testing.assert_array_equal(clear.alpha == 0, np.asarray(palette) == 7)
    for form in ("PNG", "BMP", "TIFF"):
        bits = Photo.from_bytes(save(Image.fromarray(GREY).convert("1"), form))
        assert (bits.mode, bits.grey) == ("L", True)
        assert set(np.unique(bits.pixels)) == {0, 255}
        np.testing.assert_array_equal(bits.decode(bits.encode(bits.pixels)), bits.pixels)
    greys = Photo.from_bytes(save(Image.fromarray(GREY // 64 * 64).convert("P"), "PNG", bits=8))
    assert (greys.mode, greys.grey) == ("L", True)


def test_one_transparent_colour_becomes_alpha() -> None:
    flat = np.full((8, 9, 3), (10, 20, 30), np.uint8)
    flat[2:5, 3:6] = (1, 2, 3)
    photo = Photo.from_bytes(save(flat, "PNG", transparency=(1, 2, 3)))
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha, np.where((flat == (1, 2, 3)).all(2), 0, 255))
    again = Photo.from_bytes(photo.encode(photo.pixels))
    np.testing.assert_array_equal(again.alpha, photo.alpha)
    np.testing.assert_array_equal(again.pixels, flat)
    # grey of 2 bits, written by hand: the key counts in 2 bits too
    rows = zlib.compress(b"".join(b"\0" + bytes([0b00011011]) for _ in range(3)))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 3, 2, 0, 0, 0, 0)),
        (b"tRNS", b"\0\2"),
        (b"IDAT", rows),
        (b"IEND", b""),
    ]
    two = Photo.from_bytes(png(chunks))
    assert two.alpha is not None
    assert two.pixels[0, :, 0].tolist() == [0, 85, 170, 255]
    assert two.alpha[0].tolist() == [255, 255, 0, 255]


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_roundtrip_of_jpeg_is_exact(data: st.DataObject) -> None:
    draw = data.draw
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    base = Image.fromarray(FACE[:height, :width] if draw(st.booleans()) else
                           rng.integers(0, 256, (height, width, 3), dtype=np.uint8))  # fmt: skip
    exif = Image.Exif()
    exif[274] = draw(st.integers(1, 8))
    mode = draw(st.sampled_from(["RGB", "RGB", "RGB", "L"]))
    source = save(base.convert(mode), "JPEG", quality=draw(st.sampled_from([20, 75, 97])), exif=exif,
                  subsampling=draw(st.sampled_from([0, 1, 2])) if mode == "RGB" else -1,
                  progressive=draw(st.booleans()))  # fmt: skip
    photo = Photo.from_bytes(source)
    h, w = photo.pixels.shape[:2]
    x0, y0 = draw(st.integers(0, w - 1)), draw(st.integers(0, h - 1))
    x1, y1 = draw(st.integers(x0 + 1, w)), draw(st.integers(y0 + 1, h))
    crop = rng.integers(0, 256, (y1 - y0, x1 - x0, 3), dtype=np.uint8)
    full = changed(photo) if draw(st.booleans()) else photo.pixels.copy()
    around = full.copy()
    full[y0:y1, x0:x1] = crop
    want = pillow_sees(photo.encode(full))
    np.testing.assert_array_equal(photo.decode(photo.encode(full)), want)
    np.testing.assert_array_equal(photo.roundtrip(crop, (x0, y0, x1, y1), around), want[y0:y1, x0:x1])


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_roundtrip_of_a_small_lossy_webp_is_exact(mode: str) -> None:
    exif = Image.Exif()
    exif[274] = 5
    photo = Photo.from_bytes(save(picture(mode), "WEBP", lossless=False, quality=70, exif=exif))
    crop = changed(photo)[30:80, 50:90]
    full = photo.pixels.copy()
    full[30:80, 50:90] = crop
    want = photo.decode(photo.encode(full))[30:80, 50:90]
    np.testing.assert_array_equal(photo.roundtrip(crop, (50, 30, 90, 80)), want)


def test_roundtrip_of_a_window_of_lossy_webp_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = Photo.from_bytes(save(FACE, "WEBP", lossless=False, quality=80))
    crop = changed(photo)[64:160, 64:160]
    exact = photo.roundtrip(crop, (64, 64, 160, 160))
    monkeypatch.setattr("mnd.photo.webp.WebpEncoding.whole_below", 0)
    near = photo.roundtrip(crop, (64, 64, 160, 160))
    assert np.abs(near.astype(int) - exact).mean() < 0.9 * np.abs(crop.astype(int) - exact).mean()


def test_roundtrip_of_lossless_photos_is_the_crop() -> None:
    photo = Photo.from_bytes(save(FACE, "PNG"))
    crop = changed(photo)[3:9, 5:15]
    np.testing.assert_array_equal(photo.roundtrip(crop, (5, 3, 15, 9)), crop)
    with pytest.raises(ValueError, match="inside the 237 x 203 photo"):
        photo.roundtrip(crop, (230, 3, 240, 9))
    with pytest.raises(ValueError, match=r"crop: uint8 \(6, 10, 3\), expected uint8 \(6, 11, 3\)"):
        photo.roundtrip(crop, (5, 3, 16, 9))


def test_tensor_and_image() -> None:
    import torch

    photo = Photo.from_bytes(save(with_alpha(), "PNG"))
    tensor = photo.tensor()
    assert tensor.shape == (1, 3, *FACE.shape[:2])
    assert tensor.dtype == torch.float32
    np.testing.assert_array_equal((tensor[0].permute(1, 2, 0) * 255).round().byte().numpy(), FACE)
    np.testing.assert_array_equal(np.asarray(photo.image()), np.asarray(with_alpha()))
    assert not photo.pixels.flags.writeable


def test_a_wrong_array_is_refused() -> None:
    photo = Photo.from_bytes(save(FACE, "PNG"))
    with pytest.raises(ValueError, match="expected uint8"):
        photo.encode(photo.pixels.astype(np.float32))
    with pytest.raises(ValueError, match=r"expected uint8 \(203, 237, 3\)"):
        photo.encode(photo.pixels[1:])


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_photo_of_an_image_in_memory(form: str) -> None:
    image = Image.fromarray(FACE)
    photo = Photo.from_image(image, form)
    assert photo.format == form
    np.testing.assert_array_equal(photo.pixels, FACE)
    opened = Image.open(io.BytesIO(save(FACE, "JPEG", quality=40)))
    kept = Photo.from_image(opened)
    np.testing.assert_array_equal(kept.pixels, np.asarray(opened))
    assert getattr(Image.open(io.BytesIO(kept.encode(kept.pixels))), "quantization", 0) == opened.quantization
    with pytest.raises(PhotoError, match="mode RGBA cannot be a JPEG"):
        Photo.from_image(with_alpha(), "JPEG")


def test_real_photos_keep_their_size(shared) -> None:
    ratios = []
    for path in sorted(shared("faces/lfw10").rglob("*.jpg"))[::5]:
        photo = Photo.read(path)
        data = photo.encode(photo.pixels)
        ratios.append(len(data) / path.stat().st_size)
        box = (60, 70, 190, 200)
        near = photo.roundtrip(photo.pixels[70:200, 60:190], box)
        np.testing.assert_array_equal(near, photo.decode(data)[70:200, 60:190])
    assert ratios
    assert min(ratios) > 0.9
    assert max(ratios) < 1.05
