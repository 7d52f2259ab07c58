"""Where, when and with what a photo was taken: told, and gone from the saved bytes where asked for."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from mnd.photo.metadata.directories import Field
from mnd.photo.photo import Photo
from tests.helpers.photos import FACE, ICC, add_chunks, exif_block, save, segment
from tests.helpers.planted import Planted, unfolded

EXIF_NS = 'xmlns:exif="http://ns.adobe.com/exif/1.0/"'
CORE_NS = 'xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"'
EXT_NS = 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
PS_NS = 'xmlns:ps="http://ns.adobe.com/photoshop/1.0/"'
LATITUDE = struct.pack(">6I", 52, 1, 31, 1, 12, 1)
TIE = struct.pack(">6d", 0, 0, 0, 13.4, 52.5, 0)
ALL = ("JPEG", "PNG", "WEBP", "TIFF")
WITH_IPTC = ("JPEG", "PNG", "TIFF")


def _attribute(text: str) -> Callable[[Planted], None]:
    return lambda p: setattr(p, "xmp_attributes", f" {text}")


def _element(text: str) -> Callable[[Planted], None]:
    return lambda p: setattr(p, "xmp_elements", text)


def _gps(photo: Planted) -> None:
    photo.exif["IFD0"].append(Field(34853, 4, (Field(1, 2, b"N\0"), Field(2, 5, LATITUDE))))


def _panasonic(photo: Planted) -> None:
    """A maker's note whose values stand in itself, counted from the start of EXIF."""
    town = b"Secretville".ljust(72, b"\0")
    table = struct.pack(">H", 1) + struct.pack(">HHII", 0x6D, 7, len(town), 0) + bytes(4)
    photo.exif["EXIF"].append(Field(37500, 7, b"Panasonic\0\0\0" + table + town))


SAYING: dict[str, tuple[tuple[str, ...], Callable[[Planted], None], bytes, str]] = {
    "XMP attribute": (
        ALL, _attribute(f'{EXIF_NS} exif:GPSLatitude="52,31.2N"'), b"52,31.2N", "XMP exif:GPSLatitude",
    ),
    "XMP element": (
        ALL, _element(f"<exif:GPSLongitude {EXIF_NS}>13,24.5E</exif:GPSLongitude>"), b"13,24.5E",
        "XMP exif:GPSLongitude",
    ),
    "another prefix": (
        ALL, _attribute(f'{PS_NS} ps:City="Secretville"'), b"Secretville", "XMP photoshop:City",
    ),
    "IPTC core": (
        ALL, _element(f"<Iptc4xmpCore:Location {CORE_NS}>Secretville</Iptc4xmpCore:Location>"),
        b"Secretville", "XMP Iptc4xmpCore:Location",
    ),
    "IPTC extension": (
        ALL, _element(f'<Iptc4xmpExt:LocationShown {EXT_NS}><rdf:Bag><rdf:li rdf:parseType="Resource">'
                      "<Iptc4xmpExt:City>Secretville</Iptc4xmpExt:City></rdf:li></rdf:Bag>"
                      "</Iptc4xmpExt:LocationShown>"),
        b"Secretville", "XMP Iptc4xmpExt:LocationShown",
    ),
    "a drone": (
        ALL, _attribute('xmlns:d="http://www.dji.com/drone-dji/1.0/" d:GpsLongtitude="+13.408"'), b"+13.408",
        "XMP d:GpsLongtitude",
    ),
    "a tag of places": (
        ALL, _element('<lr:hierarchicalSubject xmlns:lr="http://ns.adobe.com/lightroom/1.0/"><rdf:Bag>'
                      "<rdf:li>Places|Secretville</rdf:li></rdf:Bag></lr:hierarchicalSubject>"
                      "<dc:subject><rdf:Bag><rdf:li>Secretville</rdf:li></rdf:Bag></dc:subject>"),
        b"Secretville", "XMP lr:hierarchicalSubject",
    ),
    "IPTC city": (WITH_IPTC, lambda p: p.iptc.append((2, 90, b"Secretville")), b"Secretville", "IPTC 2:90"),
    "IPTC place": (WITH_IPTC, lambda p: p.iptc.append((2, 92, b"Secretville")), b"Secretville", "IPTC 2:92"),
    "IPTC country": (WITH_IPTC, lambda p: p.iptc.append((2, 101, b"Secretia")), b"Secretia", "IPTC 2:101"),
    "a TIFF's GPS": (("TIFF",), _gps, LATITUDE, "EXIF GPS"),
    "GeoTIFF": (
        ("TIFF",), lambda p: p.exif["IFD0"].append(Field(33922, 12, TIE)), TIE[24:40], "TIFF 0x8482",
    ),
    "PNG text": (
        ("PNG",), lambda p: p.chunks.append((b"tEXt", b"exif:GPSLatitude\x0052/1, 31/1")), b"52/1, 31/1",
        "PNG text 'exif:GPSLatitude'",
    ),
}  # fmt: skip
CASES = [(name, form) for name, (forms, *_) in SAYING.items() for form in forms]


