"""Margins and hinges against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mnd.losses import (
    Hinge,
    Softplus,
    distance_margin,
    hinge,
    logit_margin,
    nearest,
    similarity_margin,
    softplus,
)

numbers = st.floats(-5, 5, width=32)


@given(st.lists(numbers, min_size=1, max_size=6), st.booleans(), st.floats(0, 1))
def test_nearest_has_exactly_the_value_of_the_nearest(values, largest, temperature):
    row = torch.tensor([values])
    assert nearest(row, largest, temperature).item() == (max(values) if largest else min(values))


@pytest.mark.parametrize(("largest", "sign"), [(True, 1.0), (False, -1.0)])
def test_nearest_shares_its_gradient_as_softmax(largest, sign):
    values = torch.tensor([[0.3, 0.35, 0.9], [0.2, 0.2, 0.2]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(nearest(values, largest, 0.1).sum(), values)
    torch.testing.assert_close(gradient, torch.softmax(sign * values.detach() / 0.1, dim=1))


def test_nearest_at_temperature_zero_gives_all_to_the_nearest():
    values = torch.tensor([[0.3, 0.35, 0.9], [0.2, 0.2, 0.2]], requires_grad=True)
    (gradient,) = torch.autograd.grad(nearest(values, True, 0.0).sum(), values)
    torch.testing.assert_close(gradient, torch.tensor([[0, 0, 1], [1 / 3, 1 / 3, 1 / 3]]))


def test_nearest_survives_extremes():
    values = torch.tensor([[1e4, -1e4]], requires_grad=True)
    out = nearest(values, largest=True, temperature=1e-3)
    (gradient,) = torch.autograd.grad(out.sum(), values)
    assert out.item() == 1e4
    assert gradient.tolist() == [[1.0, 0.0]]


def test_logit_margin_by_hand():
    logits = torch.tensor([[1.0, 4.0, 2.5], [0.0, -1.0, 3.0]])
    assert logit_margin(logits, torch.tensor([1, 0])).tolist() == [1.5, -3.0]


@given(st.lists(numbers, min_size=2, max_size=8, unique=True), st.data())
def test_logit_margin_is_positive_exactly_when_the_label_wins(values, draw):
    label = draw.draw(st.integers(0, len(values) - 1))
    margin = logit_margin(torch.tensor([values]), torch.tensor([label])).item()
    assert (margin > 0) == (values[label] == max(values))


def test_logit_margin_gradcheck():
    logits = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 4, 2])
    assert gradcheck(lambda z: logit_margin(z, labels), logits.requires_grad_())


def test_similarity_margin_is_the_cosine_of_known_angles():
    embedding = 3 * torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    angles = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    references = torch.stack([angles.cos(), angles.sin()], -1).unsqueeze(0)
    assert similarity_margin(embedding, references, 0.25).item() == pytest.approx(
        math.cos(0.5) - 0.25, abs=1e-12
    )


def test_distance_margin_is_pythagoras():
    embedding = torch.tensor([[3.0, 4.0]])
    references = torch.tensor([[[0.0, 0.0], [10.0, 4.0]]])
    assert distance_margin(embedding, references, 6.0).item() == pytest.approx(1.0)


@pytest.mark.parametrize("margin", [similarity_margin, distance_margin])
def test_recogniser_margins_gradcheck(margin):
    generator = torch.Generator().manual_seed(3)
    embedding = torch.randn(2, 4, dtype=torch.float64, generator=generator).requires_grad_()
    references = torch.randn(2, 3, 4, dtype=torch.float64, generator=generator)
    # with one reference, or none shared, the gradient is that of the value itself
    assert gradcheck(lambda e: margin(e, references[:, :1], 0.3), embedding)
    assert gradcheck(lambda e: margin(e, references, 0.3, temperature=0.0), embedding)


def test_all_references_pull_when_they_are_equally_near():
    embedding = torch.tensor([[0.0, 0.0]], requires_grad=True)
    references = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    (gradient,) = torch.autograd.grad(distance_margin(embedding, references, 0.5).sum(), embedding)
    torch.testing.assert_close(gradient, torch.tensor([[0.5, 0.5]]))


def test_hinge_sums_over_targets():
    margins = torch.tensor([[0.5, -0.25], [0.25, -1.0]])
    assert hinge(margins).tolist() == [0.75, 0.0]
    assert hinge(margins, 0.5).tolist() == [1.75, 0.25]
    assert hinge(margins, torch.tensor([[0.0], [1.0]])).tolist() == [1.75, 0.0]
    assert Hinge(0.5)(margins).tolist() == [1.75, 0.25]


@given(st.lists(numbers, min_size=1, max_size=5), st.floats(0, 1), st.floats(0.01, 1))
def test_softplus_lies_just_above_the_hinge(values, kappa, temperature):
    margins = torch.tensor(values, dtype=torch.float64).unsqueeze(1)
    smooth, hard = softplus(margins, kappa, temperature), hinge(margins, kappa)
    assert hard.item() <= smooth.item() + 1e-12
    assert smooth.item() <= hard.item() + len(values) * temperature * math.log(2) + 1e-12


def test_hinges_gradcheck():
    margins = torch.tensor([[0.5, -0.2], [0.3, 0.1]], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda m: hinge(m, 0.05), margins)
    assert gradcheck(lambda m: softplus(m, 0.05, 0.1), margins)
    assert gradcheck(Softplus(0.05, 0.1), margins)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nearest(torch.zeros(3), True), r"\(3,\)"),
        (lambda: nearest(torch.zeros(1, 0), True), r"\(1, 0\)"),
        (lambda: nearest(torch.zeros(1, 2), True, -1.0), "temperature is -1.0"),
        (lambda: logit_margin(torch.zeros(1, 1), torch.tensor([0])), r"\(1, 1\)"),
        (lambda: logit_margin(torch.zeros(1, 3), torch.tensor([3])), r"3\.\.3, expected 0\.\.2"),
        (lambda: logit_margin(torch.zeros(2, 3), torch.tensor([0])), r"expected \(2,\)"),
        (lambda: similarity_margin(torch.zeros(1, 4), torch.zeros(1, 2, 5), 0.1), r"expected \(1, R, 4\)"),
        (lambda: distance_margin(torch.zeros(4), torch.zeros(1, 2, 4), 0.1), r"\(4,\), expected \(B, D\)"),
        (lambda: hinge(torch.zeros(1, 1, 1)), r"\(1, 1, 1\)"),
        (lambda: softplus(torch.zeros(1), temperature=0.0), "temperature is 0.0"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
