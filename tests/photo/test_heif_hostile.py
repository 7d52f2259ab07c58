"""HEIC and AVIF that lie about themselves are refused, in words, before a decoder sees them."""

from __future__ import annotations

import re
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnd.base.distribution import pip_install
from mnd.photo import avif, heic, heif_boxes
from mnd.photo.heif_boxes import Property
from mnd.photo.heif_writer import Part, written
from mnd.photo.photo import Photo, PhotoError
from tests.helpers.heif import EVEN, FORMS, coded, parts_of, pillow_heif, with_items, with_properties
from tests.helpers.photos import with_alpha

SMALL = EVEN[:64, :96]


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a decoder fails the test."""

    def asked(*_: Any) -> None:
        raise AssertionError("the decoder was asked")

    for form in (avif.AVIF, heic.HEIC):
        monkeypatch.setitem(
            sys.modules["mnd.photo.formats"].FORMATS, form.name, replace(form, open=asked, encoding=asked)
        )


def changed_item(data: bytes, **changes: Any) -> bytes:
    heif = heif_boxes.read(data)
    first, *rest = parts_of(heif)
    return written(heif.brands, [replace(first, **changes), *rest])


def with_size(data: bytes, width: int, height: int) -> bytes:
    heif = heif_boxes.read(data)
    body = struct.pack(">III", 0, width, height)
    properties = (
        Property(it.kind, body if it.kind == b"ispe" else it.body, it.essential)
        for it in heif.items[heif.primary].properties
    )
    return changed_item(data, properties=tuple(properties))


def patched(data: bytes, kind: bytes, at: int, body: bytes) -> bytes:
    """Bytes of the first box of a kind, from its body's byte `at` on."""
    start = data.index(kind) + 4 + at
    return data[:start] + body + data[start + len(body) :]


def grid(width: int = 96, height: int = 64, rows: int = 1, columns: int = 2, tiles: int = 2) -> bytes:
    """Tiles of 64 x 64 pixels."""
    heif = heif_boxes.read(coded("AVIF", EVEN[:64, :64]))
    tile = heif.items[1]
    body = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    size = Property(b"ispe", struct.pack(">III", 0, width, height))
    one = Part(tile.kind, tile.data, tuple(tile.properties), hidden=True)
    refers = ((b"dimg", tuple(range(2, 2 + tiles))),)
    return written(heif.brands, [Part(b"grid", body, (size,), refers), *[one] * tiles])


def refused(data: bytes, kind: str, message: str) -> None:
    with pytest.raises(PhotoError, match=message) as caught:
        Photo.from_bytes(data, name="a.heic")
    assert caught.value.kind == kind
    assert "a.heic: " in str(caught.value)
    assert "expected" in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_sizes_that_lie(form: str, no_decoder: None) -> None:
    data = coded(form, SMALL)
    refused(with_size(data, 60_000, 60_000), "truncated", "says to be 60000 x 60000, but is coded as")
    refused(with_size(coded(form), 16, 16), "truncated", "says to be 16 x 16, but is coded as 2")
    with pytest.raises(PhotoError, match="96 x 64 = 6,144 pixels, expected at most 6,143") as caught:
        Photo.from_bytes(data, max_pixels=6_143)
    assert caught.value.kind == "too-large"
    without = [it for it in heif_boxes.read(data).items[1].properties if it.kind != b"ispe"]
    refused(changed_item(data, properties=tuple(without)), "truncated", "does not say its size")


@pytest.mark.parametrize("form", FORMS)
def test_references_that_lead_nowhere(form: str, no_decoder: None) -> None:
    data = coded(form, SMALL)
    refused(patched(data, b"pitm", 4, b"\0\x09"), "truncated", "the picture is item 9, which there is not")
    lost = with_items(data, Part(b"Exif", b"1234", refers=((b"cdsc", (7,)),)))
    refused(lost, "truncated", "leads to item 7, which there is not")
    far = patched(written((b"avif",), parts_of(heif_boxes.read(data))), b"iloc", 16, b"\x7f\xff\xff\xff")
    refused(far, "truncated", "item 1 lies at bytes|box 'iloc'")
    entry = written((b"avif",), parts_of(heif_boxes.read(data)))
    refused(patched(entry, b"ipma", 11, b"\x80\x63"), "truncated", "has property 99, but there are")