def without_gps() -> Planted:
    """Planted metadata of which nothing says where."""
    photo = Planted()
    block = photo.exif_block

    def plain() -> bytes:
        return block().replace(LATITUDE, bytes(len(LATITUDE)))

    photo.exif_block = plain  # type: ignore[method-assign]
    return photo


def saved(source: bytes, **options: bool) -> tuple[Photo, bytes]:
    photo = Photo.from_bytes(source, **options)
    return photo, photo.encode(photo.pixels)


@pytest.mark.parametrize("form", [*ALL, "BMP"])
def test_what_says_nothing_of_a_place_has_none(form: str) -> None:
    source = save(FACE, "BMP") if form == "BMP" else without_gps().file(form)
    photo, out = saved(source)
    assert not photo.location
    assert not Photo.from_bytes(out).location


@pytest.mark.parametrize(("case", "form"), CASES)
def test_a_place_is_told_and_goes_when_asked(case: str, form: str) -> None:
    _, plant, secret, told = SAYING[case]
    planted = without_gps()
    plant(planted)
    source = planted.file(form)
    assert secret in unfolded(source)

    photo, out = saved(source)
    assert photo.location
    assert secret in unfolded(out)
    assert photo.removed == ()

    for options in ({"strip_gps": True}, {"strip": True}):
        photo, out = saved(source, **options)
        assert secret not in unfolded(out)
        assert not photo.location
        assert told in photo.removed
        assert not Photo.from_bytes(out).location
    # whoever asks for places alone keeps the rest
    photo, out = saved(source, strip_gps=True)
    assert b"(c) somebody" in unfolded(out)
    assert b"EXIF A caption" in unfolded(out)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_gps_directory_goes_whole(form: str) -> None:
    source = Planted().file(form)
    photo, out = saved(source)
    assert photo.location
    assert LATITUDE in out
    photo, out = saved(source, strip_gps=True)
    assert "EXIF GPS" in photo.removed
    assert LATITUDE not in unfolded(out)
    exif = Image.open(io.BytesIO(out)).getexif()
    assert 34853 not in exif
    assert exif[271] == "Camera works"
    assert exif.get_ifd(34665)[36867] == "2020:01:02 03:04:05"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_directory_of_zeros_is_no_place(form: str) -> None:
    assert not saved(without_gps().file(form))[0].location


def test_gps_as_phones_write_it_in_both_orders() -> None:
    for order in "<>":
        source = save(FACE, "JPEG", exif=b"Exif\0\0" + exif_block(order, orientation=6))
        photo, out = saved(source, strip_gps=True)
        assert struct.pack(order + "6I", 52, 1, 31, 1, 12, 1) not in out
        assert photo.orientation == Photo.from_bytes(out).orientation == 6


