"""`scripts/evaluate_metrics.py`: on metrics whose worst case is known in closed form, and on real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import evaluate_metrics
import numpy as np
import pytest
import torch
from PIL import Image
from rlpips import metric_measures, metric_plots
from rlpips.metric_measures import (
    Ball,
    How,
    Metric,
    Move,
    Settings,
    climb,
    collapse,
    inflation,
    quality,
    two_afc,
)
from rlpips.twoafc import Batch
from skimage import data
from torch import Tensor

from mnd.losses.elpips import ELPIPS
from mnd.losses.images import Distance
from mnd.losses.lpips import LPIPS
from mnd.losses.pyramid import RLPIPS2
from mnd.losses.rlpips import RLPIPS

QUICK = Settings(steps=10, judged=4, search=60, batch=3)
FOUR = Ball("linf", 4 / 255)


class Squares(Distance):
    """The mean square of the difference, of the first `seen` channels."""

    def __init__(self, seen: int = 3) -> None:
        super().__init__()
        self.seen = seen

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda y: (y - x)[:, : self.seen].square().mean((1, 2, 3))


class Pattern(Distance):
    """The squared mean of the difference times a pattern of signs: at most eps^2 in a Linf ball."""

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        signs = torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(5)).sign()
        return lambda y: ((y - x) * signs).mean((1, 2, 3)).square()


SQUARES = Metric("squares", Squares())
RANDOM = Metric("elpips:squares", ELPIPS(Squares()))


def pictures(count: int, side: int = 16) -> Tensor:
    """Random pictures that a small change does not lead out of [0, 1]."""
    return 0.3 + 0.4 * torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def triplets(shifts: list[tuple[float, float, float]]) -> Batch:
    """Even pictures that are brighter than the reference by the first two numbers, and the judgement."""
    ref = torch.full((len(shifts), 3, 16, 16), 0.4)
    a, b, judge = (torch.tensor(v) for v in zip(*shifts, strict=True))
    return Batch(ref, ref + a.view(-1, 1, 1, 1), ref + b.view(-1, 1, 1, 1), judge)


# climbing -------------------------------------------------------------------------------------------------


def test_the_climb_reaches_the_largest_distance_of_the_ball() -> None:
    x = pictures(2)
    metric = Metric("pattern", Pattern())
    for ball, most in (
        (FOUR, FOUR.eps),
        (Ball("l2", 1.5), 1.5 * (x[0].numel() / 12288 / x[0].numel()) ** 0.5),
    ):
        y = climb(metric, lambda d: d.at(x), x, ball, replace(QUICK, steps=30))
        assert torch.allclose(Pattern()(x, y), torch.full((2,), most**2), rtol=0.02)


def test_values_alone_climb_as_far_and_the_slopes_of_another_less() -> None:
    x, metric = pictures(2, 32), Metric("squares", Squares())
    reached = {}
    for how in get_args(How):
        y = climb(metric, lambda distance: distance.at(x), x, FOUR, Settings(20, queries=200, how=how))
        assert (y - x).abs().max() <= FOUR.eps + 1e-6
        reached[how] = metric.distance(x, y)
    assert torch.allclose(reached["apgd"], torch.full((2,), FOUR.eps**2), rtol=1e-3)
    assert torch.allclose(reached["square"], reached["apgd"], rtol=1e-3)
    assert (reached["transfer"] < reached["apgd"]).all()


def test_a_random_metric_is_climbed_as_far() -> None:
    x = pictures(2)
    random = Metric("elpips:squares", ELPIPS(Squares()))
    for ball, most in ((FOUR, FOUR.eps), (Ball("l2", 1.5), 1.5 / 12288**0.5)):
        for restarts in (1, 2):
            y = climb(
                random, lambda d: metric_measures.near(d, x), x, ball, replace(QUICK, restarts=restarts)
            )
            assert torch.allclose(Squares()(x, y), torch.full((2,), most**2), rtol=1e-3)


def test_balls_are_named_and_scaled() -> None:
    assert [Ball("linf", 4 / 255).name, Ball("l2", 1.5).name] == ["Linf 4/255", "L2 1.5"]
    assert Ball("l2", 1.5).radius(torch.zeros(1, 3, 64, 64)) == 1.5
    assert Ball("l2", 1.5).radius(torch.zeros(1, 3, 128, 128)) == 3.0
    assert Ball("linf", 0.1).radius(torch.zeros(1, 3, 128, 128)) == 0.1


def test_attack_choice_and_judge_see_different_draws() -> None:
    x, y = pictures(1), pictures(2)[1:]
    s = QUICK
    seeds = (metric_measures.ATTACK, metric_measures.CHOICE, metric_measures.JUDGE)
    values = {float(RANDOM.drawn(4, s.seed + seed)(x, y)) for seed in seeds}
    assert len(values) == 3
    assert torch.equal(RANDOM.judge(s)(x, y), RANDOM.judge(s)(x, y))
    seen = metric_measures.near(RANDOM.drawn(1, 1), x)
    assert not torch.equal(seen(y), seen(y))


# 2afc -----------------------------------------------------------------------------------------------------

EPS = 4 / 255
SHIFTS = [
    (0.040, 0.040 + 0.5 * EPS, 0.0),  # falls to any attack
    (0.040, 0.040 + 1.5 * EPS, 0.0),  # falls only when both are moved
    (0.040, 0.040 + 2.5 * EPS, 0.0),  # stands
    (0.040 + 0.5 * EPS, 0.040, 1.0),  # falls, and x0 has to come nearer for it
    (0.040, 0.080, 1.0),  # was wrong before
    (0.040, 0.080, 0.5),  # raters are undecided: half a point, whatever happens
]


@pytest.mark.parametrize(
    ("move", "score"),
    [("x0", 2.5), ("x1", 2.5), ("preferred", 2.5), ("both", 1.5), ("ref", 4.5)],
)
@pytest.mark.parametrize("metric", [SQUARES, RANDOM], ids=lambda m: m.name)
def test_scores_under_attack_are_those_of_the_closed_form(metric: Metric, move: Move, score: float) -> None:
    result = two_afc(metric, triplets(SHIFTS), [FOUR], [move], QUICK)
    assert result["clean"]["score"] == pytest.approx(4.5 / 6)
    attacked = result[move]["Linf 4/255"]
    assert attacked["score"] == pytest.approx(score / 6)
    assert attacked["low"] <= attacked["score"] <= attacked["high"]
    assert attacked["scores"][4:] == [0.0, 0.5]
    assert (attacked["norm"], attacked["eps"]) == ("linf", EPS)


def test_a_moved_reference_changes_the_ranking_past_the_middle() -> None:
    # the reference has to come half of the sum of both shifts nearer
    pairs = triplets([(0.006, 0.020, 0.0), (0.012, 0.022, 0.0)])
    result = two_afc(SQUARES, pairs, [FOUR], ["ref"], QUICK)["ref"]["Linf 4/255"]
    assert result["scores"] == [0.0, 1.0]


def test_the_interval_is_that_of_the_bootstrap() -> None:
    share = metric_measures._share(torch.tensor([0.0, 1.0] * 50), QUICK)
    assert share["score"] == 0.5
    assert (share["low"], share["high"]) == (pytest.approx(0.4, abs=0.02), pytest.approx(0.6, abs=0.02))
    assert metric_measures._share(torch.ones(7), QUICK)["low"] == 1.0


# inflation ------------------------------------------------------------------------------------------------


def test_sign_noise_is_the_worst_case_of_squares() -> None:
    x = pictures(4)
    result = inflation(SQUARES, x, [FOUR, Ball("l2", 1.5)], replace(QUICK, steps=20))
    assert result["Linf 4/255"]["over sign noise"] == pytest.approx([1.0] * 4, rel=1e-4)
    assert result["L2 1.5"]["over sign noise"] == pytest.approx([1.0] * 4, rel=1e-4)
    # white noise has the same mean square, up to chance
    assert result["Linf 4/255"]["over white noise"] == pytest.approx([1.0] * 4, rel=0.08)
    assert "half width" not in result


def test_what_noise_hardly_meets_is_inflated() -> None:
    result = inflation(Metric("pattern", Pattern()), pictures(2), [FOUR], QUICK)
    # eps^2 over about eps^2 / n, n the number of values
    assert min(result["Linf 4/255"]["over sign noise"]) > 50


def test_a_random_metric_tells_its_half_width() -> None:
    width = inflation(RANDOM, pictures(2), [FOUR], QUICK)["half width"]
    assert len(width["relative"]) == len(width["draws"]) == 2
    assert all(0 <= v < 1 for v in width["relative"])
    assert min(width["draws"]) >= 30


# collapse -------------------------------------------------------------------------------------------------


def test_squares_allow_exactly_the_mild_change() -> None:
    x = pictures(4)
    mild = evaluate_metrics.mildly(x, "noise", QUICK)
    found = collapse(SQUARES, x, mild, ["mse"], QUICK)["mse"]
    assert found["PSNR"] == pytest.approx(quality(x, mild)["PSNR"], abs=2e-3)
    assert set(found) >= {"PSNR", "SSIM"}


def test_more_structure_can_be_lost_at_the_same_squares() -> None:
    x = pictures(2)
    x = torch.cat([x, torch.full_like(x, 0.5)]) * torch.linspace(0.7, 1.2, 16)
    mild = evaluate_metrics.mildly(x, "noise", QUICK)
    found = collapse(SQUARES, x, mild, ["mse", "ssim"], QUICK)
    assert np.mean(found["ssim"]["SSIM"]) < np.mean(quality(x, mild)["SSIM"])
    assert found["ssim"]["PSNR"] == pytest.approx(quality(x, mild)["PSNR"], abs=0.05)


def test_a_metric_that_sees_one_channel_collapses() -> None:
    x = pictures(3)
    mild = evaluate_metrics.mildly(x, "noise", QUICK)
    metric = Metric("red", Squares(seen=1))
    found = collapse(metric, x, mild, ["mse"], QUICK)["mse"]
    assert max(found["PSNR"]) < min(quality(x, mild)["PSNR"]) - 20


@pytest.mark.parametrize("metric", [SQUARES, RANDOM, Metric("red", Squares(seen=1))], ids=lambda m: m.name)
def test_what_is_found_is_allowed_and_a_picture(metric: Metric) -> None:
    x = pictures(2)
    mild = evaluate_metrics.mildly(x, "jpeg", QUICK)
    y = metric_measures._collapsed(metric, x, mild, "mse", QUICK)
    limit = metric.judge(QUICK).at(x)
    assert bool((limit(y) <= limit(mild) * (1 + 1e-6)).all())
    assert 0 <= float(y.min()) <= float(y.max()) <= 1


def test_mild_distortions_are_mild_and_repeat() -> None:
    x = pictures(2, 64)
    noise = quality(x, evaluate_metrics.mildly(x, "noise", QUICK))["PSNR"]
    assert noise == pytest.approx([42.11] * 2, abs=0.2)
    assert torch.equal(*(evaluate_metrics.mildly(x, "noise", QUICK) for _ in range(2)))
    assert evaluate_metrics.mildly(x, "jpeg", QUICK).shape == x.shape


# names ----------------------------------------------------------------------------------------------------


def test_names_make_metrics() -> None:
    assert type(evaluate_metrics.metric("lpips").distance) is LPIPS
    assert type(evaluate_metrics.metric("lpips:efficientnet-lite0").distance) is LPIPS
    assert type(evaluate_metrics.metric("rlpips").distance) is RLPIPS
    assert type(evaluate_metrics.metric("rlpips-2").distance) is RLPIPS2
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    square = evaluate_metrics.metric("mse").distance(x, 1 - x)
    assert square.item() == pytest.approx((1 - 2 * x).square().mean().item())
    made = evaluate_metrics.metric("elpips:rlpips")
    assert isinstance(made.distance, ELPIPS)
    assert type(made.distance.base) is RLPIPS
    assert (made.name, made.random) == ("elpips:rlpips", True)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("psnr", ValueError, "metric is 'psnr', expected lpips"),
        ("lpips:", ValueError, "ends at a colon"),
        ("lpips:resnet", ValueError, "resnet"),
        ("elpips", ValueError, "metric is 'elpips'"),
        ("elpips:", ValueError, "ends at a colon"),
        ("elpips:psnr", ValueError, "metric is 'elpips:psnr'"),
        ("elpips:rlpips-2", ValueError, "metric is 'elpips:rlpips-2'"),
        ("elpips:elpips:lpips", ValueError, "metric is 'elpips:elpips:lpips'"),
        ("elpips:elpips-official:a.npz", ValueError, "metric is 'elpips:elpips-official"),
        ("lpips:efficientnet-lite0:nowhere.pth", FileNotFoundError, "nowhere.pth"),
    ],
)
def test_wrong_names_are_refused(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        evaluate_metrics.metric(name)


def test_the_published_ensemble(shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(shared("torch_home")))
    path = shared("elpips/squeeze_full_maxpool_lin.npz")
    short = evaluate_metrics.metric(f"elpips-official:{path}")
    long = evaluate_metrics.metric(f"elpips-official:squeeze-maxpool:{path}")
    x, y = pictures(1, 64), pictures(2, 64)[1:]
    assert torch.equal(short.judge(QUICK)(x, y), long.judge(QUICK)(x, y))
    assert (
        type(evaluate_metrics.metric(f"lpips:squeeze:{shared('elpips/squeeze_lin.npz')}").distance) is LPIPS
    )


# charts and tables ----------------------------------------------------------------------------------------


def parsed(svg: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    return list(root.iter())


def test_charts_are_xml_with_every_name_and_value() -> None:
    series = {'a<b & "c"': [(0.0, 80.0, 75.0, 85.0), (4.0, 20.0, 15.0, 25.0)], "d": [(0.0, 70.0, 65.0, 75.0)]}
    parts = parsed(metric_plots.lines("t & <u>", series, "across", "up", 50))
    texts = [part.text for part in parts]
    assert {'a<b & "c"', "d", "t & <u>", "across", "up", "4"} <= set(texts)
    assert sum(part.tag.endswith("circle") for part in parts) == 3
    boxes = parsed(metric_plots.boxes("boxes", {"a": [1.0, 10.0, 100.0], "b": [2.0]}, "ratio", log=True))
    assert sum(part.tag.endswith("circle") for part in boxes) == 4
    assert "10" in [part.text for part in boxes]
    for part in (*parts, *boxes):
        for name in ("x1", "x2", "cx"):
            assert 0 <= float(part.get(name, "0")) <= metric_plots.WIDTH
        assert 0 <= float(part.get("cy", "0")) <= metric_plots.HEIGHT


def test_values_are_where_the_scale_says() -> None:
    def heights(svg: str) -> list[float]:
        return [float(part.get("cy", "")) for part in parsed(svg) if part.tag.endswith("circle")]

    low, middle, high = heights(metric_plots.boxes("t", {"a": [1.0, 10.0, 100.0]}, "u", log=True))
    assert low > middle > high
    assert low - middle == pytest.approx(middle - high, abs=0.2)
    low, middle, high = heights(metric_plots.boxes("t", {"a": [1.0, 2.0, 4.0]}, "u"))
    assert 2 * (low - middle) == pytest.approx(middle - high, abs=0.3)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [0.0, 1.0]])
def test_what_cannot_be_drawn_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        metric_plots.boxes("t", {"a": values}, "u", log=True)


# the whole ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in `photos`, and three triplets of them in `pairs/val/one`."""
    root = tmp_path_factory.mktemp("data")
    (root / "photos").mkdir()
    rng = np.random.default_rng(0)
    for index, name in enumerate(("astronaut", "coffee", "chelsea")):
        pixels = getattr(data, name)()[:200, :200]
        Image.fromarray(pixels).save(root / "photos" / f"{name}.png")
        ref = pixels[:64, :64].astype(float)
        for kind, amount in (("ref", 0.0), ("p0", 4.0), ("p1", 12.0)):
            (path := root / "pairs" / "val" / "one" / kind).mkdir(parents=True, exist_ok=True)
            noisy = (ref + rng.normal(0, 1, ref.shape) * amount).clip(0, 255).round().astype(np.uint8)
            Image.fromarray(noisy).save(path / f"{index}.png")
        (path := root / "pairs" / "val" / "one" / "judge").mkdir(exist_ok=True)
        np.save(path / f"{index}.npy", np.array([0.1]))
    return root


