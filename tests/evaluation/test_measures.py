"""Measures of an evaluation against the libraries that define them, and files that come back as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from mnd.channel import sent, to_tensor
from mnd.evaluation import saved
from mnd.evaluation.measures import measures
from mnd.evaluation.settings import EvaluationSettings
from mnd.losses.elpips import ELPIPS
from mnd.losses.lpips import LPIPS
from mnd.losses.rlpips import RLPIPS

PHOTO = np.ascontiguousarray(skimage.data.astronaut()[:240, 100:340])
NOISY = np.clip(PHOTO + np.random.default_rng(0).normal(0, 4, PHOTO.shape), 0, 255).astype(np.uint8)


def test_every_measure_is_what_its_library_says():
    found = measures(PHOTO, NOISY, draws=4)
    colour = deltaE_ciede2000(rgb2lab(PHOTO), rgb2lab(NOISY))
    x, y = to_tensor(PHOTO), to_tensor(NOISY)
    with torch.no_grad():
        ms_ssim = multiscale_structural_similarity_index_measure(y, x, data_range=1.0)
        elpips = ELPIPS(LPIPS(), samples=4, seed=0)(x, y)
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(PHOTO, NOISY))
    assert found["ciede2000"] == pytest.approx(colour.mean())
    assert found["ciede2000_p99"] == pytest.approx(np.percentile(colour, 99))
    assert found["ms_ssim"] == pytest.approx(float(ms_ssim), abs=2e-3)
    assert found["elpips"] == pytest.approx(float(elpips), rel=1e-4)
    assert found["lpips"] == pytest.approx(float(LPIPS()(x, y)), rel=1e-4)
    assert found["rlpips"] == pytest.approx(float(RLPIPS()(x, y)), rel=1e-4)


def test_equal_pictures():
    found = measures(PHOTO, PHOTO.copy(), draws=1)
    assert found["psnr"] is None
    assert found["ssim"] == found["ms_ssim"] == 1
    assert all(found[name] == 0 for name in ("ciede2000", "lpips", "rlpips", "elpips", "above_jnd"))
    assert found["ssimulacra2"] == pytest.approx(100)


def test_the_same_draws_for_every_file():
    assert measures(PHOTO, NOISY, draws=2)["elpips"] == measures(PHOTO, NOISY, draws=2)["elpips"]


def test_what_a_small_picture_has_not():
    found = measures(PHOTO[:12, :12], NOISY[:12, :12], draws=1)
    assert found["ms_ssim"] is None
    assert found["lpips"] is None
    assert found["psnr"] is not None


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_what_was_written_is_read(form, tmp_path):
    shown = saved.write(tmp_path / "a" / "b", PHOTO, form, 95)
    assert np.array_equal(shown, PHOTO) == (form == "png")
    assert np.abs(shown.astype(int) - PHOTO).mean() < 3
    assert saved.decoded(saved.encoded(PHOTO, form, 95)).shape == PHOTO.shape


def test_the_channel_changes_every_picture():
    for name, step in saved.CHANNEL.items():
        seen = step(PHOTO)
        assert seen.shape == ((120, 120, 3) if name == "half" else PHOTO.shape)
        assert name == "half" or not np.array_equal(seen, PHOTO)


def test_services_that_are_asked_for_are_judged_like_steps_of_the_channel():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert np.array_equal(saved.after("half", pixels), saved.CHANNEL["half"](pixels))
    assert np.array_equal(saved.after("thumbnail-5", pixels), sent("thumbnail-5", pixels))
    assert EvaluationSettings(Path("photos"), ("dlib",), through="signal").through == ("signal",)
    with pytest.raises(ValueError, match="there is no way of sharing 'signl'"):
        EvaluationSettings(Path("photos"), ("dlib",), through=("signl",))
