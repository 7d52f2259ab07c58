"""Means, intervals, paired differences and shares: against closed forms, scipy and hand-worked figures."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnd.evaluation.results import MEASURES, Row, attack_order, read_results, read_run
from mnd.evaluation.summary import Estimate, bootstrap, paired, summarise, wilson, write_summary
from tests.helpers.evaluations import ATTACKS, TARGETS, make_report, write_lines


def row(picture: str, success: bool = True, attack: str = "pgd", **values: float | None) -> Row:
    return Row(attack, "dlib", picture, success, values, path=f"{attack}/{picture}.png")


# --- reading ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_report(tmp_path_factory.mktemp("report"))


def test_every_line_is_read(folder: Path) -> None:
    rows = read_results(folder / "results.jsonl")
    assert len(rows) == 2 * 4 * 8
    lines = [json.loads(text) for text in (folder / "results.jsonl").read_text().splitlines()]
    told = {(t["target"], t["attack"], t["picture"]): t for t in lines}
    for found in rows:
        line = told[found.target, found.attack, found.picture]
        assert found.success is line["success"]
        assert (found.path, found.original, found.error) == (line["path"], line["original"], line["error"])
        assert {m.name: found.value(m.name) for m in MEASURES} == {m.name: line[m.name] for m in MEASURES}
        assert found.judges == line["judges"]
        assert found.channel == line["channel"]


def test_empty_lines_are_passed_over_and_the_order_can_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = [f'{{"attack": "{a}", "target": "t", "picture": "p", "success": true}}' for a in ("z", "a")]
    path.write_text("\n\n".join(lines) + "\n\n")
    assert [row.attack for row in read_results(path)] == ["a", "z"]
    assert [row.attack for row in read_results(path, in_order=True)] == ["z", "a"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"attack": "pgd", "tar', "line 2: .* expected one JSON object"),
        ("[1]", "line 2: got a list"),
        ('{"attack": "pgd", "target": "dlib", "success": true}', "line 2: has no 'picture'"),
        (
            '{"attack": "a", "target": "b", "picture": "c", "success": 1}',
            "line 2: success is 1, expected bool",
        ),
        ('{"attack": "a", "target": "b", "picture": "c", "success": true, "psnr": NaN}', "line 2: got NaN"),
        ('{"attack": "a", "target": "b", "picture": "c", "success": true, "psnr": "x"}', "psnr is 'x'"),
        ('{"attack": "a", "target": "b", "picture": "c", "success": true, "psnr": true}', "psnr is True"),
        ('{"attack": "a", "target": "b", "picture": "c", "success": true, "judges": {"d": 1}}', "judges is"),
        ('{"attack": "a", "target": "b", "picture": "c", "success": true, "path": 3}', "path is 3"),
        ('{"attack": "pgd", "target": "dlib", "picture": "1", "success": true}', "already in line 1"),
        ("\xff", "line 2: .* expected JSON in UTF-8"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, expected: str) -> None:
    path = tmp_path / "results.jsonl"
    first = '{"attack": "pgd", "target": "dlib", "picture": "1", "success": true}\n'
    path.write_bytes((first + line + "\n").encode("latin-1"))
    with pytest.raises(ValueError, match=expected) as error:
        read_results(path)
    assert str(path) in str(error.value)


def test_half_a_last_line_is_an_error(folder: Path, tmp_path: Path) -> None:
    data = (folder / "results.jsonl").read_bytes()
    path = tmp_path / "results.jsonl"
    path.write_bytes(data[:-40])
    with pytest.raises(ValueError, match=r"line 64: .* expected one JSON object"):
        read_results(path)


def test_a_missing_or_broken_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_run(tmp_path / "run.json")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run\.json"):
        read_run(tmp_path / "run.json")


def test_verdicts_of_null_are_none(tmp_path: Path) -> None:
    told = {"attack": "a", "target": "b", "picture": "c", "success": True, "judges": {"d": None, "e": True}}
    [found] = read_results(write_lines(tmp_path, [told]))
    assert found.judges == {"e": True}


# --- intervals ---


def test_bootstrap_against_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(1).gamma(2.0, 3.0, 60)
    [found] = bootstrap(values[:, None])
    oracle = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", random_state=np.random.default_rng(2)
    ).confidence_interval
    assert found.mean == pytest.approx(values.mean())
    width = oracle.high - oracle.low
    assert found.low == pytest.approx(oracle.low, abs=0.05 * width)
    assert found.high == pytest.approx(oracle.high, abs=0.05 * width)


def test_bootstrap_of_many_is_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(10.0, 2.0, 5000)
    [found] = bootstrap(values[:, None])
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_blocks_draw_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).normal(size=(30, 2))
    whole = bootstrap(values)
    monkeypatch.setattr("mnd.evaluation.summary._BLOCK", 30 * 64)
    for one, other in zip(whole, bootstrap(values), strict=True):
        assert one.low == pytest.approx(other.low, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(-100, 100)), min_size=1, max_size=12),
    st.floats(-50, 50),
    st.floats(0.5, 4),
)
def test_bootstrap_properties(values: list[float | None], shift: float, scale: float) -> None:
    table = np.array(values, dtype=float)[:, None]
    [found] = bootstrap(table)
    known = [value for value in values if value is not None]
    assert found.count == len(known)
    if not known:
        assert found == Estimate()
        return
    assert found.mean == pytest.approx(np.mean(known), abs=1e-9)
    if len(known) == 1:
        assert (found.low, found.high) == (None, None)
        return
    assert found.low is not None
    assert found.high is not None
    assert min(known) - 1e-9 <= found.low <= found.high <= max(known) + 1e-9
    [moved] = bootstrap(scale * table + shift)
    assert moved.low == pytest.approx(scale * found.low + shift, abs=1e-6)
    assert moved.high == pytest.approx(scale * found.high + shift, abs=1e-6)


def test_bootstrap_of_nothing() -> None:
    assert bootstrap(np.empty((0, 2))) == [Estimate(), Estimate()]
    with pytest.raises(ValueError, match="shape"):
        bootstrap(np.zeros(3))
    with pytest.raises(ValueError, match="finite"):
        bootstrap(np.array([[np.inf]]))


@given(st.integers(0, 40), st.integers(1, 40))
def test_wilson_solves_its_equation(successes: int, more: int) -> None:
    """Both ends p satisfy |p_hat - p| = z sqrt(p (1 - p) / n)."""
    pictures = successes + more
    found = wilson(successes, pictures)
    for end in (found.low, found.high):
        assert end is not None
        distance = 1.959963984540054 * math.sqrt(end * (1 - end) / pictures)
        assert abs(successes / pictures - end) == pytest.approx(distance, abs=1e-9)


def test_wilson_at_the_ends() -> None:
    z2 = 1.959963984540054**2
    assert wilson(10, 10).low == pytest.approx(10 / (10 + z2))
    assert wilson(0, 10).high == pytest.approx(z2 / (10 + z2))
    assert wilson(0, 0) == Estimate()
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson(3, 2)


# --- summaries ---


def test_means_over_successes_and_over_all() -> None:
    rows = [
        row("1", psnr=40.0),
        row("2", psnr=44.0),
        row("3", False, psnr=30.0),
        Row("pgd", "dlib", "4", False, error={"kind": "RuntimeError", "message": "no"}),
    ]
    [found] = summarise(rows)
    assert (found.pictures, found.successes, found.errors) == (4, 2, 1)
    assert found.success.mean == 0.5
    assert (found.quality["psnr"].mean, found.all["psnr"].mean) == (42.0, 38.0)
    assert found.quality["ssim"] == Estimate()
    assert found.difference["psnr"].count == 0


def test_paired_differences_take_the_pictures_of_both() -> None:
    ours = [
        row("1", psnr=50.0, attack="mnd"),
        row("2", psnr=40.0, attack="mnd"),
        row("3", False, attack="mnd"),
    ]
    theirs = [row("1", psnr=47.0), row("2", psnr=39.0), row("3", psnr=99.0), row("4", psnr=99.0)]
    found = {s.attack: s for s in summarise(ours + theirs)}
    difference = found["pgd"].difference["psnr"]
    assert (difference.mean, difference.count, difference.side) == (-2.0, 2, -1)
    assert difference.low is not None
    assert -3.0 <= difference.low <= difference.high <= -1.0
    assert found["mnd"].difference == {}


def test_paired_is_narrower_than_the_spread_of_pictures() -> None:
    rng = np.random.default_rng(5)
    hard = rng.normal(40, 5, 30)
    ours = [row(str(i), psnr=float(v), attack="mnd") for i, v in enumerate(hard)]
    theirs = [row(str(i), psnr=float(v - 0.5 + rng.normal(0, 0.1))) for i, v in enumerate(hard)]
    assert paired(theirs, ours)["psnr"].side == -1


def test_shares_over_successes_and_over_all() -> None:
    def judged(picture: str, success: bool, fooled: bool | None) -> Row:
        judges = {} if fooled is None else {"facenet": fooled}
        return Row("pgd", "dlib", picture, success, judges=judges, path="x.png")

    broken = Row("pgd", "dlib", "9", False, error={"kind": "E", "message": "m"})
    rows = [
        judged("1", True, True),
        judged("2", True, False),
        judged("3", False, True),
        judged("4", True, None),
    ]
    [found] = summarise([*rows, broken])
    shares = found.judges["facenet"]
    assert (shares.successes.mean, shares.successes.count) == (0.5, 2)
    assert (shares.all.mean, shares.all.count) == (0.5, 4), "the breakdown counts, the unjudged does not"


def test_the_order_of_lines_does_not_matter(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    random.Random(0).shuffle(lines)
    (tmp_path / "results.jsonl").write_text("".join(lines))
    one, other = (
        write_summary(tmp_path / f"{name}.csv", summarise(read_results(where / "results.jsonl"))).read_bytes()
        for name, where in (("one", folder), ("other", tmp_path))
    )
    assert one == other


def test_csv_has_a_line_an_attack_and_target(folder: Path, tmp_path: Path) -> None:
    summaries = summarise(read_results(folder / "results.jsonl"))
    path = write_summary(tmp_path / "summary.csv", summaries)
    lines = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [(line["target"], line["attack"]) for line in lines] == [
        (target, attack) for target in TARGETS for attack in attack_order(ATTACKS)
    ]
    names = ["attack", "target", "pictures", "successes", "success", "success_low", "success_high"]
    for measure in MEASURES:
        ends = ("", "_low", "_high", "_all", "_minus_mnd", "_minus_mnd_low", "_minus_mnd_high")
        names += [measure.name + end for end in ends]
    names += ["passes", "seconds", "peak_mb", "judge_facenet", "judge_facenet_low", "judge_facenet_high"]
    names += ["channel_jpeg75", "channel_jpeg75_low", "channel_jpeg75_high"]
    assert set(names) <= set(lines[0])
    by_name = {(s.attack, s.target): s for s in summaries}
    for line in lines:
        found = by_name[line["attack"], line["target"]]
        assert float(line["ssimulacra2"]) == pytest.approx(found.quality["ssimulacra2"].mean, rel=1e-6)
        assert (line["psnr_minus_mnd"] == "") == (line["attack"] == "mnd")
        assert line["peak_mb"] == "512"


def test_csv_is_replaced_as_a_whole(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    path.write_text("old")
    write_summary(path, summarise([row("1", psnr=40.0)]))
    assert path.read_text().startswith("attack,target,pictures,")
    assert [file.name for file in tmp_path.iterdir()] == ["summary.csv"]
