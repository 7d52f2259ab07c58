"""Judging a pair of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from mnd import Checker, Cloaker, CloakSettings, check

FACE = np.ascontiguousarray(data.astronaut()[:203, 120:357])


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> dict:
    """The record of a photo that was cloaked; its files lie in one folder."""
    path = tmp_path_factory.mktemp("pair") / "a.png"
    Image.fromarray(FACE).save(path)
    record = Cloaker(CloakSettings(targets=("dlib",), steps=20)).photo(path)
    assert record["error"] is None
    return record


def test_agrees_with_what_the_cloak_said(pair):
    record = check(pair["input"], pair["output"], targets=("dlib",))
    assert record["error"] is None
    assert record["protected"] is True
    assert {k: v for k, v in record.items() if k != "seconds"} == {
        k: v for k, v in pair.items() if k != "seconds"
    }


def test_changes_no_file(pair):
    folder = Path(pair["input"]).parent
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    Checker(CloakSettings(targets=("dlib",))).pair(pair["input"], pair["output"])
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_the_clean_photo_is_not_protected(pair):
    record = check(pair["input"], pair["input"], targets=("dlib",))
    assert record["protected"] is False
    assert record["error"]["kind"] == "not-protected"
    target = record["regions"][0]["targets"]["dlib"]
    assert target["fooled"] is False
    assert target["after"] == target["before"] < 0.1
    assert target["channel"] == {"jpeg75": False, "half": False}
    assert record["quality"]["psnr"] is None
    assert record["quality"]["ssim"] == pytest.approx(1)


def test_another_size(pair, tmp_path):
    other = tmp_path / "small.png"
    Image.fromarray(FACE[::2, ::2]).save(other)
    record = check(pair["input"], other, targets=("dlib",))
    assert record["error"]["kind"] == "value"
    assert record["error"]["message"].endswith(f"small.png: the photo is 119x102 pixels, "
                                               f"expected 237x203 as {pair['input']}")  # fmt: skip
    assert record["protected"] is False
    assert record["output"] is None


@pytest.mark.parametrize("which", [0, 1])
def test_bad_files(pair, tmp_path, which):
    (tmp_path / "empty.png").touch()
    for name, kind in (("none.png", "missing"), ("empty.png", "empty")):
        two = [pair["input"], pair["output"]]
        two[which] = str(tmp_path / name)
        record = check(*two, targets=("dlib",))
        assert record["error"]["kind"] == kind
        assert name in record["error"]["message"]


def test_no_face(tmp_path):
    path = tmp_path / "coffee.png"
    Image.fromarray(data.coffee()).save(path)
    assert check(path, path, targets=("dlib",))["error"]["kind"] == "no-face"


def test_wrong_use(pair):
    with pytest.raises(ValueError, match="expected one of the two"):
        check(pair["input"], pair["output"], settings=CloakSettings(), seed=3)
    with pytest.raises(ValueError, match="unknown target"):
        check(pair["input"], pair["output"], targets=("nobody",))


def test_gallery_of_other_photos(pair, tmp_path):
    """Against a gallery that shows the very same photo the figures are those against it."""
    Image.fromarray(FACE).save(tmp_path / "known.png")
    record = check(pair["input"], pair["output"], targets=("dlib",), gallery=str(tmp_path))
    got, want = (r["regions"][0]["targets"]["dlib"] for r in (record, pair))
    assert got["after"] == pytest.approx(want["after"], abs=1e-4)
    assert record["protected"]
