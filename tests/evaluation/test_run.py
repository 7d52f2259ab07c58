"""An evaluation on pictures that PyPI packages ship: lines, files, resuming, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from PIL import Image

from mnd import attacks
from mnd.attacks.attack import Attack
from mnd.attacks.mnd import KINDS
from mnd.channel import to_tensor
from mnd.evaluation import run
from mnd.evaluation.cases import Bench, cropped
from mnd.evaluation.data import people
from mnd.evaluation.results import RESULTS, RUN
from mnd.evaluation.run import Evaluation
from mnd.evaluation.saved import decoded
from mnd.evaluation.settings import EvaluationSettings
from mnd.targets import registry
from tests.helpers import tiny

VOLATILE = {"seconds", "seconds_tried", "peak_mb"}
"""What differs from run to run."""


@pytest.fixture(scope="module")
def classes(tmp_path_factory) -> Path:
    """Three photos, named by what efficientnet-lite0 sees in them, and one that is named wrongly."""
    folder = tmp_path_factory.mktemp("classes")
    target = registry.load("efficientnet-lite0", offline=True)
    for name in ("coffee", "chelsea", "rocket"):
        pixels = getattr(skimage.data, name)()
        seen = int(target.refer(to_tensor(cropped(pixels, 224))).known)
        Image.fromarray(pixels).save(folder / f"{seen:03}_{name}.png")
    Image.fromarray(skimage.data.astronaut()).save(folder / "000_no_fish.png")
    return folder


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """One person in three photos: as she is, brighter, and mirrored."""
    folder = tmp_path_factory.mktemp("faces")
    (folder / "eileen").mkdir()
    photo = np.ascontiguousarray(skimage.data.astronaut()[:256, 90:346])
    brighter = np.clip(photo * 1.15, 0, 255).astype(np.uint8)
    for name, pixels in {"a": photo, "b": brighter, "c": photo[:, ::-1]}.items():
        Image.fromarray(pixels).save(folder / "eileen" / f"{name}.png")
    return folder


def settings(folder: Path, target: str = "efficientnet-lite0", **more) -> EvaluationSettings:
    few = {"attacks": ("mnd", "mi-fgsm"), "offline": True, "draws": 1}
    return EvaluationSettings(folder, (target,), **few | more)


def lasting(lines: list[dict]) -> list[dict]:
    def kept(line):
        told = {k: v for k, v in line.items() if k not in VOLATILE}
        return told | {
            "tried": [{k: v for k, v in one.items() if k not in VOLATILE} for one in line["tried"]]
        }

    return [kept(line) for line in lines]


@pytest.fixture(scope="module")
def done(classes: Path, tmp_path_factory) -> tuple[Path, list[dict]]:
    out = tmp_path_factory.mktemp("done")
    return out, Evaluation(settings(classes), out).run()


def test_a_line_for_each_picture_and_attack(done):
    out, lines = done
    assert [json.loads(line) for line in (out / RESULTS).read_text().splitlines()] == lines
    assert len(lines) == 6
    assert len({(line["picture"], line["attack"]) for line in lines}) == 6
    assert all(line["target"] == "efficientnet-lite0" and line["error"] is None for line in lines)
    told = json.loads((out / RUN).read_text())
    assert told["not_counted"] == {"efficientnet-lite0": ["000_no_fish.png"]}
    assert told["attacks"]["mi-fgsm"]["title"] == "MI-FGSM"
    assert told["versions"]["torch"] == torch.__version__.split("+")[0]


def test_success_is_what_the_file_says(done, classes):
    """Judged anew here, by the target's own logits."""
    out, lines = done
    target = registry.load("efficientnet-lite0", offline=True)
    for line in lines:
        label = int(line["picture"][:3])
        seen = [
            int(target.refer(to_tensor(decoded((out / one["path"]).read_bytes()))).known)
            for one in line["tried"]
        ]
        assert [number != label for number in seen] == [one["success"] for one in line["tried"]]
        assert line["success"] == line["tried"][-1]["success"]
        assert not any(one["success"] for one in line["tried"][:-1])
        assert line["path"] == line["tried"][-1]["path"]
        clean = decoded((out / line["original"]).read_bytes())
        assert int(target.refer(to_tensor(clean)).known) == label
        assert np.array_equal(clean, cropped(np.asarray(Image.open(classes / line["picture"])), 224))


