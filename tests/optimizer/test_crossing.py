"""The crossing of a falling function: within the ends, just behind the zero, with few values."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mnd.optimizer.crossing import BEYOND, crossing

POWERS = st.floats(0.4, 2.5)
ROOTS = st.floats(0.5, 2.0)


def falling(root: float, power: float):
    """`1 - (t / root)^power`: how a margin falls with its multiplier."""
    return lambda t: 1 - (t / root) ** power


@given(ROOTS, POWERS)
def test_it_is_found_just_behind_within_a_fifth_of_a_per_cent(root: float, power: float):
    one = torch.ones(1, dtype=torch.float64)
    there = crossing(falling(root, power), 0.39 * one, 2.56 * one, one, tries=7).item() / root
    assert 1 <= there <= BEYOND**2


@given(ROOTS, POWERS)
def test_four_values_are_enough_for_a_guess_that_is_near(root: float, power: float):
    guess = torch.tensor([root * 1.05], dtype=torch.float64)
    there = crossing(falling(root, power), guess / 2.56, guess * 2.56, guess).item() / root
    assert abs(there - BEYOND) < 0.0015


def test_a_batch_is_as_each_by_itself_and_ends_are_kept():
    roots, ones = torch.tensor([0.1, 0.8, 1.7, 9.0], dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    together = crossing(lambda t: roots - t, 0.4 * ones, 2.5 * ones, ones)
    alone = [crossing(lambda t, r=r: r - t, 0.4 * ones[:1], 2.5 * ones[:1], ones[:1]) for r in roots]
    assert torch.equal(together, torch.cat(alone))
    assert together[0] == 0.4
    assert together[3] == 2.5
    assert (together[1:3] >= roots[1:3]).all()


@given(st.floats(0.45, 2.4), st.integers(3, 300))
def test_a_function_of_steps_is_met_to_about_one_step_in_the_end(root: float, steps: int):
    one = torch.ones(1, dtype=torch.float64)

    def stairs(t: torch.Tensor) -> torch.Tensor:
        return root - (t * steps).round() / steps

    there = crossing(stairs, 0.39 * one, 2.56 * one, one, tries=30)
    assert abs(there.item() - root) <= 1.5 / steps + 0.01
    assert stairs(there) <= 0


def test_so_many_values_are_asked_for_and_none_beyond_the_ends():
    asked = []

    def value(t: torch.Tensor) -> torch.Tensor:
        asked.append(t.item())
        return 1e-9 * (1.3 - t)

    one = torch.ones(1, dtype=torch.float64)
    crossing(value, 0.5 * one, 1.2 * one, one)
    assert len(asked) == 4
    assert all(0.5 <= t <= 1.2 for t in asked)
