"""Problem: margins, scores, what may change, and counting."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnd.attacks import Attack, Counted, Problem
from mnd.attacks.attack import shaken as shaken_attack


def mean(y):
    return y.mean((1, 2, 3))


def picture(value=0.5, side=4):
    return torch.full((1, 3, side, side), value)


def test_the_margin_is_the_largest_in_its_own_scale():
    problem = Problem(picture(), (lambda y: mean(y) - 0.3, lambda y: mean(y) - 0.1), (0.1, 0.8))
    y = torch.stack([picture(0.5)[0], picture(0.2)[0]])
    assert torch.allclose(problem.margin(y), torch.tensor([2.0, 0.125]), atol=1e-6)


def test_two_classes_come_from_a_margin():
    problem = Problem(picture(), (lambda y: mean(y) - 0.4,), (0.2,))
    z = problem.scores(headroom=0.25)(picture())
    assert problem.winner == 0
    assert torch.allclose(z, torch.tensor([[0.375, -0.375]]), atol=1e-6)


@given(st.floats(0, 5), st.floats(0.1, 3))
def test_head_room_raises_the_label_of_a_classifier(headroom, scale):
    z = torch.tensor([[1.0, 4.0, 2.0]])
    problem = Problem(picture(), (lambda y: torch.tensor([2.0]),), (scale,), lambda y: z, 1)
    assert torch.allclose(problem.scores(headroom)(picture()), z + torch.tensor([0.0, headroom * scale, 0.0]))
    assert problem.winner == 1
    assert z[0, 1] == 4.0  # the target's own logits are left alone


def test_only_the_mask_changes_and_grey_stays_grey():
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2, :] = 1
    problem = Problem(picture(), (mean,), (1.0,), mask=mask, grey=True)
    y = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    inside = problem.within(y)
    assert torch.equal(inside[..., 2:, :], problem.x[..., 2:, :])
    assert torch.allclose(inside[:, :, :2], y.mean(1, keepdim=True).expand_as(y)[:, :, :2])
    (slope,) = torch.autograd.grad(inside[:, 0].sum(), y)
    assert torch.allclose(slope, mask.expand_as(y) / 3)


def test_without_mask_and_grey_nothing_is_done():
    y = picture(0.25)
    assert Problem(picture(), (mean,), (1.0,)).within(y) is y


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.rand(2, 3, 4, 4)}, "x has 2 pictures, expected one"),
        ({"x": 255 * picture()}, "x has values"),
        ({"margins": ()}, "0 margins and 1 scales"),
        ({"scales": (1.0, 2.0)}, "1 margins and 2 scales"),
        ({"scales": (0.0,)}, r"scales are \(0.0,\), expected finite numbers above 0"),
        ({"label": 3}, "logits and a label go together"),
        ({"logits": mean}, "logits and a label go together"),
        ({"margins": (mean, mean), "scales": (1.0, 1.0), "logits": mean, "label": 0}, "with one target only"),
        ({"mask": torch.ones(4, 4)}, r"mask has shape \(4, 4\), expected \(1, 1, 4, 4\)"),
        ({"mask": torch.full((1, 1, 4, 4), 0.5)}, "each value 0 or 1"),
    ],
)
def test_wrong_problems(change, message):
    usual = {"x": picture(), "margins": (mean,), "scales": (1.0,)}
    with pytest.raises(ValueError, match=message):
        Problem(**{**usual, **change})


def test_passes_are_counted_in_pictures():
    counted = Counted(Problem(picture(), (mean,), (1.0,)))
    assert isinstance(counted, Problem)
    assert (counted.forwards, counted.backwards) == (0, 0)
    y = picture().repeat(3, 1, 1, 1)
    counted.margin(y)
    assert (counted.forwards, counted.backwards) == (3, 0)
    z = counted.margin(y.requires_grad_()).sum()
    z.backward(retain_graph=True)
    z.backward()
    assert (counted.forwards, counted.backwards, counted.passes) == (6, 6, 6)


def test_a_pass_through_all_targets_counts_once():
    counted = Counted(Problem(picture(), (mean, lambda y: mean(y) / 2), (1.0, 1.0)))
    y = picture().requires_grad_()
    counted.margin(y).sum().backward()
    assert (counted.forwards, counted.backwards) == (1, 1)
    for margin in counted.margins:  # one after another, as MND asks
        torch.autograd.grad(margin(y).sum(), y)
    assert (counted.forwards, counted.backwards) == (2, 2)


def test_logits_and_margin_are_the_same_target():
    problem = Problem(picture(), (mean,), (1.0,), lambda y: torch.stack([mean(y), -mean(y)], 1), 0)
    counted = Counted(problem)
    with torch.no_grad():
        counted.scores(0.1)(picture())
        counted.margin(picture())
    assert (counted.forwards, counted.backwards) == (2, 0)


def test_counting_changes_no_value():
    problem = Problem(picture(), (lambda y: (y**2).sum((1, 2, 3)),), (2.0,), grey=True)
    y = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    plain = problem.margin(y)
    counted = Counted(problem).margin(y)
    assert torch.equal(plain, counted)
    assert torch.equal(*(torch.autograd.grad(v.sum(), y)[0] for v in (plain, counted)))
    assert Counted(problem).grey


def test_looks_are_the_margins_where_there_is_nothing_to_shake():
    problem = Problem(picture(), (mean,), (1.0,))
    assert problem.looks(3) == (mean,)
    assert Counted(problem).shaken is None


def test_looks_are_counted_too():
    def shaken(seed):
        return (lambda y: mean(y) + seed, lambda y: mean(y) - seed)

    problem = Problem(picture(), (mean, mean), (1.0, 1.0), shaken=shaken)
    counted = Counted(problem)
    y = picture(0.25).requires_grad_()
    first, second = (margin(y) for margin in counted.looks(2))
    assert (first.item(), second.item()) == (2.25, -1.75)
    torch.autograd.grad((first + second).sum(), y)
    assert (counted.forwards, counted.backwards) == (1, 1)


def test_shaking_is_the_same_problem_with_looks_for_margins():
    def shaken(seed):
        return (lambda y: mean(y) + seed,)

    mask = torch.ones(1, 1, 4, 4)
    counted = Counted(Problem(picture(), (mean,), (2.0,), mask=mask, grey=True, shaken=shaken))
    other = counted.shaking(3)
    assert (other.margin(picture(0.25)).item(), other.scales, other.grey) == (1.625, (2.0,), True)
    assert torch.equal(other.mask, mask)
    assert counted.forwards == 1, "what an attack asks of it is counted"
    plain = Problem(picture(), (mean,), (1.0,))
    assert plain.shaking(3) is plain, "nothing to shake"


def test_a_shaken_attack_gets_the_shaken_problem():
    seen = []

    def run(problem, setting, seed):
        seen.append((problem.margin(problem.x).item(), setting, seed))
        return problem.x

    attack = shaken_attack(Attack("none", "None", "eps", (1.0, 2.0), "source", "mnd", "note", run))
    problem = Problem(picture(0.5), (mean,), (1.0,), shaken=lambda seed: (lambda y: mean(y) + seed,))
    assert torch.equal(attack.run(problem, 2.0, 7), problem.x)
    assert seen == [(7.5, 2.0, 7)]
    assert (attack.name, attack.title, attack.sweep) == ("none-shaken", "None, shaken", (1.0, 2.0))