def test_mnd_fools_with_a_better_picture_than_a_budget(done):
    lines = {(line["picture"], line["attack"]): line for line in done[1]}
    for (picture, attack), line in lines.items():
        if attack == "mnd":
            rival = lines[picture, "mi-fgsm"]
            assert line["success"]
            assert line["passes"] == KINDS["mnd"].steps
            assert line["ssim"] > rival["ssim"]
            assert line["ssimulacra2"] > rival["ssimulacra2"]
            assert set(line["channel"]) == {"jpeg90", "jpeg75", "jpeg50", "webp80", "half"}


def test_what_was_interrupted_goes_on_and_gives_the_same(card, tmp_path, monkeypatch):
    few = settings(small_classes(tmp_path, card), card, crop=0)
    undisturbed = Evaluation(few, tmp_path / "undisturbed").run()
    first = run.Evaluation._append

    def stop(self, line):
        first(self, line)
        if len(self.lines) == 3:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    monkeypatch.setattr(run.Evaluation, "_append", stop)
    with pytest.raises(KeyboardInterrupt):
        Evaluation(few, out).run()
    monkeypatch.undo()
    with (out / RESULTS).open("a") as file:
        file.write('{"attack": "mnd", "tar')  # as a power cut would leave it
    lines = Evaluation(few, out).run()
    assert lasting(lines) == lasting(undisturbed)
    assert len((out / RESULTS).read_text().splitlines()) == 6


def small_classes(folder: Path, name: str) -> Path:
    """Three pictures of 64 pixels, named by what a target sees in them."""
    target, pictures = registry.load(name), folder / "pictures"
    pictures.mkdir()
    for number, pixels in enumerate(tiny.crops(3, 64)):
        seen = int(target.refer(to_tensor(pixels)).known)
        Image.fromarray(pixels).save(pictures / f"{seen:03}_{number}.png")
    return pictures


def test_nothing_is_done_twice(done, classes, monkeypatch):
    out, lines = done
    monkeypatch.setattr(run.Evaluation, "_line", lambda *_: pytest.fail("done already"))
    assert Evaluation(settings(classes), out).run() == lines


