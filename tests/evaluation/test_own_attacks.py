"""Attacks of one's own in a comparison: on the command line, in Python, and when their code changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import mnd
from mnd import cli
from mnd.attacks import Attack
from mnd.base.plugins import PluginError
from mnd.channel import to_tensor
from mnd.evaluation.results import RESULTS, RUN
from mnd.evaluation.run import Evaluation
from mnd.evaluation.settings import EvaluationSettings
from mnd.targets import load
from tests.helpers import tiny

CODE = '''
def noise(problem, eps, seed):
    """Grey: nothing is recognised in it."""
    import torch

    return torch.full_like(problem.x, 0.5)
'''


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, card: str) -> Path:
    """Two pictures, named by what the target sees in them."""
    folder, target = tmp_path_factory.mktemp("pictures"), load(card)
    for number, pixels in enumerate(tiny.crops(2, 64)):
        label = int(target.refer(to_tensor(pixels)).known)
        Image.fromarray(pixels).save(folder / f"{label:03d}_{number}.png")
    return folder


def settings(pictures: Path, card: str, *attacks: object) -> EvaluationSettings:
    return EvaluationSettings(pictures, (card,), attacks=attacks, crop=0, draws=0, offline=True)  # type: ignore[arg-type]


def test_by_file_on_the_command_line(pictures: Path, card: str, tmp_path: Path, capsys):
    (tmp_path / "mine.py").write_text(CODE)
    words = [
        "evaluate",
        "--data",
        str(pictures),
        "--targets",
        card,
        "--crop",
        "0",
        "--draws",
        "0",
        "--offline",
    ]
    words += ["--out", str(tmp_path / "out"), "--attacks", f"{tmp_path / 'mine.py'}:noise"]
    assert cli.main([*words, "--json"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / RESULTS).read_text().splitlines()]
    assert [line["attack"] for line in lines] == ["noise"] * 2
    told = json.loads((tmp_path / "out" / RUN).read_text())["attacks"]["noise"]
    assert told["library"].startswith("mine.py, sha256 ")
    assert told["note"] == "Grey: nothing is recognised in it."
    assert "noise" in (tmp_path / "out" / "report.html").read_text()
    capsys.readouterr()
    (tmp_path / "mine.py").write_text(CODE.replace("0.5", "0.25"))
    assert cli.main(words) == 2
    assert "expected another folder" in capsys.readouterr().err


def test_in_python(pictures: Path, card: str, tmp_path: Path):
    def grey(problem, eps, seed):
        return problem.x * 0 + 0.5

    fixed = Attack("same", "Same", "eps", (1.0,), "nobody", "mine", "", lambda problem, eps, seed: problem.x)
    how = settings(pictures, card, grey, fixed)
    lines = Evaluation(how, tmp_path).run()
    assert {(line["attack"], line["success"]) for line in lines} == {("grey", True), ("same", False)}
    assert how.as_json()["attacks"] == ("grey", "same")
    assert Evaluation(how, tmp_path).run() == lines  # done already


def test_one_that_gives_no_picture_stops_and_keeps_no_line(pictures: Path, card: str, tmp_path: Path, capsys):
    (tmp_path / "mine.py").write_text("def noise(problem, eps, seed):\n    return problem.x[0]\n")
    how = settings(pictures, card, f"{tmp_path / 'mine.py'}:noise")
    with pytest.raises(PluginError, match=r"mine.py:1: gave a tensor \(3, 64, 64\)"):
        mnd.evaluate(how, tmp_path / "out")
    assert not (tmp_path / "out" / RESULTS).exists()
    (tmp_path / "mine.py").write_text(CODE)
    mnd.evaluate(how, tmp_path / "out")
    assert len((tmp_path / "out" / RESULTS).read_text().splitlines()) == 2


def test_names_that_are_taken_are_refused(pictures: Path, card: str, tmp_path: Path):
    def fmn(problem, eps, seed):
        return problem.x

    with pytest.raises(ValueError, match="attacks are named twice: fmn"):
        Evaluation(settings(pictures, card, "fmn", fmn), tmp_path)
