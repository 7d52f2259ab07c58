"""`scripts/train_pyramid.py`: a small training that resumes to the same weights; the square attack."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from rlpips.square import square
from rlpips.stopping import Interrupted
from safetensors.torch import load_file
from train_pyramid import Settings, Training, main

from mnd.losses import RLPIPS2
from tests.helpers.triplets import write_set

TINY = Settings(bounds=1, attacks=1, steps=2, batch=4, side=32, certain=0.05)


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("set"), 12, 10)


@pytest.fixture(scope="module")
def trained(small_set, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, Training(TINY, [small_set], out).run()


def test_a_training_leaves_a_metric_and_its_card(trained):
    out, card = trained
    metric = RLPIPS2(out / "weights.safetensors")
    assert metric.base + metric.powers.sum() == pytest.approx(1, abs=1e-5)
    state = load_file(out / "weights.safetensors")
    assert {t.dtype for name, t in state.items() if name.startswith("masks")} == {torch.float16}
    assert card == json.loads((out / "card.json").read_text())
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert card["figures"]["train"] == rows[-1]


def test_an_interrupted_training_resumes_to_the_same_weights(small_set, trained, tmp_path):
    training = Training(TINY, [small_set], tmp_path)
    save = training.save

    def stop_after_one():
        save()
        training.stop.asked = True

    training.save = stop_after_one
    with pytest.raises(Interrupted):
        training.run()
    resumed = Training(TINY, [small_set], tmp_path)
    resumed.load()
    resumed.run()
    ours, theirs = (load_file(p / "weights.safetensors") for p in (tmp_path, trained[0]))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_another_training_is_not_resumed(small_set, trained):
    other = Training(replace(TINY, seed=1), [small_set], trained[0])
    with pytest.raises(ValueError, match="is of another training"):
        other.load()


def test_what_is_asked_wrongly(small_set, trained, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(trained[0]), str(small_set)])
    assert "has a training already" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path), str(small_set), "--steps", "0"])
    assert main([str(tmp_path), str(tmp_path / "none")]) == 1
    assert "no folder" in capsys.readouterr().err


def test_the_square_attack_finds_what_is_linear_and_stays_in_its_ball():
    x = torch.full((2, 3, 8, 8), 0.5)
    slope = torch.ones_like(x)
    slope[1] = -1
    y = square(lambda v: (slope * v).sum((1, 2, 3)), x, 0.1, 600, torch.Generator().manual_seed(0))
    assert (y - x).abs().max() <= 0.1 + 1e-6
    assert ((slope * (y - x)).mean((1, 2, 3)) > 0.06).all()
    assert torch.equal(square(lambda v: -(v - x).abs().sum((1, 2, 3)), x, 0.1, 20), x)
