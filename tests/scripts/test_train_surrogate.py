"""`scripts/train_surrogate.py`: crops, the attack in its ball, and a training that is stopped and goes on."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from surrogate.chips import MARGIN, SIZE, read
from surrogate.smoothing import apart, attacked, crops
from train_surrogate import Settings, Training, main

from mnd.targets import registry
from mnd.targets.surrogate import FOLDER

CARD = FOLDER / "surrogate.json"


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """A tar of four photos of LFW's size, and one of another."""
    path = tmp_path_factory.mktemp("photos") / "photos.tar"
    random = np.random.default_rng(0)
    with tarfile.open(path, "w") as tar:
        for i, side in enumerate((250, 250, 250, 250, 90)):
            file = io.BytesIO()
            small = Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8))
            small.resize((side, side)).save(file, "JPEG")
            member = tarfile.TarInfo(f"person/{i}.jpg")
            member.size = file.tell()
            file.seek(0)
            tar.addfile(member, file)
    return path


def test_chips_are_cut_once(photos: Path, tmp_path: Path):
    chips = read(photos, tmp_path)
    side = SIZE + 2 * MARGIN
    assert chips.shape == (4, side, side, 3)
    [cache] = tmp_path.iterdir()
    before = cache.stat().st_mtime_ns
    assert np.array_equal(read(photos, tmp_path), chips)
    assert cache.stat().st_mtime_ns == before


def test_a_crop_in_place_is_the_middle_or_its_mirror_image():
    chips = torch.rand(6, 3, SIZE + 2 * MARGIN, SIZE + 2 * MARGIN, generator=torch.Generator().manual_seed(0))
    middle = chips[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    seen = crops(chips, 0.0, torch.Generator().manual_seed(0))
    near = [
        [torch.allclose(seen[i], it, atol=1e-4) for it in (middle[i], middle[i].flip(2))] for i in range(6)
    ]
    assert all(sum(row) == 1 for row in near)
    assert {row[0] for row in near} == {True, False}


def test_the_attack_stays_in_its_ball_and_drives_embeddings_away():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 5))
    images = 0.3 + 0.4 * torch.rand(16, 3, 4, 4)
    wanted = net(images).detach()
    moved = attacked(net, images, wanted, 0.5, torch.Generator().manual_seed(0))
    lengths = torch.linalg.vector_norm(moved - images, dim=(1, 2, 3))
    assert lengths.max() <= 0.5 + 1e-5
    assert lengths.min() < 0.2  # some are near
    noise = moved - images
    noise = noise[:, :, torch.randperm(4)][:, torch.randperm(3)]
    assert apart(net(moved), wanted).mean() > 2 * apart(net(images + noise), wanted).mean()
    assert 0 <= moved.min() <= moved.max() <= 1


def test_a_training_that_was_stopped_ends_as_one_that_was_not(photos: Path, tmp_path: Path):
    settings, teacher = Settings(batch=2, epochs=2), registry.load(f"card:{CARD}", offline=True)
    made = []
    for out, stops in ((tmp_path / "whole", False), (tmp_path / "parts", True)):
        training = Training(settings, read(photos, tmp_path), teacher, out)
        assert training.steps == 4
        if stops:
            training._update()
            training.step = 1
            training.save()
            training = Training(settings, read(photos, tmp_path), teacher, out)
            training.load()
        training.run()
        made.append(load_file(out / "surrogate.safetensors"))
    start = load_file(FOLDER / "surrogate.safetensors")
    assert all(torch.equal(made[0][name], made[1][name]) for name in start)
    assert any(not torch.equal(made[0][name], start[name]) for name in start)
    other = Training(Settings(batch=2, epochs=1), read(photos, tmp_path), teacher, tmp_path / "parts")
    with pytest.raises(ValueError, match="is of another training"):
        other.load()
    # what was saved is a target like any other
    assert registry.load(f"card:{tmp_path / 'whole' / 'surrogate.json'}", offline=True).card.surrogate


def test_what_is_wrong_is_told(photos: Path, tmp_path: Path, capsys):
    assert main([str(photos), str(tmp_path / "none.json"), str(tmp_path)]) == 2
    assert "none.json does not exist" in capsys.readouterr().err
    empty = tmp_path / "empty.tar"
    tarfile.open(empty, "w").close()
    assert main([str(empty), str(CARD), str(tmp_path / "out")]) == 2
    assert "expected photos of LFW" in capsys.readouterr().err
    assert main([str(photos), str(CARD), str(tmp_path / "out"), "--resume"]) == 2
    assert "nothing to resume" in capsys.readouterr().err
