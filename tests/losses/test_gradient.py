"""The gradient term and GMSD against plain scipy computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.autograd import gradcheck

from mnd.losses import GMSD, Gradient, gmsd, gradient


def grey(x) -> np.ndarray:
    return np.tensordot(np.array([0.299, 0.587, 0.114]), x[0].numpy(), axes=1)


def masked_mean(x, y) -> float:
    """The gradient term with scipy's Sobel, from its definition `1 - GMS`."""
    a, b = (
        np.hypot(*(ndimage.sobel(z, axis, mode="nearest") / 8 for axis in (0, 1))) for z in (grey(x), grey(y))
    )
    c = 0.0026 / 4
    return float(np.mean(1 - (2 * a * b + c) / (a**2 + b**2 + c)))


def deviation(x, y) -> float:
    """GMSD as Xue et al. write it."""
    strengths = []
    for z in (grey(x), grey(y)):
        half = z.reshape(z.shape[0] // 2, 2, z.shape[1] // 2, 2).mean((1, 3))
        slopes = (ndimage.prewitt(half, axis, mode="constant") / 3 for axis in (0, 1))
        strengths.append(np.hypot(*slopes))
    a, b = strengths
    return float(np.std((2 * a * b + 0.0026) / (a**2 + b**2 + 0.0026)))


def test_gradient_is_scipys(photo, noisy):
    assert gradient(photo, noisy).item() == pytest.approx(masked_mean(photo, noisy), rel=1e-3)
    assert gradient(photo, photo.flip(-1)).item() == pytest.approx(
        masked_mean(photo, photo.flip(-1)), rel=1e-3
    )


def test_unmasked_gradient_of_a_ramp_is_the_square_of_its_change():
    ramp = torch.arange(32, dtype=torch.float64).expand(1, 3, 16, 32) / 64
    out = gradient(ramp, 1.5 * ramp, masked=False).item()
    # slope 1/64 becomes 1.5/64; at the two ends the replicated border halves both
    expected = (0.5 / 64) ** 2 * (30 + 2 / 4) / 32
    assert out == pytest.approx(expected, rel=1e-4)


def test_gmsd_is_that_of_its_authors(photo, noisy):
    assert gmsd(photo, noisy).item() == pytest.approx(deviation(photo, noisy), abs=1e-5)
    assert gmsd(photo, photo.flip(-1)).item() == pytest.approx(deviation(photo, photo.flip(-1)), abs=1e-5)


def test_small_changes_are_exact_in_single_precision(photo):
    x = photo.float()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(5))
    y = (x + 0.05 / 255 * noise).clamp(0, 1)
    for measure in (gradient, gmsd):
        assert measure(x, y).item() == pytest.approx(measure(x.double(), y.double()).item(), rel=1e-2)


def test_a_shift_of_brightness_changes_no_gradient():
    x = torch.rand(1, 3, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 2
    assert gradient(x, x + 0.25).item() == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("measure", [Gradient(), Gradient("rgb"), Gradient(masked=False), GMSD()])
def test_gradcheck(small, measure):
    x, y = small
    assert gradcheck(measure, (x.clone().requires_grad_(), y.clone().requires_grad_()), fast_mode=True)


@pytest.mark.parametrize("measure", [Gradient(), Gradient("rgb"), Gradient(masked=False), GMSD()])
@pytest.mark.parametrize("kind", ["flat", "random"])
def test_equal_pictures_have_no_distance_and_a_finite_gradient(measure, kind, device):
    x = torch.full((2, 3, 12, 14), 0.5, device=device)
    x = x if kind == "flat" else torch.rand_like(x)
    y = x.clone().requires_grad_()
    out = measure(x, y)
    (slope,) = torch.autograd.grad(out.sum(), y)
    assert out.tolist() == [0.0, 0.0]
    assert slope.abs().max() == 0


def test_gmsd_has_a_finite_gradient_just_beside(photo):
    x = photo.float()
    y = x.clone()
    y[0, 0, 50, 50] += 1e-6
    y.requires_grad_()
    (slope,) = torch.autograd.grad(gmsd(x, y).sum(), y)
    assert slope.isfinite().all()


def test_what_does_not_fit_is_refused(small):
    with pytest.raises(ValueError, match="channels is 'lab'"):
        gradient(small[0], small[1], channels="lab")
    with pytest.raises(ValueError, match="at least 2x2"):
        gmsd(small[0][..., :1], small[1][..., :1])
