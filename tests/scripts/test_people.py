"""`evaluate_metrics.py people`: layouts of the published sets, on small ones made here, and figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import evaluate_metrics
import numpy as np
import pytest
from PIL import Image
from rlpips import agreement, people
from rlpips.human_sets import SETS, load
from scipy import stats
from skimage import data

from mnd.base.types import Pixels

PHOTO: Pixels = np.ascontiguousarray(data.astronaut()[:48, 200:256])
METRICS = ["psnr", "ssim", "rlpips"]
LEVELS = (2, 6, 18)


def distorted(levels: int, seed: int = 0) -> Pixels:
    noise = np.random.default_rng(seed).integers(-levels, levels + 1, PHOTO.shape)
    return (PHOTO + noise).clip(0, 255).astype(np.uint8)


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def kadid(root: Path) -> Path:
    lines = ["dist_img,ref_img,dmos,var"]
    for ref in (1, 2, 3):
        save(root / "images" / f"I{ref:02d}.png", PHOTO)
        for level, noise in enumerate(LEVELS, 1):
            name = f"I{ref:02d}_01_{level:02d}.png"
            save(root / "images" / name, distorted(noise, ref))
            lines.append(f"{name},I{ref:02d}.png,{5 - level - ref / 10:.2f},0.5")
    (root / "dmos.csv").write_text("\n".join(lines) + "\n")
    return root


def tid(root: Path) -> Path:
    lines = []
    for ref in (1, 25):  # as published: I01.BMP and i25.bmp, and capitals in the list alone
        save(root / "reference_images" / ("I01.BMP" if ref == 1 else "i25.bmp"), PHOTO)
        for level, noise in enumerate(LEVELS, 1):
            save(root / "distorted_images" / f"i{ref:02d}_01_{level}.bmp", distorted(noise, ref))
            lines.append(f"{6 - level:.5f} I{ref:02d}_01_{level}.bmp")
    (root / "mos_with_names.txt").write_text("\r\n".join(lines) + "\r\n")
    return root


def pipal(root: Path) -> Path:
    for ref in (1, 60):
        save(root / "Train_Ref" / f"A{ref:04d}.bmp", PHOTO)
        lines = []
        for level, noise in enumerate(LEVELS):
            name = f"A{ref:04d}_00_{level:02d}.bmp"
            save(root / f"Distortion_{1 + ref // 60}" / name, distorted(noise, ref))
            lines.append(f"{name},{1500 - 50 * level + ref / 10:.4f}")
        (root / "Train_Label").mkdir(exist_ok=True)
        (root / "Train_Label" / f"A{ref:04d}.txt").write_text("\n".join(lines) + "\n")
    return root


def bapps(root: Path) -> Path:
    for subset, judges in (("cnn", (0.0, 0.4)), ("traditional", (1.0, 0.8))):
        folder = root / "2afc" / "val" / subset
        for number, judge in enumerate(judges):
            near, far = distorted(LEVELS[0], number), distorted(LEVELS[2], number)
            p0, p1 = (near, far) if judge < 0.5 else (far, near)
            for kind, pixels in (("ref", PHOTO), ("p0", p0), ("p1", p1)):
                save(folder / kind / f"{number:06d}.png", pixels)
            (folder / "judge").mkdir(exist_ok=True)
            np.save(folder / "judge" / f"{number:06d}.npy", np.array([judge], np.float32))
    return root


def nights(root: Path) -> Path:
    lines = ["id,left_vote,right_vote,votes,ref_path,left_path,right_path,split,is_imagenet,prompt"]
    for number, (votes, split) in enumerate([(6, "test"), (9, "test"), (5, "test"), (8, "train")]):
        paths = [f"ref/000/{number:03d}.png", *(f"distort/000/{number:03d}_{side}.png" for side in (0, 1))]
        for path, pixels in zip(paths, (PHOTO, distorted(18), distorted(2)), strict=True):
            save(root / path, pixels)
        lines.append(f'{number},0,1,{votes},{",".join(paths)},{split},{number == 0},"An image, of a cat"')
    (root / "data.csv").write_text("\n".join(lines) + "\n")
    return root


MAKE: dict[str, Callable[[Path], Path]] = {
    "kadid10k": kadid, "tid2013": tid, "pipal": pipal, "bapps": bapps, "nights": nights,
}  # fmt: skip


def test_every_set_has_a_small_one_here():
    assert set(MAKE) == set(SETS)


def test_sets_with_scores(tmp_path: Path):
    for name, count in (("kadid10k", 9), ("tid2013", 6), ("pipal", 6)):
        found = load(name, MAKE[name](tmp_path / name))
        assert (len(found), found.triplets) == (count, ())
        for it in found.rated:
            assert it.dist.name.lower().startswith(it.ref.stem.lower() + "_")
            assert it.dist.is_file()
            assert it.ref.is_file()
        # the order of the scores is that of the noise, within a reference
        by_reference = [
            [it.score for it in found.rated if it.group == group] for group in {r.group for r in found.rated}
        ]
        assert all(scores == sorted(scores, reverse=True) for scores in by_reference)
    assert load("kadid10k", tmp_path).published == 10_125  # also from the folder above


def test_sets_of_choices(tmp_path: Path):
    found = load("bapps", bapps(tmp_path / "bapps"))
    assert [(it.subset, round(it.judge, 3)) for it in found.triplets] == [
        ("cnn", 0.0), ("cnn", 0.4), ("traditional", 1.0), ("traditional", 0.8)
    ]  # fmt: skip
    found = load("nights", nights(tmp_path / "nights"))
    assert [(it.ref.stem, it.judge, it.subset) for it in found.triplets] == [
        ("000", 1.0, "imagenet"), ("001", 1.0, "other")
    ]  # fmt: skip
    assert (found.triplets[0].p0.name, found.triplets[0].p1.name, found.side) == (
        "000_0.png",
        "000_1.png",
        224,
    )
    assert len(load("nights", tmp_path / "nights", "train")) == 1
    with pytest.raises(ValueError, match="split is 'val', expected one of test, train"):
        load("nights", tmp_path / "nights", "val")


@pytest.mark.parametrize("name", SETS)
def test_from_the_command_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["people", "--data", str(MAKE[name](tmp_path / "set")), "--set", name, "--metrics", *METRICS]
    evaluate_metrics.main([*words, "--out", str(tmp_path / "out")])
    first = capsys.readouterr().out
    told = json.loads((tmp_path / "out" / f"{name}.json").read_text())
    assert set(told["metrics"]) == set(METRICS)
    for row in told["metrics"].values():
        assert row["version"]
        if name in ("bapps", "nights"):
            assert row["2AFC"]["value"] == pytest.approx(0.85 if name == "bapps" else 1.0)
            assert row["2AFC"]["value"] == row["best possible"]["value"]  # all agree with the people here
        else:
            assert row["SRCC"]["value"] > 0.8  # whatever direction the metric has
            assert row["SRCC"]["low"] <= row["SRCC"]["value"] <= row["SRCC"]["high"]
            assert row["PLCC"]["value"] >= row["PLCC, no fit"]["value"] - 1e-6
    kept = tmp_path / "out" / f"{name}.values.jsonl"
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(lines[:-1]) + lines[-1][:20])  # it was stopped in the middle of a line
    evaluate_metrics.main([*words, "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out == first
    assert len(kept.read_text().splitlines()) == len(lines)
    with pytest.raises(SystemExit, match="choose another --out"):
        evaluate_metrics.main([*words[:-1], "--out", str(tmp_path / "out")])


def test_what_is_not_as_published_is_named(tmp_path: Path):
    with pytest.raises(
        FileNotFoundError, match=r"there is no dmos\.csv, expected it there or one folder below"
    ):
        load("kadid10k", tmp_path)
    with pytest.raises(FileNotFoundError, match="is no folder, expected that of the set"):
        load("tid2013", tmp_path / "gone")
    root = kadid(tmp_path / "k")
    table = (root / "dmos.csv").read_text()
    for old, new, message in (
        ("3.90", "nan", r"dmos\.csv, line 2: got 'nan', expected a number from 1 to 5"),
        ("3.90", "7", r"line 2: got '7', expected a number from 1 to 5"),
        ("dmos,", "mos,", r"columns are .*, expected dmos, too"),
        ("I01.png,3.90,0.5", "I01.png", r"line 2: got .*, expected a cell for each column"),
    ):
        (root / "dmos.csv").write_text(table.replace(old, new, 1))
        with pytest.raises(ValueError, match=message):
            load("kadid10k", root)
    (root / "dmos.csv").write_text(table)
    (root / "images" / "I02_01_01.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"line 5: the picture 'I02_01_01\.png' is not there"):
        load("kadid10k", root)
    root = tid(tmp_path / "t")
    (root / "mos_with_names.txt").write_text("5.5\n")
    with pytest.raises(ValueError, match=r"line 1: got '5\.5', expected a score and a name"):
        load("tid2013", root)
    root = pipal(tmp_path / "p")
    (root / "Train_Label" / "A0001.txt").write_text("A0001_00_00.bmp\n")
    with pytest.raises(ValueError, match="expected a name and a score"):
        load("pipal", root)
    with pytest.raises(ValueError, match="set is 'live', expected one of kadid10k"):
        load("live", tmp_path)
    with pytest.raises(ValueError, match="split is 'val', expected none: pipal has no parts"):
        load("pipal", root, "val")


# figures ------------------------------------------------------------------------------------------------


def test_correlations_are_those_of_scipy():
    rng = np.random.default_rng(3)
    a = rng.integers(0, 9, 200).astype(float)
    b = a + rng.normal(size=200) * 3
    assert agreement.srcc(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert agreement.krcc(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)
    assert agreement.plcc(a, b) == pytest.approx(stats.pearsonr(a, b).statistic)


def test_the_fit_bends_a_scale_and_mends_no_order():
    rng = np.random.default_rng(5)
    q = rng.uniform(20, 50, 300)
    scores = 1 + 8 / (1 + np.exp(-(q - 35) / 1.5))
    groups = [str(i % 10) for i in range(300)]
    found = agreement.with_scores(q, scores, groups)
    assert found["PLCC"].value == pytest.approx(1, abs=1e-4)
    assert found["PLCC, no fit"].value < 0.96
    wrong = agreement.with_scores(-q, scores, groups)
    assert wrong["SRCC"].value == pytest.approx(-1)
    assert wrong["PLCC"].value < 0.1
    assert agreement.with_scores(np.ones(300), scores, groups)["SRCC"].value is None


def test_intervals_draw_references_and_have_a_seed():
    rng = np.random.default_rng(7)
    shift = np.repeat(rng.normal(size=12), 30)  # what pictures of one reference have in common
    q = rng.normal(size=360) * 0.1 + shift
    scores = shift + rng.normal(size=360) * 0.1 + np.repeat(rng.normal(size=12), 30) * 0.5
    groups = np.repeat(np.arange(12), 30).astype(str).tolist()
    of = lambda at: agreement.srcc(q[at], scores[at])  # noqa: E731
    together = agreement.interval(of, groups)
    alone = agreement.interval(of, [str(i) for i in range(360)])
    assert together == agreement.interval(of, groups)
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert (together.value, together.count) == (alone.value, 360)


def test_no_opinion_is_half_right():
    d0, d1, judge = np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 3, 4]), np.array([0.0, 0.9, 0.2, 1])
    found = agreement.with_choices(d0, d1, judge, ["a", "a", "b", "b"])
    assert found["2AFC"].value == pytest.approx((1 + 0.9 + 0.5 + 0.5) / 4)
    assert found["2AFC b"].value == 0.5
    assert found["best possible"].value == pytest.approx((1 + 0.9 + 0.8 + 1) / 4)


def test_a_sample_is_drawn_with_its_seed(tmp_path: Path):
    found = load("kadid10k", kadid(tmp_path))
    few = people.sample(found, 4, seed=1)
    assert few == people.sample(found, 4, seed=1) != people.sample(found, 4, seed=2)
    assert set(few.rated) < set(found.rated)
    assert "4 pictures of the 10,125 published" in people.report(few, {})
