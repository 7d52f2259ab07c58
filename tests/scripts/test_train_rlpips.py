"""`scripts/train_rlpips.py` and what it stands on: judged triplets, their score; small trainings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

from rlpips.ranking import Dropout, Ranker  # noqa: E402
from rlpips.stopping import Interrupted, Stop  # noqa: E402
from rlpips.twoafc import TwoAFC, score  # noqa: E402
from train_rlpips import Settings, Training, evaluate, main  # noqa: E402

from mnd.losses.lpips import LPIPS  # noqa: E402
from mnd.losses.rlpips import RLPIPS  # noqa: E402
from mnd.losses.trunks import load_trunk  # noqa: E402
from tests.helpers.triplets import write_set  # noqa: E402

TINY = Settings(steps=2, epochs=1, decay=1, batch=3, lr=3e-3, val=3, attacked=2)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# score ----------------------------------------------------------------------------------------------------


def test_the_score_by_hand():
    d0 = torch.tensor([1.0, 1.0, 2.0, 2.0, 1.0, 0.0])
    d1 = torch.tensor([2.0, 2.0, 1.0, 1.0, 1.0, 0.0])
    judge = torch.tensor([0.0, 0.2, 0.2, 1.0, 0.9, 0.5])
    assert score(d0, d1, judge).tolist() == pytest.approx([1, 0.8, 0.2, 1, 0.5, 0.5])
    assert score(d1, d0, 1 - judge).tolist() == pytest.approx(score(d0, d1, judge).tolist())


def test_a_score_of_nan_is_refused():
    with pytest.raises(ValueError, match="1 of 2 triplets"):
        score(torch.tensor([1.0, torch.nan]), torch.ones(2), torch.ones(2))


# reading --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("set"))


@pytest.fixture
def own_set(tmp_path):
    return write_set(tmp_path / "set", 2, 2, 16)


def test_a_set_is_read_in_the_order_of_its_names(small_set):
    part = TwoAFC.open(small_set, "train")
    assert part.names == tuple(f"{s}/{i:06}" for s in ("cnn", "traditional") for i in range(4))
    assert part.subsets == ("cnn", "traditional")
    batch = part.batch([5, 0])
    assert batch.names == ("traditional/000001", "cnn/000000")
    for kind in ("ref", "p0", "p1"):
        with Image.open(small_set / "train" / "traditional" / kind / "000001.png") as image:
            pixels = np.asarray(image)
        assert np.array_equal((batch.pictures[kind][0] * 255).round().byte().permute(1, 2, 0).numpy(), pixels)
    shares = [np.load(small_set / "train" / n.replace("/", "/judge/")).item() for n in
              ("traditional/000001.npy", "cnn/000000.npy")]  # fmt: skip
    assert batch.judge.tolist() == shares
    assert part.judge()[[5, 0]].tolist() == shares
    assert len(part.subset("cnn")) == len(TwoAFC.open(small_set, "train", ["cnn"])) == 4


def test_clear_triplets_are_clearly_judged_and_clearly_distorted(small_set):
    part = TwoAFC.open(small_set, "train")
    batch = part.batch(range(len(part)))
    gaps = [255 * (p - batch.ref).square().mean((1, 2, 3)).sqrt() for p in (batch.p0, batch.p1)]
    least, sure = torch.minimum(*gaps), (batch.judge - 0.5).abs()
    change, certainty = float(least.median()), float(sure.median())
    want = [n for n, a, b in zip(part.names, least, sure, strict=True) if a >= change and b >= certainty]
    assert 0 < len(part.clear(change, 0.0)) < len(part)
    assert part.clear(change, certainty).names == tuple(want)
    assert part.clear(0, 0).names == part.names


def test_a_training_can_begin_with_the_weights_of_another(small_set, tmp_path):
    first = Training(replace(TINY, attack="none"), small_set, tmp_path / "first")
    first.out.mkdir()
    first.save()
    begun = Training(
        replace(TINY, seed=5, start=str(tmp_path / "first" / "checkpoint.pt")), small_set, tmp_path / "second"
    )
    assert any(
        not torch.equal(a, b) for a, b in zip(begun.model.parameters(), first.model.parameters(), strict=True)
    )
    begun.begin()
    assert all(
        torch.equal(a, b) for a, b in zip(begun.model.parameters(), first.model.parameters(), strict=True)
    )
    missing = Training(replace(TINY, start=str(tmp_path / "none.pt")), small_set, tmp_path / "third")
    with pytest.raises(FileNotFoundError):
        missing.begin()


def test_batches_are_shuffled_by_seed_and_epoch_and_can_begin_anywhere(small_set):
    part = TwoAFC.open(small_set, "train")

    def seen(**how):
        return [name for batch in part.batches(3, **how) for name in batch.names]

    assert [len(b) for b in part.batches(3)] == [3, 3, 2]
    assert seen() == list(part.names)
    assert seen(seed=1) == seen(seed=1) != seen(seed=2)
    assert sorted(seen(seed=1)) == sorted(seen(seed=1, epoch=1)) == list(part.names)
    assert seen(seed=1) != seen(seed=1, epoch=1)
    assert seen(seed=1, epoch=4, start=1) == seen(seed=1, epoch=4)[3:]
    some = part.sample(3, seed=0)
    assert len(some) == 3
    assert set(some.names) < set(part.names)
    assert some == part.sample(3, seed=0)
    assert part.sample(100) == part


def test_missing_folders_are_named(own_set):
    with pytest.raises(FileNotFoundError, match="test is no folder, expected set/test/SUBSET/ref"):
        TwoAFC.open(own_set, "test")
    with pytest.raises(FileNotFoundError, match=r"video has no folder 'ref', expected ref, p0, p1, judge"):
        TwoAFC.open(own_set, "train", ["video"])
    (own_set / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no triplet in 0 subsets"):
        TwoAFC.open(own_set, "empty")


@pytest.mark.parametrize(("kind", "end"), [("p1", "png"), ("judge", "npy"), ("ref", "png")])
def test_names_without_a_partner_are_refused(kind, end, own_set):
    (own_set / "train" / "cnn" / kind / f"000000.{end}").unlink()
    with pytest.raises(ValueError, match=r"1 names are in only one of ref .*'000000'"):
        TwoAFC.open(own_set, "train")


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan, [0.2, 0.4]])
def test_a_judgement_outside_its_range_is_refused(value, own_set):
    np.save(own_set / "train" / "cnn" / "judge" / "000000.npy", np.array(value, dtype=np.float32))
    with pytest.raises(ValueError, match=r"000000\.npy: the judgement is .*expected one number in \[0, 1\]"):
        TwoAFC.open(own_set, "train").batch([0])


def test_a_pickled_judgement_is_refused(own_set):
    np.save(own_set / "train" / "cnn" / "judge" / "000000.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="no readable judgement"):
        TwoAFC.open(own_set, "train").batch([0])


def test_wrong_pictures_are_refused(own_set):
    part, path = TwoAFC.open(own_set, "train"), own_set / "train" / "cnn" / "p1" / "000000.png"
    Image.new("RGB", (16, 15)).save(path)
    with pytest.raises(ValueError, match="p1 of cnn/000000 has 15x16 pixels, expected 16x16"):
        part.batch([0])
    path.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"p1/000000\.png: no readable picture"):
        part.batch([0])


# model ----------------------------------------------------------------------------------------------------


def test_the_ranker_measures_as_the_metric_does(small_set):
    batch = next(TwoAFC.open(small_set, "val").batches(3))
    model = Ranker("efficientnet-lite0", seed=3)
    features = {name: model.features(x) for name, x in batch.pictures.items()}
    loss, d0, d1 = model.loss(features, batch.judge)
    assert torch.equal(d0, model.metric(batch.ref, batch.p0))
    assert torch.equal(d1, model.metric(batch.ref, batch.p1))
    rank = torch.sigmoid(
        model.head(torch.stack([d0, d1, d0 - d1, d0 / (d1 + 0.1), d1 / (d0 + 0.1)], 1))[:, 0]
    )
    want = -(batch.judge * rank.log() + (1 - batch.judge) * (1 - rank).log())
    assert torch.allclose(loss, want, rtol=1e-5)
    assert [sum(p.numel() for p in layer.parameters()) for layer in model.head] == [192, 0, 1056, 0, 33]
    assert all((w >= 0).all() for w in model.metric.linear)


def test_dropout_is_right_on_average_and_only_where_it_is_asked_for():
    model, x = Ranker("efficientnet-lite0"), torch.rand(2, 3, 64, 64, generator=seeded())
    a, b = model.features(x), model.features(x.flip(-1))
    exact = model.distance(a, b)
    assert torch.equal(model.distance(a, b, Dropout(0.0, seeded())), exact)
    drawn = torch.stack([model.distance(a, b, Dropout(0.5, seeded(i))) for i in range(20)])
    assert torch.allclose(drawn.mean(0), exact, rtol=0.02)
    assert drawn.std(0).min() > 0


# training -------------------------------------------------------------------------------------------------


def trained(settings, data, out, **options):
    lines = []
    training = Training(settings, data, out, say=lines.append, **options)
    return training, training.run(), lines


def without_time(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_a_training(small_set, tmp_path):
    settings = replace(TINY, epochs=3, decay=2, lr=1e-2, steps=1, batch=4)
    training, card, lines = trained(settings, small_set, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 6))
    assert [row["lr"] for row in rows] == pytest.approx([1e-2] * 4 + [5e-3])
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.02
    assert all(0 <= row["val"][name] <= 1 for row in rows for name in ("clean", "attacked"))
    assert rows == [json.loads(line) for line in lines if line.startswith("{")]
    assert json.loads((tmp_path / "card.json").read_text()) == card
    assert card["metric"] == "R-LPIPS"
    assert card["settings"]["eps"] == pytest.approx(4 / 255)
    assert card["data"]["triplets"] == {
        "train": {"cnn": 4, "traditional": 4}, "val": {"cnn": 3, "traditional": 2}
    }  # fmt: skip
    assert card["data"]["card"] is None
    assert card["figures"]["val"] == rows[-1]["val"]  # the file is what was trained
    assert card["figures"]["val"]["attacked"] < card["figures"]["val"]["clean"]
    assert card["figures"]["noise of 4 grey levels"] > 0
    metric = RLPIPS("efficientnet-lite0", tmp_path / "weights.safetensors")
    start = Ranker("efficientnet-lite0", seed=0).metric
    for now, w, before in zip(metric.linear, training.model.metric.linear, start.linear, strict=True):
        assert torch.equal(now, w.detach())
        assert (now >= 0).all()
        assert not torch.equal(now, before)
    frozen = load_trunk("efficientnet-lite0").state_dict()
    assert all(torch.equal(v, frozen[k]) for k, v in training.model.metric.trunk.state_dict().items())


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(replace(TINY, attack="both", norm="l2"), id="lin"),
        pytest.param(
            replace(TINY, mode="tune", lr=1e-4, clean=0.5, attack="ref"), id="tune", marks=pytest.mark.slow
        ),
    ],
)
def test_a_resumed_training_is_an_uninterrupted_one(settings, small_set, tmp_path, monkeypatch):
    whole, card, _ = trained(settings, small_set, tmp_path / "whole")
    update = Training._update

    def interrupted(self, batch):
        if (self.epoch, self.batch) == (1, 1) and not self.rows[0].get("was here"):
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C does; noticed inside the attack
        update(self, batch)

    monkeypatch.setattr(Training, "_update", interrupted)
    out = tmp_path / "halved"
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        trained(settings, small_set, out)
    assert signal.getsignal(signal.SIGINT) is handler  # what runs in the background ignores it
    assert len((out / "log.jsonl").read_text().splitlines()) == 1
    assert not (out / "weights.safetensors").exists()
    monkeypatch.setattr(Training, "_update", update)
    resumed = Training(settings, small_set, out, say=lambda _: None)
    resumed.load()
    assert (resumed.epoch, resumed.batch) == (1, 1)
    again = resumed.run()
    assert (out / "weights.safetensors").read_bytes() == (tmp_path / "whole/weights.safetensors").read_bytes()
    assert without_time(resumed.rows) == without_time(whole.rows)
    assert again["weights"] == card["weights"]
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], tensor)


def test_a_tuned_training(small_set, tmp_path):
    settings = replace(TINY, mode="tune", decay=0, steps=1, lr=1e-3)
    training, card, _ = trained(settings, small_set, tmp_path)
    own, before = training.model.metric.trunk.state_dict(), load_trunk("efficientnet-lite0").state_dict()
    assert all(not torch.equal(own[k], before[k]) for k in own if k.endswith("weight"))
    metric = RLPIPS("efficientnet-lite0", tmp_path / "weights.safetensors")
    for name, tensor in metric.trunk.state_dict().items():
        assert torch.equal(tensor, own[name].half().float())
    assert all(
        torch.equal(a, b.detach()) for a, b in zip(metric.linear, training.model.metric.linear, strict=True)
    )
    assert card["weights"]["bytes"] < 2.2 * sum(t.numel() for t in own.values()) + 20_000


def test_plain_weights_and_their_scale(small_set, tmp_path):
    plain = replace(TINY, attack="none", epochs=1, decay=0)
    _, card, _ = trained(plain, small_set, tmp_path / "a")
    _, scaled, _ = trained(replace(plain, scale=2.0), small_set, tmp_path / "b")
    assert card["metric"] == "LPIPS"
    one, two = (LPIPS(weights=tmp_path / name / "weights.safetensors") for name in "ab")
    assert all(torch.equal(2 * a, b) for a, b in zip(one.linear, two.linear, strict=True))
    assert scaled["figures"]["val"] == card["figures"]["val"]
    noise = "noise of 4 grey levels"
    assert scaled["figures"][noise] == pytest.approx(2 * card["figures"][noise], rel=1e-5)


def test_the_attack_of_the_training_raises_its_loss(small_set, tmp_path):
    training = Training(replace(TINY, steps=5), small_set, tmp_path)
    batch = next(training.train.batches(4))
    with torch.no_grad():
        still = {name: training.model.features(x) for name, x in batch.pictures.items()}
        clean = training.model.loss(still, batch.judge)[0]
    changed = training._attack(batch, still)
    assert set(changed) == {"p0"}
    assert ((changed["p0"] - batch.p0).abs() <= 4 / 255 + 1e-6).all()
    with torch.no_grad():
        moved = training.model.loss({**still, "p0": training.model.features(changed["p0"])}, batch.judge)[0]
    assert (moved >= clean).all()
    assert moved.mean() > clean.mean()


def test_a_stronger_attack_of_the_evaluation_misleads_more(small_set):
    val, metric = TwoAFC.open(small_set, "train"), LPIPS()
    scores = [
        evaluate(metric, val, replace(TINY, val=8, attacked=8, steps=3, batch=8, eps=eps), "cpu", Stop())[
            "attacked"
        ]
        for eps in (1e-6, 2 / 255, 16 / 255)
    ]
    assert scores[0] > scores[1] > scores[2]


def test_minutes_between_checkpoints(small_set, tmp_path, monkeypatch):
    saves, save = [], Training.save
    monkeypatch.setattr(Training, "save", lambda self: (saves.append((self.epoch, self.batch)), save(self)))
    trained(replace(TINY, decay=0, attack="none", attacked=0), small_set, tmp_path, minutes=0)
    assert saves == [(0, 1), (0, 2), (0, 3), (1, 0)]
    assert [p.name for p in sorted(tmp_path.iterdir())] == [
        "card.json", "checkpoint.pt", "log.jsonl", "weights.safetensors"
    ]  # fmt: skip


def test_a_checkpoint_of_another_training_is_refused(small_set, own_set, tmp_path):
    training = Training(TINY, small_set, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        training.load()
    (tmp_path / "out").mkdir()
    training.save()
    Training(replace(TINY, scale=3.0), small_set, tmp_path / "out").load()
    with pytest.raises(ValueError, match=r"got \{'lr': 1.0\}, expected \{'lr': 0.003\}"):
        Training(replace(TINY, lr=1.0), small_set, tmp_path / "out").load()
    with pytest.raises(ValueError, match=r"another training: got \{'data'"):
        Training(TINY, own_set, tmp_path / "out").load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "all"}, "mode is 'all', expected one of 'lin', 'tune'"),
        ({"attack": "p0"}, "attack is 'p0'"),
        ({"trunk": "resnet"}, "trunk is 'resnet'"),
        ({"norm": "l1"}, "norm is 'l1'"),
        ({"steps": 0}, "steps is 0, expected at least 1"),
        ({"epochs": 0, "decay": 0}, "at least one epoch"),
        ({"dropout": 1.0}, "dropout, lr and scale are"),
        ({"lr": -1.0}, "lr"),
        ({"eps": -1.0}, "eps is -1.0"),
    ],
)
def test_wrong_settings(change, message):
    with pytest.raises(ValueError, match=message):
        replace(Settings(), **change)


def test_the_papers_settings():
    assert Settings().radius == 4 / 255
    assert Settings(norm="l2").radius == 1.5
    assert Settings(eps=0.1).radius == 0.1
    assert [round(Settings().rate(e) * 1e4, 6) for e in range(10)] == [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2]


# command --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_is_stopped_by_ctrl_c(small_set, tmp_path):
    out = tmp_path / "out"
    words = [small_set, out, "--steps=2", "--batch=3", "--val=3", "--attacked=3", "--eps=2/255"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, SCRIPTS / "train_rlpips.py", *words], env=env,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    with process:
        assert process.stdout is not None
        assert "epoch 1: batch 3 of 3" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted; --resume goes on" in said
    assert "Traceback" not in said
    assert (out / "checkpoint.pt").is_file()


def test_the_command(small_set, tmp_path, capsys):
    words = [str(small_set), str(tmp_path), "--attack=none", "--epochs=1", "--decay=0", "--attacked=0"]
    assert main(words) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures == json.loads((tmp_path / "card.json").read_text())["figures"]
    assert set(figures["val"]) == {"clean"}
    assert main([*words, "--resume"]) == 0  # nothing is left to do
    assert main([*words, "--resume", "--seed=1"]) == 1
    assert "got {'seed': 1}, expected {'seed': 0}" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "has a training already: --resume it" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere"), str(tmp_path / "b")]) == 1
    assert "nowhere/train is no folder" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main([*words, "--steps=0"])
    assert caught.value.code == 2
