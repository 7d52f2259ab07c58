"""`scripts/rlpips/misleading.py`: optima that are known, balls that are kept, metrics that are misled."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rlpips.misleading import attack, misjudging, pgd

from mnd.losses.magnitude import Magnitude


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(seed, shape=(2, 3, 5, 4)):
    """A slope for an objective whose optimum is known, and pictures that touch the ends of the range."""
    x = (1.4 * torch.rand(shape, generator=seeded(seed), dtype=torch.float64) - 0.2).clamp(0, 1)
    slope = torch.randn(shape, generator=seeded(seed + 1), dtype=torch.float64)
    return x, slope, lambda y: (slope * y).sum((1, 2, 3))


@pytest.mark.parametrize("step", [None, 0.05])
@given(seed=st.integers(0, 10_000), eps=st.floats(0.001, 0.5))
@hypothesis_settings(max_examples=15, deadline=None)
def test_the_corner_of_a_cube_is_reached(step, seed, eps):
    x, slope, objective = linear(seed)
    y = pgd(objective, x, "linf", eps, steps=20, step=step, generator=seeded())
    assert torch.allclose(y, (x + eps * slope.sign()).clamp(0, 1), atol=1e-12)


@pytest.mark.parametrize("step", [None, 0.2])
@given(seed=st.integers(0, 10_000), eps=st.floats(0.001, 1))
@hypothesis_settings(max_examples=15, deadline=None)
def test_the_farthest_point_of_a_sphere_is_reached(step, seed, eps):
    x, slope, objective = linear(seed)
    y = pgd(objective, x, "l2", eps, steps=30, step=step and step * eps, valid=False, generator=seeded())
    best = eps * slope.flatten(1).norm(dim=1)
    assert torch.allclose(objective(y) - objective(x), best, rtol=1e-3)
    assert ((y - x).flatten(1).norm(dim=1) <= eps + 1e-9).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@given(seed=st.integers(0, 10_000), eps=st.floats(0, 3), steps=st.integers(1, 12))
@hypothesis_settings(max_examples=15, deadline=None)
def test_the_attack_stays_in_its_ball_and_in_the_range_and_never_loses(norm, seed, eps, steps):
    x, slope, _ = linear(seed)

    def rough(y):
        return (torch.sin(40 * y) * slope).sum((1, 2, 3))

    y = pgd(rough, x, norm, eps, steps, generator=seeded())
    delta = (y - x).flatten(1)
    size = delta.abs().amax(1) if norm == "linf" else delta.norm(dim=1)
    assert (size <= eps + 1e-9).all()
    assert y.min() >= 0
    assert y.max() <= 1
    assert (rough(y) >= rough(x)).all()


def test_images_of_a_batch_do_not_disturb_each_other():
    x, slope, _ = linear(3)

    def rough(y):
        return (torch.sin(40 * y) * slope[: len(y)]).sum((1, 2, 3))

    both = pgd(rough, x, "l2", 0.5, 25, generator=seeded())
    slope[1] *= 0  # its gradient is 0: nothing can be gained, and x comes back
    one = pgd(rough, x, "l2", 0.5, 25, generator=seeded())
    assert torch.equal(one[0], both[0])
    assert torch.equal(one[1], x[1])


def test_the_halved_step_is_better_than_the_first_one():
    """A narrow peak inside the ball: the steps of 2 eps that begin jump over it."""
    x = torch.full((1, 3, 6, 6), 0.5, dtype=torch.float64)
    peak = x + 0.1 * (torch.rand(x.shape, generator=seeded(), dtype=torch.float64) - 0.5)

    def near(y):
        return -(y - peak).abs().sum((1, 2, 3))

    long, fine = (
        near(pgd(near, x, "linf", 0.06, 60, step, generator=seeded())).item() for step in (0.12, None)
    )
    assert fine > long / 10
    assert fine > near(x).item() / 30


def test_a_distance_is_attacked_from_its_minimum():
    x = torch.full((1, 3, 4, 4), 0.5)
    distance = Magnitude()
    y = pgd(distance.at(x), x, "linf", 0.1, 5, generator=seeded())
    assert ((y - x).abs() - 0.1).abs().max() < 1e-6


def test_restarts_never_harm_and_seeds_repeat():
    x, slope, _ = linear(7)

    def rough(y):
        return (torch.sin(60 * y) * slope).sum((1, 2, 3))

    once, again, more = (pgd(rough, x, "linf", 0.1, 8, restarts=n, generator=seeded(5)) for n in (1, 1, 4))
    assert torch.equal(once, again)
    assert (rough(more) >= rough(once)).all()
    assert (rough(more) > rough(once)).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm": "l1"}, "norm is 'l1', expected one of 'linf', 'l2'"),
        ({"eps": -1}, "eps is -1"),
        ({"steps": 0}, "steps 0"),
        ({"step": 0.0}, r"step 0\.0"),
        ({"restarts": 0}, "restarts 0"),
        ({"objective": torch.sum}, r"the objective is \(\), expected \(2,\)"),
    ],
)
def test_wrong_settings_of_an_attack(change, message):
    usual = {"objective": lambda y: y.sum((1, 2, 3)), "x": torch.rand(2, 3, 2, 2), "norm": "linf", "eps": 0.1}
    with pytest.raises(ValueError, match=message):
        pgd(**{**usual, **change})


@pytest.mark.parametrize(
    ("which", "low", "high"),
    [
        ("x0", {"p0": 0.58}, {"p0": 0.52}),
        ("x1", {"p1": 0.57}, {"p1": 0.63}),
        ("both", {"p0": 0.58, "p1": 0.57}, {"p0": 0.52, "p1": 0.63}),
        ("ref", {"ref": 0.53}, {"ref": 0.47}),
    ],
)
def test_a_metric_is_misled(which, low, high):
    """Of the mean square: p0, judged nearer (low), is driven away and p1 drawn near; else (high) not."""
    flat = torch.ones(3, 3, 8, 8)
    pictures = {"ref": 0.5 * flat, "p0": 0.55 * flat, "p1": 0.6 * flat}
    judge = torch.tensor([0.1, 0.9, 0.5])  # the last can be ranked as one likes: it is left alone
    wrong = misjudging(Magnitude(), pictures, judge)
    found = attack(wrong, pictures, which, "linf", 0.03, 10, generator=seeded())
    assert found.keys() == low.keys()
    for name, y in found.items():
        for image, value in zip(y, (low[name], high[name], pictures[name][2, 0, 0, 0]), strict=True):
            assert torch.allclose(image, torch.as_tensor(value), atol=1e-6)
    assert (wrong(found)[:2] > wrong({n: pictures[n] for n in found})[:2]).all()


def test_an_unknown_attack_is_refused():
    pictures = dict.fromkeys(("ref", "p0", "p1"), torch.rand(1, 3, 4, 4))
    with pytest.raises(ValueError, match="which is 'p0', expected one of 'x0', 'x1', 'both', 'ref'"):
        attack(lambda changed: changed["p0"].sum((1, 2, 3)), pictures, "p0", "l2", 1.0)
