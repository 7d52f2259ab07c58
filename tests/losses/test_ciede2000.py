"""CIEDE2000 against scikit-image and the pairs of Sharma, Wu and Dalal, and its slopes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import color

from mnd.losses.ciede2000 import ciede2000, lab, squared

# L, a, b twice, and the difference: from the test data of Sharma, Wu, Dalal 2005, one of each kind
PAIRS = [
    (50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425),
    (50, -1, 2, 50, 0, 0, 2.3669),
    (50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792),
    (50, 2.5, 0, 50, 0, -2.5, 4.3065),
    (50, 2.5, 0, 73, 25, -18, 27.1492),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (22.7233, 20.0904, -46.694, 23.0331, 14.973, -42.5619, 2.0373),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (2.0776, 0.0795, -1.135, 0.9033, -0.0636, -0.5514, 0.9082),
]


@pytest.mark.parametrize("pair", PAIRS)
def test_published_pairs(pair):
    p, q = (torch.tensor(c, dtype=torch.float64).view(1, 3, 1, 1) for c in (pair[:3], pair[3:6]))
    assert squared(p, q).sqrt().item() == pytest.approx(pair[6], abs=1e-4)
    assert squared(q, p).sqrt().item() == pytest.approx(pair[6], abs=1e-4)


def pictures(dtype=torch.float64, noise=0.2):
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(2, 3, 40, 40, generator=generator, dtype=dtype)
    y = (x + noise * torch.randn(x.shape, generator=generator, dtype=dtype)).clamp(0, 1)
    return x, y


def to_numpy(x):
    return x.permute(0, 2, 3, 1).numpy()


def test_lab_is_that_of_skimage():
    x, _ = pictures()
    assert np.abs(to_numpy(lab(x)) - color.rgb2lab(to_numpy(x))).max() < 2e-3  # its constants are rounded


@pytest.mark.parametrize(
    ("dtype", "noise", "most"),
    [(torch.float64, 0.2, 1e-3), (torch.float32, 0.02, 1e-3)],
)
def test_the_difference_is_that_of_skimage(dtype, noise, most):
    x, y = pictures(dtype, noise)
    oracle = color.deltaE_ciede2000(*(color.rgb2lab(to_numpy(v.double())) for v in (x, y)))
    assert np.abs(ciede2000(x, y).numpy() - oracle).max() < most


def test_its_slope_is_right():
    x, y = (v[:1, :, :3, :3] for v in pictures())
    assert torch.autograd.gradcheck(lambda v: squared(lab(x), lab(v)), y.clone().requires_grad_())


@pytest.mark.parametrize("colour", [(0.5, 0.5, 0.5), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.1, 0.6, 0.3)])
def test_equal_colours_have_no_slope_and_no_nan(colour):
    x = torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    y = x.clone().requires_grad_()
    out = squared(lab(x), lab(y))
    assert out.abs().max() < 1e-8
    (slope,) = torch.autograd.grad(out.sum(), y)
    assert slope.abs().max() < 1e-2


def test_a_grey_pixel_may_take_a_colour():
    x = torch.full((1, 3, 1, 1), 0.5)
    y = torch.tensor([0.5, 0.5, 0.504]).view(1, 3, 1, 1).requires_grad_()
    (slope,) = torch.autograd.grad(squared(lab(x), lab(y)).sum(), y)
    assert slope.isfinite().all()
    assert slope[0, 2, 0, 0] > 0


def test_opposite_hues_in_single_precision():
    """Nearly black pixels turn to the opposite hue by a level or two, where a half angle's cosine cancels."""
    levels = torch.cartesian_prod(*[torch.arange(4.0)] * 3) / 255
    x, y = (
        v.reshape(1, -1, 1, 3).permute(0, 3, 1, 2)
        for v in (levels[:, None].expand(-1, 64, 3), levels.repeat(64, 1))
    )
    oracle = color.deltaE_ciede2000(*(color.rgb2lab(to_numpy(v.double())) for v in (x, y)))
    assert oracle.max() < 4
    assert np.abs(ciede2000(x, y).numpy()[..., 0] - oracle[..., 0]).max() < 1e-2
