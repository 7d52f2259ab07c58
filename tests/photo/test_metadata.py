"""Metadata stays; whatever shows the clean face does not."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, TiffImagePlugin

from mnd.photo.metadata import exif, pictures, xmp
from mnd.photo.photo import Photo
from mnd.photo.png import png_chunks
from tests.helpers.photos import (
    FACE,
    ICC,
    add_chunks,
    changed,
    exif_block,
    no_trace,
    save,
    scan,
    segment,
    with_alpha,
)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_stays_but_its_thumbnail_goes(form: str, order: str) -> None:
    thumbnail = save(Image.fromarray(FACE).resize((64, 55)), "JPEG")
    maker = b"MAKER note, with its own places: " + bytes(range(200))
    exif = exif_block(order, orientation=3, maker=maker, thumbnail=thumbnail)
    source = save(FACE, form, exif=b"Exif\0\0" + exif)
    assert thumbnail in source
    photo = Photo.from_bytes(source)
    out = photo.encode(changed(photo))
    assert no_trace(scan(thumbnail), out)
    kept = Image.open(io.BytesIO(out)).getexif()
    assert kept[271] == "Camera works"
    assert kept[274] == 3 == photo.orientation
    assert kept.get_ifd(34665)[36864] == b"0230"
    assert kept.get_ifd(34853)[2] == (52.0, 31.0, 12.0)
    assert not kept.get_ifd(1)
    # the maker note stands where it stood: its inner addresses stay true
    assert photo.encoding.exif.index(maker) == exif.index(maker)


def test_a_maker_note_with_a_preview_goes() -> None:
    preview = save(Image.fromarray(FACE).resize((64, 55)), "JPEG")
    for start in (preview, b"\0" + preview[1:]):  # some cameras alter the first byte
        photo = Photo.from_bytes(save(FACE, "JPEG", exif=b"Exif\0\0" + exif_block(maker=b"NOTE" + start)))
        out = photo.encode(photo.pixels)
        assert no_trace(preview[8:], out[: out.index(b"\xff\xdb")])
        kept = Image.open(io.BytesIO(out)).getexif()
        assert kept[271] == "Camera works"
        assert 37500 not in kept.get_ifd(34665)


@pytest.mark.parametrize("kind", [16, 17])
def test_of_an_iphones_note_with_a_number_of_eight_bytes_only_what_hides_goes(kind: int) -> None:
    """Newer iPhones write such numbers, which EXIF itself does not have."""
    secret = np.random.default_rng(0).bytes(400)
    head, count = b"Apple iOS\0\0\1MM", 3
    values = len(head) + 2 + 12 * count + 4
    rows = struct.pack(">HHII", 2, 7, len(secret), values + 8)
    rows += struct.pack(">HHII", 23, kind, 1, values) + struct.pack(">HHIi", 47, 9, 1, 89)
    number = struct.pack(">q", 0x0102_0304_0506_0708)
    note = head + struct.pack(">H", count) + rows + bytes(4) + number + secret
    photo = Photo.from_bytes(save(FACE, "JPEG", exif=b"Exif\0\0" + exif_block(">", maker=note)))
    out = photo.encode(photo.pixels)
    assert "MakerNote 0x0002" in photo.removed
    assert "EXIF MakerNote" not in photo.removed
    assert no_trace(secret, out)
    kept = Image.open(io.BytesIO(out)).getexif().get_ifd(34665)[37500]
    assert kept.startswith(head)
    assert number in kept


@given(st.binary(max_size=60), st.integers(0, 400))
@settings(max_examples=150, deadline=None)
def test_damaged_exif_never_raises_nor_keeps_a_picture(junk: bytes, at: int) -> None:
    thumbnail = b"\xff\xd8\xff\xe0" + bytes(range(40, 200))
    block = exif_block(thumbnail=thumbnail)
    damaged = block[:at] + junk + block[at + len(junk) :]
    cleaned = exif.clean_exif(damaged)
    assert not pictures.starts_picture(cleaned)
    # tables that overlap are not the same twice, but never become a picture
    assert not pictures.starts_picture(exif.clean_exif(cleaned))


XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="d" xmlns:xmp="x" xmlns:xmpGImg="g" xmlns:GDepth="p" dc:title="A day"%s>%s'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>" + b" " * 2000 + b'<?xpacket end="w"?>'
)
BASE64 = b"/9j/4AAQSkZJRgABAQAAAQABAAD" + b"Qm9zcw" * 300
UNKNOWN = base64.b64encode(np.random.default_rng(0).bytes(900))
THUMBNAILS = (
    b"<xmp:Thumbnails><rdf:Alt><rdf:li><xmpGImg:width>64</xmpGImg:width><xmpGImg:image>"
    + BASE64
    + b"</xmpGImg:image></rdf:li></rdf:Alt></xmp:Thumbnails>"
)


@pytest.mark.parametrize(
    ("attribute", "element"),
    [
        (b"", THUMBNAILS),
        (b' GDepth:Data="' + BASE64 + b'"', b""),
        (b"", b"<GDepth:Data>" + BASE64 + b"</GDepth:Data>"),
    ],
)
def test_xmp_stays_but_its_pictures_go(attribute: bytes, element: bytes) -> None:
    cleaned = xmp.clean_xmp(XMP % (attribute, element))
    assert b'dc:title="A day"' in cleaned
    assert BASE64[:40] not in cleaned
    assert xmp.clean_xmp(cleaned) == cleaned == XMP % (b"", b"")


def test_of_xmp_with_a_picture_in_an_unknown_place_that_field_goes() -> None:
    for hidden in (BASE64, UNKNOWN):
        assert xmp.clean_xmp(XMP % (b"", b"<dc:own>" + hidden + b"</dc:own>")) == XMP % (
            b"",
            b"<dc:own></dc:own>",
        )
    wide = (XMP % (b"", b"")).decode().encode("utf-16")
    assert xmp.clean_xmp(wide) == (XMP % (b"", b""))
    words = b"<dc:own>" + b"plain words of a caption " * 100 + b"</dc:own>"
    assert xmp.clean_xmp(XMP % (b"", words)) == XMP % (b"", words)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_xmp_is_cleaned_in_every_format(form: str) -> None:
    xmp = XMP % (b"", THUMBNAILS)
    if form == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
        source = save(FACE, form, pnginfo=info)
    elif form == "TIFF":
        source = save(FACE, form, tiffinfo={700: xmp})
    else:
        source = save(FACE, form, xmp=xmp)
    photo = Photo.from_bytes(source)
    out = photo.encode(photo.pixels)
    assert b'dc:title="A day"' in out
    assert BASE64[:40] not in out


def photoshop(*resources: tuple[int, bytes]) -> bytes:
    parts = [b"8BIM" + struct.pack(">HHI", n, 0, len(b)) + b + bytes(len(b) & 1) for n, b in resources]
    return b"".join(parts)


def test_iptc_stays_but_photoshops_thumbnail_extended_xmp_and_other_frames_go() -> None:
    thumbnail = save(Image.fromarray(FACE).resize((64, 55)), "JPEG")
    iptc = b"\x1c\x02\x78\x00\x05A day"
    block = photoshop((1028, iptc), (1036, bytes(28) + thumbnail), (1033, thumbnail), (1034, b"\1"))
    extra = segment(0xED, b"Photoshop 3.0\0" + block)
    extra += segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + BASE64)
    extra += segment(0xE0, b"JFXX\0\x10" + thumbnail) + segment(0xEB, b"JP\0\1" + thumbnail)
    data = save(FACE, "JPEG")
    photo = Photo.from_bytes(data[:20] + extra + data[20:])
    out = photo.encode(photo.pixels)
    assert photoshop((1028, iptc), (1034, b"\1")) in out
    assert Image.open(io.BytesIO(out)).info["photoshop"] == {1028: iptc, 1034: b"\1"}
    assert no_trace(scan(thumbnail), out)
    assert BASE64[:40] not in out
    assert out.count(b"\xff\xd8\xff") == 1


def test_of_a_multi_picture_jpeg_only_the_first_is_left() -> None:
    second = Image.fromarray(FACE[::-1].copy())
    data = save(FACE, "MPO", save_all=True, append_images=[second])
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 2
    photo = Photo.from_bytes(data)
    assert photo.format == "JPEG"
    np.testing.assert_array_equal(photo.pixels, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    out = photo.encode(photo.pixels)
    assert Image.open(io.BytesIO(out)).format == "JPEG"
    assert b"MPF\0" not in out
    assert out.count(b"\xff\xd8\xff") == 1
    assert out.endswith(b"\xff\xd9")


def test_png_keeps_its_chunks_but_hidden_pictures() -> None:
    thumbnail = save(Image.fromarray(FACE).resize((64, 55)), "JPEG")
    raw = (
        b"\nexif\n%8d\n" % 999
        + (b"Exif\0\0" + exif_block(thumbnail=thumbnail, orientation=8)).hex().encode()
        + b"\n"
    )
    kept = [
        (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *range(31270, 31278))),
        (b"sRGB", b"\0"),
        (b"pHYs", struct.pack(">IIB", 2835, 2835, 1)), (b"sBIT", b"\x08\x08\x08"), (b"tEXt", b"Title\0A day"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"A long day")),
        (b"iTXt", "Author\0\0\0de\0Urheber\0Änne".encode()),
        (b"prVt", b"private, safe to copy"),
    ]  # fmt: skip
    gone = [
        (b"prVW", b"a preview " + thumbnail), (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw)),
        (b"tEXt", b"Preview\0" + BASE64), (b"tEXt", b"Preview\0" + thumbnail.hex().encode()),
        (b"prVt", thumbnail),
    ]  # fmt: skip
    data = add_chunks(save(FACE, "PNG"), *kept, *gone)
    photo = Photo.from_bytes(data)
    assert photo.orientation == 8
    chunks = list(png_chunks(photo.encode(photo.pixels)))
    names = [name for name, _ in chunks]
    assert [chunk for chunk in chunks if chunk[0] not in (b"IHDR", b"eXIf", b"IDAT", b"IEND")] == kept
    assert names[-2:] == [b"IDAT", b"IEND"]
    block = dict(chunks)[b"eXIf"]
    assert exif.exif_orientation(block) == 8
    assert no_trace(scan(thumbnail), block)
    profile = Photo.from_bytes(save(FACE, "PNG", icc_profile=ICC))
    assert Image.open(io.BytesIO(profile.encode(profile.pixels))).info["icc_profile"] == ICC


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_keeps_compression_and_tags(compression: str) -> None:
    ifd = TiffImagePlugin.ImageFileDirectory_v2()
    ifd[270], ifd[315], ifd[274] = "A day", "Änne".encode().decode("latin-1"), 6
    ifd[34665] = {36867: "2020:01:02 03:04:05", 33434: TiffImagePlugin.IFDRational(1, 125)}
    thumbnail = save(Image.fromarray(FACE).resize((64, 55)), "JPEG")
    iptc = b"\x1c\x02\x78\x00\x05A day"
    ifd.tagtype[34377] = ifd.tagtype[37724] = 7
    ifd[34377], ifd[37724] = photoshop((1028, iptc), (1036, thumbnail)), b"layers " + thumbnail
    # tags that libtiff's writer refuses are only tried without compression
    options = {"tiffinfo": ifd} if compression == "raw" else {"tiffinfo": {270: "A day", 274: 6}}
    source = save(FACE, "TIFF", compression=compression, dpi=(144, 144), icc_profile=ICC, **options)
    photo = Photo.from_bytes(source)
    assert photo.orientation == 6
    np.testing.assert_array_equal(photo.pixels, np.rot90(FACE, -1))
    out = photo.encode(photo.pixels)
    tags = TiffImagePlugin.TiffImageFile(io.BytesIO(out)).tag_v2
    assert Image.open(io.BytesIO(out)).info["compression"] == compression
    assert tags[270] == "A day"
    assert tags[274] == 6
    assert tags[34675] == ICC
    assert (tags[282], tags[283], tags[296]) == (144, 144, 2)
    assert 0.9 < len(out) / len(source) < 1.1
    assert no_trace(scan(thumbnail), out)
    if compression == "raw":
        exif = Image.open(io.BytesIO(out)).getexif().get_ifd(34665)
        assert exif[36867] == "2020:01:02 03:04:05"
        assert exif[33434] == pytest.approx(1 / 125)
        assert tags[34377] in (photoshop((1028, iptc)), (photoshop((1028, iptc)),))
        assert 37724 not in tags


def test_tiff_with_jpeg_inside_and_with_a_predictor() -> None:
    jpeg = Photo.from_bytes(save(FACE, "TIFF", compression="jpeg", quality=90))
    out = jpeg.encode(jpeg.pixels)
    np.testing.assert_array_equal(jpeg.decode(out), jpeg.pixels)
    assert Image.open(io.BytesIO(out)).info["compression"] == "tiff_adobe_deflate"
    source = save(FACE, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    photo = Photo.from_bytes(source)
    out = photo.encode(photo.pixels)
    assert TiffImagePlugin.TiffImageFile(io.BytesIO(out)).tag_v2[317] == 2
    np.testing.assert_array_equal(photo.decode(out), photo.pixels)
    assert len(out) <= 1.05 * len(source)


def test_bmp_keeps_its_resolution() -> None:
    photo = Photo.from_bytes(save(FACE, "BMP", dpi=(300, 200)))
    assert photo.encode(photo.pixels)[38:46] == struct.pack("<ii", 11811, 7874)


@pytest.mark.parametrize("quality", [60, 80, 95])
def test_lossy_webp_keeps_its_size(quality: int) -> None:
    data = save(with_alpha(), "WEBP", lossless=False, quality=quality, icc_profile=ICC)
    photo = Photo.from_bytes(data)
    assert not photo.lossless
    out = photo.encode(photo.pixels)
    assert 0.9 < len(out) / len(data) < 1.1
    again = Photo.from_bytes(out)
    assert again.icc == ICC
    np.testing.assert_array_equal(again.alpha, photo.alpha)
    assert not again.lossless
