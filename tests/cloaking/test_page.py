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
from mnd.cloaking.sentences import told, told_check
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
    names = ("Holiday", "a.jpg", "a.cloaked.jpg", "dlib", "jpeg75", "Face 1")
    figures = ("0.660", "0.600", "yes", "47.1 dB", "0.9961", "40.2 dB")
    for word in names + figures:
        assert word in reader.words, word
    assert "8, 4, 40, 44" in reader.words


def test_page_says_whom_and_what_was_not_tried() -> None:
    words = told(record())
    seen = Reader(page([PhotoRow(record(), *pictures())], "x")).words
    for text in (words.headline, words.sentence, words.limits, words.advice):
        assert text
        assert text in seen
    assert "protected" not in seen
    checked = told_check(record())
    assert checked.sentence in Reader(page([PhotoRow(record(), *pictures(), checked=True)], "x")).words


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
    assert "unsafe" not in policy


def views(text: str) -> list[dict[str, Any]]:
    """What the viewer is given: its words, and the pixels of its three pictures."""
    found: list[dict[str, Any]] = []
    for tag, attributes in Reader(text).seen:
        if tag == "figure":
            found.append({name.removeprefix("data-"): value for name, value in attributes.items()})
        elif tag == "img":
            data = base64.b64decode((attributes["src"] or "").split(",")[1])
            found[-1][attributes["class"]] = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return found


def test_small_pictures_are_shown_to_the_bit() -> None:
    before, after = pictures()
    [view] = views(page([PhotoRow(record(), before, after)], "x"))
    gain = int(view["gain"])
    assert gain == 16
    wanted = {"after": after, "before": before, "difference": difference_picture(before, after, gain)}
    assert all(np.array_equal(view[name], pixels) for name, pixels in wanted.items())
    assert (view["label"], view["focus"]) == ("Face 1", "24,24")


def test_faces_are_at_their_own_size_and_the_photo_is_reduced() -> None:
    before = np.random.default_rng(0).integers(0, 255, (1800, 2400, 3), np.uint8)
    before[..., 1:] = before[..., :1]
    region = {**record()["regions"][0], "box": [1000, 900, 1200, 1150], "turn": 90}
    face, whole = views(page([PhotoRow(record(regions=[region]), before, before)], "x"))
    x, y = 1100 - 240, 1025 - 240
    assert np.array_equal(face["before"], before[y : y + 480, x : x + 480])
    assert (face["turn"], face["focus"]) == ("270", "240,240")
    assert whole["note"] == "shown at 50 % of its size"
    assert whole["before"].shape == (900, 1200, 3)
    assert (whole["width"], whole["height"]) == ("1200", "900")


@pytest.mark.parametrize("faces", [1, 40])
def test_the_page_of_a_large_photo_is_small(faces: int) -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (300, 400, 3), np.uint8)
    before = np.asarray(Image.fromarray(small).resize((4000, 3000), Image.Resampling.BICUBIC))
    grain = np.tile(rng.integers(-4, 5, (300, 400, 1), np.int16), (10, 10, 1))
    before = np.clip(before + grain, 0, 255).astype(np.uint8)
    side = 1800 if faces == 1 else 300
    boxes = [[90 * n, 60 * n, 90 * n + side, 60 * n + side] for n in range(faces)]
    after = before.copy()
    for x0, y0, x1, y1 in boxes:
        changed = after[y0:y1, x0:x1] + np.roll(grain, 7, 0)[y0:y1, x0:x1]
        after[y0:y1, x0:x1] = np.clip(changed, 0, 255)
    regions = [{**record()["regions"][0], "box": box} for box in boxes]
    text = page([PhotoRow(record(regions=regions), before, after)], "x")
    assert len(views(text)) == faces + 1
    assert len(text) < 6_000_000


def test_photos_that_are_framed_differently_are_not_laid_on_one_another() -> None:
    row = record(compared={"how": "other framing", "size": [300, 200], "scale": 1.0, "format": "JPEG"})
    text = page([PhotoRow(row, checked=True)], "x")
    assert "framed differently" in text
    assert views(text) == []


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
    for word in ("b.jpg", "No face found", "found no face: use --box", "no-face"):
        assert word in reader.words
    assert sum(tag == "article" for tag, _ in reader.seen) == 2


def test_what_is_not_known_is_a_dash() -> None:
    row = record(quality={"psnr": float("inf"), "ssim": None})
    words = Reader(page([PhotoRow(row)], "x")).words
    assert "∞ dB" in words
    assert "–" in words


def test_an_empty_page_is_a_page() -> None:
    assert "nothing" in Reader(page([], "nothing")).words
