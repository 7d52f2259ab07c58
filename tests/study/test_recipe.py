"""The recipe of the study of levels: its commands are such as there are, and lead from photos to scores."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnd.attacks import NAMES
from mnd.evaluation.levels import LEVELS
from mnd.study import score
from tests.helpers import rated
from tests.helpers.order import order

RECIPE = Path(__file__).resolve().parents[2] / "scripts" / "study" / "looks.sh"
ATTACKS = ("mnd-minimum", "mnd-robust", "mnd-strong", "mi-fgsm")
STAND_IN = """#!{python}
import json, sys
from pathlib import Path
from mnd import cli
from mnd.cli.app import app

if sys.argv[1] == "evaluate":
    command, bound, _ = app.parse_args(sys.argv[1:], exit_on_error=False, print_error=False)
    how, out = bound.arguments["how"], bound.arguments["out"]
    Path("asked.json").write_text(json.dumps([how.targets, how.attacks, how.limit, str(out)]))
    sys.exit({status})
sys.exit(cli.main(sys.argv[1:]))
"""
"""`mnd` whose evaluation only reads what it is asked for."""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def run(folder: Path, status: int, *words: str) -> subprocess.CompletedProcess[str]:
    bin_ = folder / "bin"
    bin_.mkdir()
    mnd = bin_ / "mnd"
    mnd.write_text(STAND_IN.format(python=sys.executable, status=status))
    mnd.chmod(0o755)
    root = str(RECIPE.parents[2])
    env = os.environ | {"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": root}
    command = ["bash", str(RECIPE), *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the evaluation of the recipe leaves behind, of invented pictures."""
    monkeypatch.setattr(rated, "STRENGTHS", dict(zip(ATTACKS, (1, 3, 6, 9), strict=True)))
    return rated.write_report(tmp_path / "out" / "report", pictures=4, targets=("dlib",))


def test_it_leads_from_photos_to_scores(tmp_path: Path, report: Path):
    made = run(tmp_path, 1, "photos", "out", "3")  # 1: a level has refused a photo
    assert made.returncode == 0, made.stderr
    targets, attacks, limit, out = json.loads((tmp_path / "asked.json").read_text())
    assert (targets, limit, out) == (["dlib"], 6, "out/report")
    assert tuple(",".join(attacks).split(",")) == ATTACKS
    study = tmp_path / "out" / "study"
    key = json.loads((study / "key.json").read_text())
    assert {trial["attack"] for trial in key["trials"].values()} == {*ATTACKS, "reference"}
    assert len(key["trials"]) == 3 * 5
    page = (study / "rating.html").read_text(encoding="utf-8")
    assert not any(name in page for name in ATTACKS)
    answers = invented(tmp_path, key)
    scores = score(study, [answers])
    assert {one.attack: one.mos for one in scores.attacks}["mnd-minimum"] == 4


def invented(folder: Path, key: dict) -> Path:
    """Answers of a program, which gives a grade to each attack."""
    grades = dict(zip(("reference", *ATTACKS), (5, 4, 3, 2, 1), strict=True))
    seen = order({name: trial["content"] for name, trial in key["trials"].items()}, key["study"] + "nobody")
    told = {
        "format": "rating-answers-1", "study": key["study"], "observer": "nobody", "complete": True,
        "order": seen,
        "answers": [{"trial": name, "grade": grades[key["trials"][name]["attack"]]} for name in seen],
    }  # fmt: skip
    path = folder / "answers.json"
    path.write_text(json.dumps(told))
    return path


def test_an_evaluation_that_failed_ends_it(tmp_path: Path, report: Path):
    made = run(tmp_path, 2, "photos", "out")
    assert made.returncode == 2
    assert not (tmp_path / "out" / "study").exists()


def test_its_use_is_told(tmp_path: Path):
    made = run(tmp_path, 0)
    assert made.returncode == 2
    assert "Usage: scripts/study/looks.sh PHOTOS OUT [PICTURES]" in made.stderr


def test_its_attacks_are_such_as_there_are():
    assert set(ATTACKS) <= {*NAMES, *LEVELS}
    assert ",".join(ATTACKS) in RECIPE.read_text(encoding="utf-8")
