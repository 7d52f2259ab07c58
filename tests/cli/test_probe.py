"""`mnd targets probe`: a card for a file, or what is wrong with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

pytest.importorskip("onnx")
pytest.importorskip("onnx2pytorch")

import numpy as np
from converters import graphs

from mnd import cli
from mnd.targets.alignment import ALIGNMENTS, TEMPLATES
from mnd.targets.onnx.ways import RANGES, Separation, all_ways, both_orders


class Finder:
    """Faces fill the pictures of these tests, where that of arcface112 stands."""

    def __init__(self, device: Any) -> None:
        pass

    def __call__(self, pixels: np.ndarray) -> list[Any]:
        from mnd.faces.face import Face

        if pixels.max() == 0:  # a black picture has none
            return []
        marks = np.asarray(TEMPLATES["arcface112"][1], np.float32)
        return [Face((0.0, 0.0, 112.0, 112.0), marks, 1.0)]


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four people with four photos each: everybody has a frame of colours, and noise in the middle."""
    monkeypatch.setattr("mnd.faces.detector.Detector", Finder)
    rng = np.random.default_rng(0)
    for name in "abcd":
        own = rng.uniform(60, 190, (4, 4, 3)).repeat(28, 0).repeat(28, 1)
        folder = tmp_path / "people" / name
        folder.mkdir(parents=True)
        for number in range(4):
            photo = own + rng.normal(0, 20, own.shape)
            photo[20:92, 20:92] = rng.uniform(90, 160, (3, 3, 3)).repeat(24, 0).repeat(24, 1)
            Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "people"


def means(opset: int = 11) -> Any:
    """The mean colours of 7 x 7 places, which tells the people above apart."""
    g = graphs.Graph(opset, ("batch", 3, 112, 112))
    x = g.op("AveragePool", g.input, kernel_shape=[16, 16], strides=[16, 16])
    return g.model({g.op("Flatten", x): ("batch", 147)})


def saved(folder: Path, model: Any) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_card_that_loads(tmp_path: Path, people: Path, capsys) -> None:
    path, out = saved(tmp_path, means()), tmp_path / "cards" / "mine.json"
    out.parent.mkdir()
    assert cli.main(["targets", "probe", str(path), "--people", str(people), "-o", str(out)]) == 0
    told = capsys.readouterr()
    card = json.loads(told.out)
    assert card == json.loads(out.read_text())
    assert (card["architecture"], card["weights"], card["size"]) == ("onnx", "../net.onnx", [112, 112])
    assert (card["template"], card["unit"]) == ("arcface112", "cosine similarity")
    assert tuple(card["mean"]) in {mean for mean, _ in RANGES.values()}
    assert (
        "above all 96 pairs of different people (16 photos of 4; mnd targets probe)" in card["threshold_at"]
    )
    assert "too few for FAR 1e-3, which takes 1,000" in card["threshold_at"]
    assert card["accuracy"]["same_person"] > 0.9
    assert "input data, any x 3 x 112 x 112; outputs" in told.err
    assert "16 photos of 4 people: 24 pairs of one, 96 of different people" in told.err
    from mnd.targets import registry

    assert registry.load(f"card:{out}").card.threshold == card["threshold"]
    assert cli.main(["targets", "probe", str(path), "--people", str(people), "-o", str(out)]) == 1
    assert "exists already" in capsys.readouterr().err


def test_without_photos_nothing_is_guessed(tmp_path: Path, capsys) -> None:
    assert cli.main(["targets", "probe", str(saved(tmp_path, means())), "-q"]) == 0
    told = capsys.readouterr()
    card = json.loads(told.out)
    assert card["size"] == [112, 112]
    assert [card[name] for name in ("template", "mean", "std", "channels", "threshold")] == [None] * 5
    assert "no --people given" in told.err


def test_a_network_that_tells_nobody_apart(tmp_path: Path, people: Path, capsys) -> None:
    rng = np.random.default_rng(0)
    for photo in people.rglob("*.png"):  # of nobody
        Image.fromarray(rng.integers(0, 256, (112, 112, 3), np.uint8)).save(photo)
    out = tmp_path / "mine.json"
    assert (
        cli.main(["targets", "probe", str(saved(tmp_path, means())), "--people", str(people), "-o", str(out)])
        == 1
    )
    told = capsys.readouterr()
    assert told.out == ""
    assert "net.onnx: does not tell these people apart (d' " in told.err
    assert not out.exists()


