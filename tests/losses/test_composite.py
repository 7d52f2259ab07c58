"""The composite: its sum, its weights, and what it inherits from its terms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mnd.losses import SSIM, Composite, Weights, composite, gradient, magnitude, ssim

MEASURES = {"ssim": SSIM(), "magnitude": magnitude, "gradient": gradient, "composite": composite}


@given(st.tuples(*[st.floats(0.1, 100)] * 3))
@settings(max_examples=10, deadline=None)
def test_it_is_the_weighted_sum(weights):
    x = torch.rand(2, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = (x + 0.02).clamp_max(1)
    a, b, c = weights
    expected = a * magnitude(x, y) + b * ssim(x, y, border="reflect") + c * gradient(x, y)
    torch.testing.assert_close(composite(x, y, Weights(a, b, c)), expected)


def test_what_a_grey_level_of_noise_costs_is_what_the_weights_say():
    from skimage import data

    x = torch.from_numpy(data.astronaut()).permute(2, 0, 1).unsqueeze(0).float() / 255
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(7))
    terms = Composite().terms(x, (x + noise / 255).clamp(0, 1))
    got = {name: round(value.item(), 1) for name, value in terms.items()}
    assert got == {"magnitude": 0.9, "structure": 5.5, "gradient": 0.3}


@pytest.mark.parametrize("name", MEASURES)
def test_every_term_is_quadratic_near_zero(photo, name):
    # a smooth change, so that no pixel leaves [0, 1] and nothing is clipped
    x = 0.1 + 0.8 * photo
    change = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype) / 255
    one, two = (MEASURES[name](x, x + size * change).item() for size in (0.1, 0.2))
    assert two / one == pytest.approx(4, rel=0.05)


def test_terms_can_be_replaced_and_a_learned_one_added(small):
    x, y = small

    def learned(a, b):
        return (a - b).abs().mean((1, 2, 3))

    measure = Composite(Weights(0.0, 2.0, 0.0, 3.0), structure=SSIM("luma"), learned=learned)
    torch.testing.assert_close(measure(x, y), 2 * ssim(x, y, "luma") + 3 * learned(x, y))
    assert list(measure.terms(x, y)) == ["structure", "learned"]
    torch.testing.assert_close(
        composite(x, y, Weights(0.0, 2.0, 0.0, 3.0), SSIM()),
        2 * ssim(x, y, border="reflect") + 3 * ssim(x, y),
    )


def test_at_computes_the_same_and_keeps_the_clean_picture(small):
    x, y = small
    measure = Composite()
    at = measure.at(x)
    assert torch.equal(at(y), measure(x, y))
    assert at(x).tolist() == [0.0, 0.0]


def test_gradcheck(small):
    x, y = small
    assert gradcheck(composite, (x.clone().requires_grad_(), y.clone().requires_grad_()), fast_mode=True)


def test_equal_pictures(photo, device):
    x = photo.to(device).float()
    y = x.clone().requires_grad_()
    out = composite(x, y)
    (slope,) = torch.autograd.grad(out.sum(), y)
    assert out.item() == 0
    assert slope.abs().max() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Weights(alpha=-1.0), "expected finite numbers >= 0"),
        (lambda: Weights(alpha=float("nan")), "expected finite numbers >= 0"),
        (lambda: Weights(0.0, 0.0, 0.0), "not all 0"),
        (lambda: Composite(Weights(rho=1.0)), "no learned term with rho = 1.0"),
        (lambda: Composite(learned=magnitude), "a learned term with rho = 0.0"),
    ],
)
def test_contradictions_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
