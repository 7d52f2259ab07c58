"""The parts `landmarks` and `variance` of the benchmark script: what they count, on a photo that is there."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import skimage
import torch
from benchmarks import landmarks, variance
from PIL import Image

from mnd.channel import Draw


@pytest.fixture
def results(tmp_path):
    """Three results of one picture: as it was, with noise, and without a face."""
    photo = skimage.data.astronaut()[0:250, 100:350]
    noisy = np.clip(photo + np.random.default_rng(0).normal(0, 12, photo.shape), 0, 255).astype(np.uint8)
    folder = tmp_path / "faces"
    folder.mkdir()
    lines = []
    for attack, pixels in (("still", photo), ("noise", noisy), ("wall", np.full_like(photo, 128))):
        Image.fromarray(pixels).save(folder / f"{attack}.png")
        line = {
            "attack": attack,
            "target": "dlib",
            "picture": "a.png",
            "success": True,
            "path": f"{attack}.png",
        }
        lines.append(line | {"original": "still.png"})
    (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_landmarks_are_found_again(results):
    (rows,) = landmarks.landmarks(argparse.Namespace(out=results, attacks=None)).values()
    assert rows["still"] == {"photos": 1, "median %": 0, "90th percentile %": 0, "lost": 0}
    assert 0 < rows["noise"]["median %"] < 10
    assert rows["wall"] == {"photos": 1, "lost": 1}
    (rows,) = landmarks.landmarks(argparse.Namespace(out=results, attacks="still,wall")).values()
    assert list(rows) == ["still", "wall"]


def test_without_results_there_is_nothing_to_look_at(tmp_path):
    with pytest.raises(FileNotFoundError, match="run `attacks` first"):
        landmarks.landmarks(argparse.Namespace(out=tmp_path, attacks=None))


def test_draws_are_counted_and_stratified():
    together, apart = variance._draws(5, 8), variance._independent(0, 8)
    assert len(together) == len(apart) == 8
    assert all(isinstance(draw, Draw) for draw in (*together, *apart))
    low, high = variance.ROBUST.scale
    bands = sorted(int((draw.scale - low) / (high - low) * 8) for draw in together)
    assert bands == list(range(8)), "one of each eighth of the sizes"
    assert len({variance._independent(run, 1) for run in range(10)}) == 10


def test_what_a_mean_missed():
    whole = (torch.tensor(0.5), torch.tensor([3.0, 4.0]))
    means = [(torch.tensor(0.5), torch.tensor([3.0, 4.0])), (torch.tensor(0.7), torch.tensor([3.0, 3.0]))]
    row = variance._missed(means, whole)
    assert row["margin e-3"] == pytest.approx(200 / 2**0.5)
    assert row["gradient off by %"] == pytest.approx(20 / 2**0.5)
