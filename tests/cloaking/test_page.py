"""The page stands alone, hides nothing, and believes no file name; the difference is what it says."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnd.cloaking.page import PhotoRow, page
from mnd.photo.difference import difference_picture
from tests.helpers.html_reader import Reader


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


def test_pictures_of_two_sizes_are_refused() -> None:
    before, _ = pictures()
    with pytest.raises(ValueError, match="expected the same shape"):
        page([PhotoRow(record(), before, before[:, 1:])], "x")


def test_page_holds_the_figures() -> None:
    reader = Reader(page([PhotoRow(record(), *pictures())], "Holiday"))
    names = ("Holiday", "a.jpg", "a.cloaked.jpg", "dlib", "jpeg75")
    figures = ("0.660", "0.600", "yes", "47.1 dB", "0.9961", "40.2 dB")
    for word in names + figures:
        assert word in reader.words, word
    assert "1 photo, 1 protected" in reader.words
    assert "8, 4, 40, 44" in reader.words


def test_page_warns_before_anything_else() -> None:
    text = page([PhotoRow(record(), *pictures())], "x")
    words = Reader(text).words.split("x ", 1)[1]
    assert words.lstrip().startswith("Private.")
    assert "Do not share" in words[:100]
    assert text.index('class="privacy"') < text.index("<img")


def test_page_needs_nothing_else() -> None:
    text = page([PhotoRow(record(), *pictures())], "x")
    own = re.sub(r'"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+"', "", text)
    assert not re.search(r"https?:|//|@import|url\(", own)
    for tag, attributes in Reader(text).seen:
        assert tag not in {"link", "iframe"}
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("src") or "data:image/").startswith("data:image/")


def test_only_our_script_runs() -> None:
    text = page([PhotoRow(record(), *pictures())], "x")
    [policy] = [a["content"] or "" for _, a in Reader(text).seen if a.get("http-equiv")]
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    coded = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{coded}'" in policy


def test_small_pictures_are_shown_to_the_bit() -> None:
    before, after = pictures()
    sources = [
        a["src"] for tag, a in Reader(page([PhotoRow(record(), before, after)], "x")).seen if tag == "img"
    ]
    shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(s.split(",")[1])))) for s in sources if s]
    for seen, wanted in zip(shown, (after, before, difference_picture(before, after)), strict=True):
        assert np.array_equal(seen, wanted)


def test_large_pictures_are_reduced() -> None:
    before = np.full((1800, 2400, 3), 90, np.uint8)
    text = page([PhotoRow(record(), before, before)], "x")
    assert "Shown at 50 %" in text
    assert len(text) < 300_000


@given(st.text(max_size=40))
def test_no_name_is_believed(name: str) -> None:
    evil = f'<script>alert("{name}")</script>&amp;\'"'
    row = record(input=evil, output=evil, level=evil, error={"kind": evil, "message": evil})
    row["regions"] = [
        {"kind": evil, "targets": {evil: {"unit": evil, "fooled": False, "channel": {evil: True}}}}
    ]
    text = page([PhotoRow(row)], evil)
    assert text.count("<script") == 1  # ours
    assert sum(tag == "script" for tag, _ in Reader(text).seen) == 1


def test_a_failed_photo_has_its_row() -> None:
    error = {"kind": "no-face", "message": "found no face: use --box"}
    failed = {"input": "b.jpg", "output": None, "protected": False, "error": error}
    reader = Reader(page([PhotoRow(record(), *pictures()), PhotoRow(failed)], "x"))
    for word in ("b.jpg", "failed", "found no face: use --box", "no-face", "2 photos, 1 protected"):
        assert word in reader.words
    assert sum(tag == "article" for tag, _ in reader.seen) == 2


def test_what_is_not_known_is_a_dash() -> None:
    row = record(quality={"psnr": float("inf"), "ssim": None})
    words = Reader(page([PhotoRow(row)], "x")).words
    assert "∞ dB" in words
    assert "–" in words


def test_an_empty_page_is_a_page() -> None:
    assert "0 photos, 0 protected" in Reader(page([], "nothing")).words