def test_a_place_in_a_makers_note_goes_without_the_note() -> None:
    planted = without_gps()
    _panasonic(planted)
    block = planted.exif_block()
    at = block.index(b"Panasonic")
    fixed = bytearray(block)
    struct.pack_into(">I", fixed, at + 12 + 2 + 8, at + 12 + 2 + 12 + 4)
    source = save(FACE, "JPEG", exif=b"Exif\0\0" + bytes(fixed))
    photo, out = saved(source)
    assert photo.location
    assert b"Secretville" in out
    photo, out = saved(source, strip_gps=True)
    assert b"Secretville" not in out
    assert b"Panasonic" in out
    assert "MakerNote city" in photo.removed


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("form", ALL)
def test_strip_leaves_what_shows_the_photo(form: str, orientation: int) -> None:
    planted = Planted(icc=ICC)
    turned = b"\x01\x12\0\x03\0\0\0\1\0"
    block = planted.exif_block().replace(turned + b"\x01", turned + bytes([orientation]))
    planted.exif_block = lambda: block  # type: ignore[method-assign]
    if form == "TIFF":
        planted.exif["IFD0"].append(Field(274, 3, bytes([0, orientation])))
    photo, out = saved(planted.file(form), strip=True)
    for secret in (b"A caption", b"somebody", b"Camera works", b"2020:01:02", b"IPTC ", b"xmpmeta", b"8BIM"):
        assert secret not in unfolded(out), secret
    assert photo.icc is not None
    again = Photo.from_bytes(out)
    assert again.icc == photo.icc
    assert again.orientation == photo.orientation == orientation
    assert again.removed == ()
    assert (again.camera, again.taken, again.location) == ("", False, False)
    assert (photo.camera, photo.taken, photo.location) == ("", False, False)
    np.testing.assert_array_equal(again.pixels, photo.decode(out))
    assert {"XMP"} <= set(photo.removed)


def test_strip_of_a_jpeg_takes_comments_and_of_others_texts() -> None:
    source = save(FACE, "JPEG", comment=b"a word", extra=segment(0xEC, b"Ducky\0\1"))
    photo, out = saved(source, strip=True)
    assert b"a word" not in out
    assert b"Ducky" not in out
    assert photo.removed == ("comments",)
    source = add_chunks(save(FACE, "PNG"), (b"tEXt", b"Author\0Jane"), (b"tIME", b"\x07\xe4\1\1\0\0\0"))
    photo, out = saved(source, strip=True)
    assert b"Jane" not in out
    assert photo.removed == ("PNG text 'Author'", "PNG chunk 'tIME'")
    source = save(FACE, "BMP", dpi=(300, 300))
    assert saved(source, strip=True)[0].removed == ("BMP resolution",)


@pytest.mark.parametrize("form", ALL)
def test_camera_and_time_are_told(form: str) -> None:
    photo, _ = saved(Planted().file(form))
    assert photo.taken
    assert photo.camera == ("" if form == "TIFF" else "Camera works")


def test_a_camera_is_told_in_a_short_printable_line() -> None:
    fields = [Field(272, 2, b"\x1b[31mEvil\n" + b"x" * 200 + b"\0")]
    planted = Planted()
    planted.exif["IFD0"] += fields
    camera = saved(planted.file("JPEG"))[0].camera
    assert camera.startswith("Camera works")
    assert camera.isprintable()
    assert len(camera) <= 80


def test_names_stay_gone_with_strip() -> None:
    names = "<rdf:Bag><rdf:li>Jane</rdf:li></rdf:Bag>"
    planted = Planted(xmp_elements=f"<Iptc4xmpExt:PersonInImage {EXT_NS}>{names}</Iptc4xmpExt:PersonInImage>")
    photo, out = saved(planted.file("JPEG"), strip=True)
    assert b"Jane" not in out
    assert set(photo.names["fields"]) <= set(photo.removed)
