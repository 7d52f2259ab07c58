"""Photos as people really have them, whose metadata were lost, made wrong, or kept a clean face."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnd.photo.metadata.directories import Field, first_directory, written
from mnd.photo.metadata.exif import clean_exif
from mnd.photo.photo import Photo, PhotoError
from tests.helpers.photos import FACE, pillow_sees, save, segment
from tests.helpers.planted import FORMS, NAMESPACES, XAP, Planted, texts, traces, unfolded

CASES = Path(__file__).resolve().parents[2] / ".." / "shared" / "cases"
SQUARE = FACE[:200, :200]
HISTORY = (
    '<darktable:history><rdf:Seq><rdf:li darktable:operation="exposure" darktable:params="'
    + bytes(28).hex() + '" darktable:blendop_params="' + bytes(640).hex()
    + '"/></rdf:Seq></darktable:history>'
)  # fmt: skip
PEOPLE = (
    '<mwg-rs:Regions xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
    'rdf:parseType="Resource">'
    "<mwg-rs:RegionList><rdf:Bag>"
    '<rdf:li><rdf:Description mwg-rs:Name="Jane Example" mwg-rs:Type="Face"/></rdf:li>'
    '<rdf:li><rdf:Description mwg-rs:Type="Face"/></rdf:li><rdf:li><rdf:Description mwg-rs:Name="Rex" '
    'mwg-rs:Type="Pet"/></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>'
    '<Iptc4xmpExt:PersonInImage xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><rdf:Bag>'
    "<rdf:li>Jane Example</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage>"
    '<digiKam:TagsList xmlns:digiKam="http://www.digikam.org/ns/1.0/"><rdf:Seq>'
    "<rdf:li>People/John Doe</rdf:li>"
    "<rdf:li>Places/Rome</rdf:li></rdf:Seq></digiKam:TagsList>"
    "<dc:subject><rdf:Bag><rdf:li>John Doe</rdf:li><rdf:li>portrait</rdf:li></rdf:Bag></dc:subject>"
)  # fmt: skip


def without_pointer(orientation: int = 6, form: int = 3, count: int = 1) -> bytes:
    """EXIF whose directory is the last thing in it: no pointer to a next one."""
    value = struct.pack("<H", orientation).ljust(4, b"\0")
    return b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack("<HHI", 274, form, count) + value


def geotagged() -> bytes:
    """As some writers make it: values directly behind the EXIF and GPS directories, without the pointers."""
    below = struct.pack(">HHHII", 1, 33434, 5, 1, 8 + 30 + 14) + struct.pack(">II", 1, 125)
    at = 8 + 30 + len(below)
    place = struct.pack(">HHHII", 1, 2, 5, 3, at + 14) + struct.pack(">6I", 12, 1, 30, 1, 0, 1)
    rows = struct.pack(">HHII", 34665, 4, 1, 38) + struct.pack(">HHII", 34853, 4, 1, at)
    return b"Exif\0\0MM\0*\0\0\0\x08\0\2" + rows + bytes(4) + below + place


def jpeg(pixels: np.ndarray = SQUARE, xmp: str | bytes = "", **options: Any) -> bytes:
    if xmp:
        packet = xmp if isinstance(xmp, bytes) else packet_of(xmp)
        options["extra"] = segment(0xE1, XAP + packet)
    return save(pixels, "JPEG", **options)


def packet_of(elements: str, attributes: str = "") -> bytes:
    return (
        f"<x:xmpmeta {NAMESPACES}><rdf:RDF><rdf:Description {attributes} xmp:Rating='5'>{elements}"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def cloaked(source: bytes, **options: Any) -> tuple[Photo, bytes]:
    photo = Photo.from_bytes(source, **options)
    return photo, photo.encode(photo.pixels)


@pytest.mark.parametrize("pixels", [SQUARE, FACE], ids=["square", "wide"])
@pytest.mark.parametrize("variant", ["no pointer", "cut short", "mixed mark", "two headers", "long number"])
def test_exif_that_only_lenient_readers_take_turns_and_is_kept(pixels: np.ndarray, variant: str) -> None:
    exif = {
        "no pointer": without_pointer(),
        "cut short": without_pointer().replace(b"\0\1\0\x12\1", b"\0\x09\0\x12\1"),
        "mixed mark": without_pointer().replace(b"II*\0", b"II\0*"),
        "two headers": without_pointer() + bytes(4), "long number": without_pointer(form=4),
    }[variant]  # fmt: skip
    extra = segment(0xE1, without_pointer(8)) if variant == "two headers" else b""
    photo, out = cloaked(save(pixels, "JPEG", exif=exif, extra=extra))
    assert photo.orientation == 6
    assert photo.pixels.shape[:2] == pixels.shape[1::-1]
    np.testing.assert_array_equal(photo.decode(out), pillow_sees(out))
    assert Image.open(io.BytesIO(out)).getexif()[274] == 6


@pytest.mark.parametrize(("form", "count"), [(2, 1), (5, 1), (3, 2)])
def test_an_orientation_of_another_type_turns_nothing_for_anybody(form: int, count: int) -> None:
    photo, out = cloaked(jpeg(exif=without_pointer(form=form, count=count)))
    assert photo.orientation == 1
    np.testing.assert_array_equal(photo.decode(out), pillow_sees(out))


def test_values_directly_behind_a_directory_are_not_overwritten() -> None:
    _, out = cloaked(jpeg(exif=geotagged()))
    exif = Image.open(io.BytesIO(out)).getexif()
    assert exif.get_ifd(34665)[33434] == pytest.approx(1 / 125)
    assert exif.get_ifd(34853)[2] == (12.0, 30.0, 0.0)
    assert clean_exif(geotagged()) == geotagged()[6:]


def _tiff(*fields: Field) -> bytes:
    photo = Planted()
    photo.exif["IFD0"] += fields
    return photo.file("TIFF")


LEAKS: dict[str, tuple[Callable[[], bytes], bytes, str]] = {
    "raw pixels in a private TIFF tag": (
        lambda: _tiff(Field(0xC822, 7, FORMS["raw"])), FORMS["raw"], "TIFF 0xC822",
    ),
    "a manifest in TIFF": (
        lambda: _tiff(Field(52545, 7, bytes(90) + FORMS["webp"])), FORMS["webp"], "C2PA manifest",
    ),
    "base64 in JSON in a description": (
        lambda: jpeg(exif=_exif(Field(270, 2, texts(FORMS["jpeg"])["address"].encode() + b"\0"))),
        texts(FORMS["jpeg"])["address"].encode(), "EXIF ImageDescription",
    ),
    "base64 in UTF-16": (
        lambda: jpeg(exif=_exif(Field(40092, 1, texts(FORMS["jpeg"])["base64"].encode("utf-16-le")))),
        texts(FORMS["jpeg"])["base64"].encode(), "EXIF XPComment",
    ),
    "raw pixels in a maker's note": (
        lambda: jpeg(exif=_exif(Field(34665, 4, (Field(37500, 7, b"VENDOR\0\0" + FORMS["raw"]),)))),
        FORMS["raw"], "EXIF MakerNote",
    ),
}  # fmt: skip


def _exif(*fields: Field) -> bytes:
    return b"Exif\0\0MM\0*\0\0\0\x08" + written([Field(271, 2, b"Camera works\0"), *fields], ">", 8)


@pytest.mark.parametrize("case", LEAKS)
def test_a_picture_costs_its_own_field_only(case: str) -> None:
    make, secret, told = LEAKS[case]
    photo, out = cloaked(make())
    assert traces(secret, unfolded(make()))
    assert not traces(secret, unfolded(out))
    assert list(photo.removed) == [told]
    assert (b"Camera works" if photo.format == "JPEG" else b"EXIF A caption") in out


@pytest.mark.parametrize("form", ["jpeg", "webp", "raw"])
def test_a_preview_in_iptc_does_not_cost_the_caption(form: str) -> None:
    planted = Planted(caption="of the sea")
    planted.iptc += [(2, 116, b"(c) somebody"), (2, 202, FORMS[form])]
    photo, out = cloaked(planted.file("JPEG"))
    assert b"IPTC of the sea" in out
    assert b"\x1c\x02\x74\0\x0c(c) somebody" in out
    assert not traces(FORMS[form], out)
    assert photo.removed == ("IPTC 2:202",)


def test_people_are_told_without_their_names() -> None:
    source = jpeg(xmp=PEOPLE)
    photo, out = cloaked(source)
    assert photo.names["people"] == 3  # Jane, John, and one without a name; the pet is none
    assert photo.names["fields"] == [
        "XMP mwg-rs:Regions", "XMP Iptc4xmpExt:PersonInImage", "XMP digiKam:TagsList",
    ]  # fmt: skip
    assert "Jane" not in json.dumps([photo.names, photo.removed])
    assert packet_of(PEOPLE) in out


def test_people_can_be_left_out() -> None:
    photo, out = cloaked(jpeg(xmp=PEOPLE), strip_names=True)
    assert b"Jane" not in out
    assert b"John" not in out
    assert b"mwg-rs:Name" not in out
    assert b"Places/Rome" in out
    assert b"portrait" in out
    assert {"XMP mwg-rs:Regions", "XMP Iptc4xmpExt:PersonInImage", "XMP dc:subject"} <= set(photo.removed)


def test_a_keyword_in_iptc_that_is_a_name_goes_with_it() -> None:
    planted = Planted(xmp_elements=PEOPLE)
    planted.iptc += [(2, 25, b"Jane Example"), (2, 25, b"sea")]
    _, out = cloaked(planted.file("JPEG"), strip_names=True)
    assert b"Jane" not in out
    assert b"\x1c\x02\x19\0\x03sea" in out


def test_names_that_panasonics_cameras_recognise_are_told() -> None:
    faces = struct.pack(">HH", 1, 0) + b"Jane Example".ljust(20, b"\0") + bytes(124)
    table = struct.pack(">HHHII", 1, 0x61, 7, len(faces), 0)
    exif = bytearray(
        _exif(Field(34665, 4, (Field(37500, 7, b"Panasonic\0\0\0" + table + bytes(4) + faces),)))
    )
    at = exif.index(b"Panasonic")
    struct.pack_into(">I", exif, at + 12 + 2 + 8, at - 6 + 12 + len(table) + 4)
    photo, out = cloaked(jpeg(exif=bytes(exif)))
    assert photo.names == {"people": 1, "fields": ["MakerNote recognised faces"]}
    assert b"Jane" in out
    photo, out = cloaked(jpeg(exif=bytes(exif)), strip_names=True)
    assert b"Jane" not in out
    assert b"Panasonic" in out


def test_texts_of_a_tiff_are_the_bytes_that_were_read() -> None:
    artist, rights = "Änne Müller\0".encode(), "© 2020 Änne\0".encode()
    _, out = cloaked(_tiff(Field(33432, 2, rights), Field(270, 2, "Grüße\0".encode("latin-1"))))
    first = first_directory(out)
    assert {first.value(e) for e in first.entries if e.tag in (270, 33432)} == {
        rights,
        "Grüße\0".encode("latin-1"),
    }
    planted = Planted(caption=artist.decode().strip("\0"))
    assert b"EXIF " + artist in cloaked(planted.file("TIFF"))[1]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_history_of_edits_stays_with_all_beside_it(form: str) -> None:
    planted = Planted(xmp_elements=HISTORY)
    photo, out = cloaked(planted.file(form))
    assert photo.removed == ()
    assert planted.xmp() in unfolded(out)


def test_bytes_after_the_packet_cost_only_themselves() -> None:
    packet = packet_of("<dc:title><![CDATA[A day]]></dc:title>")
    photo, out = cloaked(jpeg(xmp=packet + b"\0junk \xff\xff"))
    assert packet in out
    assert b"junk" not in out
    assert photo.removed == ("bytes after the XMP packet",)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("exif", [1, 6])
@pytest.mark.parametrize("xmp", ['tiff:Orientation="8"', "<tiff:Orientation>8</tiff:Orientation>"])
def test_a_stale_orientation_in_xmp_turns_nothing(form: str, exif: int, xmp: str) -> None:
    packet = packet_of("" if "=" in xmp else xmp, xmp if "=" in xmp else "")
    options: dict[str, Any] = {"tiffinfo": {700: packet}} if form == "TIFF" else {"xmp": packet}
    if form == "PNG":
        from PIL import PngImagePlugin

        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        options = {"pnginfo": info}
    if exif != 1:
        turned = Image.Exif()
        turned[274] = exif
        options["exif"] = turned
        if form == "TIFF":
            options = {"tiffinfo": {700: packet, 274: exif}}
    photo, out = cloaked(save(FACE, form, **options))
    assert photo.orientation == exif
    assert photo.removed == ("XMP tiff:Orientation",)
    np.testing.assert_array_equal(photo.decode(out), pillow_sees(out))
    assert b"xmp:Rating" in out


def with_frame(marker: int, bits: int = 8) -> bytes:
    data = bytearray(save(SQUARE, "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, bits
    return bytes(data)


def compressed(scheme: int) -> bytes:
    """A TIFF that says so; what is in its strips does not matter."""
    start = struct.pack("<HHI", 259, 3, 1)
    return save(SQUARE, "TIFF").replace(start + b"\1\0", start + struct.pack("<H", scheme))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (with_frame(0xC1, 12), "a JPEG of 12 bits a channel"), (with_frame(0xC3), "a lossless JPEG"),
        (with_frame(0xC3, 16), "a lossless JPEG of 16 bits"), (with_frame(0xF7), "a JPEG-LS"),
        (with_frame(0xC5), "a hierarchical JPEG"),
        (compressed(50001), "a TIFF compressed with WebP"), (compressed(50002), "with JPEG XL"),
    ],
)  # fmt: skip
def test_whole_files_of_rare_kinds_are_named(
    data: bytes, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PhotoError, match=message) as caught:
        Photo.from_bytes(data)
    assert caught.value.kind == "unsupported"
    assert capfd.readouterr().err == ""


def test_a_damaged_tiff_says_why_without_lines_of_libtiff(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(save(SQUARE, "TIFF", compression="tiff_lzw"))
    data[200:20000] = bytes(19800)
    with pytest.raises(PhotoError) as caught:
        Photo.from_bytes(bytes(data))
    assert caught.value.kind == "truncated"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "name",
    [
        "exif_base64.jpg", "exif_maker_raw.jpg", "exif_no_next_square.jpg", "exif_no_next_wide.jpg",
        "exif_piexif.jpg", "iptc_preview_jpeg.jpg", "tiff_c2pa_webp_thumbnail.tif", "tiff_private_raw.tif",
        "tiff_utf8_text.tif", "xmp_darktable_history.jpg", "xmp_imagemagick_profile.png",
        "xmp_names_of_people.jpg", "xmp_stale_orientation.jpg",
    ],
)  # fmt: skip
def test_the_files_of_the_reports_lose_only_what_is_listed(name: str, tmp_path: Path) -> None:
    """Every value that exiftool reads before, it reads after, but for what the record lists."""
    if not (CASES / name).exists():
        pytest.skip(f"needs ../shared/cases/{name}, which is not there")
    photo = Photo.read(CASES / name)
    out = tmp_path / name
    out.write_bytes(photo.encode(photo.pixels))
    np.testing.assert_array_equal(photo.decode(out.read_bytes()), pillow_sees(out.read_bytes()))
    expected = {
        "exif_base64.jpg": {"ImageDescription", "UserComment"}, "exif_maker_raw.jpg": {"MakerNote"},
        "iptc_preview_jpeg.jpg": {"ObjectPreviewData"}, "tiff_private_raw.tif": {"Exif_0xc822"},
        "tiff_c2pa_webp_thumbnail.tif": {"Exif_0xcd41"}, "xmp_stale_orientation.jpg": {"Orientation"},
    }.get(name, set())  # fmt: skip
    assert (len(photo.removed) == 0) == (not expected)
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool, which is not installed")
    before, after = values(CASES / name), values(out)
    assert {key.partition(":")[2] for key in before if after.get(key) != before[key]} <= expected


def values(path: Path) -> dict[str, Any]:
    """What exiftool reads of a file, less what describes the file itself."""
    words = ["exiftool", "-j", "-G1", "-a", "-u", str(path)]
    told = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)[0]
    own = (
        "File:",
        "System:",
        "ExifTool:",
        "SourceFile",
        "Composite:",
        "IFD0:StripOffsets",
        "Adobe:",
        "JFIF:",
    )
    return {key: value for key, value in told.items() if not key.startswith(own)}
