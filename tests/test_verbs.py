"""The four verbs from Python, `verb(what..., *, settings=None, progress=None, **options)`, and old calls."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import mnd
from mnd.cloaking.subjects import find
from mnd.evaluation import run
from mnd.evaluation.settings import EvaluationSettings
from mnd.faces import Detector
from mnd.photo import Photo
from mnd.targets import Reference, TargetCard
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
        steps=8,
        level="minimum",
        progress=lambda stage, *_: heard.append(stage),
    )
    assert "search" in heard
    settings = mnd.CloakSettings(targets=("dlib",), level="minimum", offline=True)
    record = mnd.check(tmp_path / "a.png", tmp_path / "a.cloaked.png", settings=settings)
    assert record["compared"]["how"] == "same size"
    with pytest.raises(ValueError, match="got settings and level, expected one of the two"):
        mnd.check(tmp_path / "a.png", tmp_path / "a.png", settings=settings, level="robust")


def test_measure_takes_pictures_of_every_kind_and_tells_its_progress(tmp_path: Path):
    heard: list[tuple[str, int, int]] = []
    Image.fromarray(FACE).save(tmp_path / "a.png")
    found = mnd.measure(tmp_path / "a.png", FACE, "ssim,psnr", progress=lambda *told: heard.append(told))
    assert [(name, it.value) for name, it in found.items()] == [("ssim", 1.0), ("psnr", None)]
    assert heard == [("measuring", 0, 2), ("measuring", 1, 2)]
    assert mnd.metrics.measure is mnd.measure


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch, card: str) -> str:
    from mnd.dataset import engines
    from tests.helpers.protecting import inline as engine

    monkeypatch.setattr(engines, "load", lambda name: engine)
    return card


def whole_evaluation(folder: Path) -> EvaluationSettings:
    return EvaluationSettings(folder, ("dlib",))


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
    assert mnd.protect(src, tmp_path / "f", settings=[how, cloak]).done
    for wrong in (42, (cloak, cloak), whole_evaluation(tmp_path)):
        with pytest.raises(ValueError, match="expected CloakSettings, ProtectSettings, or one of each"):
            mnd.protect(src, tmp_path / "e", settings=wrong)
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
    mnd.evaluate(settings=whole, out=tmp_path / "out")
    mnd.evaluate(tmp_path / "other", tmp_path / "out", settings=whole)
    assert seen[0] == seen[1] == seen[2] == whole
    assert seen[3].data == tmp_path / "other"
    assert EvaluationSettings(tmp_path, ("dlib",), judges=None, attacks="mnd").attacks == ("mnd",)
    with pytest.raises(ValueError, match="got no data"):
        mnd.evaluate(out=tmp_path / "out", targets="dlib")
    with pytest.raises(ValueError, match="got no out"):
        mnd.evaluate(whole)
    with pytest.raises(ValueError, match="got settings and limit"):
        mnd.evaluate(whole, tmp_path / "out", limit=3)
    with pytest.raises(ValueError, match="got no targets"):
        mnd.evaluate(tmp_path, tmp_path / "out")


def test_many_photos_one_after_the_other(tmp_path: Path):
    Image.fromarray(FACE).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"rubbish")
    cloaker = mnd.Cloaker(
        mnd.CloakSettings(targets="dlib", level="minimum", offline=True, steps=20, keep_best=True)
    )
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png", tmp_path / "a.png"]
    records = list(cloaker.photos(paths, tmp_path / "out"))
    kinds = [(r["error"] or {"kind": None})["kind"] for r in records]
    assert kinds[1:] == ["not-an-image", "missing", "exists"]
    assert np.asarray(Image.open(tmp_path / "out" / "a.cloaked.png")).shape == FACE.shape
    with pytest.raises(ValueError, match=r"^out is .*, expected a folder, since there are 4 photos"):
        cloaker.photos(paths, tmp_path / "out.png")
    [alone] = cloaker.photos(str(tmp_path / "b.png"))  # one photo, not its letters
    assert alone["error"]["kind"] == "not-an-image"


def test_a_record_comes_back_from_another_process():
    record = {"error": {"kind": "no-face", "message": "a.png: no face"}}
    error = pickle.loads(pickle.dumps(mnd.NotProtectedError(record)))
    assert (error.record, str(error)) == (record, "a.png: no face")


class Plain:
    """A target as somebody may write it: without a device of its own."""

    card = TargetCard(
        name="plain",
        kind="classifier",
        unit="logit margin",
        threshold=0.0,
        size=(8, 8),
        source="x",
        licence="x",
    )

    def to(self, device):
        return self

    def refer(self, images, faces=None):
        return Reference(torch.zeros(len(images), dtype=torch.int64))

    def score(self, images, reference):
        return images.mean((1, 2, 3)) - 0.5

    margin = score


def test_a_target_without_a_device_is_on_the_cpu():
    [subject] = find(Photo.from_image(Image.fromarray(FACE)), [Plain()], Detector())
    assert subject.before(FACE) == [{"whole": pytest.approx(FACE.mean() / 255 - 0.5, abs=1e-5)}]


def test_a_fault_of_ours_stops_no_other_photo(tmp_path: Path, monkeypatch, caplog):
    cloaker = mnd.Cloaker(mnd.CloakSettings(targets="dlib", level="minimum", offline=True))

    def broken(path, out, overwrite):
        if path.name == "a.png":
            raise KeyError("a fault")
        return {"error": None, "input": str(path)}

    monkeypatch.setattr(cloaker, "photo", broken)
    first, second = cloaker.photos([tmp_path / "a.png", tmp_path / "b.png"])
    assert first["error"] == {"kind": "unexpected", "message": "KeyError: 'a fault'"}
    assert second["error"] is None
    assert "Traceback" in caplog.text