def run(folder: Path, out: Path, *more: str) -> dict[str, Any]:
    words = ["--photos", f"{folder}/photos", "--out", str(out), "--count", "1", "--size", "64", "--linf", "4"]
    words += ["--steps", "3", "--search", "3", "--judged", "2", "--changes", "mse", *more]
    evaluate_metrics.main(words)
    measured: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return measured


def timeless(value: Any) -> Any:
    """Without the seconds."""
    if isinstance(value, dict):
        return {name: timeless(inner) for name, inner in value.items() if name != "seconds"}
    return value


def test_the_whole_of_real_metrics(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--pairs", f"{folder}/pairs", "--l2", "--metrics", "lpips", "elpips:lpips")
    measured = run(folder, tmp_path / "a", *words)
    assert timeless(measured) == timeless(run(folder, tmp_path / "b", *words))
    assert set(measured["metrics"]) == {"lpips", "elpips:lpips"}
    for row in measured["metrics"].values():
        assert row["2afc"]["clean"]["score"] == pytest.approx(0.9)
        assert row["2afc"]["preferred"]["Linf 4/255"]["score"] <= row["2afc"]["clean"]["score"]
        # the last step of a restless attack is not below noise
        assert min(row["inflation"]["Linf 4/255"]["over sign noise"]) > 1
        assert len(row["collapse"]["mse"]["PSNR"]) == 1
    assert "half width" in measured["metrics"]["elpips:lpips"]["inflation"]
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith("| lpips ")]
    assert len(rows) == 2 * 3  # two runs of three tables
    assert len({line.count("|") for line in rows[:1]}) == 1
    assert "90.0 [90.0, 90.0]" in rows[0]
    charts = sorted(path.name for path in (tmp_path / "a").glob("*.svg"))
    assert charts == [
        "2afc-preferred.svg", "2afc-x0.svg", "collapse-mse.svg", "inflation-linf-4-255.svg",
    ]  # fmt: skip
    for path in (tmp_path / "a").glob("*.svg"):
        parsed(path.read_text())


def test_without_pairs_the_other_parts_are_done(folder: Path, tmp_path: Path) -> None:
    measured = run(folder, tmp_path, "--metrics", "lpips", "--l2", "1.5", "--parts", "inflation")
    assert set(measured["metrics"]["lpips"]) == {"label", "inflation"}
    assert measured["metrics"]["lpips"]["label"] == "LPIPS (efficientnet-lite0, version 1)"
    assert set(measured["metrics"]["lpips"]["inflation"]) == {"Linf 4/255", "L2 1.5", "seconds"}
    assert measured["settings"]["photos"] == 1


def test_scores_need_triplets(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate_metrics.arguments(["--parts", "2afc"])
    assert "2afc needs --pairs" in capsys.readouterr().err


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no photo of 64x64"):
        evaluate_metrics.photos(tmp_path, 3, 64, QUICK)


def test_crops_repeat_and_have_the_size(folder: Path) -> None:
    crops = evaluate_metrics.photos(folder / "photos", 12, 64, QUICK)
    assert crops.shape == (3, 3, 64, 64)
    assert torch.equal(crops, evaluate_metrics.photos(folder / "photos", 12, 64, QUICK))
    assert len(evaluate_metrics.photos(folder / "photos", 2, 64, QUICK)) == 2
