"""The four verbs from Python, `verb(what..., *, settings=None, progress=None, **options)`, and old calls."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mnd
from mnd.evaluation import run
from mnd.evaluation.settings import EvaluationSettings
from tests.helpers import tiny
from tests.helpers.cloaks import FACE

VERBS = (mnd.cloak, mnd.check, mnd.protect, mnd.evaluate)


@pytest.mark.parametrize("verb", VERBS)
def test_all_take_settings_progress_and_options(verb):
    parameters = inspect.signature(verb).parameters
    assert {"settings", "progress"} <= set(parameters)
    assert any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def test_cloak_and_check_tell_their_progress(tmp_path: Path):
    heard: list[str] = []
    Image.fromarray(FACE).save(tmp_path / "a.png")
    mnd.cloak(
        tmp_path / "a.png",
        targets="dlib",
        offline=True,
        steps=20,
        progress=lambda stage, *_: heard.append(stage),
    )
    assert "search" in heard
    settings = mnd.CloakSettings(targets=("dlib",), offline=True)
    record = mnd.check(tmp_path / "a.png", tmp_path / "a.cloaked.png", settings=settings)
    assert record["compared"]["how"] == "same size"
    with pytest.raises(ValueError, match="got settings and level, expected one of the two"):
        mnd.check(tmp_path / "a.png", tmp_path / "a.png", settings=settings, level="robust")


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch, card: str) -> str:
    from mnd.dataset import engines
    from tests.helpers.protecting import inline as engine

    monkeypatch.setattr(engines, "load", lambda name: engine)
    return card


@pytest.mark.usefixtures("inline")
def test_protect_takes_settings_of_either_kind_both_or_fields(tmp_path: Path, card: str):
    src = tmp_path / "src"
    tiny.write_pictures(src, 2)
    cloak = mnd.CloakSettings(targets=(card,), **tiny.OPTIONS)
    heard: list[tuple[str, int, int]] = []
    how = mnd.ProtectSettings(workers=1)
    assert mnd.protect(
        src, tmp_path / "a", settings=(cloak, how), progress=lambda *told: heard.append(told)
    ).done
    assert ("photos", 2, 0) in heard
    assert mnd.protect(src, tmp_path / "b", settings=cloak, workers=1).done
    assert mnd.protect(src, tmp_path / "c", settings=how, targets=card, **tiny.OPTIONS).done
    assert mnd.protect(src, tmp_path / "d", targets=(card,), workers=1, **tiny.OPTIONS).done
    with pytest.raises(ValueError, match="got settings and workers"):
        mnd.protect(src, tmp_path / "e", settings=how, workers=2)
    with pytest.raises(ValueError, match="got settings and level"):
        mnd.protect(src, tmp_path / "e", settings=cloak, level="strong")


def test_evaluate_takes_a_folder_and_fields_or_settings_as_before(tmp_path: Path, monkeypatch):
    seen: list[EvaluationSettings] = []

    class Report:
        path = tmp_path / "report.html"

    monkeypatch.setattr(run, "compare", lambda settings, *_: seen.append(settings) or Report)
    whole = EvaluationSettings(tmp_path, ("dlib",))
    assert mnd.evaluate(whole, tmp_path / "out") == Report.path
    mnd.evaluate(str(tmp_path), tmp_path / "out", targets="dlib")
    mnd.evaluate(tmp_path / "other", tmp_path / "out", settings=whole)
    assert seen[0] == seen[1] == whole
    assert seen[2].data == tmp_path / "other"
    with pytest.raises(ValueError, match="got settings and limit"):
        mnd.evaluate(whole, tmp_path / "out", limit=3)
    with pytest.raises(ValueError, match="got no targets"):
        mnd.evaluate(tmp_path, tmp_path / "out")


def test_many_photos_one_after_the_other(tmp_path: Path):
    Image.fromarray(FACE).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"rubbish")
    cloaker = mnd.Cloaker(mnd.CloakSettings(targets="dlib", offline=True, steps=20, keep_best=True))
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png", tmp_path / "a.png"]
    records = list(cloaker.photos(paths, tmp_path / "out"))
    kinds = [(r["error"] or {"kind": None})["kind"] for r in records]
    assert kinds[1:] == ["not-an-image", "missing", "exists"]
    assert np.asarray(Image.open(tmp_path / "out" / "a.cloaked.png")).shape == FACE.shape
    with pytest.raises(ValueError, match="expected a folder, since there are 4 photos"):
        cloaker.photos(paths, tmp_path / "out.png")


def test_a_fault_of_ours_stops_no_other_photo(tmp_path: Path, monkeypatch, capsys):
    cloaker = mnd.Cloaker(mnd.CloakSettings(targets="dlib", offline=True))

    def broken(path, out, overwrite):
        if path.name == "a.png":
            raise KeyError("a fault")
        return {"error": None, "input": str(path)}

    monkeypatch.setattr(cloaker, "photo", broken)
    first, second = cloaker.photos([tmp_path / "a.png", tmp_path / "b.png"])
    assert first["error"] == {"kind": "unexpected", "message": "KeyError: 'a fault'"}
    assert second["error"] is None
    assert "Traceback" in capsys.readouterr().err
