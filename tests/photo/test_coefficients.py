"""JPEG coefficients: read, written and changed, and what does not change is what it was."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data as skdata

from mnd.photo.coefficients import CodedPicture, Frame, NotReadError
from mnd.photo.coefficients.bits import expanded
from mnd.photo.coefficients.change import changed
from mnd.photo.coefficients.frame import ZIGZAG, Component, Scan, coded_alone, segment
from mnd.photo.coefficients.reader import read
from mnd.photo.coefficients.window import cut
from mnd.photo.coefficients.writer import best, write
from mnd.photo.jpeg import JpegEncoding
from mnd.photo.photo import Photo
from tests.helpers.photos import FACE, GREY, pillow_sees, save

JFIF = bytes.fromhex("ffe000104a46494600010100000100010000")
SIZES = [(1, 1), (17, 9), (131, 77)]
KINDS = [
    (size, quality, sampling, progressive, restart)
    for size, quality, sampling, progressive, restart in itertools.product(
        SIZES, (30, 90, 100), (0, 1, 2), (False, True), (0, 1, 5)
    )
]


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    )


def made(size: tuple[int, int], quality: int, sampling: int, progressive: bool, restart: int) -> bytes:
    image = noise(size) if quality == 90 else Image.fromarray(FACE).resize(size)
    grey = quality == 30 and sampling == 1
    return save(
        image.convert("L") if grey else image, "JPEG", quality=quality, subsampling=-1 if grey else sampling,
        progressive=progressive, restart_marker_blocks=restart,
    )  # fmt: skip


def layout(data: bytes) -> list[tuple[int, bytes]]:
    """Tables, header, restart interval and scans of a file, as its markers say them; no Huffman tables."""
    found, at = [], 2
    while data[at + 1] != 0xD9:
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker not in (0xC4, 0xE0):
            found.append((marker, data[at + 4 : at + 2 + size]))
        at += 2 + size
        if marker == 0xDA:
            while data[at] != 0xFF or data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
                at += 1
    return found


def blocks(frame: Frame, found: np.ndarray, which: int) -> np.ndarray:
    one = frame.components[which]
    return found[one.start : one.end].reshape(one.rows, one.columns, 64)


def coefficients(data: bytes) -> tuple[Frame, np.ndarray]:
    frame = Frame.of(data)
    return frame, read(frame)


def test_every_kind_comes_back_and_keeps_its_layout() -> None:
    for kind in KINDS:
        data = made(*kind)
        frame, found = coefficients(data)
        again = data[:20] + write(frame, found)
        np.testing.assert_array_equal(pillow_sees(again), pillow_sees(data), str(kind))
        np.testing.assert_array_equal(coefficients(again)[1], found, str(kind))
        assert layout(again) == layout(data), kind
        # libjpeg gives the rarest symbol a weight that it has not, and ends runs when its buffer is full
        assert len(again) <= len(data) + 16, kind


def test_the_coefficients_are_those_of_another_reader(tmp_path) -> None:
    jpeglib = pytest.importorskip("jpeglib")
    path = tmp_path / "a.jpg"
    for kind in KINDS[::3]:
        data = made(*kind)
        path.write_bytes(data)
        theirs = jpeglib.read_dct(str(path))
        frame, found = coefficients(data)
        for which, want in enumerate((theirs.Y, theirs.Cb, theirs.Cr)[: len(frame.components)]):
            rows, columns = want.shape[:2]
            ours = blocks(frame, found, which)[:rows, :columns]
            np.testing.assert_array_equal(ours, want.reshape(rows, columns, 64)[..., ZIGZAG], str(kind))


def test_what_is_written_is_read_by_another_reader(tmp_path) -> None:
    jpeglib = pytest.importorskip("jpeglib")
    for number, progressive in enumerate((False, True)):
        photo = Photo.from_bytes(save(FACE, "JPEG", quality=90, subsampling=2, progressive=progressive))
        pixels = photo.pixels.copy()
        pixels[64:96, 48:80] ^= 7
        names = tmp_path / f"{number}a.jpg", tmp_path / f"{number}b.jpg"
        names[0].write_bytes(photo.encoding.data)
        names[1].write_bytes(photo.encode(pixels))
        before, after = (jpeglib.read_dct(str(name)) for name in names)
        for kind, side in (("Y", 8), ("Cb", 16), ("Cr", 16)):
            different = (getattr(before, kind) != getattr(after, kind)).any(axis=(2, 3))
            rows, columns = np.nonzero(different)
            assert len(rows)
            assert (rows.min() >= 64 // side, rows.max() < 96 / side) == (True, True)
            assert (columns.min() >= 48 // side, columns.max() < 80 / side) == (True, True)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_coefficients_come_back(data: st.DataObject) -> None:
    draw = data.draw
    kind = draw(st.sampled_from(KINDS))
    frame, found = coefficients(made(*kind))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    there = rng.random((len(found), 64)) < draw(st.sampled_from([0.001, 0.02, 0.3, 1.0]))
    most = draw(st.sampled_from([1, 2, 5, 1023]))
    drawn = np.where(there, rng.integers(-most, most + 1, there.shape), 0).astype(np.int16)
    # blocks that fill up groups are not in scans of one component
    for one in frame.components:
        part = drawn[one.start : one.end].reshape(one.rows, one.columns, 64)
        part[one.real[1] :] = 0
        part[:, one.real[0] :] = 0
    again = JFIF[:0] + b"\xff\xd8" + write(frame, drawn)
    np.testing.assert_array_equal(coefficients(again)[1], drawn)
    plain, parts = cut(frame, drawn, (0, 0, frame.width, frame.height))
    np.testing.assert_array_equal(
        pillow_sees(again), pillow_sees(b"\xff\xd8" + write(plain, parts, quick=True))
    )


def test_the_longest_run_of_empty_blocks() -> None:
    data = save(Image.new("L", (1600, 1408), 77), "JPEG", progressive=True)
    frame, found = coefficients(data)
    assert frame.blocks == 35_200 > 0x7FFF
    assert len(write(frame, found)) <= len(data)
    found[34_000, 5] = 1
    again = b"\xff\xd8" + write(frame, found)
    np.testing.assert_array_equal(coefficients(again)[1], found)
    Image.open(io.BytesIO(again)).load()


def test_a_huffman_table_is_the_best_that_there_is() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 17, 162, 256):
        counts = np.zeros(256, np.int64)
        counts[rng.permutation(256)[:count]] = 1 + (rng.random(count) ** 8 * 1e6).astype(np.int64)
        codes = best(counts)
        assert sorted(codes.symbols) == np.flatnonzero(counts).tolist()
        room = sum(n / 2**length for length, n in enumerate(codes.counts, 1))
        assert room < 1  # the code of ones stays free
        symbols, lengths = expanded(codes)
        bits = {int(s): int(n) for s, n in zip(symbols, lengths, strict=True) if n}
        spent = sum(bits[s] * n for s, n in enumerate(counts) if n)
        shares = counts[counts > 0] / counts.sum()
        # no code takes less than the entropy, and a Huffman code at most one bit more; one leaf is not used
        assert -(shares * np.log2(shares)).sum() <= spent / counts.sum() + 1e-9
        assert spent / counts.sum() <= 1.1 - (shares * np.log2(shares)).sum()
    fibonacci = np.zeros(256, np.int64)
    fibonacci[:30] = [round(1.618**k) + 1 for k in range(30)]
    assert best(fibonacci).counts[15] > 0  # sixteen bits are the most: it would have taken thirty


@pytest.mark.parametrize("factors", ["4:1:1", "4:4:0", "3 planes apart", "4:1:0", "grey of two"])
def test_sampling_of_every_kind_stays(factors: str) -> None:
    sampling = {
        "4:1:1": [(4, 1), (1, 1), (1, 1)], "4:4:0": [(1, 2), (1, 1), (1, 1)],
        "4:1:0": [(4, 2), (1, 1), (1, 1)], "3 planes apart": [(2, 2), (1, 2), (2, 1)],
        "grey of two": [(2, 2)],
    }[factors]  # fmt: skip
    picture = FACE if len(sampling) > 1 else GREY
    data = _encoded(picture, sampling)
    assert np.abs(np.asarray(Image.open(io.BytesIO(data))).astype(int) - picture).mean() < 7
    photo = Photo.from_bytes(data)
    rng = np.random.default_rng(1)
    pixels = photo.pixels.copy()
    crop = np.clip(pixels[33:61, 21:70].astype(int) + rng.integers(-20, 21, (28, 49, 1)), 0, 255).astype(
        np.uint8
    )
    pixels[33:61, 21:70] = crop
    out = photo.encode(pixels)
    assert layout(out) == layout(data)
    assert photo.removed == ()
    np.testing.assert_array_equal(photo.roundtrip(crop, (21, 33, 70, 61)), pillow_sees(out)[33:61, 21:70])


def _encoded(picture: np.ndarray, sampling: list[tuple[int, int]]) -> bytes:
    """A file of that sampling, made of one that is all grey by changing it."""
    height, width = picture.shape[:2]
    most = [max(pair[i] for pair in sampling) for i in (0, 1)]
    wide, high = -(-width // (8 * most[0])), -(-height // (8 * most[1]))
    start, components = 0, []
    for name, (across, down) in enumerate(sampling, 1):
        real = coded_alone(width, across, most[0]), coded_alone(height, down, most[1])
        components.append(Component(name, across, down, 0, start, wide * across, high * down, real))
        start = components[-1].end
    frame = Frame(width, height, False, tuple(components), ((4,) * 64,) * len(sampling), ())
    found = np.zeros((frame.blocks, 64), np.int16)
    plain, _ = cut(frame, found, (0, 0, width, height))
    grey = np.full_like(picture, 128)
    return b"\xff\xd8" + write(plain, changed(plain, found, grey, picture, rgb=False))


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_only_blocks_that_change_get_other_coefficients(data: st.DataObject) -> None:
    draw = data.draw
    kind = draw(st.sampled_from(KINDS))
    source = made(*kind)
    photo = Photo.from_bytes(source)
    height, width = photo.pixels.shape[:2]
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    x1, y1 = draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))
    pixels = photo.pixels.copy()
    pixels[y0:y1, x0:x1] = np.random.default_rng(1).integers(0, 256, (y1 - y0, x1 - x0, 3), dtype=np.uint8)
    out = photo.encode(pixels)
    frame, before = coefficients(source)
    _, after = coefficients(out)
    for which, one in enumerate(frame.components):
        down, across = (8 * n for n in frame.shares[which])
        touched = np.zeros((one.rows, one.columns), bool)
        touched[y0 // down : (y1 - 1) // down + 1, x0 // across : (x1 - 1) // across + 1] = True
        # the last pixels stand for those that fill up the blocks behind them
        touched[y0 // down if y1 == height else one.rows :] |= touched.any(axis=0) & (y1 == height)
        touched[:, x0 // across if x1 == width else one.columns :] |= touched.any(axis=1, keepdims=True)
        same = (blocks(frame, before, which) == blocks(frame, after, which)).all(axis=2)
        assert (same | touched).all()
    np.testing.assert_array_equal(photo.encode(photo.pixels)[-100:], _rewritten(source)[-100:])


def _rewritten(data: bytes) -> bytes:
    return write(*coefficients(data))


def test_one_face_of_a_group_photo_is_all_that_changes() -> None:
    """With a change in 5 % of a picture, the file is at least 3 dB nearer to it than one coded anew."""
    wide = Image.fromarray(skdata.astronaut()).crop((0, 0, 480, 400))
    for options in (
        {"quality": 85, "subsampling": 2},
        {"quality": 92, "subsampling": 0, "progressive": True},
    ):
        data = save(wide, "JPEG", restart_marker_blocks=30, **options)
        photo = Photo.from_bytes(data)
        pixels = photo.pixels.copy()
        change = np.random.default_rng(0).normal(0, 0.7, (98, 98, 1))
        face = pixels[30:128, 180:278]
        face[:] = np.clip(np.rint(face + change), 0, 255)
        assert isinstance(photo.encoding, JpegEncoding)
        anew = replace(photo, encoding=replace(photo.encoding, frame=None))
        new, old = (pillow_sees(one.encode(pixels)) for one in (photo, anew))
        outside = np.ones(photo.pixels.shape[:2], bool)
        outside[16:144, 168:288] = False  # the blocks around it, and one pixel of colour
        np.testing.assert_array_equal(new[outside], photo.pixels[outside])
        errors = [np.square(seen.astype(float) - photo.pixels).mean() for seen in (new, old)]
        assert 10 * np.log10(errors[1] / errors[0]) > 3
        assert 0.75 < len(photo.encode(pixels)) / len(data) < 1.25


def test_arithmetic_coding_and_unfinished_files_are_coded_anew_and_told() -> None:
    progressive = save(FACE, "JPEG", progressive=True)
    scans = [at for at in range(len(progressive)) if progressive[at : at + 2] == b"\xff\xda"]
    tables = progressive.rindex(b"\xff\xc4", 0, scans[-1])
    kinds = {
        "arithmetic coding": save(FACE, "JPEG").replace(b"\xff\xc0", b"\xff\xc9", 1),
        "a progressive file without its last scans": progressive[:tables] + b"\xff\xd9",
    }
    for reason, data in kinds.items():
        photo = Photo.from_bytes(data)
        assert photo.removed == (f"coefficients as they were coded ({reason})",)
        pixels = photo.pixels ^ 3
        out = photo.encode(pixels)
        np.testing.assert_array_equal(pillow_sees(out), photo.roundtrip(pixels, (0, 0, *pixels.shape[1::-1])))
        assert Photo.from_bytes(out).removed == ()


def test_damaged_data_is_coded_anew_and_nothing_goes_round_for_ever() -> None:
    rng = np.random.default_rng(0)
    read_anyway = 0
    for number in range(120):
        data = bytearray(made((64, 64), (30, 90)[number % 2], 2, number % 4 > 1, (0, 3)[number % 3 > 0]))
        for _ in range(1 + number % 3):
            data[rng.integers(150, len(data) - 2)] = rng.integers(256)
        try:
            photo = Photo.from_bytes(bytes(data))
        except ValueError:
            continue
        pixels = photo.pixels ^ 1
        out = photo.encode(pixels)
        seen = photo.roundtrip(pixels, (0, 0, *pixels.shape[1::-1]))
        np.testing.assert_array_equal(Photo.from_bytes(out).pixels, seen)
        read_anyway += 1
    assert read_anyway > 20


def test_frames_that_are_not_read_say_why() -> None:
    data = save(FACE, "JPEG")
    at = data.index(b"\xff\xc0")
    for bad, why in (
        (data[:at], "damaged markers"),
        (data[: at + 4] + b"\x0c" + data[at + 5 :], "12 bits"),
        (data[: at + 11] + b"\x33" + data[at + 12 :], None),
        (data[: at + 11] + b"\x31" + data[at + 12 : at + 14] + b"\x21" + data[at + 15 :], "multiples"),
        (data.replace(b"\xff\xdb\x00\x43\x00\x08", b"\xff\xdb\x00\x43\x00\x00", 1), "zero"),
        (data[:-2], "damaged markers|no end"),
        (data[:2] + segment(0xDC, b"\0\1") + data[2:], "0xdc"),
        (data[:2] + b"x" + data[2:], "between"),
    ):
        if why is None:
            Frame.of(bad)
            continue
        with pytest.raises(NotReadError, match=why):
            Frame.of(bad)


def test_a_part_is_seen_as_in_the_whole() -> None:
    data = save(FACE, "JPEG", quality=80, subsampling=2, progressive=True)
    frame = Frame.of(data)
    whole = CodedPicture.of(frame, pillow_sees(data), JFIF, rgb=False)
    after = np.array(whole.before) ^ 5
    part = whole.part((32, 48, 112, 144))
    seen = part.seen(after[48:144, 32:112])
    np.testing.assert_array_equal(seen[1:-1, 1:-1], whole.seen(after)[49:143, 33:111])
    assert isinstance(frame.scans[0], Scan)
    np.testing.assert_array_equal(pillow_sees(b"\xff\xd8" + JFIF + whole.coded(after)), whole.seen(after))
