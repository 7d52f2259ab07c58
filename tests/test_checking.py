"""Judging a pair of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from mnd import Checker, Cloaker, CloakSettings, Detector, check
from mnd.channel import VERIFICATION
from mnd.targets import registry

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
    assert {k: v for k, v in record.items() if k not in ("seconds", "regions")} == {
        k: v for k, v in pair.items() if k not in ("seconds", "regions")
    }
    seen, made = (r["regions"][0]["targets"]["dlib"] for r in (record, pair))
    assert record["regions"][0]["box"] == pair["regions"][0]["box"]
    for key in made:
        if key in ("channel", "values"):  # it looks at more ways of sharing than a cloak of this level
            assert {name: seen[key][name] for name in made[key]} == made[key]
        else:
            assert seen[key] == made[key]
    assert seen.keys() == made.keys()


def test_all_ways_of_sharing(pair):
    """Each with what the target says there, judged anew by a detector and a recogniser of this test's own."""
    told = check(pair["input"], pair["output"], targets=("dlib",))["regions"][0]["targets"]["dlib"]
    assert list(told["channel"]) == list(told["values"]) == list(VERIFICATION)
    dlib, detector = registry.load("dlib", offline=True), Detector()

    def embedding(pixels: np.ndarray) -> torch.Tensor:
        x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        return dlib.refer(x, torch.from_numpy(detector(pixels)[0].landmarks.copy())[None]).known

    clean, cloaked = FACE, np.asarray(Image.open(pair["output"]))
    for name, share in VERIFICATION.items():
        want = float((embedding(share(cloaked)) - embedding(clean)).norm())
        assert told["values"][name] == pytest.approx(want, abs=0.01), name
        assert told["channel"][name] is (told["values"][name] >= 0.6)
    assert len(set(told["values"].values())) == len(VERIFICATION)


def test_judged_is_the_file_as_it_is(pair):
    """Of the clean photo cloaked for no channel: protected, whatever becomes of it when it is shared."""
    record = check(pair["input"], pair["output"], targets=("dlib",), level="strong", least_ssim=1.0)
    assert record["protected"]
    assert record["error"] is None


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
    assert target["channel"] == dict.fromkeys(VERIFICATION, False)
    assert all(target["values"][name] < 0.6 for name in VERIFICATION)
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
