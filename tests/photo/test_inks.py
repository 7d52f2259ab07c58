"""CMYK: seen through the file's own profile, changed as inks, and CMYK still."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from mnd.photo.inks import PLAIN, Inks
from mnd.photo.photo import Photo, PhotoError
from mnd.photo.second_reader import disagreement
from tests.helpers.inks import inks_of, press, printed, saved, separated, ycck
from tests.helpers.photos import FACE, changed, exif_block, save

BOX = 60, 40, 200, 180
INSIDE = np.s_[40:180, 60:200]
FILES: dict[str, Callable[..., bytes]] = {
    "JPEG": lambda **more: saved("JPEG", **({"quality": 92, "subsampling": 0} | more)),
    "JPEG 4:2:0": lambda **more: saved("JPEG", quality=92, subsampling=2, **more),
    "YCCK JPEG": lambda **more: ycck(**more),
    "progressive YCCK JPEG": lambda **more: ycck(progressive=True, **more),
    "raw TIFF": lambda **more: saved("TIFF", **more),
    "LZW TIFF": lambda **more: saved("TIFF", compression="tiff_lzw", **more),
    "deflated TIFF": lambda **more: saved(
        "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 2}, **more),
}  # fmt: skip


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def through_profile(data: bytes) -> np.ndarray:
    image = opened(data)
    source = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.asarray(made)


def changed_inside(photo: Photo) -> np.ndarray:
    pixels = photo.pixels.copy()
    pixels[INSIDE] = changed(photo)[INSIDE]
    return pixels


@pytest.mark.parametrize("profile", [True, False])
@pytest.mark.parametrize("kind", FILES)
def test_inks_stay_inks(kind: str, profile: bool) -> None:
    data = FILES[kind](profile=profile)
    photo = Photo.from_bytes(data)
    assert photo.removed == ()
    assert not photo.lossless
    seen = through_profile(data) if profile else np.asarray(opened(data).convert("RGB"))
    np.testing.assert_array_equal(photo.pixels, seen)
    pixels = changed_inside(photo)
    out = photo.encode(pixels)
    before, after = opened(data), opened(out)
    assert (after.mode, after.format, after.size) == ("CMYK", before.format, before.size)
    assert after.info.get("icc_profile") == (press() if profile else None)
    if before.format == "JPEG":
        for what in ("adobe_transform", "progressive"):
            assert after.info.get(what) == before.info.get(what)
        assert (after.layer, after.quantization) == (before.layer, before.quantization)
    else:
        assert after.info["compression"] == before.info["compression"]
    far = np.ones(FACE.shape[:2], bool)
    far[16:208, 32:224] = before.format == "TIFF"
    far[INSIDE] = False
    np.testing.assert_array_equal(np.asarray(after)[far], np.asarray(before)[far])
    shown = photo.decode(out)
    np.testing.assert_array_equal(shown, photo.roundtrip(pixels, (0, 0, *FACE.shape[1::-1])))
    wanted = np.abs(pixels[INSIDE].astype(int) - photo.pixels[INSIDE]).mean()
    missing = np.abs(shown[INSIDE].astype(int) - pixels[INSIDE]).mean()
    assert missing < wanted * (0.75 if "4:2:0" not in kind else 0.9)
    assert disagreement(out, photo.pixels, shown, [BOX]) == ""
    assert 0.75 < len(out) / len(data) < 1.35  # noise, of which a cloak has much less
    readings = photo.readings(out)
    assert list(readings) == ([PLAIN] if profile else []) == list(photo.encoding.read_as)
    if profile:
        np.testing.assert_array_equal(readings[PLAIN], np.asarray(after.convert("RGB")))


@pytest.mark.parametrize("kind", FILES)
def test_what_is_not_changed_is_the_same_inks(kind: str) -> None:
    data = FILES[kind]()
    photo = Photo.from_bytes(data)
    out = photo.encode(photo.pixels)
    np.testing.assert_array_equal(np.asarray(opened(out)), np.asarray(opened(data)))


def test_a_window_is_seen_as_in_the_whole() -> None:
    for kind in ("YCCK JPEG", "LZW TIFF"):
        photo = Photo.from_bytes(FILES[kind]())
        pixels = changed_inside(photo)
        x0, y0, x1, y1 = BOX
        window = photo.roundtrip(pixels[y0:y1, x0:x1], BOX)
        np.testing.assert_array_equal(window, photo.decode(photo.encode(pixels))[y0:y1, x0:x1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_inks(orientation: int) -> None:
    data = ycck(FACE[:96, :96], exif=b"Exif\0\0" + exif_block(orientation=orientation))
    photo = Photo.from_bytes(data)
    pixels = photo.pixels.copy()
    pixels[20:50, 30:80] = pixels[20:50, 30:80] // 2 + 40
    out = photo.encode(pixels)
    assert Photo.from_bytes(out).orientation == orientation
    shown = photo.decode(out).astype(int)
    off = np.abs(shown - pixels)
    assert off[24:46, 34:76].mean() < 4
    assert (shown == photo.pixels)[64:].all()


def test_colours_come_back_through_the_profile() -> None:
    """Of colours that the press can print, all come back, but for the steps of eight bits."""
    rng = np.random.default_rng(0)
    samples = rng.integers(30, 190, (40, 40, 4), dtype=np.uint8)
    inks = Inks(samples, press())
    wanted = np.clip(inks.shown(samples).astype(int) + rng.integers(-9, 10, (40, 40, 3)), 0, 255).astype(
        np.uint8
    )
    off = np.abs(inks.shown(inks.merged(wanted)).astype(int) - wanted)
    assert np.percentile(off, 99) <= 2
    assert off.mean() < 0.5


def test_the_profile_is_that_of_the_press() -> None:
    """Full inks, by the closed form that the table was made from."""
    ends = (255 * np.eye(4, dtype=np.uint8))[None]
    linear = printed(ends / 255)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    off = np.abs(Inks(ends, press()).shown(ends).astype(int) - np.round(255 * coded))
    assert off.max() <= 4


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
REFUSED = {
    "a profile of another kind": (
        lambda: save(separated(), "TIFF", icc_profile=SRGB), "colour profile that cannot be used"),
    "sixteen bits": (lambda: of_tifffile(inks_of().astype(np.uint16) << 8), "no plain CMYK of 8 bits"),
    "five inks": (
        lambda: of_tifffile(
            np.concatenate([inks_of(), inks_of()[..., :1]], axis=2), extrasamples=["unspecified"]),
        "inks that are no plain CMYK",
    ),
    "planes": (
        lambda: of_tifffile(np.moveaxis(inks_of(), 2, 0).copy(), planarconfig="separate"), "no plain CMYK"),
}  # fmt: skip


def of_tifffile(samples: np.ndarray, **options: object) -> bytes:
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, photometric="separated", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_proven_is_refused_with_the_command(case: str) -> None:
    make, reason = REFUSED[case]
    with pytest.raises(PhotoError, match=reason) as caught:
        Photo.from_bytes(make())
    assert caught.value.kind == "unsupported"
    assert "magick" in str(caught.value)


def test_arithmetic_codes_are_refused_with_the_command() -> None:
    data = FILES["JPEG"]()
    at = data.index(b"\xff\xc0")
    with pytest.raises(PhotoError, match=r"CMYK JPEG whose coefficients cannot be read.*magick|cut short"):
        Photo.from_bytes(data[: at + 1] + b"\xc9" + data[at + 2 :])


@pytest.mark.slow
def test_both_readings_are_proven(tmp_path) -> None:
    from mnd.cloaking.checker import Checker
    from tests.helpers.cloaks import FACE as PERSON
    from tests.helpers.cloaks import cloaker

    path = tmp_path / "photo.jpg"
    path.write_bytes(ycck(PERSON))
    cloak = cloaker()
    record = cloak.photo(path)
    assert record["status"] == "protected"
    told = record["regions"][0]["targets"]["dlib"]
    assert told["channel"][PLAIN]
    checked = Checker(cloak.settings).pair(path, record["output"])
    assert checked["protected"]
    assert checked["regions"][0]["targets"]["dlib"]["values"][PLAIN] == pytest.approx(told["values"][PLAIN])
    clean = Checker(cloak.settings).pair(path, path)
    assert not clean["regions"][0]["targets"]["dlib"]["channel"][PLAIN]
