"""Curvatures against exact second derivatives of the distances themselves."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnd.losses.composite import Composite, Weights
from mnd.losses.curvature import Curved, curvature_of, estimate, stiffness
from mnd.losses.gradient import GMSD, Gradient
from mnd.losses.magnitude import Magnitude
from mnd.losses.structure import SSIM


def picture(seed: int = 0, height: int = 16, width: int = 15) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.2 + 0.6 * torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)


def exact(distance, x: torch.Tensor, places: list[tuple[int, int, int]]) -> torch.Tensor:
    """The second derivatives at `places`, by differentiating twice."""
    values = []
    for place in places:

        def along(t: torch.Tensor, place=place) -> torch.Tensor:
            change = torch.zeros_like(x)
            change[(0, *place)] = 1
            return distance(x, x + t * change)[0]

        zero = x.new_zeros(())
        step = 1e-4  # the distances are even to first order: a second difference is exact to step^2
        values.append((along(zero + step) - 2 * along(zero) + along(zero - step)) / step**2)
    return torch.stack(values)


CENTRE = [(0, 7, 7), (1, 6, 8), (2, 8, 6)]
EDGE = [(0, 0, 0), (1, 0, 7), (2, 15, 14)]

DISTANCES = {
    "magnitude": Magnitude(),
    "magnitude luma": Magnitude(luma=3.0),
    "magnitude chroma": Magnitude(luma=0.5, chroma=2.0),
    "magnitude masked": Magnitude(masked=True),
    "ssim": SSIM(),
    "ssim luma": SSIM("luma"),
    "ssim reflect": SSIM(border="reflect"),
    "gradient": Gradient(),
    "gradient rgb": Gradient("rgb"),
    "gradient plain": Gradient(masked=False),
    "composite": Composite(),
    "composite weights": Composite(Weights(1.0, 2.0, 3.0)),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", DISTANCES)
def test_own_curvature_is_the_second_derivative(name, seed):
    distance, x = DISTANCES[name], picture(seed)
    assert isinstance(distance, Curved)
    h = curvature_of(distance, x)
    assert h.shape == x.shape
    got = torch.stack([h[(0, *place)] for place in CENTRE])
    torch.testing.assert_close(got, exact(distance, x, CENTRE), rtol=2e-3, atol=1e-7)


@pytest.mark.parametrize("name", ["magnitude", "magnitude luma", "magnitude masked", "ssim", "ssim luma"])
def test_at_the_edge_too(name):
    distance, x = DISTANCES[name], picture()
    got = torch.stack([curvature_of(distance, x)[(0, *place)] for place in EDGE])
    torch.testing.assert_close(got, exact(distance, x, EDGE), rtol=2e-3, atol=1e-7)


@pytest.mark.parametrize("name", ["ssim reflect", "gradient", "gradient rgb", "composite"])
def test_near_at_the_edge_where_only_that_is_said(name):
    distance, x = DISTANCES[name], picture()
    got = torch.stack([curvature_of(distance, x)[(0, *place)] for place in EDGE])
    ratio = got / exact(distance, x, EDGE)
    assert ((ratio > 0.1) & (ratio < 10)).all(), ratio


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("x", [torch.full((2, 3, 16, 15), v) for v in (0.0, 0.5, 1.0)])
def test_flat_pictures(name, x):
    h = curvature_of(DISTANCES[name], x)
    assert h.isfinite().all()
    assert (h > 0).all()


@pytest.mark.parametrize("name", DISTANCES)
def test_a_batch_is_its_pictures(name):
    x = torch.cat([picture(0), picture(1)])
    both = curvature_of(DISTANCES[name], x)
    for i in range(2):
        torch.testing.assert_close(both[i : i + 1], curvature_of(DISTANCES[name], x[i : i + 1]))


def test_composite_is_the_sum_of_its_terms():
    x = picture()
    want = 2 * curvature_of(Magnitude(), x) + 3 * curvature_of(SSIM(border="reflect"), x)
    torch.testing.assert_close(Composite(Weights(2.0, 3.0, 0.0)).curvature(x), want)


def test_composite_with_a_learned_term_that_knows_no_curvature():
    x = picture()

    def learned(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (y - x).square().sum((1, 2, 3))

    distance = Composite(Weights(1.0, 0.0, 0.0, 0.5), learned=learned)
    want = curvature_of(Magnitude(), x) + 0.5 * 2
    torch.testing.assert_close(distance.curvature(x), want, rtol=1e-6, atol=0)


@pytest.mark.parametrize("p", [1.0, 1.5, 3.0])
def test_other_norms_have_none(p):
    with pytest.raises(ValueError, match="expected 2: another norm has no curvature at zero"):
        Magnitude(p).curvature(picture())


def test_refuses_what_is_no_picture():
    for distance in DISTANCES.values():
        with pytest.raises(ValueError, match="expected"):
            distance.curvature(torch.zeros(3, 16, 16))
        with pytest.raises(ValueError, match=r"expected .0, 1."):
            distance.curvature(torch.full((1, 3, 16, 16), 255.0))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**20), batch=st.integers(1, 3))
def test_the_estimate_is_exact_for_a_weighted_sum_of_squares(seed, batch):
    x = torch.cat([picture(seed + i, 6, 7) for i in range(batch)])
    h = 0.5 + torch.rand(x.shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)

    def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 0.5 * (h * (y - x).square()).sum((1, 2, 3))

    torch.testing.assert_close(estimate(distance, x), h)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_estimate_asks_only_about_valid_pictures(value):
    x = torch.full((1, 3, 8, 8), value)

    def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        assert y.min() >= 0
        assert y.max() <= 1
        return (y - x).square().sum((1, 2, 3))

    torch.testing.assert_close(estimate(distance, x), torch.full_like(x, 2.0), rtol=1e-3, atol=0)


def test_the_estimate_of_a_correlated_distance_is_right_on_average():
    """The Hessian is diag h + c c' r: off its diagonal it only adds noise, which more probes take away."""
    x = picture(0, 8, 8)
    c = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)

    def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        d = y - x
        return 0.5 * (2 * d.square().sum((1, 2, 3)) + 0.01 * (c * d).sum((1, 2, 3)) ** 2)

    want = 2 + 0.01 * c.square()
    few, many = (((estimate(distance, x, n) - want) / want).square().mean().sqrt() for n in (4, 256))
    assert many < 0.02
    assert many < few / 4


