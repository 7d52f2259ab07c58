"""A coarser grid: its two ways are adjoint, and a search that begins on it ends as one that does not."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnd.losses.composite import Composite
from mnd.losses.magnitude import Magnitude
from mnd.optimizer.geometry import Geometry
from mnd.optimizer.grid import Grid
from mnd.optimizer.mnd import MND
from mnd.optimizer.settings import SearchSettings
from mnd.optimizer.start import Start

SIZES = st.integers(1, 30)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(SIZES, SIZES, st.integers(1, 7))
def test_up_and_down_are_adjoint(height, width, factor):
    """`<up(z), x> = <z, down(x)>`."""
    grid = Grid(height, width, factor)
    z, x = noise(2, 3, *grid.size), noise(2, 3, height, width, seed=1)
    assert torch.allclose((grid.up(z) * x).sum(), (z * grid.down(x)).sum())


@given(SIZES, SIZES, st.integers(1, 7))
def test_what_is_even_stays_so_both_ways(height, width, factor):
    grid = Grid(height, width, factor)
    assert torch.allclose(grid.up(torch.ones(1, 1, *grid.size)), torch.ones(1, 1, height, width))
    assert torch.allclose(grid.mean(torch.full((1, 1, height, width), 0.7)), torch.tensor(0.7))


def test_a_factor_of_one_changes_nothing():
    x, grid = noise(1, 3, 7, 5), Grid(7, 5, 1)
    assert torch.equal(grid.up(x), x)
    assert torch.equal(grid.down(x), x)
    assert torch.equal(grid.mean(x), x)
    assert torch.equal(grid.place(torch.tensor([[3.0, 4.0]])), torch.tensor([[3.0, 4.0]]))


def test_a_slope_goes_through_the_points_of_the_grid():
    """A ramp is the same ramp on both, at the places that `place` says."""
    grid = Grid(24, 40, 4)
    ramp = torch.arange(40, dtype=torch.float64).expand(1, 1, 24, 40)
    inner = grid.mean(ramp)[0, 0, 2, 1:-1]
    at = grid.place(torch.stack([inner, inner], 1))[:, 0]
    assert torch.allclose(at, torch.arange(1, 9, dtype=torch.float64))
    assert torch.allclose(grid.up(grid.mean(ramp))[..., 6:-6], ramp[..., 6:-6])


@pytest.mark.parametrize("factor", [0, -2])
def test_a_factor_below_one_is_refused(factor):
    with pytest.raises(ValueError, match=f"factor is {factor}, expected at least 1"):
        Grid(4, 4, factor)


def test_the_geometry_of_a_coarser_grid_moves_a_smooth_slope_as_far():
    """With v^2 even over a cell, what a slope moves is the same seen from either grid."""
    grid = Grid(12, 12, 3)
    v = noise(1, 3, 4, 4).repeat_interleave(3, 2).repeat_interleave(3, 3) + 0.5
    coarse = Geometry(v).on(grid)
    p = torch.ones(1, 3, 4, 4, dtype=torch.float64)
    fine = grid.mean(Geometry(v).primal(v * grid.up(p)))
    assert torch.allclose(coarse.primal(coarse.v * p), fine)


def test_the_energy_counts_as_much():
    grid, v, w = Grid(12, 12, 3), noise(1, 3, 12, 12) + 0.5, noise(1, 3, 12, 12, seed=1)
    coarse = Geometry(v, 1.0, w).on(grid)
    assert coarse.c == 1.0
    assert torch.allclose(coarse.w * coarse.v.square(), grid.mean(w * v.square()))


class TestStart:
    def test_pulls_come_back_in_the_geometry_that_they_had(self):
        v = noise(1, 3, 6, 6) + 0.1
        pulls = noise(2, 1, 3, 6, 6, seed=1)
        start = Start.of(pulls, v, torch.ones(2, 1), torch.zeros(2, 1))
        assert torch.allclose(start.pulls(v), pulls)

    def test_where_nothing_may_change_there_is_no_slope(self):
        v = torch.zeros(1, 3, 4, 4)
        v[..., :2] = 2.0
        start = Start.of(torch.ones(1, 1, 3, 4, 4), v, torch.ones(1, 1), torch.zeros(1, 1))
        assert start.slopes[..., :2].unique().tolist() == [0.5]
        assert start.slopes[..., 2:].unique().tolist() == [0.0]

    def test_a_search_goes_on_where_another_stood(self):
        """One step from the end of a search is about its picture; one from nothing is not."""
        x = noise(1, 3, 24, 24).float() * 0.6 + 0.2
        target = noise(1, 3, 24, 24, seed=2).float() - 0.5

        def margin(y):
            return ((y - x) * target).mean((1, 2, 3)) + 2e-4

        whole = MND(settings=SearchSettings(steps=40))(x, margin)
        more = MND(settings=SearchSettings(steps=1))(x, margin, start=whole.end)
        none = MND(settings=SearchSettings(steps=1))(x, margin)
        assert bool(whole.success)
        assert (more.image - whole.image).abs().max() <= 1 / 255 + 1e-6
        assert not none.success

    def test_a_search_that_never_moved_has_no_pulls(self):
        x = torch.full((1, 3, 16, 16), 0.5)
        found = MND(settings=SearchSettings(steps=1))(x, lambda y: y.mean((1, 2, 3)))
        assert float(found.end.slopes.abs().max()) == 0
        assert float(found.end.multipliers.abs().max()) == 0


def test_a_search_that_begins_on_a_coarser_grid_ends_as_near():
    """D is within a few thousandths after a fifth of the fine steps."""
    x = noise(1, 3, 48, 48).float() * 0.6 + 0.2
    grid = Grid(48, 48, 2)
    smooth = torch.nn.functional.interpolate(
        noise(1, 3, 4, 4, seed=3).float() - 0.5, (48, 48), mode="bilinear", align_corners=False
    )

    def margin(y):
        return ((y - x) * smooth).mean((1, 2, 3)) + 1e-3

    def coarse_margin(y):
        return ((y - grid.mean(x)) * grid.mean(smooth)).mean((1, 2, 3)) + 1e-3

    distance = Composite()
    alone = MND(distance, SearchSettings(steps=40))(x, margin)
    geometry = Geometry.of(distance, x)
    first = MND(Magnitude(), SearchSettings(steps=40, keep="last"))(
        grid.mean(x), coarse_margin, geometry=geometry.on(grid)
    )
    then = MND(distance, SearchSettings(steps=8, momentum=(0.85, 0.95)))(
        x, margin, geometry=geometry, start=first.end.moved(grid.up)
    )
    assert bool(then.success)
    assert float(then.distance) < 1.003 * float(alone.distance)


def test_the_distance_is_asked_for_by_nobody_who_keeps_the_last():
    """Of a search that keeps the last picture, D is computed once, for the result."""
    asked = []

    class Counted(Composite):
        def at(self, x):
            inner = super().at(x)

            def distance(y):
                asked.append(1)
                return inner(y)

            return distance

    x = torch.full((1, 3, 16, 16), 0.5)
    found = MND(Counted(), SearchSettings(steps=20, keep="last"))(x, lambda y: y.mean((1, 2, 3)) - 0.49)
    assert bool(found.success)
    assert len(asked) == 1