def test_one_of_two_outputs_goes_into_the_card(tmp_path: Path, capsys) -> None:
    assert cli.main(["targets", "probe", str(saved(tmp_path, graphs.two_outputs()))]) == 0
    assert json.loads(capsys.readouterr().out)["output"].startswith("div")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone.onnx"], "gone.onnx does not exist"),
        (["net.onnx", "--people", "gone"], "--people is 'gone', expected a folder"),
        (
            ["net.onnx", "-o", "mine.json"],
            "--out is 'mine.json', expected a name that ends with .json, and --people",
        ),
        (["net.onnx", "--people", ".", "-o", "mine"], "expected a name that ends with .json"),
        (["net.onnx", "--output", "x"], "net.onnx: has no output 'x'"),
        (["short.onnx"], "short.onnx: no whole ONNX file"),
        (["card.json"], "card.json: no whole ONNX file"),
        (["quantised.onnx"], "quantised.onnx: is quantised"),
        (["net.onnx", "--people", "alone"], "alone: expected a folder for each person, at least two"),
    ],
)
def test_wrong_use(
    tmp_path: Path, people: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = saved(tmp_path, means()).read_bytes()
    (tmp_path / "short.onnx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "card.json").write_text('{"name": "x"}')
    (tmp_path / "quantised.onnx").write_bytes(graphs.quantised().SerializeToString())
    shutil.copytree(people / "a", tmp_path / "alone" / "a")
    (tmp_path / "alone" / "b").mkdir()
    Image.new("RGB", (112, 112)).save(tmp_path / "alone" / "b" / "black.png")
    (tmp_path / "alone" / "b" / "broken.png").write_bytes(b"no photo")
    assert cli.main(["targets", "probe", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert not (tmp_path / "mine.json").exists()


def test_the_threshold_lets_a_thousandth_pass() -> None:
    torch.manual_seed(0)
    people = [number // 4 for number in range(400)]
    middles = nn.functional.normalize(torch.randn(100, 16)).repeat_interleave(4, 0)
    found = Separation.of(middles + 0.05 * torch.randn(400, 16), people)
    assert (found.same, found.different) == (600, 400 * 399 // 2 - 600)
    assert 0.0009 < found.far <= 0.001
    assert found.works
    none = Separation.of(torch.randn(400, 16), people)
    assert none.far <= 0.001
    assert not none.works
    assert none.tar < 0.01
    few = Separation.of(middles[:8], people[:8])
    assert (few.far, few.different) == (0.0, 16)
    assert few.threshold >= float(middles[0] @ middles[4])
    with pytest.raises(ValueError, match="got 6 pairs of photos of one person and 0 of different people"):
        Separation.of(torch.randn(4, 8), "aaaa")


def test_every_template_is_tried() -> None:
    ways = all_ways()
    assert {(way.template, way.range) for way in ways} == {(t, r) for t in ALIGNMENTS for r in RANGES}
    assert [way.channels for way in both_orders(ways[:2])] == ["rgb", "bgr"] * 2


@pytest.mark.slow
def test_real_weights_are_shown_faces_as_in_their_training(tmp_path: Path, shared, capsys) -> None:
    import warnings

    from mnd.targets import registry

    net, path = (
        registry.load(f"card:{shared('weights/mobilefacenet-ms1m.json')}", offline=True),
        tmp_path / "n.onnx",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net.net, (torch.rand(1, 3, 112, 112),), str(path), dynamo=False, opset_version=11)
    for person in sorted(shared("faces/lfw10").iterdir())[:5]:
        (tmp_path / "people" / person.name).mkdir(parents=True)
        for photo in sorted(person.glob("*.jpg"))[:4]:
            shutil.copy(photo, tmp_path / "people" / person.name)
    assert cli.main(["targets", "probe", str(path), "--people", str(tmp_path / "people")]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["template"], card["channels"]) == ("arcface112", "rgb")
    assert card["mean"] == pytest.approx(net.card.mean)
    assert card["accuracy"]["same_person"] > 0.9