def test_the_estimate_is_the_same_every_time_and_positive():
    x = picture().float()
    distance = SSIM()
    assert torch.equal(estimate(distance, x), estimate(distance, x))
    assert (estimate(distance, x) > 0).all()


def test_a_distance_without_slope_is_nothing_at_all():
    """GMSD is a norm, not a square: it has no curvature, and the estimate stays usable."""
    h = curvature_of(GMSD(), picture().float())
    assert h.isfinite().all()
    assert (h > 0).all()


def test_works_without_gradients_being_recorded():
    x = picture()
    with torch.no_grad():
        h = curvature_of(lambda x, y: (y - x).square().sum((1, 2, 3)), x)
    torch.testing.assert_close(h, torch.full_like(x, 2.0))
    assert not h.requires_grad


def test_stiffness_is_the_largest_eigenvalue():
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(2, 3, 6, 6, generator=generator).double()
    factor = torch.randn(108, 12, generator=generator).double()
    hessian = factor @ factor.T + torch.eye(108).double()
    v = torch.rand(x.shape, generator=generator).double() + 0.5

    def distance(x, y):
        d = (y - x).flatten(1)
        return ((d @ hessian) * d).sum(1) / 2

    scaled = [row[:, None] * hessian * row for row in v.flatten(1)]
    want = torch.stack([torch.linalg.eigvalsh(matrix)[-1] for matrix in scaled])
    got = stiffness(distance, x, v, rounds=40)
    torch.testing.assert_close(got, want, rtol=0.02, atol=0)
    assert (stiffness(distance, x, v) <= want * 1.001).all()


def test_stiffness_of_a_weighted_sum_of_squares_is_one():
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(4))
    w = x + 0.5
    distance = lambda x, y: (w * (y - x) ** 2).sum((1, 2, 3))  # noqa: E731
    torch.testing.assert_close(stiffness(distance, x, (2 * w).rsqrt()), torch.ones(2), rtol=1e-3, atol=0)
