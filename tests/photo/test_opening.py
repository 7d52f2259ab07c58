"""What cannot be kept, or is no photo, is refused by name."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from mnd.photo import opening
from mnd.photo.photo import Photo, PhotoError
from tests.helpers import inks
from tests.helpers.deep import deep_face, write_png, write_tiff
from tests.helpers.photos import FACE, png, save, with_alpha
from tests.helpers.ultra_hdr import ultra


def tiff_with(**tags: object) -> bytes:
    return save(FACE, "TIFF", tiffinfo={int(tag[1:]): value for tag, value in tags.items()})


def pages(*pictures: np.ndarray, kinds: tuple[int, ...]) -> bytes:
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for picture, kind in zip(pictures, kinds, strict=True):
            file.write(picture, photometric="rgb", subfiletype=kind, metadata=None)
    return buffer.getvalue()


def coded_as(marker: int, bits: int = 8) -> bytes:
    """A JPEG whose frame says to be of another kind."""
    data = save(FACE, "JPEG")
    at = data.index(b"\xff\xc0")
    return data[: at + 1] + bytes([marker]) + data[at + 2 : at + 4] + bytes([bits]) + data[at + 5 :]


FRAMES = {"save_all": True, "append_images": [Image.fromarray(FACE[::-1].copy())]}
REFUSED = {
    "float TIFF": (lambda: save(Image.new("F", (4, 4)), "TIFF"), "32 bits a channel"),
    "Lab TIFF": (lambda: save(Image.new("LAB", (9, 9)), "TIFF"), "CIE Lab"),
    "pages": (lambda: save(FACE, "TIFF", **FRAMES), "2 pages"),
    "reduced copy": (lambda: tiff_with(_254=1), "thumbnail"),
    "DNG": (lambda: tiff_with(_50706=b"\1\4\0\0"), "DNG"),
    "pages and a thumbnail": (
        lambda: pages(FACE, FACE[::2, ::2], FACE[::-1], kinds=(0, 1, 0)),
        r"2 pages \(`magick",
    ),
    "animated GIF": (lambda: save(FACE, "GIF", **FRAMES), "an animated GIF .*ffmpeg"),
    "animated WebP": (lambda: save(FACE, "WEBP", **FRAMES), "2 frames"),
    "animated PNG": (lambda: save(FACE, "PNG", **FRAMES), "2 frames"),
    "GIF": (
        lambda: save(Image.new("P", (4, 4)), "GIF"),
        "a GIF file, expected a JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP",
    ),
    "JPEG XL": (lambda: b"\xff\x0a" + bytes(40), "a JPEG XL file"),
    "JPEG 2000": (lambda: save(FACE, "JPEG2000"), "a JPEG 2000 file"),
    "PSD": (lambda: b"8BPS\0\1" + bytes(40), "a Photoshop file"),
    "lossless JPEG": (lambda: coded_as(0xC3), "a lossless JPEG"),
    "hierarchical JPEG": (lambda: coded_as(0xC5), "a hierarchical JPEG"),
    "JPEG-LS": (lambda: coded_as(0xF7), "a JPEG-LS"),
    "JPEG of 12 bits": (lambda: coded_as(0xC0, bits=12), "a JPEG of 12 bits a channel"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_flattened_is_refused(case: str, tmp_path: Path) -> None:
    make, message = REFUSED[case]
    path = tmp_path / "some photo.xyz"
    path.write_bytes(make())
    with pytest.raises(PhotoError, match=message) as caught:
        Photo.read(path)
    assert caught.value.kind == "unsupported"
    assert str(path) in str(caught.value)
    assert "expected" in str(caught.value)


def test_a_reduced_copy_on_a_second_page_is_left_behind() -> None:
    small = np.ascontiguousarray(FACE[::4, ::4])
    data = pages(FACE, small, kinds=(0, 1))
    photo = Photo.from_bytes(data)
    assert photo.removed == ("TIFF thumbnail",)
    np.testing.assert_array_equal(photo.pixels, FACE)
    out = photo.encode(photo.pixels)
    assert small[4].tobytes() in data
    assert small[4].tobytes() not in out
    assert Image.open(io.BytesIO(out)).n_frames == 1


@pytest.mark.parametrize("name", ["a.NEF", "a.cr2", "a.arw", "a.dng"])
def test_of_a_raw_picture_no_preview_is_cloaked(name: str, tmp_path: Path) -> None:
    """Many are TIFF files by their bytes, and their first picture is a small one."""
    (tmp_path / name).write_bytes(save(FACE, "TIFF"))
    (tmp_path / "a.cr3").write_bytes(b"\0\0\0\x18ftypcrx " + bytes(60))
    for path in (tmp_path / name, tmp_path / "a.cr3"):
        with pytest.raises(PhotoError, match=r"a RAW picture, expected .* \(convert it\)") as caught:
            Photo.read(path)
        assert caught.value.kind == "unsupported"
    (tmp_path / name).write_bytes(save(FACE, "JPEG"))  # a photo that somebody has called so
    assert Photo.read(tmp_path / name).format == "JPEG"


def test_pictures_below_the_first_of_a_tiff_are_left_behind() -> None:
    tifffile = pytest.importorskip("tifffile")
    buffer, small = io.BytesIO(), np.ascontiguousarray(FACE[::4, ::4])
    with tifffile.TiffWriter(buffer) as file:
        file.write(FACE, photometric="rgb", subifds=1, metadata=None)
        file.write(small, photometric="rgb", subfiletype=1, metadata=None)
    data = buffer.getvalue()
    photo = Photo.from_bytes(data)
    assert photo.removed == ("TIFF pictures below the first (SubIFDs)",)
    out = photo.encode(photo.pixels)
    assert small[4].tobytes() in data
    assert small[4].tobytes() not in out


def test_premultiplied_and_unknown_channels_are_refused() -> None:
    tifffile = pytest.importorskip("tifffile")
    both = np.asarray(with_alpha())
    for extra, message in (("assocalpha", "premultiplied"), ("unspecified", "neither colour nor alpha")):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, both, photometric="rgb", extrasamples=[extra])
        with pytest.raises(PhotoError, match=message):
            Photo.from_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"hello, world", "not-an-image"),
        (b"BM is no picture", "not-an-image"),
        (b"\xff\xd8\xff", "truncated"),
        (b"RIFF\0\0\0\0WEBP", "truncated"),
    ],
)
def test_what_is_no_photo_is_named(content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=r"a\.jpg: .*expected") as caught:
        Photo.read(path)
    assert caught.value.kind == kind
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.kind, str(copy)) == (kind, str(caught.value))


def test_missing_files_folders_and_devices(tmp_path: Path) -> None:
    for path, kind in (
        (tmp_path / "no.jpg", "missing"),
        (tmp_path, "folder"),
        (tmp_path / "a" / "b.jpg", "missing"),
    ):
        with pytest.raises(PhotoError) as caught:
            Photo.read(path)
        assert caught.value.kind == kind
        assert str(path) in str(caught.value)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(PhotoError, match="a device or a pipe"):
            Photo.read(tmp_path / "pipe.jpg")


SOURCES = {
    "JPEG": lambda: save(FACE[:60, :60], "JPEG"),
    "progressive JPEG": lambda: save(FACE[:60, :60], "JPEG", progressive=True),
    "PNG": lambda: save(FACE[:60, :60], "PNG"),
    "WEBP": lambda: save(FACE[:60, :60], "WEBP"),
    "lossy WEBP": lambda: save(FACE[:60, :60], "WEBP", lossless=False),
    "BMP": lambda: save(FACE[:60, :60], "BMP"),
    "TIFF": lambda: save(FACE[:60, :60], "TIFF"),
    "PNG of 16 bits": lambda: write_png(deep_face(3, size=40)),
    "TIFF of 16 bits": lambda: write_tiff(deep_face(3, size=40), compression="zlib"),
    "CMYK JPEG": lambda: inks.saved("JPEG", FACE[:60, :60], profile=False),
    "YCCK JPEG": lambda: inks.ycck(FACE[:60, :60], profile=False, subsampling=2),
    "CMYK TIFF": lambda: inks.saved("TIFF", FACE[:40, :40], profile=False),
    "LZW TIFF": lambda: save(FACE[:60, :60], "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_photo_cut_short_anywhere_is_refused(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = SOURCES[source]()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as other libraries leave it
    # a TIFF may end with its directory: there one byte may be only padding
    for end in (*range(4, 64, 7), *np.linspace(64, len(data) - 3, 25).astype(int)):
        with pytest.raises(PhotoError) as caught:
            Photo.from_bytes(data[:end])
        assert caught.value.kind in ("truncated", "not-an-image")
    assert ImageFile.LOAD_TRUNCATED_IMAGES


@given(st.sampled_from([*SOURCES, "Ultra HDR"]), st.data())
@settings(max_examples=150, deadline=None)
def test_damage_raises_nothing_but_photo_errors(source: str, data: st.DataObject) -> None:
    content = bytearray(SOURCES[source]() if source in SOURCES else ultra(FACE[:60, :60]))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 400) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = Photo.from_bytes(bytes(content), max_pixels=1_000_000)
    except PhotoError:
        return
    assert photo.pixels.ndim == 3


def test_bombs_are_refused_before_they_go_off() -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = png([(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")])
    with pytest.raises(
        PhotoError, match=r"60000 x 60000 = 3,600,000,000 pixels, expected at most 200,000,000"
    ) as caught:
        Photo.from_bytes(bomb)
    assert caught.value.kind == "too-large"
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "BMP"):
        for options in ({}, {"lossless": False}) if form == "WEBP" else ({},):
            with pytest.raises(PhotoError, match="48,111 pixels, expected at most 48,110"):
                Photo.from_bytes(save(FACE, form, **options), max_pixels=48_110)
    with pytest.raises(PhotoError, match="237 x 203"):
        Photo.from_bytes(save(with_alpha(), "WEBP", exif=Image.Exif().tobytes()), max_pixels=9)


def test_what_does_not_fit_into_memory_is_refused_undecoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the pixels, the estimate and the limit."""
    monkeypatch.setattr(opening, "memory", lambda: opening.ALONE + 48_111 * opening.A_PIXEL - 1)
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "BMP"):
        with pytest.raises(
            PhotoError, match=r"237 x 203 pixels take about 0\.7 GB, expected .* 0\.7 GB"
        ) as caught:
            Photo.from_bytes(save(FACE, form))
        assert caught.value.kind == "too-large"
    monkeypatch.setattr(opening, "memory", lambda: opening.ALONE + 48_111 * opening.A_PIXEL)
    Photo.from_bytes(save(FACE, "JPEG"))
    monkeypatch.setattr(opening, "memory", lambda: None)  # a system that does not tell
    Photo.from_bytes(save(FACE, "JPEG"))


def test_pillows_own_limit_does_not_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "BMP"):
        photo = Photo.from_bytes(save(FACE, form))
        photo.decode(photo.encode(photo.pixels))
        photo.roundtrip(photo.pixels[:32, :32], (0, 0, 32, 32))


def test_a_file_larger_than_any_such_picture_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "film.jpg"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    with pytest.raises(PhotoError, match="209,715,200 bytes") as caught:
        Photo.read(path, max_pixels=1000)
    assert caught.value.kind == "too-large"
