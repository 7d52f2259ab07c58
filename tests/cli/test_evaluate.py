"""`mnd evaluate` and `mnd study` as people meet them: from pictures to a report, and to opinion scores."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
import skimage
from PIL import Image

from mnd import cli
from mnd.channel import to_tensor
from mnd.evaluation.cases import cropped
from mnd.targets import registry
from tests.helpers.html_reader import Reader
from tests.helpers.order import order


@pytest.fixture(scope="module", autouse=True)
def _short(short_attacks: None) -> None:
    """Searches are short."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    target = registry.load("efficientnet-lite0", offline=True)
    for name in ("coffee", "chelsea"):
        pixels = getattr(skimage.data, name)()
        seen = int(target.refer(to_tensor(cropped(pixels, 224))).known)
        Image.fromarray(pixels).save(folder / f"{seen:03}_{name}.png")
    return folder


@pytest.fixture(scope="module")
def report(pictures: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report")
    words = ["--targets", "efficientnet-lite0", "--attacks", "mnd,mi-fgsm", "--draws", "0", "--offline"]
    assert cli.main(["evaluate", "--data", str(pictures), *words, "-o", str(out), "--limit", "1"]) == 0
    assert cli.main(["evaluate", "--data", str(pictures), *words, "-o", str(out)]) == 0
    return out


def test_everything_that_is_promised_is_there(report: Path):
    lines = [json.loads(line) for line in (report / "results.jsonl").read_text().splitlines()]
    assert len(lines) == 4
    for line in lines:
        assert (report / line["path"]).is_file()
        assert (report / line["original"]).is_file()
    with (report / "summary.csv").open(newline="") as file:
        rows = {row["attack"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {"mnd", "mi-fgsm"}
    for attack, row in rows.items():
        values = [line["psnr"] for line in lines if line["attack"] == attack]
        assert float(row["psnr"]) == pytest.approx(sum(values) / len(values))
        assert float(row["psnr_low"]) <= float(row["psnr"]) <= float(row["psnr_high"])
    assert list((report / "plots").glob("*.svg"))
    page = (report / "report.html").read_text()
    assert "MI-FGSM" in page
    assert "data:image" in page
    assert "http-equiv" in page


def test_json_is_one_object_an_attack(pictures: Path, report: Path, capsys):
    words = ["--targets", "efficientnet-lite0", "--attacks", "mnd,mi-fgsm", "--draws", "0", "--offline"]
    assert cli.main(["evaluate", "--data", str(pictures), *words, "-o", str(report), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["attack"] for row in rows] == ["mnd", "mi-fgsm"]
    assert all(row["success"] == 1 for row in rows)
    assert rows[0]["ssimulacra2"] > rows[1]["ssimulacra2"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--attacks", "magic"], "unknown attack 'magic'"),
        (["--targets", "nobody"], "unknown target 'nobody'"),
        (["--limit", "0"], "limit is 0"),
        (["--sweep-eps", "a"], "--sweep-eps is 'a', expected numbers"),
        (["--data", "gone"], "no such folder"),
        (["--seed", "1"], "other settings"),
    ],
)
def test_wrong_usage(pictures: Path, report: Path, more: list[str], message: str, capsys):
    given = {
        "--data": str(pictures), "--targets": "efficientnet-lite0", "--attacks": "mnd,mi-fgsm",
        "--draws": "0", "--out": str(report),
    }  # fmt: skip
    given |= dict([more])
    before = (report / "results.jsonl").read_bytes()
    assert cli.main(["evaluate", "--offline", *(word for pair in given.items() for word in pair)]) == 2
    assert message in capsys.readouterr().err
    assert (report / "results.jsonl").read_bytes() == before


def test_an_attack_whose_package_is_missing(pictures: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "foolbox", None)
    words = ["--targets", "efficientnet-lite0", "--attacks", "pgd", "-o", str(tmp_path / "out")]
    assert cli.main(["evaluate", "--data", str(pictures), *words]) == 2
    assert 'pip install "mnd-cloak[anchors]"' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def answered(study: Path, observer: str, path: Path) -> Path:
    """What somebody sends back who finds clean pictures perfect, MND's good and the others bad."""
    key = json.loads((study / "key.json").read_text())
    trials = key["trials"]
    seen = order({name: trial["content"] for name, trial in trials.items()}, key["study"] + observer)
    grade = {"reference": 5, "mnd": 4}
    given = [
        {
            "trial": n,
            "grade": grade.get(trials[n]["attack"], 2),
            "at": 1.0,
            "vote": 2.0,
            "shown": [10.0, 10.0],
        }
        for n in seen
    ]
    told = {
        "format": "rating-answers-1", "study": key["study"], "observer": observer, "complete": True,
        "order": seen, "answers": given, "interruptions": 0,
        "screen": {"devicePixelRatio": 1, "width": 1280, "height": 720},
    }  # fmt: skip
    path.write_text(json.dumps(told))
    return path


def test_a_study_from_the_report(report: Path, tmp_path: Path, capsys):
    study = tmp_path / "study"
    made = ["study", "create", str(report), "-o", str(study), "--pictures", "2"]
    assert cli.main(made) == 0
    assert "mi-fgsm" not in (study / "rating.html").read_text().lower()
    assert cli.main(made) == 2  # it would be another study, and answers to the first would be lost
    before = len(Reader((report / "report.html").read_text()).seen)
    answers = [answered(study, f"{n:032x}", tmp_path / f"{n}.json") for n in range(3)]
    capsys.readouterr()
    assert cli.main(["study", "score", str(study), *map(str, answers), "-o", str(report), "--json"]) == 0
    rows = {row["attack"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [rows[name]["mos"] for name in ("reference", "mnd", "mi-fgsm")] == [5, 4, 2]
    assert len(Reader((report / "report.html").read_text()).seen) > before  # a table more
    (tmp_path / "broken.json").write_text("{}")
    assert cli.main(["study", "score", str(study), str(tmp_path / "broken.json")]) == 2
    assert "broken.json" in capsys.readouterr().err
