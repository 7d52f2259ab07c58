"""The page stands alone, hides nothing, and believes no file name; the difference is what it says."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnd.cloaking.page import Row, before_after_strip, difference_gain, difference_picture, page
from tests.helpers.html import Reader


def record(**changes: Any) -> dict[str, Any]:
    told = {"unit": "euclidean distance", "threshold": 0.6, "before": 0.0, "after": 0.66, "fooled": True}
    region = {
        "box": [8, 4, 40, 44],
        "kind": "face",
        "targets": {"dlib": {**told, "channel": {"jpeg75": False}}},
    }
    quality = {"psnr": 47.1, "ssim": 0.99614, "above_jnd": 0.004, "regions": [{"psnr": 40.2, "ssim": 0.984}]}
    return {
        "input": "a.jpg", "output": "a.cloaked.jpg", "protected": True, "level": "minimum",
        "seed": 0, "seconds": 2.9, "targets": ["dlib"], "regions": [region], "quality": quality,
        "error": None, **changes,
    }  # fmt: skip


def pictures(height: int = 48, width: int = 64, most: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    before = rng.integers(20, 230, (height, width, 3), dtype=np.uint8)
    after = (before + rng.integers(-most, most + 1, before.shape)).astype(np.uint8)
    return before, after


# --- the difference ---


@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 64))
def test_difference_in_closed_form(a: int, b: int, gain: int) -> None:
    before, after = np.full((2, 3, 3), a, np.uint8), np.full((2, 3, 3), b, np.uint8)
    assert (difference_picture(before, after, gain) == max(0, min(255, 128 + gain * (b - a)))).all()


@given(st.integers(1, 120))
def test_the_gain_fills_half_the_range(largest: int) -> None:
    before = np.full((2, 2, 3), 125, np.uint8)
    after = before.copy()
    after[0, 0, 0] += largest
    gain = difference_gain(before, after)
    assert gain in {1, 2, 4, 8, 16, 32, 64}
    assert largest > 64 or 32 < gain * largest <= 64
    assert difference_gain(after, before) == gain


def test_no_difference_is_grey() -> None:
    before, _ = pictures()
    assert (difference_picture(before, before) == 128).all()


def test_the_gain_is_the_pictures_own_unless_given() -> None:
    before, after = pictures(most=3)
    assert np.array_equal(difference_picture(before, after), difference_picture(before, after, 16))


@pytest.mark.parametrize(
    "wrong", [np.zeros((48, 63, 3), np.uint8), np.zeros((48, 64, 3)), np.zeros((48, 64), np.uint8)]
)
def test_pictures_are_checked(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        difference_picture(pictures()[0], wrong)
    with pytest.raises(ValueError, match="expected"):
        page([Row(record(), pictures()[0], wrong)], "x")


def test_gain_is_checked() -> None:
    with pytest.raises(ValueError, match="gain is 0"):
        difference_picture(*pictures(), gain=0)


def test_strip_shows_the_three() -> None:
    before, after = np.full((40, 60, 3), 80, np.uint8), np.full((40, 60, 3), 82, np.uint8)
    strip = np.asarray(before_after_strip(before, after, (10, 0, 50, 40), height=100))
    assert strip.shape == (128, 324, 3)
    assert [strip[80, x].tolist() for x in (50, 162, 274)] == [[80] * 3, [82] * 3, [128 + 32 * 2] * 3]
    for left in (0, 112, 224):
        assert (strip[:28, left : left + 100] < 100).any()


def test_strip_refuses_an_empty_box() -> None:
    with pytest.raises(ValueError, match="0,0,64,48"):
        before_after_strip(*pictures(), (70, 0, 90, 40))


# --- the page ---


def test_page_holds_the_figures() -> None:
    reader = Reader(page([Row(record(), *pictures())], "Holiday"))
    names = ("Holiday", "a.jpg", "a.cloaked.jpg", "dlib", "jpeg75")
    figures = ("0.660", "0.600", "yes", "47.1 dB", "0.9961", "40.2 dB")
    for word in names + figures:
        assert word in reader.words, word
    assert "1 photo, 1 protected" in reader.words
    assert "8, 4, 40, 44" in reader.words


def test_page_warns_before_anything_else() -> None:
    text = page([Row(record(), *pictures())], "x")
    words = Reader(text).words.split("x ", 1)[1]
    assert words.lstrip().startswith("Private.")
    assert "Do not share" in words[:100]
    assert text.index('class="privacy"') < text.index("<img")


def test_page_needs_nothing_else() -> None:
    text = page([Row(record(), *pictures())], "x")
    own = re.sub(r'"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+"', "", text)
    assert not re.search(r"https?:|//|@import|url\(", own)
    for tag, attributes in Reader(text).seen:
        assert tag not in {"script", "link", "iframe"}
        assert (attributes.get("src") or "data:image/").startswith("data:image/")


def test_small_pictures_are_shown_to_the_bit() -> None:
    before, after = pictures()
    sources = [a["src"] for tag, a in Reader(page([Row(record(), before, after)], "x")).seen if tag == "img"]
    shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(s.split(",")[1])))) for s in sources if s]
    for seen, wanted in zip(shown, (after, before, difference_picture(before, after)), strict=True):
        assert np.array_equal(seen, wanted)


def test_large_pictures_are_reduced() -> None:
    before = np.full((1800, 2400, 3), 90, np.uint8)
    text = page([Row(record(), before, before)], "x")
    assert "Shown at 50 %" in text
    assert len(text) < 300_000


@given(st.text(max_size=40))
def test_no_name_is_believed(name: str) -> None:
    evil = f'<script>alert("{name}")</script>&amp;\'"'
    row = record(input=evil, output=evil, level=evil, error={"kind": evil, "message": evil})
    row["regions"] = [
        {"kind": evil, "targets": {evil: {"unit": evil, "fooled": False, "channel": {evil: True}}}}
    ]
    text = page([Row(row)], evil)
    assert "<script" not in text
    assert all(tag != "script" for tag, _ in Reader(text).seen)


def test_a_failed_photo_has_its_row() -> None:
    error = {"kind": "no-face", "message": "found no face: use --box"}
    failed = {"input": "b.jpg", "output": None, "protected": False, "error": error}
    reader = Reader(page([Row(record(), *pictures()), Row(failed)], "x"))
    for word in ("b.jpg", "failed", "found no face: use --box", "no-face", "2 photos, 1 protected"):
        assert word in reader.words
    assert sum(tag == "article" for tag, _ in reader.seen) == 2


def test_what_is_not_known_is_a_dash() -> None:
    row = record(quality={"psnr": float("inf"), "ssim": None})
    words = Reader(page([Row(row)], "x")).words
    assert "∞ dB" in words
    assert "–" in words


def test_an_empty_page_is_a_page() -> None:
    assert "0 photos, 0 protected" in Reader(page([], "nothing")).words
