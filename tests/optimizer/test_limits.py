"""What a change may not do: caps and means, by closed forms and in a search."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnd.losses.composite import Composite
from mnd.optimizer.limits import Limits, Part
from mnd.optimizer.mnd import MND
from mnd.optimizer.settings import SearchSettings


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def part(top: int, left: int, values: torch.Tensor) -> Part:
    return Part(slice(top, top + values.shape[0]), slice(left, left + values.shape[1]), values)


MEANS = (part(2, 3, random(5, 4)), part(9, 1, random(3, 6, seed=1)))
V = 0.2 + random(2, 3, 14, 12, seed=2)


def means(change: torch.Tensor) -> torch.Tensor:
    return torch.stack([(region.of(change) * region.values).sum((-2, -1)) for region in MEANS])


def test_a_change_keeps_the_means_and_is_the_nearest_that_does():
    change = random(2, 3, 14, 12, seed=3) - 0.5
    kept = Limits(means=MEANS).keep(change.clone(), V)
    assert means(kept).abs().max() < 1e-12
    # nearest in the metric of the search: the difference is orthogonal to whatever keeps the means
    other = Limits(means=MEANS).keep(random(2, 3, 14, 12, seed=4) - 0.5, V)
    assert ((change - kept) * other / V.square()).sum().abs().item() < 1e-10
    torch.testing.assert_close(Limits(means=MEANS).keep(kept.clone(), V), kept)


def test_what_lies_elsewhere_stays():
    change = random(2, 3, 14, 12, seed=3)
    kept = Limits(means=MEANS).keep(change.clone(), V)
    for region in MEANS:
        region.of(kept).copy_(region.of(change))
    assert torch.equal(kept, change)


def test_a_pull_is_that_of_the_dual():
    """`v pull(z)` keeps the means of `v z`: as `keep` does, without caps."""
    z = random(2, 2, 3, 14, 12, seed=5) - 0.5
    pulled = Limits(means=MEANS).pull(z, V)
    for one, other in zip(pulled, z, strict=True):
        torch.testing.assert_close(V * one, Limits(means=MEANS).keep(V * other, V))
    assert torch.equal(Limits().pull(z, V), z)


def test_where_nothing_may_change_no_mean_is_kept():
    frozen = torch.zeros_like(V)
    assert torch.equal(Limits(means=MEANS).keep(frozen.clone(), frozen), frozen)


@given(st.floats(0.0, 0.5))
def test_a_cap_holds(cap: float):
    values = torch.full((5, 4), cap, dtype=torch.float64)
    change = random(1, 3, 14, 12, seed=6) - 0.5
    kept = Limits(caps=(part(2, 3, values),)).keep(change.clone(), V[:1])
    inside = kept[..., 2:7, 3:7]
    assert inside.abs().max() <= cap
    torch.testing.assert_close(inside, change[..., 2:7, 3:7].clamp(-cap, cap))
    kept[..., 2:7, 3:7] = change[..., 2:7, 3:7]
    assert torch.equal(kept, change)


def test_no_limits_change_nothing():
    change = random(1, 3, 14, 12, seed=6)
    assert torch.equal(Limits().keep(change.clone(), V[:1]), change)


@given(st.integers(1, 7), st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))
def test_a_sample_of_a_part_is_that_of_the_picture(every: int, top: int, left: int, height: int, width: int):
    whole = torch.zeros(40, 40, dtype=torch.float64)
    one = part(top, left, random(height, width) + 0.1)
    one.of(whole).copy_(one.values)
    sampled, other = one.sample(every), torch.zeros_like(whole[::every, ::every])
    sampled.of(other).copy_(sampled.values)
    assert torch.equal(other, whole[::every, ::every])


@pytest.mark.parametrize("grey", [False, True])
def test_a_search_goes_round_what_is_held(grey: bool):
    """Its margin asks for a darker picture, above all in the region that may not get darker."""
    x = 0.3 + 0.4 * random(1, 3, 24, 24, seed=7).float()
    ones = torch.ones(6, 6)
    limits = Limits(caps=(part(14, 14, ones / 255),), means=(part(4, 4, ones),))
    weight = torch.ones(24, 24)
    weight[4:10, 4:10] = weight[14:20, 14:20] = 5

    def margin(y: torch.Tensor) -> torch.Tensor:
        return ((y - x).mean(1) * weight).mean((1, 2)) + 0.02

    search = MND(Composite(spread=0.0), SearchSettings(steps=30))
    free, held = (search(x, margin, grey=grey, limits=given) for given in (None, limits))
    assert bool(free.success)
    assert bool(held.success)

    def moved(result: torch.Tensor, rows: slice) -> float:
        return 255 * (result - x)[..., rows, rows].mean().item()

    assert moved(free.image, slice(4, 10)) < -5
    assert abs(moved(held.image, slice(4, 10))) < 0.3  # but for rounding
    assert moved(free.image, slice(14, 20)) < -5
    assert (255 * (held.image - x)[..., 14:20, 14:20]).abs().max() < 1.5  # half a level of rounding
    assert held.distance.item() > free.distance.item()


def test_what_was_begun_is_in_every_change():
    """Within the caps, and with the means kept: as if the search had asked for it."""
    begun, change = 0.3 * (random(2, 3, 14, 12, seed=6) - 0.5), 0.1 * random(2, 3, 14, 12, seed=7)
    caps = (part(0, 0, torch.full((6, 12), 0.05, dtype=torch.float64)),)
    asked, plain = Limits(caps, MEANS, begun), Limits(caps, MEANS)
    torch.testing.assert_close(asked.keep(change.clone(), V), plain.keep(change + begun, V))
    few = asked.sample(2)
    assert few.begun is not None
    assert torch.equal(few.begun, begun[..., ::2, ::2])
    assert torch.equal(Limits().with_begun(change), change)


def test_a_search_adds_nothing_to_what_is_enough():
    x = torch.full((1, 3, 16, 16), 0.5)
    begun = (random(1, 3, 16, 16, seed=8) - 0.5).float() * 0.1

    def margin(y: torch.Tensor) -> torch.Tensor:
        return ((x + begun - y) * begun.sign()).mean((1, 2, 3)) - 1e-3

    kept = MND(Composite(), SearchSettings(steps=20, start=0.0))(x, margin, limits=Limits(begun=begun))
    assert bool(kept.success)
    assert float((kept.image - x - begun).abs().max()) <= 0.51 / 255 + 1e-6
