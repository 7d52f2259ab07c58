"""E-LPIPS in reports: estimates with their intervals, and the published demonstration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mnd.losses.elpips import ELPIPS, _student, scale_law
from mnd.losses.images import Distance
from mnd.losses.lpips import LPIPS
from mnd.losses.trunks import load_trunk
from tests.helpers.metrics import Tiny, random_pair


class Level(Distance):
    """A metric whose mean over the transforms is known: the mean difference of the levels.

    Dropout does not matter to it, the gains have mean .6, and boxes leave the mean of a flat picture alone.
    """

    def at(self, x):
        return lambda y: (y - x).mean((1, 2, 3))


def test_the_mean_over_gains_is_known():
    x = torch.zeros(1, 3, 200, 200, dtype=torch.float64)
    estimate = ELPIPS(Level()).distance(x, x + 0.5, tolerance=0.005)
    assert estimate.value.item() == pytest.approx(0.6 * 0.5, rel=0.005)
    assert estimate.half_width.item() <= 0.005 * estimate.value.item()


class Area(Distance):
    """The level times the size of the scaled picture: its mean over the scales has a closed form."""

    def at(self, x):
        return lambda y: ((y - x).abs().mean((1, 2, 3)) / 0.6) * x.shape[2] * x.shape[3]


def test_scales_count_by_their_law():
    x = torch.zeros(1, 3, 260, 260, dtype=torch.float64)
    sides = [(260 + 2 * (s - 1)) // s + 7 for s in range(1, 5)]
    expected = sum(p * side**2 for p, side in zip(scale_law(260, 260), sides, strict=True))
    metric = ELPIPS(Area())
    estimate = metric.distance(x, x + 1, tolerance=0.01)
    assert estimate.value.item() == pytest.approx(expected, rel=0.01)
    # and the draws of a sequence agree, within their own (much larger) error
    values = [metric(x, x + 1).item() for _ in range(400)]
    assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / 400**0.5)


def test_the_interval_covers_the_mean_of_many_draws():
    x, y = random_pair(1, 128, 128)
    y = 0.9 * x + 0.1 * y
    base = Tiny()
    truth = ELPIPS(base, seed=99).distance(x, y, tolerance=0.01, batch=12, most=20000)
    assert truth.half_width <= 0.01 * truth.value
    estimates = [ELPIPS(base, seed=s).distance(x, y, tolerance=0.1, batch=3) for s in range(40)]
    assert all(e.half_width <= 0.1 * e.value for e in estimates)
    inside = [bool((e.value - truth.value).abs() <= e.half_width + truth.half_width) for e in estimates]
    assert sum(inside) >= 33  # 38 expected of 40; fewer than 33 are improbable
    # nor is it far too wide
    errors = torch.cat([(e.value - truth.value) / e.half_width for e in estimates])
    assert 0.2 < errors.std() < 0.9


def test_estimates_do_not_depend_on_the_batch_or_on_earlier_calls():
    x, y = random_pair(3)
    metric = ELPIPS(Tiny())
    together = metric.distance(x, y, tolerance=0.2)
    metric(x, y)
    alone = metric.distance(x[1:2], y[1:2], tolerance=0.2)
    assert together.value[1] == alone.value[0]
    assert together.samples[1] == alone.samples[0]
    assert together.samples.dtype == torch.int64
    assert together.value.shape == together.half_width.shape == (3,)


def test_most_ends_an_estimate_and_least_comes_first():
    x, y = random_pair(1)
    metric = ELPIPS(Tiny())
    assert metric.distance(x, y, tolerance=1e-6, batch=4, most=41).samples.item() == 40
    assert metric.distance(x, y, tolerance=0.99, batch=4, least=6, most=1).samples.item() == 24


def test_students_quantiles():
    from scipy import stats

    for freedom in (4, 5, 7.5, 12, 100, 1e6):
        assert _student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.004)


def picture(folder: Path, name: str) -> Tensor:
    from PIL import Image

    pixels = np.array(Image.open(folder / name).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float() / 255


@pytest.fixture
def demonstration(shared, monkeypatch) -> tuple[Path, Tensor, Tensor, Tensor]:
    """E-LPIPS's folder, and its reference, near and adversarial picture."""
    monkeypatch.setenv("TORCH_HOME", str(shared("torch_home")))
    folder = shared("elpips")
    names = ("adv_reference.png", "adv_anchor.png", "adv_vgg_sqz.png")
    return folder, *(picture(folder / "inputs", name) for name in names)


def test_plain_lpips_is_fooled_by_the_demonstration(demonstration):
    folder, reference, near, adversarial = demonstration
    at = LPIPS("squeeze").at(reference)
    assert at(near).item() == pytest.approx(0.2153, abs=1e-4)
    assert at(adversarial).item() == pytest.approx(0.2048, abs=1e-4)
    # E-LPIPS's own plain LPIPS pools without rounding up: its published figures
    metric = LPIPS("squeeze", folder / "squeeze_lin.npz")
    for part in metric.modules():
        if isinstance(part, nn.MaxPool2d):
            part.ceil_mode = False
    at = metric.at(reference)
    assert at(near).item() == pytest.approx(0.0219, abs=1e-4)
    assert at(adversarial).item() == pytest.approx(0.0211, abs=1e-4)


def test_the_published_metric_ranks_the_demonstration_right(demonstration):
    folder, reference, near, adversarial = demonstration
    metric = ELPIPS.official(folder / "squeeze_full_maxpool_lin.npz", samples=4)
    assert metric.label == "E-LPIPS (squeeze-full, version official, 4 draws)"
    distances = metric.compare(reference, [near, adversarial, reference])
    assert distances[1] > 2 * distances[0] > 0
    assert distances[2] == 0


@pytest.mark.slow
def test_the_published_metric_with_its_intervals(demonstration):
    folder, reference, near, adversarial = demonstration
    metric = ELPIPS.official(folder / "squeeze_full_maxpool_lin.npz")
    low, high = (metric.distance(reference, y) for y in (near, adversarial))
    for estimate in (low, high):
        assert estimate.half_width <= 0.025 * estimate.value
        assert estimate.samples < 1000
    assert low.value.item() == pytest.approx(0.0178, rel=0.04)
    assert high.value.item() == pytest.approx(0.1066, rel=0.04)


def test_the_official_vgg_fits_its_weights(shared):
    base = LPIPS(
        load_trunk("vgg-full-avg", pretrained=False), shared("elpips/vgg_full_avg_lin.npz"), "official"
    )
    x = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    metric = ELPIPS(base)
    assert metric(x, x).item() == 0
    assert metric(x, 0.5 * x).item() > 0


def test_the_official_metrics_are_two():
    with pytest.raises(
        ValueError, match=r"variant is 'vgg', expected one of 'squeeze-maxpool', 'vgg-average'"
    ):
        ELPIPS.official("nowhere.npz", "vgg")
