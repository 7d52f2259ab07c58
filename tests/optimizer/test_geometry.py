"""The geometry of a search: how far values go, and the way there and back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnd.losses.composite import Composite
from mnd.losses.magnitude import Magnitude
from mnd.optimizer.geometry import HOLD, Duals, Geometry


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, 16, 18, generator=torch.Generator().manual_seed(seed))


class Known:
    def __init__(self, h: torch.Tensor) -> None:
        self.h = h

    def __call__(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (self.h / 2 * (y - x).square()).sum((1, 2, 3))

    def curvature(self, x: torch.Tensor) -> torch.Tensor:
        return self.h


class Spread(Known):
    spread, flat = 1.0, 1.5


def test_v_is_the_inverse_root_of_the_curvature():
    x = picture()
    h = torch.rand(x.shape) + 0.1
    geometry = Geometry.of(Known(h), x)
    assert geometry.c == 0
    torch.testing.assert_close(geometry.v, (h * x[0].numel()).rsqrt())


def test_without_spread_psi_is_the_quadratic_model_of_the_distance():
    """`D(x, x + d) = 1/2 mean u^2`."""
    x, distance = picture(), Known(torch.rand(2, 3, 16, 18) + 0.1)
    geometry = Geometry.of(distance, x)
    change = 0.01 * torch.randn(x.shape)
    u = change / geometry.v
    torch.testing.assert_close(distance(x, x + change), 0.5 * u.square().mean((1, 2, 3)))


def test_a_uniform_magnitude_is_uniform():
    v = Geometry.of(Magnitude(), picture()).v
    torch.testing.assert_close(v, torch.full_like(v, 0.5**0.5))


def test_the_composite_has_its_own_spread():
    assert Geometry.of(Composite(), picture()).c == 1
    assert Geometry.of(Composite(spread=0), picture()).c == 0


def test_a_distance_that_is_a_plain_function():
    x = picture()
    geometry = Geometry.of(lambda x, y: (y - x).square().mean((1, 2, 3)), x)
    torch.testing.assert_close(geometry.v, torch.full_like(x, 0.5**0.5), rtol=1e-3, atol=0)


def test_masked_values_do_not_move():
    x = picture()
    mask = torch.zeros(1, 1, 16, 18)
    mask[..., 3:9, 2:5] = 1
    geometry = Geometry.of(Composite(), x, mask)
    assert torch.equal(geometry.v > 0, mask.bool().expand_as(x))
    z = torch.randn(x.shape)
    assert torch.equal(geometry.primal(z) != 0, mask.bool().expand_as(x))
    torch.testing.assert_close(geometry.v, Geometry.of(Composite(), x).v * mask)


def test_grey_moves_all_channels_alike():
    x = picture()
    h = torch.rand(x.shape) + 0.1
    v = Geometry.of(Known(h), x, grey=True).v
    assert torch.equal(v[:, 0], v[:, 1])
    assert torch.equal(v[:, 0], v[:, 2])
    torch.testing.assert_close(v[:, 0], (h.mean(1) * x[0].numel()).rsqrt())


@pytest.mark.parametrize("mask", [torch.zeros(1, 1, 16, 18), None])
def test_flat_and_dark_pictures_are_finite(mask):
    for x in (torch.zeros(1, 3, 16, 18), torch.ones(1, 3, 16, 18), torch.full((1, 3, 16, 18), 0.5)):
        v = Geometry.of(Composite(), x, mask).v
        assert v.isfinite().all()
        assert (v >= 0).all()


@settings(max_examples=40, deadline=None)
@given(c=st.sampled_from([0.0, 0.2, 1.0, 50.0]), seed=st.integers(0, 2**20), every=st.sampled_from([1, 2]))
def test_the_change_of_a_sum_of_pulls_is_primal_of_the_sum(c, seed, every):
    generator = torch.Generator().manual_seed(seed)
    x = picture(seed).double()
    geometry = Geometry.of(Composite(spread=c), x)
    parts = torch.randn(3, *x.shape, generator=generator, dtype=x.dtype)
    multipliers = torch.randn(3, len(x), generator=generator, dtype=x.dtype)
    duals = Duals.of(geometry, list(parts))
    torch.testing.assert_close(duals.primal(multipliers), geometry.primal(weighted(multipliers, parts)))
    for k in range(3):
        path = duals.sample(every).along(multipliers, k)
        for multiplier in (0.0, 0.3, 20.0):
            multipliers[k] = multiplier
            expected = geometry.primal(weighted(multipliers, parts))[..., ::every, ::every]
            torch.testing.assert_close(path(multipliers[k]), expected)


@pytest.mark.parametrize("c", [0.0, 0.35])
def test_the_change_of_a_pull_alone_is_its_primal(c):
    x = picture().double()
    geometry = Geometry.of(Composite(spread=c), x)
    z = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    path = Duals.of(geometry, [z]).along(torch.zeros(1, len(x), dtype=x.dtype), 0)
    for multiplier in (0.0, -0.3, 20.0):
        expected = geometry.primal(multiplier * z)
        torch.testing.assert_close(path(torch.full((len(x),), multiplier, dtype=x.dtype)), expected)


def weighted(multipliers: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    return torch.einsum("kb,kbchw->bchw", multipliers, parts)


@pytest.mark.parametrize("c", [0.0, 0.2, 1.0, 50.0])
@pytest.mark.parametrize("size", [1e-3, 0.1, 1.0, 10.0])
def test_the_dual_of_a_uniform_change_brings_about_one_of_its_size(c, size):
    v = torch.full((1, 3, 40, 40), 0.01, dtype=torch.float64)
    z = Geometry(v, c).dual(torch.tensor(size, dtype=v.dtype)).expand_as(v)
    change = Geometry(v, c).primal(z)
    assert 0.7 < float(change[0, 0, 20, 20]) / (0.01 * size) < 1.3


def test_spread_holds_back_large_changes_and_leaves_small_ones():
    v = torch.ones(1, 3, 32, 32)
    small, large = (Geometry(v, 0.5).primal(torch.full_like(v, z))[0, 0, 9, 9] for z in (0.03, 1e6))
    assert small == pytest.approx(0.03, rel=0.01)
    assert large == pytest.approx(0.5**-HOLD * 1e6 ** (1 - HOLD), rel=0.01)


def test_what_is_held_back_lies_where_there_is_much():
    """The same pull goes less far beside strong ones than alone."""
    v = torch.ones(1, 3, 64, 64)
    z = torch.zeros_like(v)
    z[..., 16, 16] = z[..., 48, 48] = 1
    z[..., 12:21, 12:21] += 2
    z[..., 16, 16] = 1
    change = Geometry(v, 1.0).primal(z)
    assert change[0, 0, 16, 16] < 0.8 * change[0, 0, 48, 48]


def test_where_the_distance_is_steep_energy_counts_more():
    x = picture()
    h = torch.ones(x.shape)
    h[..., :8] = 16
    geometry = Geometry.of(Spread(h), x)
    assert geometry.w is not None
    ratio = geometry.w[0, 0, 0, 0] / geometry.w[0, 0, 0, -1]
    assert ratio.item() == pytest.approx(16**1.5, rel=1e-4)


def test_no_change_has_no_dual():
    geometry = Geometry(torch.rand(1, 3, 4, 4), 0.2)
    zero = torch.zeros(1, 3, 4, 4)
    assert torch.equal(geometry.primal(zero), zero)
