"""Differentiable resizing: Pillow's values, and the gradient of a weighted mean."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from mnd.channel import half, resize_image, resized, round_image, to_pixels, to_tensor
from mnd.channel.resize_model import CHUNK, KERNELS, _resized

PHOTO = data.astronaut()[:201, 150:333]
SIZES = [(100, 91), (150, 183), (201, 40), (300, 250), (17, 9), (1, 1), (201, 183)]


@pytest.mark.parametrize(("filter", "size"), product(KERNELS, SIZES))
def test_values_are_pillows(filter, size):
    out = to_pixels(resize_image(to_tensor(PHOTO), size, filter)).astype(int)
    want = resized(PHOTO, size, filter)
    assert out.shape == want.shape
    assert np.abs(out - want).max() <= 1
    assert np.abs(out - want).mean() < 0.01


@settings(max_examples=60, deadline=None)
@given(
    st.integers(40, 150),
    st.floats(0.5, 1.5),
    st.one_of(st.floats(0.2, 0.9), st.floats(1.1, 2)),
    st.sampled_from(sorted(KERNELS)),
)
def test_values_are_pillows_at_any_size(width, tall, scale, filter):
    """Not of pictures twice as tall as wide, whose axes Pillow 13 resizes in the other order."""
    old = (int(width * tall), width)
    new = (int(old[0] * scale), int(old[1] * scale))
    pixels = np.random.default_rng(old).integers(0, 256, (*old, 3), dtype=np.uint8)
    out = to_pixels(resize_image(to_tensor(pixels), new, filter)).astype(int)
    apart = np.abs(out - resized(pixels, new, filter))
    assert apart.max() <= 2
    # at simple ratios many values of the bilinear filter are ties
    assert apart.mean() < (0.2 if filter == "bilinear" else 0.02)


def test_a_tall_picture_is_near_pillows():
    pixels = data.astronaut()[:400, 100:290]
    out = to_pixels(resize_image(to_tensor(pixels), (200, 95))).astype(int)
    assert np.abs(out - half(pixels)).mean() < 0.5


def test_half_size_is_half():
    out = to_pixels(resize_image(to_tensor(PHOTO), (100, 91)))
    assert np.abs(out.astype(int) - half(PHOTO)).mean() < 0.001


@pytest.mark.parametrize("filter", KERNELS)
@pytest.mark.parametrize(
    ("old", "new"), [((9, 7), (4, 5)), ((5, 4), (9, 11)), ((3, 2 * CHUNK + 9), (3, CHUNK + 2))]
)
def test_the_gradient_is_the_true_one(filter, old, new):
    y = torch.rand(1, 1, *old, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: _resized(v, new, filter, soft=True), (y,))


def test_rounding_changes_no_gradient():
    y = (0.3 + 0.4 * to_tensor(PHOTO).double()).requires_grad_(True)
    weights = torch.rand(1, 3, 100, 150, dtype=torch.float64)
    (hard,) = torch.autograd.grad((resize_image(y, (100, 150)) * weights).sum(), y)
    (want,) = torch.autograd.grad((_resized(y, (100, 150), "lanczos", soft=True) * weights).sum(), y)
    torch.testing.assert_close(hard, want, atol=1e-12, rtol=0)
    assert (hard != 0).all()


def test_eight_bits():
    y = torch.tensor([-0.2, 0.4 / 255, 0.6 / 255, 1.3]).view(1, 1, 1, 4).requires_grad_(True)
    out = round_image(y)
    assert (out * 255).tolist() == [[[[0, 0, 1, 255]]]]
    out.sum().backward()
    assert y.grad.tolist() == [[[[0, 1, 1, 0]]]]
    assert torch.equal(round_image(to_tensor(PHOTO)), to_tensor(PHOTO))


def test_devices(device):
    out = resize_image(to_tensor(PHOTO, device), (100, 91))
    assert out.device.type == device.type
    assert np.abs(to_pixels(out).astype(int) - half(PHOTO)).max() <= 1


def test_errors():
    with pytest.raises(ValueError, match=r"y is \(3, 8, 8\), expected"):
        resize_image(torch.rand(3, 8, 8), (4, 4))
    with pytest.raises(ValueError, match=r"size is \(0, 4\), expected"):
        resize_image(torch.rand(1, 3, 8, 8), (0, 4))
    with pytest.raises(ValueError, match="filter is 'nearest', expected one of lanczos"):
        resize_image(torch.rand(1, 3, 8, 8), (4, 4), "nearest")