def test_other_attacks_may_join_and_none_is_forgotten(done, classes, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(done[0], folder)
    lines = Evaluation(settings(classes, attacks=("mnd-plain",), limit=2), folder).run()
    assert lines[: len(done[1])] == done[1]
    assert {line["attack"] for line in lines} == {"mnd", "mi-fgsm", "mnd-plain"}
    assert json.loads((folder / RUN).read_text())["attacks"].keys() == {"mnd", "mi-fgsm", "mnd-plain"}


def test_other_settings_need_another_folder(done, classes):
    with pytest.raises(ValueError, match=r"other settings: got {'seed': 1}, expected {'seed': 0}"):
        Evaluation(settings(classes, seed=1), done[0])


def test_an_attack_that_breaks_down_stops_nothing(classes, tmp_path, monkeypatch, caplog):
    def broken(problem, setting, seed):
        raise RuntimeError("no gradient")

    real = attacks.load
    failing = Attack("fgsm", "FGSM", "eps", (1.0,), "", "mnd", "", broken)
    monkeypatch.setattr(attacks, "load", lambda name: failing if name == "fgsm" else real(name))
    lines = Evaluation(settings(classes, attacks=("fgsm", "mnd"), limit=2), tmp_path).run()
    assert [line["error"] for line in lines if line["attack"] == "mnd"] == [None]
    (line,) = (line for line in lines if line["attack"] == "fgsm")
    assert line["error"] == {"kind": "RuntimeError", "message": "no gradient"}
    assert not line["success"]
    assert line["path"] is None
    assert "no gradient" in caplog.text


def test_an_unreadable_picture_stops_nothing(classes, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "001_broken.jpg").write_bytes(b"\xff\xd8 no photo")
    photo = next(p for p in classes.iterdir() if "coffee" in p.name)
    (data / photo.name).write_bytes(photo.read_bytes())
    evaluation = Evaluation(settings(data, attacks=("mnd",)), tmp_path / "out")
    assert [line["picture"] for line in evaluation.run()] == [photo.name]
    assert "001_broken.jpg" in json.loads((tmp_path / "out" / RUN).read_text())["unreadable"]


def test_an_unreadable_photo_of_a_gallery_stops_nothing(faces, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(faces, data)
    (data / "eileen" / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    # the gallery is three of the four: of this seed the broken one, too
    seed = next(n for n in range(50) if people(data, 0.75, n)[0].path.name != "broken.jpg")
    asked = settings(data, "dlib", attacks=("fgsm",), known=0.75, seed=seed)
    (line,) = Evaluation(asked, tmp_path / "out").run()
    assert line["counted"]
    assert list(json.loads((tmp_path / "out" / RUN).read_text())["unreadable"]) == ["eileen/broken.jpg"]


def test_nothing_that_is_recognised(tmp_path):
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "000_no_fish.png")
    with pytest.raises(ValueError, match="no picture is recognised by efficientnet-lite0"):
        Evaluation(settings(tmp_path), tmp_path / "out").run()


@pytest.mark.parametrize("form", ["jpeg", "webp"])
def test_lossy_files_are_judged_as_they_are(classes, tmp_path, form):
    data = tmp_path / "data"
    data.mkdir()
    photo = next(p for p in classes.iterdir() if "coffee" in p.name)
    (data / photo.name).write_bytes(photo.read_bytes())
    (line,) = Evaluation(settings(data, attacks=("mnd",), form=form, draws=0), tmp_path / "out").run()
    assert line["success"]
    assert line["path"].endswith({"jpeg": ".jpg", "webp": ".webp"}[form])
    assert line["elpips"] is None


def test_faces(faces, tmp_path):
    wanted = settings(faces, "dlib", attacks=("mnd",), known=0.6, draws=0)
    (line,) = Evaluation(wanted, tmp_path).run()
    assert line["success"]
    told = line["scores"]["dlib"]
    assert told["unit"] == "euclidean distance"
    assert told["before"] < told["threshold"] <= told["after"]
    clean, shown = (decoded((tmp_path / line[name]).read_bytes()) for name in ("original", "path"))
    assert (clean != shown).any()
    bench = Bench("dlib", wanted)
    case = bench.case(bench.pictures[0])
    (x0, y0, x1, y1), _ = case.place
    outside = clean != shown
    outside[y0:y1, x0:x1] = False
    assert not outside.any()


def test_a_problem_sees_the_rounded_file(classes):
    bench = Bench("efficientnet-lite0", settings(classes))
    case = next(c for c in map(bench.case, bench.pictures) if c.clean.known)
    problem = case.problem("cpu")
    y = (problem.x + 0.4 / 255).clamp(0, 1).requires_grad_()
    assert problem.margin(y).item() == pytest.approx(problem.margin(problem.x).item(), abs=1e-4)
    (slope,) = torch.autograd.grad(problem.margin(y).sum(), y)
    assert slope.abs().sum() > 0


def test_a_problem_looks_for_the_face_a_little_elsewhere(faces, classes):
    bench = Bench("dlib", settings(faces, "dlib", known=0.6))
    problem = bench.case(bench.pictures[0]).problem("cpu")
    (still,), (shaken,), (again,) = problem.margins, problem.looks(1), problem.looks(1)
    with torch.no_grad():
        usual = still(problem.x).item()
        told = [shaken(problem.x).item() for _ in range(4)]
        assert told == [again(problem.x).item() for _ in range(4)]
    assert len(set(told)) == 4
    assert told == pytest.approx([usual] * 4, abs=0.1)
    bench = Bench("efficientnet-lite0", settings(classes))
    assert bench.case(bench.pictures[0]).problem("cpu").shaken is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attacks": ("mnd", "mnd")}, "named twice: mnd"),
        ({"attacks": ("magic",)}, "unknown attack 'magic'"),
        ({"judges": ("dlib",)}, "judges dlib suit no target"),
        ({"targets": ("nobody",)}, "unknown target 'nobody'"),
        ({"targets": ("dlib+efficientnet-lite0",)}, "got both in one"),
    ],
)
def test_bad_settings(classes, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        Evaluation(replace(settings(classes), **change), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": ()}, "at least one name"),
        ({"form": "gif"}, "form is 'gif', expected one of png, jpeg, webp"),
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"quality": 0}, "quality is 0"),
        ({"crop": 8}, "crop is 8"),
        ({"known": 1.0}, "known is 1.0"),
        ({"sweep_eps": (2.0, 1.0)}, "ascending"),
        ({"sweep_headroom": (-1.0,)}, "ascending"),
        ({"draws": -1}, "draws is -1"),
        ({"limit": 0}, "limit is 0"),
    ],
)
def test_settings_out_of_range(change, message):
    with pytest.raises(ValueError, match=message):
        replace(EvaluationSettings(Path("x"), ("dlib",)), **change)
