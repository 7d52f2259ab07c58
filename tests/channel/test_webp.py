"""Differentiable WebP: near Pillow's file, or exactly its values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from mnd.channel import to_pixels, to_tensor, webp, webp_image
from mnd.channel.webp_model import AC, DC, _decoded, level

PHOTOS = [data.astronaut()[:201, 100:301], data.coffee()[100:301, 200:401], data.cat()[50:251, 120:321]]


def apart(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


def test_levels_fall_with_quality():
    levels = [level(quality) for quality in range(101)]
    assert levels[0] == 127
    assert levels[100] == 0
    assert levels == sorted(levels, reverse=True)
    for steps in (DC, AC):
        assert len(steps) == 128
        assert list(steps) == sorted(steps)
    assert (DC[0], DC[127], AC[0], AC[127]) == (4, 157, 4, 284)


@pytest.mark.parametrize(("quality", "most"), [(60, 4.5), (70, 4.1), (80, 3.5), (90, 2.5)])
def test_the_model_is_as_far_from_the_file_as_its_docstring_says(quality, most):
    for pixels in PHOTOS:
        near, file = to_pixels(webp_image(to_tensor(pixels), quality)), webp(pixels, quality)
        assert apart(near, file) < most
        # what is lost is about as much as in the file
        assert apart(near, pixels) == pytest.approx(apart(file, pixels), rel=0.15)


def test_real_values_are_pillows():
    y = torch.cat([to_tensor(pixels) for pixels in PHOTOS]).requires_grad_(True)
    out = webp_image(y, 80, real=True)
    for index, pixels in enumerate(PHOTOS):
        assert np.array_equal(to_pixels(out[index : index + 1]), webp(pixels, 80))
    out.sum().backward()
    assert (y.grad.abs().sum(1) > 0).float().mean() > 0.99


def test_a_grey_picture_stays_grey():
    grey = np.asarray(Image.fromarray(PHOTOS[0]).convert("L").convert("RGB"))
    out = to_pixels(webp_image(to_tensor(grey), 80)).astype(int)
    assert np.ptp(out, axis=2).max() <= 1


@pytest.mark.parametrize("slope", ["straight", "cubic"])
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 1), (3, 30)])
def test_the_gradient_is_the_true_one_of_the_smooth_step(slope, size):
    torch.manual_seed(1)
    y = (60 + 120 * torch.rand(1, 3, *size, dtype=torch.float64)).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda v: _decoded(v, 20, slope, soft=True), (y,), eps=1e-4, atol=1e-4)


def test_straight_is_the_gradient_without_any_rounding():
    y = (0.3 + 0.4 * to_tensor(PHOTOS[0]).double()).requires_grad_(True)
    weights = torch.rand(y.shape, dtype=torch.float64)
    for real in (False, True):
        (hard,) = torch.autograd.grad((webp_image(y, 80, real=real) * weights).sum(), y)
        smooth = _decoded(y * 255, level(80), "straight", soft=True) / 255
        (want,) = torch.autograd.grad((smooth * weights).sum(), y)
        torch.testing.assert_close(hard, want, atol=1e-9, rtol=0)


@pytest.mark.parametrize("slope", ["straight", "cubic"])
def test_sizes_types_and_devices(slope, device):
    for height, width in ((1, 1), (5, 2), (17, 33)):
        y = torch.rand(2, 3, height, width, device=device, requires_grad=True)
        out = webp_image(y, 70, slope)
        assert out.shape == y.shape
        assert out.dtype == y.dtype
        out.sum().backward()
        assert torch.isfinite(y.grad).all()


def test_errors():
    with pytest.raises(ValueError, match=r"y is \(1, 1, 8, 8\), expected \(B, 3, H, W\)"):
        webp_image(torch.rand(1, 1, 8, 8), 80)
    with pytest.raises(ValueError, match=r"quality is 101, expected 0\.\.100"):
        webp_image(torch.rand(1, 3, 8, 8), 101)
    with pytest.raises(ValueError, match="slope is 'steep'"):
        webp_image(torch.rand(1, 3, 8, 8), 80, "steep")
