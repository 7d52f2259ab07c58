"""A second reader looks at what is saved: a file that is not as it was made is never called protected."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mnd.photo.photo import Photo
from mnd.photo.second_reader import disagreement
from tests.helpers.photos import FACE, changed, save

BOX = (60, 40, 160, 140)


def made_of(photo: Photo) -> np.ndarray:
    """The photo with a change inside the box."""
    made = photo.pixels.copy()
    part = np.s_[BOX[1] : BOX[3], BOX[0] : BOX[2]]
    made[part] = changed(photo)[part]
    return made


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_what_is_saved_is_what_was_made(form: str, orientation: int) -> None:
    turned = Image.Exif()
    turned[274] = orientation
    options = {} if form == "BMP" else {"exif": turned}
    photo = Photo.from_bytes(save(FACE, form, **options))
    assert photo.orientation == (1 if form == "BMP" else orientation)
    made = made_of(photo)
    seen = photo.roundtrip(made, (0, 0, *photo.pixels.shape[1::-1]))
    assert disagreement(photo.encode(made), photo.pixels, seen, [BOX]) == ""


def test_a_picture_on_its_side_is_noticed() -> None:
    square = Photo.from_bytes(save(FACE[:200, :200], "PNG"))
    made = made_of(square)
    sideways = save(np.rot90(made), "PNG")
    why = disagreement(sideways, square.pixels, made, [BOX])
    assert "region [60, 40, 160, 140] with a PSNR of" in why
    assert "dB to a second reader, expected" in why
    wide = Photo.from_bytes(save(FACE, "PNG"))
    why = disagreement(save(np.rot90(wide.pixels), "PNG"), wide.pixels, made_of(wide), [BOX])
    assert why == "the saved file is 203 x 237 pixels to a second reader, expected 237 x 203"


def test_the_clean_face_is_noticed() -> None:
    photo = Photo.from_bytes(save(FACE, "PNG"))
    why = disagreement(save(FACE, "PNG"), photo.pixels, made_of(photo), [BOX])
    assert why.endswith("as it was before, expected it as it was made")


def test_what_is_worse_outside_is_noticed() -> None:
    photo = Photo.from_bytes(save(FACE, "PNG"))
    made = made_of(photo)
    spoilt = made.copy()
    spoilt[:20] = 0
    assert "what is outside the regions" in disagreement(save(spoilt, "PNG"), photo.pixels, made, [BOX])


def test_a_decoder_that_rounds_otherwise_is_no_disagreement() -> None:
    photo = Photo.from_bytes(save(FACE, "PNG"))
    made = made_of(photo)
    nearly = made.copy()
    nearly[::9, ::9] ^= 1
    assert disagreement(save(nearly, "PNG"), photo.pixels, made, [BOX]) == ""


def test_a_file_that_cannot_be_read_is_no_proof() -> None:
    made = FACE.copy()
    assert "cannot be read by a second reader" in disagreement(b"no picture", FACE, made, [BOX])
    buffer = io.BytesIO(save(FACE, "JPEG")[:900])
    assert "cannot be read by a second reader" in disagreement(buffer.getvalue(), FACE, made, [BOX])


def test_pictures_of_any_size_that_is_read_are_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow refuses what has more than 179 million pixels, with an error that is no ValueError."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    clean = np.full((8, 8, 3), 90, np.uint8)
    assert disagreement(save(clean, "PNG"), clean, clean, [(0, 0, 8, 8)]) == ""
