"""The quadratic model of a distance around the clean picture."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnd.losses.composite import Composite, Weights
from mnd.losses.curvature import curvature_of, estimate
from mnd.losses.local import Local, tiles
from mnd.losses.lpips import LPIPS
from mnd.losses.rlpips import RLPIPS
from mnd.losses.standard import FLAT, SPREAD, WEIGHTS, standard


def _square(x, y):
    return (7 * (y - x).square()).mean((1, 2, 3))


def test_of_a_sum_of_squares_it_is_that_sum():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 2, 3, 40, 33, generator=generator, dtype=torch.float64)
    local = Local(_square)
    assert torch.allclose(local(x, y), _square(x, y), rtol=1e-6)
    assert torch.allclose(local.curvature(x), torch.full_like(x, 14 / (3 * 40 * 33)), rtol=1e-6)


def test_pieces_of_a_large_picture_cost_what_the_picture_costs(monkeypatch):
    monkeypatch.setattr("mnd.losses.local.TILE", 20)
    x = torch.rand(1, 3, 50, 71, dtype=torch.float64)
    assert torch.allclose(Local(_square).curvature(x), torch.full_like(x, 14 / (3 * 50 * 71)), rtol=1e-6)


def test_it_agrees_with_a_learned_distance_in_random_directions(photo):
    """Of random signs the cross terms vanish on average; so the model is right to a few per cent there."""
    metric = LPIPS()
    x = photo.float()[..., :128, :128].clamp(0.02, 0.98)
    local = Local(metric, probes=8)
    ratios = []
    for seed in range(4):
        z = torch.randint(0, 2, x.shape, generator=torch.Generator().manual_seed(100 + seed)) * 2 - 1
        y = x + z / 255
        ratios.append(float(local(x, y) / metric(x, y)))
    assert 0.8 < sum(ratios) / 4 < 1.25, ratios


def test_the_network_is_asked_once_for_a_picture(photo):
    calls = []

    def counted(x, y):
        calls.append(1)
        return _square(x, y)

    x = photo.float()
    local = Local(counted, probes=3)
    distance = Composite(Weights(rho=2.0), learned=local)
    curvature_of(distance, x)
    at = distance.at(x)
    for level in range(5):
        at((x + level / 255).clamp(0, 1))
    assert len(calls) == 3
    distance.at(x.clone())
    assert len(calls) == 6, "another picture, even an equal one, is looked at anew"


def test_a_composite_with_it_is_searched_without_following_slopes(photo):
    from mnd.optimizer.mnd import MND
    from mnd.optimizer.settings import SearchSettings

    x = photo.float()[..., :32, :32].contiguous()
    distance = Composite(Weights(rho=1e4), learned=Local(_square))
    result = MND(distance, SearchSettings(steps=20))(x, lambda y: (y - x).mean((1, 2, 3)) + 0.01)
    assert bool(result.success)


def test_the_blur_keeps_the_mean_of_a_rough_estimate(photo):
    metric, x = LPIPS(), photo.float()[..., :96, :96].contiguous()
    rough, smooth = estimate(metric, x, 4), Local(metric, probes=4).curvature(x)
    assert (smooth > 0).all()
    assert abs(float(smooth.mean() / rough.mean()) - 1) < 0.05
    assert smooth.std() < rough.std()


def test_a_picture_smaller_than_the_distance_allows_costs_nothing():
    x = torch.rand(1, 3, 12, 40)
    assert Local(LPIPS(), least=16)(x, 1 - x).item() == 0


@pytest.mark.parametrize("settings", [{"probes": 0}, {"sigma": 0.0}, {"sigma": -1.0}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValueError, match="probes and sigma"):
        Local(_square, **settings)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(7, 100))
@settings(deadline=None)
def test_tiles_cover_every_pixel_once(height, width, side):
    seen = torch.zeros(height, width, dtype=torch.int)
    for rows, columns in tiles(height, width, side):
        seen[rows, columns] += 1
        assert rows.stop - rows.start <= 1.5 * side + 1
    assert (seen == 1).all()


def test_the_standard_distance_has_packaged_r_lpips_as_its_learned_term():
    distance = standard(123.0)
    assert distance.weights == replace(WEIGHTS, rho=123.0)
    assert distance.spread == standard(0.0).spread == SPREAD
    assert distance.flat == standard(0.0).flat == FLAT
    assert isinstance(distance.learned, Local)
    assert isinstance(distance.learned.distance, RLPIPS)
    assert distance.learned.distance.version == RLPIPS.published("efficientnet-lite0")[1]
    assert standard(0.0).learned is None
    x = torch.rand(1, 3, 40, 40)
    y = (x + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    terms = distance.terms(x, y)
    assert terms["learned"] > 0
    assert torch.allclose(sum(terms.values()) - terms["learned"], standard(0.0)(x, y))


def test_the_standard_distance_takes_pictures_that_are_too_small_for_its_network():
    x = torch.rand(1, 3, 14, 30)
    assert torch.allclose(standard(100.0)(x, 1 - x), standard(0.0)(x, 1 - x))
