"""The levels as attacks of an evaluation: the files that people get, and photos that are refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from mnd import attacks
from mnd.attacks import Problem
from mnd.cloaking.settings import CloakSettings
from mnd.evaluation import levels
from mnd.evaluation.results import RESULTS, read_results
from mnd.evaluation.run import Evaluation
from mnd.evaluation.settings import EvaluationSettings


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """One person in two photos."""
    folder = tmp_path / "faces" / "eileen"
    folder.mkdir(parents=True)
    photo = np.ascontiguousarray(skimage.data.astronaut()[:256, 90:346])
    for name, pixels in {"a": photo, "b": np.clip(photo * 1.15, 0, 255).astype(np.uint8)}.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder.parent


def evaluated(data: Path, monkeypatch: pytest.MonkeyPatch, **plan: object) -> tuple[Path, dict]:
    monkeypatch.setattr(levels, "CloakSettings", partial(CloakSettings, rho=0.0, **plan))
    how = EvaluationSettings(data, ("dlib",), attacks=("mnd-minimum",), offline=True, draws=0)
    out = data.parent / "report"
    (line,) = Evaluation(how, out).run()
    return out, line


def test_the_file_that_people_get(faces, monkeypatch):
    out, line = evaluated(faces, monkeypatch, steps=20)
    assert (line["attack"], line["dial"], line["setting"]) == ("mnd-minimum", "level", 1.0)
    assert line["success"]
    assert line["error"] is None
    assert line["scores"]["dlib"]["after"] >= 0.6 > line["scores"]["dlib"]["before"]
    assert line["passes"] is line["passes_tried"] is None
    assert 0.9 < line["ssim"] < 1
    assert (out / line["path"]).is_file()
    (row,) = read_results(out / RESULTS)
    assert row.value("passes") is None


def test_a_photo_that_the_level_refuses_is_an_error(faces, monkeypatch):
    _, line = evaluated(faces, monkeypatch, steps=4, least_ssim=1.0)
    assert not line["success"]
    assert line["path"] is None
    assert line["error"]["kind"] == "NotProtectedError"
    assert "expected at least 1" in line["error"]["message"] or "still recognised" in line["error"]["message"]


def test_names():
    assert list(levels.LEVELS) == ["mnd-minimum", "mnd-robust", "mnd-strong"]
    assert not set(levels.LEVELS) & set(attacks.NAMES)
    assert [levels.attack(name).sweep for name in levels.LEVELS] == [(1.0,), (2.0,), (3.0,)]


def test_a_level_is_no_attack_on_a_problem():
    import torch

    problem = Problem(torch.full((1, 3, 4, 4), 0.5), (lambda y: y.mean((1, 2, 3)) - 0.4,), (0.2,))
    with pytest.raises(TypeError, match="a level cloaks a photo"):
        levels.attack("mnd-robust").run(problem, 2.0, 0)
