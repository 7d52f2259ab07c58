"""HEIC and AVIF: what comes in goes out, but for what would show the clean picture."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mnd.cli.terminal import HDR
from mnd.cloaking.readings import tell_hdr
from mnd.cloaking.record import blank
from mnd.cloaking.settings import CloakSettings
from mnd.photo import heif_boxes
from mnd.photo.avif import AV1
from mnd.photo.heic import HEVC
from mnd.photo.heif_items import shown, turning
from mnd.photo.heif_writer import Part
from mnd.photo.photo import Photo
from mnd.photo.second_reader import disagreement, seen_plainly
from tests.helpers.heif import (
    AUXILIARY,
    EVEN,
    FORMS,
    apples_hdr,
    coded,
    pillow_heif,
    plainly,
    small,
    ten_bits,
    with_items,
    with_properties,
)
from tests.helpers.photos import FACE, ICC, changed, exif_block, no_trace, with_alpha

KIND = {"AVIF": b"av01", "HEIF": b"hvc1"}
CODEC = {"AVIF": AV1, "HEIF": HEVC}
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'
)


SMALL = EVEN[40:104, 60:156]


def upright(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(plainly(data)).convert("RGB"))


def layer(data: bytes):
    heif = heif_boxes.read(data)
    return heif, shown(heif, KIND["AVIF" if heif.brands[0] == b"avif" else "HEIF"], "it")


SOURCES = {
    "420": {},
    "444": {"subsampling": "4:4:4"},
    "422": {"subsampling": "4:2:2"},
    "high": {"quality": 95},
    "low": {"quality": 30},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_photo_keeps_size_and_sampling_and_is_seen_beforehand(form: str, source: str) -> None:
    data = coded(form, **SOURCES[source])
    photo = Photo.from_bytes(data)
    assert (photo.format, photo.mode, photo.grey, photo.lossless) == (form, "RGB", False, False)
    np.testing.assert_array_equal(photo.pixels, upright(data))
    pixels = changed(photo)
    out = photo.encode(photo.pixels)
    assert abs(len(out) / len(data) - 1) < 0.25
    out = photo.encode(pixels)
    height, width = pixels.shape[:2]
    made = photo.roundtrip(pixels, (0, 0, width, height))
    np.testing.assert_array_equal(photo.decode(out), made)
    np.testing.assert_array_equal(seen_plainly(out), made)
    assert disagreement(out, photo.pixels, made, [(0, 0, width, height)]) == ""
    assert photo.encoding.shared == {"420": (2, 2), "422": (1, 2), "444": (1, 1)}.get(source, (2, 2))
    assert Photo.from_bytes(out).encoding.shared == photo.encoding.shared
    assert photo.encode(pixels) == out


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("odd", [False, True])
def test_all_orientations_as_libraries_write_them(form: str, orientation: int, odd: bool) -> None:
    exif = Image.Exif()
    exif[274], exif[271] = orientation, "Camera works"
    data = coded(form, FACE[40:103, 60:157] if odd else SMALL, exif=exif.tobytes())
    photo = Photo.from_bytes(data)
    assert photo.orientation == orientation
    if not odd:  # else libheif's colours are a pixel off
        np.testing.assert_array_equal(photo.pixels, upright(data))
    out = photo.encode(changed(photo))
    again = Photo.from_bytes(out)
    assert again.orientation == orientation
    np.testing.assert_array_equal(again.pixels, upright(out))
    assert again.pixels.shape == photo.pixels.shape
    np.testing.assert_array_equal(
        again.pixels, photo.roundtrip(changed(photo), (0, 0, *photo.pixels.shape[1::-1]))
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_turns_and_mirrors_are_read_as_others_read_them(form: str, quarters: int, axis: int | None) -> None:
    turns = [(b"irot", bytes([quarters]))] + ([] if axis is None else [(b"imir", bytes([axis]))])
    data = with_properties(coded(form, EVEN[:48, :80], subsampling="4:4:4"), *turns)
    np.testing.assert_array_equal(Photo.from_bytes(data).pixels, upright(data))
    # in their order in a HEIC; in an AVIF always the turn first
    data = with_properties(coded(form, EVEN[:48, :80], subsampling="4:4:4"), *turns[::-1])
    photo = Photo.from_bytes(data)
    np.testing.assert_array_equal(photo.pixels, upright(data))
    out = photo.encode(photo.pixels)
    np.testing.assert_array_equal(Photo.from_bytes(out).pixels, upright(out))
    assert Photo.from_bytes(out).orientation == photo.orientation


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_the_inverse_of_reading(form: str, orientation: int) -> None:
    data = with_properties(coded(form, EVEN[:48, :80]), *turning(orientation))
    assert Photo.from_bytes(data).orientation == orientation


@pytest.mark.parametrize("form", FORMS)
def test_exif_alone_turns_nothing(form: str) -> None:
    """As ISO/IEC 23008-12 has it: the properties of the item do."""
    exif = struct.pack(">I", 0) + exif_block(orientation=6)
    data = with_items(coded(form), Part(b"Exif", exif, refers=((b"cdsc", (1,)),)))
    photo = Photo.from_bytes(data)
    assert photo.orientation == 1
    out = photo.encode(photo.pixels)
    np.testing.assert_array_equal(Photo.from_bytes(out).pixels, upright(out))


@pytest.mark.parametrize("form", FORMS)
def test_metadata_and_colours_are_kept(form: str) -> None:
    thumbnail = Image.fromarray(EVEN[::4, ::4])
    hidden = io.BytesIO()
    thumbnail.save(hidden, "JPEG")
    exif = struct.pack(">I", 6) + b"Exif\0\0" + exif_block(thumbnail=hidden.getvalue())
    about = ((b"cdsc", (1,)),)
    data = with_items(coded(form, xmp=XMP, icc_profile=ICC), Part(b"Exif", exif, refers=about))
    photo = Photo.from_bytes(data)
    assert photo.icc == ICC
    assert "EXIF thumbnail" in photo.removed
    assert photo.location
    assert photo.camera == "Camera works"
    out = photo.encode(changed(photo))
    image = plainly(out)
    assert image.info["icc_profile"] == ICC
    assert image.info["xmp"] == XMP
    assert image.getexif()[271] == "Camera works"
    assert no_trace(hidden.getvalue(), out)
    again = Photo.from_bytes(out)
    assert again.removed == ()
    stripped = Photo.from_bytes(data, strip=True)
    assert {"EXIF", "XMP"} <= set(stripped.removed)
    bare = plainly(stripped.encode(stripped.pixels))
    assert bare.info["icc_profile"] == ICC
    assert not bare.info.get("xmp")
    assert not dict(bare.getexif())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("numbers", [(12, 13, 6), (9, 16, 9), (1, 13, 1)])
def test_the_colour_space_is_kept(form: str, numbers: tuple[int, int, int]) -> None:
    """Primaries and transfer always; the matrix where the coder has it."""
    heif = heif_boxes.read(coded(form, SMALL))
    data = coded(form, SMALL)
    old = heif.items[1].one(b"colr")
    new = b"nclx" + struct.pack(">HHHB", *numbers, 0x80)
    assert old is not None
    light = (
        (b"clli", struct.pack(">HH", 1000, 400)), (b"pasp", struct.pack(">II", 1, 1)),
        (b"mdcv", bytes(range(24))), (b"cclv", bytes(4)), (b"amve", bytes(range(8))),
        (b"ndwt", b"\0\0\0\xcb"),
    )  # fmt: skip
    data = with_properties(data.replace(old, new), *light, essential=False)
    photo = Photo.from_bytes(data)
    assert photo.removed == ()
    out = photo.encode(changed(photo))
    main = heif_boxes.read(out).items[1]
    assert [main.one(kind) for kind, _ in light] == [body for _, body in light]
    told = main.one(b"colr")
    assert told is not None
    matrix = numbers[2] if numbers[2] in CODEC[form].matrices else CODEC[form].matrices[0]
    assert struct.unpack_from(">HHHB", told, 4) == (*numbers[:2], matrix, 0x80)
    assert np.abs(photo.decode(out).astype(int) - changed(photo)).mean() < 5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("full", [False, True])
def test_the_range_of_levels_is_kept(form: str, full: bool) -> None:
    asked = {"range": "full" if full else "limited"} if form == "AVIF" else {"full_range_flag": int(full)}
    photo = Photo.from_bytes(coded(form, SMALL, **asked))
    out = photo.encode(changed(photo))
    told = heif_boxes.read(out).items[1].one(b"colr")
    assert told is not None
    assert told[10] >> 7 == full
    np.testing.assert_array_equal(
        Photo.from_bytes(out).pixels, photo.roundtrip(changed(photo), (0, 0, *photo.pixels.shape[1::-1]))
    )


@pytest.mark.parametrize("form", FORMS)
def test_alpha_stays_bit_for_bit(form: str) -> None:
    data = coded(form, with_alpha().crop((60, 40, 156, 104)))
    photo = Photo.from_bytes(data)
    assert photo.mode == "RGBA"
    assert photo.alpha is not None
    out = photo.encode(changed(photo))
    (_, before), (_, after) = layer(data), layer(out)
    assert before.alpha is not None
    assert after.alpha is not None
    assert after.alpha.item.data == before.alpha.item.data
    np.testing.assert_array_equal(np.asarray(plainly(out))[..., 3], photo.alpha)
    assert photo.removed == ()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grey_stays_grey(form: str, mode: str) -> None:
    data = coded(form, Image.fromarray(SMALL).convert("L").convert(mode))
    photo = Photo.from_bytes(data)
    assert photo.grey
    assert photo.mode == mode
    again = Photo.from_bytes(photo.encode(changed(photo)))
    assert again.grey
    assert again.mode == mode


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", AUXILIARY)
def test_auxiliary_pictures_are_removed_and_told(form: str, what: str) -> None:
    more = small(form, [(b"auxl", (1,))], AUXILIARY[what])
    photo = Photo.from_bytes(with_items(coded(form, SMALL), more))
    assert photo.removed == (what,)
    out = photo.encode(photo.pixels)
    assert no_trace(more.data[20:], out)
    assert len(heif_boxes.read(out).items) == 1


def test_apples_gain_map_goes_and_the_photo_is_told_to_be_hdr_no_longer() -> None:
    """Of an iPhone: by the eyes of pillow-heif, which finds it in the photo, and by its bytes."""
    data, library = apples_hdr(EVEN), pillow_heif()
    [number] = library.open_heif(data).info["aux"][AUXILIARY["gain map"].decode()]
    gains = np.asarray(library.open_heif(data).get_aux_image(number))
    assert gains.shape == (100, 116)
    assert np.corrcoef(gains.ravel(), EVEN[::2, ::2].mean(axis=2).ravel())[0, 1] > 0.95  # the clean face
    photo = Photo.from_bytes(data)
    assert photo.removed == ("gain map",)
    out = photo.encode(changed(photo))
    assert not library.open_heif(out).info["aux"]
    assert b"HDRGainMap" not in out
    for item in heif_boxes.read(data).items.values():
        if item.id > 1 and item.data and item.kind == b"hvc1":
            assert no_trace(item.data[20:], out)
    assert abs(len(photo.encode(photo.pixels)) / len(coded("HEIF")) - 1) < 0.25
    record = blank("photo.heic", CloakSettings(), [])
    tell_hdr(record, photo, out)
    assert record["hdr"] == "removed"
    assert "no longer an HDR photo" in HDR[record["hdr"]]


@pytest.mark.parametrize("form", FORMS)
def test_other_pictures_films_and_makers_boxes_are_removed_and_told(form: str) -> None:
    film = struct.pack(">I4s", 3008, b"moov") + b"clean frames" * 250
    motion = struct.pack(">I4s", 3008, b"mpvd") + b"clean frames" * 250
    c2pa = struct.pack(">I4s16s", 3024, b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481"))
    c2pa += b"clean thumbs" * 250
    cases = {
        "thumbnail": with_items(coded(form, SMALL), small(form, [(b"thmb", (1,))])),
        "second picture": with_items(coded(form, SMALL), small(form)),
        "gain map": with_items(coded(form, SMALL), Part(b"tmap", b"\0" * 62, refers=((b"dimg", (1,)),))),
        "HEIF item 'uri'": with_items(coded(form, SMALL), Part(b"uri ", b"of a maker")),
        "HEIF property 'udes'": with_properties(coded(form, SMALL), (b"udes", bytes(9)), essential=False),
        "film": coded(form, SMALL) + film,
        "C2PA manifest": coded(form, SMALL) + c2pa,
        "data behind the picture": coded(form, SMALL) + b"\xff\xd8\xff\xe0 and more",
        "HEIF box 'sefd'": coded(form, SMALL) + struct.pack(">I4s", 12, b"sefd") + b"1234",
    }
    for what, data in cases.items():
        photo = Photo.from_bytes(data)
        assert photo.removed == (what,), what
        assert Photo.from_bytes(photo.encode(photo.pixels)).removed == ()
    assert Photo.from_bytes(coded(form, SMALL) + motion).removed == ("film",)
    assert b"clean" not in Photo.from_bytes(coded(form, SMALL) + film).encode(
        Photo.from_bytes(coded(form, SMALL)).pixels
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_picture_of_a_file_is_its_primary_item(form: str) -> None:
    """In a burst another one may come first, and it goes."""
    heif = heif_boxes.read(coded(form, SMALL))
    other = heif_boxes.read(coded(form, np.zeros_like(SMALL))).items[1]
    from mnd.photo.heif_writer import written

    main = Part(heif.items[1].kind, heif.items[1].data, tuple(heif.items[1].properties))
    data = written(heif.brands, [Part(other.kind, other.data, tuple(other.properties)), main])
    at = data.index(b"pitm") + 8
    data = data[:at] + b"\0\2" + data[at + 2 :]
    photo = Photo.from_bytes(data)
    np.testing.assert_array_equal(photo.pixels, Photo.from_bytes(coded(form, SMALL)).pixels)
    assert photo.removed == ("second picture",)


def test_a_grid_of_tiles_stays_one_and_its_tiles_are_known_beforehand() -> None:
    large = np.asarray(Image.fromarray(EVEN).resize((300, 260)))
    data = coded("HEIF", large, tile_size=64)
    photo = Photo.from_bytes(data)
    assert photo.encoding.grid == 64
    pixels = changed(photo)
    out = photo.encode(pixels)
    _, seen = layer(out)
    assert seen.main.tile == (64, 64)
    assert len(seen.main.tiles) == 25
    assert abs(len(photo.encode(photo.pixels)) / len(data) - 1) < 0.25
    box = (75, 150, 125, 190)
    crop = photo.roundtrip(pixels[box[1] : box[3], box[0] : box[2]], box, pixels)
    np.testing.assert_array_equal(crop, photo.decode(out)[box[1] : box[3], box[0] : box[2]])
    np.testing.assert_array_equal(seen_plainly(out), photo.decode(out))


@pytest.mark.parametrize("form", FORMS)
def test_a_large_photo_is_seen_through_a_window(form: str) -> None:
    photo = Photo.from_bytes(coded(form, np.asarray(Image.fromarray(EVEN).resize((480, 400)))))
    how = photo.encoding
    photo = replace(photo, encoding=replace(how, codec=replace(how.codec, whole_below=0)))
    pixels = photo.pixels.copy()
    box = (200, 150, 260, 220)
    part = np.s_[box[1] : box[3], box[0] : box[2]]
    pixels[part] = changed(photo)[part]
    seen = photo.roundtrip(pixels[part], box)
    real = photo.decode(photo.encode(pixels))[part]
    assert (
        np.abs(seen.astype(int) - real).mean() < 0.75 * np.abs(real.astype(int) - pixels[part]).mean() + 0.3
    )


def test_ten_bits_stay_ten_and_the_change_is_added_to_them() -> None:
    photo = Photo.from_bytes(ten_bits())
    how = photo.encoding
    assert how.coding.depth == 10
    assert how.deep.dtype == np.uint16
    assert len(np.unique(how.deep % 4)) == 4
    pixels = photo.pixels.copy()
    pixels[40:60, 50:90] += 3
    levels = how._levels(Image.fromarray(pixels))
    change = levels.astype(int) - how.deep
    expected = np.zeros_like(change)
    expected[40:60, 50:90] = (pixels[40:60, 50:90].astype(int) - photo.pixels[40:60, 50:90]) * 4
    near = (levels < 1023) & (levels > 0)
    np.testing.assert_array_equal(change[near], expected[near])
    crop = photo.roundtrip(pixels[40:60, 50:90], (50, 40, 90, 60))
    np.testing.assert_array_equal(crop, photo.decode(photo.encode(pixels))[40:60, 50:90])
    window = how.part((50, 40, 90, 60))._levels(Image.fromarray(pixels[40:60, 50:90]))
    np.testing.assert_array_equal(window, levels[40:60, 50:90])
    out = photo.encode(pixels)
    again = Photo.from_bytes(out)
    assert again.encoding.coding.depth == 10
    assert heif_boxes.brands(out)[0] == b"heix"
    np.testing.assert_array_equal(again.pixels, photo.roundtrip(pixels, (0, 0, 232, 200)))
    deep = np.asarray(pillow_heif().open_heif(out, convert_hdr_to_8bit=False, hdr_to_16bit=False))
    assert deep.max() > 255
    assert len(np.unique(deep % 4)) == 4


@pytest.mark.parametrize("form", FORMS)
def test_an_image_in_memory_goes_through(form: str) -> None:
    if form == "HEIF":
        pillow_heif().register_heif_opener()
    try:
        photo = Photo.from_image(Image.fromarray(EVEN), form)
    finally:
        if form == "HEIF":
            Image.OPEN.pop("HEIF")
            Image.ID.remove("HEIF")
    np.testing.assert_array_equal(photo.pixels, EVEN)
    assert photo.format == form


@given(st.integers(16, 90), st.integers(16, 90), st.sampled_from(FORMS), st.integers(0, 100))
@settings(max_examples=12, deadline=None)
def test_any_size(height: int, width: int, form: str, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    data = coded(form, np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)))
    photo = Photo.from_bytes(data)
    assert photo.pixels.shape == (height, width, 3)
    out = photo.encode(photo.pixels)
    np.testing.assert_array_equal(photo.decode(out), photo.roundtrip(photo.pixels, (0, 0, width, height)))
    np.testing.assert_array_equal(upright(out), photo.decode(out))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("sampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_colours_of_an_avif_stay_where_they_are_however_often_it_is_coded(sampling: str, full: bool) -> None:
    """Pillow's encoder cuts colour differences off, and blurs them: both are taken back beforehand."""
    asked = {"quality": 90, "subsampling": sampling, "range": "full" if full else "limited"}
    first = Photo.from_bytes(coded("AVIF", EVEN // 2 + 64, **asked))
    data = first.encode(first.pixels)
    for _ in range(3):
        data = Photo.from_bytes(data).encode(Photo.from_bytes(data).pixels)
    moved = (Photo.from_bytes(data).pixels.astype(float) - first.pixels).mean((0, 1))
    assert np.abs(moved).max() < 0.5  # plainly coded: about 1.5


def test_a_photo_is_coded_anew_at_the_quality_that_it_was_coded_with() -> None:
    """Where the encoder is the same one, that changes least; the next one costs a whole generation."""
    source = coded("AVIF", quality=82)
    photo = Photo.from_bytes(source)
    assert photo.encoding.quality in (81, 82, 83)
    again = photo.decode(photo.encode(photo.pixels)).astype(float)
    buffer = io.BytesIO()
    Image.fromarray(photo.pixels).save(buffer, "AVIF", quality=82, max_threads=1)
    plain = upright(buffer.getvalue()).astype(float)
    errors = [np.square(one - photo.pixels).mean() for one in (again, plain)]
    assert errors[0] < 0.75 * errors[1]