def test_grids_that_do_not_fit(no_decoder: None) -> None:
    refused(grid(tiles=1), "truncated", "a grid of 2 x 1 tiles refers to 1")
    refused(grid(width=60_000), "truncated", r"60000 x 64 .* of 2 x 1 tiles of 64 x 64")
    refused(grid(width=64), "truncated", r"64 x 64 .* of 2 x 1 tiles of 64 x 64")
    refused(grid(rows=200, columns=200), "truncated", "a grid of 200 x 200 tiles refers to 2")


def test_a_grid_of_tiles_is_read() -> None:
    assert Photo.from_bytes(grid()).pixels.shape == (64, 96, 3)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_put_together_in_other_ways(form: str, no_decoder: None) -> None:
    data = coded(form, SMALL)
    overlay = changed_item(data, kind=b"iovl")
    refused(overlay, "unsupported", "a HEIF file whose picture is of the kind 'iovl'")
    refused(with_properties(data, (b"lsel", b"\0\0")), "unsupported", "the property 'lsel'")
    head = data[:8] + (b"avis" if form == "AVIF" else b"hevc") + data[12:]
    refused(head, "unsupported", "a sequence of pictures")
    turned = with_properties(data, (b"irot", b"\1"), (b"clap", struct.pack(">8I", 9, 1, 9, 1, 0, 1, 0, 1)))
    refused(turned, "unsupported", "turned before it is cut out")
    cut = with_properties(data, (b"clap", struct.pack(">8I", 9, 1, 9, 1, 0, 1, 0, 1)))
    if form == "AVIF":
        refused(cut, "unsupported", "only a part is shown")


def test_alpha_that_could_not_be_kept() -> None:
    data = coded("AVIF", with_alpha().crop((0, 0, 96, 64)))
    heif = heif_boxes.read(data)
    first, *rest = parts_of(heif)
    refused(
        written(heif.brands, [replace(first, refers=((b"prem", (2,)),)), *rest]),
        "unsupported",
        "premultiplied alpha",
    )
    tiles = heif_boxes.read(grid())
    alpha = replace(rest[0], refers=((b"auxl", (2,)),))
    refused(written(tiles.brands, [*parts_of(tiles), alpha]), "unsupported", "whose tiles have alpha")


def test_more_bits_than_pillow_writes_are_refused(no_decoder: None) -> None:
    data = coded("AVIF", SMALL)
    settings_ = heif_boxes.read(data).items[1].one(b"av1C")
    assert settings_ is not None
    ten = settings_[:2] + bytes([settings_[2] | 0x40]) + settings_[3:]
    refused(
        data.replace(settings_, ten), "unsupported", "an AVIF of 10 bits a channel, expected 8 bits .*avifdec"
    )


def test_without_the_extra_the_command_to_install_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match=rf"IMG_0001\.HEIC: .*{re.escape(pip_install('[heic]'))}") as caught:
        Photo.read(path)
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize("form", FORMS)
def test_a_file_cut_short_anywhere_is_refused(form: str) -> None:
    data = coded(form, SMALL, quality=30, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    for end in (*range(12, 64, 3), *np.linspace(64, len(data) - 1, 60).astype(int)):
        with pytest.raises(PhotoError) as caught:
            Photo.from_bytes(data[:end])
        assert caught.value.kind in ("truncated", "not-an-image", "unsupported")


@given(st.sampled_from(FORMS), st.data())
@settings(max_examples=150, deadline=None)
def test_damage_raises_nothing_but_photo_errors(form: str, data: st.DataObject) -> None:
    if form == "HEIF":
        pillow_heif()
    content = bytearray(SOURCES[form])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 600) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = Photo.from_bytes(bytes(content), max_pixels=1_000_000)
    except PhotoError:
        return
    assert photo.pixels.ndim == 3


class _Sources(dict[str, bytes]):
    def __missing__(self, form: str) -> bytes:
        self[form] = coded(form, SMALL, quality=30, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
        return self[form]


SOURCES = _Sources()
