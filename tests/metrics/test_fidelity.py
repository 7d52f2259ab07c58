"""What is reported, against scikit-image, the unstripped computation and closed forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import mnd.metrics.fidelity
from mnd.losses import above_jnd
from mnd.metrics.fidelity import Quality, butteraugli, psnr, quality, ssimulacra2


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="module")
def cloaked(photo):
    noise = np.random.default_rng(0).integers(-6, 7, photo.shape)
    changed = photo.copy()
    part = slice(60, 260), slice(150, 330)
    changed[part] = (photo[part] + noise[part]).clip(0, 255)
    return changed


def scikit(a, b):
    from skimage.metrics import structural_similarity

    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(structural_similarity(a, b, channel_axis=2, **settings))


def tensor(pixels):
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).unsqueeze(0).double() / 255


def test_the_whole_and_its_regions_are_scikit_images(photo, cloaked):
    from skimage.metrics import peak_signal_noise_ratio

    boxes = [(150, 60, 330, 260), (100, 20, 200, 120), (400, 400, 600, 600)]
    out = quality(photo, cloaked, boxes)
    assert out.psnr == pytest.approx(peak_signal_noise_ratio(photo, cloaked), abs=1e-9)
    assert out.ssim == pytest.approx(scikit(photo, cloaked), abs=1e-6)
    assert out.above_jnd == pytest.approx(above_jnd(tensor(photo), tensor(cloaked)).item(), abs=1e-5)
    for (x0, y0, x1, y1), region in zip(boxes[:2], out.regions, strict=False):
        a, b = photo[y0:y1, x0:x1], cloaked[y0:y1, x0:x1]
        assert region.psnr == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-9)
        assert region.ssim == pytest.approx(scikit(a, b), abs=1e-6)
    assert (out.regions[2].psnr, out.regions[2].ssim) == (None, 1.0)


@pytest.mark.parametrize("strip", [1, 5_000, 20_000])
def test_strips_change_nothing(photo, cloaked, strip, monkeypatch):
    everywhere = photo ^ 1
    for other in (cloaked, everywhere):
        whole = quality(photo, other)
        with monkeypatch.context() as patch:
            patch.setattr(mnd.metrics.fidelity, "STRIP", strip)
            parts = quality(photo, other)
        assert parts.psnr == whole.psnr
        assert parts.above_jnd == whole.above_jnd
        assert parts.ssim == pytest.approx(whole.ssim, abs=1e-6)


@pytest.mark.parametrize("where", [(0, 0), (0, 511), (511, 0), (511, 511), (5, 300), (256, 256)])
def test_one_pixel_anywhere_is_found(photo, where):
    changed = photo.copy()
    changed[where] = 255 - changed[where]
    out = quality(photo, changed)
    assert out.ssim == pytest.approx(scikit(photo, changed), abs=1e-7)
    assert out.above_jnd == pytest.approx(above_jnd(tensor(photo), tensor(changed)).item(), abs=1e-12)


def test_equal_photos_say_so_in_json(photo):
    out = quality(photo, photo.copy(), [(0, 0, 50, 50), (0, 0, 5, 5)])
    regions = [{"psnr": None, "ssim": 1.0}, {"psnr": None, "ssim": None}]
    expected = {"psnr": None, "ssim": 1.0, "above_jnd": 0.0, "regions": regions}
    got = json.loads(json.dumps(out.as_json(), allow_nan=False))
    learned = [region.pop("learned") for region in got["regions"]]
    assert got == expected
    assert [[d["value"] for d in each] for each in learned] == [[0.0, 0.0], []]


@pytest.mark.parametrize(("step", "expected"), [(1, 48.13), (2, 42.11), (4, 36.09), (8, 30.07)])
def test_psnr_has_the_known_values(step, expected):
    photo = np.full((20, 30, 3), 100, np.uint8)
    assert psnr(photo, photo + np.uint8(step)) == pytest.approx(expected, abs=0.005)


def test_tiny_photos_have_no_ssim():
    photo = np.zeros((3, 2, 3), np.uint8)
    assert quality(photo, photo + np.uint8(40)) == Quality(pytest.approx(16.09, abs=0.01), None, 1.0, ())


def test_views_and_read_only_pixels_are_fine(photo, cloaked):
    a, b = photo[:, ::-1], cloaked[:, ::-1]
    b.flags.writeable = False
    assert quality(a, b).ssim == pytest.approx(quality(photo, cloaked).ssim, abs=1e-7)


def test_what_does_not_fit_is_refused(photo):
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8"):
        quality(photo / 255, photo)
    with pytest.raises(ValueError, match=r"cloaked has shape \(512, 511, 3\)"):
        quality(photo, photo[:, 1:])
    with pytest.raises(ValueError, match="has no pixel in a photo of 512x512"):
        quality(photo, photo, [(600, 0, 700, 10)])


def test_ssimulacra2_falls_with_the_change(photo, cloaked):
    pytest.importorskip("ssimulacra2", reason="needs the package ssimulacra2")
    a, b = photo[100:164, 200:264], cloaked[100:164, 200:264]
    assert ssimulacra2(a, a) == pytest.approx(100)
    assert 0 < ssimulacra2(a, b) < 90


def test_ssimulacra2_says_what_is_missing(photo, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ssimulacra2", None)
    with pytest.raises(ModuleNotFoundError, match="pip install ssimulacra2"):
        ssimulacra2(photo, photo)


def test_butteraugli_grows_with_the_change(photo, cloaked):
    import shutil

    if shutil.which("butteraugli_main") is None:
        pytest.skip("needs the program butteraugli_main")
    assert butteraugli(photo, photo) == pytest.approx(0, abs=1e-6)
    assert butteraugli(photo, cloaked) > 0.5


def test_butteraugli_says_what_is_missing(photo, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="butteraugli_main"):
        butteraugli(photo, photo)
