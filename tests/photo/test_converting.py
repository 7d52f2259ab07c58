"""Another format where somebody asks for it: the same pixels, upright, and what the format takes along."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnd.cloaking.settings import SUFFIX, CloakSettings
from mnd.photo import heif_boxes
from mnd.photo.converting import converted
from mnd.photo.photo import Photo, PhotoError
from tests.helpers.heif import EVEN, FORMS, coded, ten_bits
from tests.helpers.photos import FACE, ICC, changed, pillow_sees, save, with_alpha

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' xmp:Rating="5" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("to", SUFFIX)
def test_pixels_colours_and_texts_go_along(form: str, to: str) -> None:
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Camera works"
    photo = Photo.from_bytes(coded(form, exif=exif.tobytes(), xmp=XMP, icc_profile=ICC))
    assert photo.orientation == 6
    made = converted(photo, to)
    assert (made.format, made.orientation) == (to.upper(), 1)
    np.testing.assert_array_equal(made.pixels, photo.pixels)
    pixels = changed(photo)
    out = made.encode(pixels)
    np.testing.assert_array_equal(pillow_sees(out), made.roundtrip(pixels, (0, 0, *pixels.shape[1::-1])))
    image = Image.open(io.BytesIO(out))
    assert image.info["icc_profile"] == ICC
    assert image.getexif()[271] == "Camera works"
    assert image.getexif().get(274, 1) == 1
    assert b'xmp:Rating="5"' in out
    assert b"tiff:Orientation" not in out
    assert made.removed == photo.removed
    assert made.encoding.shared == ((2, 2) if to == "jpeg" else (1, 1))


def test_what_a_format_does_not_take_is_told_or_refused() -> None:
    photo = Photo.from_bytes(save(with_alpha(), "PNG"))
    with pytest.raises(PhotoError, match="transparency, which no JPEG has, expected --format png"):
        converted(photo, "jpeg")
    assert converted(photo, "png") is photo
    assert converted(photo, None) is photo
    tiff = Photo.from_bytes(save(FACE, "TIFF"))
    assert converted(tiff, "jpeg").removed == ("metadata other than EXIF and the colour profile",)
    assert "bits beyond the eighth" in converted(Photo.from_bytes(ten_bits()), "png").removed
    data = coded("AVIF", EVEN)
    old = heif_boxes.read(data).items[1].one(b"colr")
    assert old is not None
    wide = Photo.from_bytes(data.replace(old, old[:4] + b"\0\x09\0\x10" + old[8:]))
    with pytest.raises(PhotoError, match="primaries 9, transfer 16"):
        converted(wide, "jpeg")


def test_names_follow_the_format(tmp_path: Path) -> None:
    path = tmp_path / "a.avif"
    path.write_bytes(coded("AVIF", EVEN))
    photo = converted(Photo.read(path), "jpeg")
    photo.check_output(tmp_path / "a.jpg")
    with pytest.raises(PhotoError, match=r"a\.cloaked\.avif: the photo is written as JPEG, expected .*\.jpg"):
        photo.check_output(tmp_path / "a.cloaked.avif")
    with pytest.raises(ValueError, match="format is 'gif', expected one of jpeg, png"):
        CloakSettings(format="gif")  # type: ignore[arg-type]
    assert CloakSettings(format="png").suffix == ".png"
