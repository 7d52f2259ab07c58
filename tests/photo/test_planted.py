"""No picture that was planted in metadata comes out; every harmless value does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mnd.photo.photo import Photo
from tests.helpers.planted import ALL, BINARY, FORMS, PHONES, TEXT, Planted, texts, traces, unfolded

_CAPTIONS = st.text(
    st.characters(categories=["L", "Nd", "Po", "Zs"], exclude_characters="<>&\"'\0", max_codepoint=0xFFFD),
    min_size=1,
    max_size=60,
)


def kept(data: bytes, photo: Planted, form: str) -> None:
    """The harmless values are all there."""
    told = unfolded(data)
    caption = photo.caption.encode()
    assert b"EXIF " + caption in told
    assert b"XMP " + caption in told
    assert b"xmp:Rating=" in told
    assert b"(c) somebody" in told
    assert b"2020:01:02 03:04:05" in told
    if form not in ("WEBP", *PHONES):
        assert b"IPTC " + caption in told
    if form != "TIFF":
        assert photo.caption.encode("utf-16-be") in told or any(f.tag == 37510 for f in photo.exif["EXIF"])


@pytest.mark.parametrize("form", ALL)
def test_metadata_without_a_picture_stay_whole(form: str) -> None:
    photo = Photo.from_bytes(Planted().file(form))
    assert photo.removed == ()
    kept(photo.encode(photo.pixels), Planted(), form)


@given(st.data(), _CAPTIONS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
def test_no_planted_bytes_come_out(data: st.DataObject, caption: str) -> None:
    place = data.draw(st.sampled_from(sorted(BINARY)))
    formats, plant = BINARY[place]
    form = data.draw(st.sampled_from(formats))
    secret = FORMS[data.draw(st.sampled_from(sorted(FORMS)))]
    planted = Planted(caption)
    plant(planted, secret)
    check(planted, form, secret)


@given(st.data(), _CAPTIONS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
def test_no_planted_text_comes_out(data: st.DataObject, caption: str) -> None:
    place = data.draw(st.sampled_from(sorted(TEXT)))
    formats, plant = TEXT[place]
    form = data.draw(st.sampled_from(formats))
    coded = texts(FORMS[data.draw(st.sampled_from(sorted(set(FORMS) - {"bmp", "tiff", "floats"})))])
    secret = coded[data.draw(st.sampled_from(sorted(coded)))]
    assume(place != "XMP comment" or "--" not in secret)  # such a comment is no XML, and goes with all of it
    planted = Planted(caption)
    plant(planted, secret)
    check(planted, form, secret.encode())


def check(planted: Planted, form: str, secret: bytes) -> None:
    source = planted.file(form)
    assert traces(secret, unfolded(source)) or b"\n" in secret or b"&" in secret or b'"' in secret
    photo = Photo.from_bytes(source)
    out = photo.encode(photo.pixels)
    assert not traces(secret, unfolded(out))
    assert photo.removed
    kept(out, planted, form)
    np.testing.assert_array_equal(photo.decode(photo.encode(photo.pixels)).shape, photo.pixels.shape)


@pytest.mark.parametrize("form", ["JPEG", *(pytest.param(form, marks=pytest.mark.slow) for form in ALL[1:])])
def test_every_place_and_form(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What chance may leave out: each kind of bytes and of text in each place of each format."""
    # the quality of the picture is all the same here, and looking for it costs twenty codings a file
    monkeypatch.setattr("mnd.photo.heif.quality_by_size", lambda *_: (0, 60))
    left = []
    words = (FORMS, texts(FORMS["jpeg"]), texts(FORMS["grey"]))
    for places, secrets in zip((BINARY, TEXT, TEXT), words, strict=True):
        for place, (formats, plant) in places.items():
            for name, secret in secrets.items() if form in formats else ():
                planted = Planted()
                plant(planted, secret)  # type: ignore[operator]
                photo = Photo.from_bytes(planted.file(form))
                out = unfolded(photo.encode(photo.pixels))
                if traces(secret if isinstance(secret, bytes) else secret.encode(), out):
                    left.append((place, name))
    assert left == []
