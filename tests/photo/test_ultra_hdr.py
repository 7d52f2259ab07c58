"""Ultra HDR: the gain map stays where nothing was changed, and shows no clean face where something was."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnd.photo.gain_map import CELLS, RUNGS, Rung, composed, eight_bits, recomputed
from mnd.photo.gain_numbers import GainNumbers
from mnd.photo.mpf import index
from mnd.photo.photo import Photo, PhotoError
from tests.helpers import ultra_hdr as oracle
from tests.helpers.cloaks import ASTRONAUT
from tests.helpers.photos import FACE, changed, exif_block, no_trace, save, scan, segment

BOX = 60, 40, 200, 180
INSIDE = np.s_[40:180, 60:200]
KINDS = {
    "XMP and ISO": {}, "XMP alone": {"iso": False}, "ISO alone": {"xmp": False},
    "three channels": {"colour": True},
    "a quarter of the size": {"reduce": 4}, "the size of the photo": {"reduce": 1},
    "progressive": {"progressive": True}, "4:2:0": {"subsampling": 2},
}  # fmt: skip


def changed_inside(photo: Photo) -> np.ndarray:
    pixels = photo.pixels.copy()
    pixels[INSIDE] = changed(photo)[INSIDE]
    return pixels


def psnr(a: np.ndarray, b: np.ndarray, peak: float) -> float:
    return float(10 * np.log10(peak**2 / max(np.square(a - b).mean(), 1e-12)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_photo_stays_hdr(kind: str) -> None:
    data = oracle.ultra(FACE, **KINDS[kind])
    photo = Photo.from_bytes(data)
    assert photo.removed == ()
    out = photo.encode(changed_inside(photo), [BOX])
    assert 0.75 < len(out) / len(data) < 1.25
    for block in (oracle.ISO, b"hdrgm:Version", b"GContainer", b"MPF\0"):
        assert out.count(block) <= data.count(block)
    assert (oracle.ISO in out, b"hdrgm:" in out) == (oracle.ISO in data, b"hdrgm:" in data)
    main, behind = oracle.parts(out)
    assert len(main) + len(behind) == len(out)
    if b"Item:Length" in out:
        assert f'Item:Length="{len(behind)}"'.encode() in main
        assert b"<dc:rights>mine</dc:rights>" in main
    old, new = (Image.open(io.BytesIO(oracle.parts(it)[1])) for it in (data, out))
    assert (new.size, new.mode, new.quantization) == (old.size, old.mode, old.quantization)
    before, after = oracle.hdr(data), oracle.hdr(out)
    far = np.ones(FACE.shape[:2], bool)
    far[8:212, 28:232] = False  # the box, and what goes over into the old map around it
    assert psnr(before[far], after[far], before.max()) > 40
    assert psnr(before[INSIDE], after[INSIDE], before.max()) > 30
    assert after[INSIDE].max() > 1.2  # it is HDR there, too
    again = Photo.from_bytes(out)
    assert again.removed == ()
    assert again.encoding.hdr is not None
    assert again.encoding.hdr.numbers == photo.encoding.hdr.numbers


def test_a_viewer_and_the_proof_see_the_same() -> None:
    data = oracle.ultra(FACE)
    photo = Photo.from_bytes(data)
    seen = photo.readings()
    assert list(seen) == ["HDR", "gain map"]
    hdr = composed(photo.pixels, photo.encoding.hdr.gains, photo.encoding.hdr.numbers)
    np.testing.assert_allclose(hdr, oracle.hdr(data), atol=2e-2)
    np.testing.assert_array_equal(seen["HDR"], eight_bits(hdr, photo.pixels))
    assert seen["gain map"].shape == FACE.shape


@given(st.integers(0, 255), st.integers(0, 255), st.floats(0, 1), st.floats(0.3, 3), st.floats(0, 4))
def test_the_composition_in_closed_form(
    level: int, gain: int, weight: float, gamma: float, most: float
) -> None:
    numbers = GainNumbers((-1.0,) * 3, (most,) * 3, (gamma,) * 3, (0.01,) * 3, (0.02,) * 3, (0.0, 4.0))
    pixels, gains = np.full((2, 3, 3), level, np.uint8), np.full((1, 1), gain, np.uint8)
    s = level / 255
    light = s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4
    wanted = (light + 0.01) * 2 ** (weight * (-1 + (most + 1) * (gain / 255) ** (1 / gamma))) - 0.02
    np.testing.assert_allclose(composed(pixels, gains, numbers, weight), wanted, rtol=1e-3, atol=1e-4)


@given(st.integers(0, 2**32 - 1), st.sampled_from(RUNGS))
def test_nothing_of_the_clean_map_is_left_but_a_curve(seed: int, rung: Rung) -> None:
    """Whatever the map shows inside, as long as its mean for each lightness is the same."""
    rng = np.random.default_rng(seed)
    before = np.repeat(rng.integers(0, 4, (64, 64, 1)) * 60, 3, axis=2).astype(np.uint8)
    after = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    one, other = np.full((64, 64), 99, np.uint8), np.full((64, 64), 99, np.uint8)
    inner = np.s_[20:40, 10:30]
    one[inner] = rng.integers(0, 256, (20, 20))
    mixed = one[inner].copy()
    for level in range(0, 240, 60):
        there = before[inner][..., 0] == level
        mixed[there] = rng.permutation(mixed[there])
    other[inner] = mixed
    box = [(11, 21, 29, 39)]
    made = [recomputed(it, before, after, box, rung) for it in (one, other)]
    np.testing.assert_array_equal(*made)
    outside = np.ones((64, 64), bool)
    outside[14:46, 4:36] = False
    np.testing.assert_array_equal(made[0][outside], one[outside])


def test_one_number_is_the_mean() -> None:
    rng = np.random.default_rng(0)
    gains, pixels = rng.integers(0, 256, (64, 64), dtype=np.uint8), np.zeros((64, 64, 3), np.uint8)
    made = recomputed(gains, pixels, pixels, [(11, 21, 29, 39)], "mean")
    assert np.unique(made[20:40, 10:30]).tolist() == [round(float(gains[20:40, 10:30].mean()))]


def test_a_curve_follows_the_scene() -> None:
    """Where the boost is a curve of lightness, the map comes back but for the width of a range."""
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (64, 1))[..., None], 3, axis=2)
    gains = (ramp[..., 0].astype(float) ** 2 / 255).astype(np.uint8)
    made = recomputed(gains, ramp, ramp, [(0, 0, 256, 64)])
    assert np.abs(made.astype(int) - gains).max() <= 16


def test_cells_show_no_more_than_their_means() -> None:
    """Of the new picture, too: what is finer than a cell does not come into the map."""
    rng = np.random.default_rng(0)
    before = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    gains = before.mean(axis=2).astype(np.uint8)
    fine = np.indices((128, 128)).sum(axis=0) % 2 * 200  # a chessboard
    after = np.repeat(fine[..., None], 3, axis=2).astype(np.uint8)
    sharp, soft = (recomputed(gains, before, after, [(0, 0, 128, 128)], rung) for rung in RUNGS[:2])
    assert sharp.std() > 50
    assert soft.std() < 3
    assert CELLS < 10


@pytest.mark.parametrize("pixels", [FACE, FACE // 3])
def test_hdr_of_eight_bits_is_as_bright_as_the_usual_picture(pixels: np.ndarray) -> None:
    light = oracle.linear(pixels.astype(float))
    np.testing.assert_allclose(eight_bits((4 * light).astype(np.float32), pixels), pixels, atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos(orientation: int) -> None:
    exif = exif_block(orientation=orientation)
    data = oracle.ultra(FACE[:160, :160], exif=b"Exif\0\0" + exif)
    photo = Photo.from_bytes(data)
    box = 8, 40, 70, 140
    pixels = photo.pixels.copy()
    pixels[40:140, 8:70] //= 2
    out = photo.encode(pixels, [box])
    gains = [Photo.from_bytes(it).readings()["gain map"].astype(int) for it in (data, out)]
    off = np.abs(gains[0] - gains[1])
    assert off[50:130, 16:60].mean() > 3 * off[:, 110:].mean()
    assert off[:, 110:].mean() < 1


def test_without_regions_it_is_what_differs() -> None:
    photo = Photo.from_bytes(oracle.ultra(FACE))
    pixels = changed_inside(photo)
    assert photo.encode(pixels) == photo.encode(pixels, [BOX])
    same = Photo.from_bytes(photo.encode(photo.pixels))
    assert np.abs(same.encoding.hdr.gains.astype(int) - photo.encoding.hdr.gains).mean() < 1


def test_it_can_be_left_out() -> None:
    data = oracle.ultra(FACE)
    photo = Photo.from_bytes(data)
    out = photo.encode(photo.pixels, hdr=None)
    assert out.count(b"\xff\xd8\xff") == 1
    assert b"hdrgm:Version" not in out
    assert b"MPF\0" not in out
    assert photo.readings(out) == {}


def apple(photo: np.ndarray) -> bytes:
    told = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    told += b'<rdf:Description xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" '
    told += b'HDRGainMap:HDRGainMapVersion="65536"/></rdf:RDF></x:xmpmeta>'
    behind = save(photo[::2, ::2, 0], "JPEG")
    return oracle.with_second(
        save(photo, "JPEG"), behind[:20] + segment(0xE1, oracle.XMP + told) + behind[20:]
    )


def altered(old: bytes, new: bytes, **options: object) -> bytes:
    data = oracle.ultra(FACE, **options)
    assert len(old) == len(new)
    assert old in data
    return data.replace(old, new)


DROPPED = {
    "Apple's own": (lambda: apple(FACE), "gain map (Apple's HDR)"),
    "HDR in itself": (lambda: altered(b'IsHDR="False"', b'IsHDR="True" ', iso=False), "gain map (HDR)"),
    "HDR in itself, ISO": (
        lambda: altered(oracle.iso_block()[:5], b"\0\0\0\0\x44", xmp=False), "gain map (HDR)"),
    "another version": (lambda: altered(oracle.iso_block()[:5], b"\0\1\0\0\x40"), "gain map (HDR)"),
    "a division by zero": (
        lambda: altered(oracle.iso_block()[13:21], oracle.iso_block()[13:17] + bytes(4)), "gain map (HDR)"),
    "a preview": (
        lambda: oracle.with_second(save(FACE, "JPEG"), save(FACE[::2, ::2], "JPEG"), 0x010001),
        "preview (MPF)"),
}  # fmt: skip


@pytest.mark.parametrize("case", DROPPED)
def test_what_cannot_be_kept_is_left_behind_and_named(case: str) -> None:
    make, named = DROPPED[case]
    data = make()
    photo = Photo.from_bytes(data)
    assert named in photo.removed
    out = photo.encode(changed_inside(photo), [BOX])
    assert out.count(b"\xff\xd8\xff") == 1
    assert photo.readings(out) == {}
    assert no_trace(scan(oracle.parts(data)[1]), out)


def test_no_clean_map_in_the_bytes() -> None:
    data = oracle.ultra(FACE)
    photo = Photo.from_bytes(data)
    out = photo.encode(changed_inside(photo), [(0, 0, FACE.shape[1], FACE.shape[0])])
    assert no_trace(scan(oracle.parts(data)[1]), out)


def test_what_stands_behind_the_map_is_named() -> None:
    photo = Photo.from_bytes(oracle.ultra(FACE) + b"\0\0\0\x18ftypmp42" + bytes(range(1, 200)))
    assert photo.removed == ("data behind the picture",)
    assert b"ftypmp42" not in photo.encode(photo.pixels)


def test_xmp_without_room_gives_no_hdr() -> None:
    photo = Photo.from_bytes(oracle.ultra(FACE))
    full = segment(0xE1, oracle.XMP + b"<x:xmpmeta><rdf:RDF>" + bytes(65400) + b"</rdf:RDF></x:xmpmeta>")
    crowded = replace(photo, encoding=replace(photo.encoding, segments=full))
    with pytest.raises(ValueError, match="expected room for a directory"):
        crowded.encode(photo.pixels)


@pytest.mark.parametrize(
    ("kind", "said"), [(0x020001, "panorama"), (0x020002, "stereo"), (0x020003, "several")]
)
def test_pictures_that_belong_together_are_refused(kind: int, said: str) -> None:
    data = oracle.with_second(save(FACE, "JPEG"), save(FACE[:, ::-1].copy(), "JPEG"), kind)
    with pytest.raises(PhotoError, match=rf"2 pictures \({said}.*exiftool") as caught:
        Photo.from_bytes(data)
    assert caught.value.kind == "unsupported"


def test_the_index_is_as_the_oracle_writes_it() -> None:
    assert index([1234, 56], [789]) == oracle.mpf(1234, 789, 56)


@pytest.mark.slow
@pytest.mark.parametrize("colour", [False, True])
def test_hdr_is_kept_and_proven(colour: bool, tmp_path) -> None:
    from mnd.cloaking.checker import Checker
    from tests.helpers.cloaks import cloaker

    path = tmp_path / "photo.jpg"
    path.write_bytes(oracle.ultra(np.ascontiguousarray(ASTRONAUT[:203, 120:357]), colour=colour))
    cloak = cloaker()
    record = cloak.photo(path)
    assert (record["status"], record["hdr"], record["removed"]) == ("protected", "kept", [])
    told = record["regions"][0]["targets"]["dlib"]
    assert told["channel"]["HDR"]
    assert told["channel"]["gain map"]
    checked = Checker(cloak.settings).pair(path, record["output"])
    assert checked["protected"]
    for name in ("HDR", "gain map"):
        assert checked["regions"][0]["targets"]["dlib"]["values"][name] == pytest.approx(told["values"][name])
    clean = Checker(cloak.settings).pair(path, path)
    for name in ("HDR", "gain map"):  # the clean map alone shows who it is
        assert not clean["regions"][0]["targets"]["dlib"]["channel"][name]
