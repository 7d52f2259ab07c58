"""The magnitude against closed forms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mnd.losses import Magnitude, jnd_weight, luma, magnitude


def test_it_is_the_mean_square(photo, noisy):
    expected = (noisy - photo).square().mean()
    assert magnitude(photo, noisy).item() == pytest.approx(expected.item(), rel=1e-12)


@given(st.floats(1, 6), st.floats(0.0, 0.5))
def test_a_constant_change_gives_its_power(p, size):
    x = torch.full((1, 3, 4, 5), 0.25, dtype=torch.float64)
    assert magnitude(x, x + size, p=p).item() == pytest.approx(size**p, abs=1e-12)


def test_luma_and_chroma_are_weighted_apart():
    x = torch.full((1, 3, 2, 2), 0.5, dtype=torch.float64)
    grey = x + 0.1
    assert magnitude(x, grey, luma=3.0, chroma=0.0).item() == pytest.approx(0.09)
    assert magnitude(x, grey, luma=0.0, chroma=3.0).item() == pytest.approx(0, abs=1e-25)
    # a change without luma
    change = torch.tensor([0.1, 0.0, -0.1 * 0.299 / 0.114], dtype=torch.float64).view(1, 3, 1, 1)
    assert luma(change).item() == pytest.approx(0, abs=1e-15)
    coloured = change.square().mean().item()
    assert magnitude(x, x + change, luma=3.0, chroma=2.0).item() == pytest.approx(4 * coloured)


def test_the_weight_of_each_pixel_counts(photo, noisy):
    weight = jnd_weight(photo)
    expected = (weight * (noisy - photo)).square().mean().item()
    assert magnitude(photo, noisy, weight=weight).item() == pytest.approx(expected, rel=1e-12)
    assert Magnitude(masked=True)(photo, noisy).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "measure", [Magnitude(), Magnitude(3.5), Magnitude(luma=3.0, chroma=0.5), Magnitude(masked=True)]
)
def test_gradcheck(small, measure):
    x, y = small
    assert gradcheck(lambda z: measure(x, z), y.clone().requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 4.0])
def test_equal_pictures_have_no_distance_and_a_finite_gradient(small, p):
    x = small[0]
    y = x.clone().requires_grad_()
    out = magnitude(x, y, p=p)
    (slope,) = torch.autograd.grad(out.sum(), y)
    assert out.tolist() == [0.0, 0.0]
    assert slope.abs().max() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: magnitude(x, x, p=0.5), "p is 0.5"),
        (lambda x: magnitude(x, x, luma=-1.0), "luma, chroma are -1.0, 1.0"),
        (lambda x: magnitude(x, x, weight=torch.ones(1, 2, 1, 1)), r"the weight has shape \(1, 2, 1, 1\)"),
        (lambda x: magnitude(x, x, weight=-torch.ones(1, 1, 1, 1)), "expected >= 0"),
    ],
)
def test_what_does_not_fit_is_refused(small, call, message):
    with pytest.raises(ValueError, match=message):
        call(small[0])
