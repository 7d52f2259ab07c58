"""Colours that pixels share: the slope of a photo's own file, beside what libjpeg makes of it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mnd.channel import jpeg_image, shared_colours, through, to_pixels, to_tensor
from mnd.photo.photo import Photo

SIDE = 70


def coloured(height=SIDE, width=SIDE, seed=0):
    """Smooth brightness, loud colours from pixel to pixel, far from black and white."""
    noise = np.random.default_rng(seed).normal(0, 25, (height, width, 3))
    noise -= noise @ np.array([[0.299], [0.587], [0.114]])
    return np.clip(128 + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("subsampling", "factors"), [("4:2:0", (2, 2)), ("4:2:2", (1, 2))])
@pytest.mark.parametrize("size", [(32, 32), (21, 17)])
def test_values_are_those_of_a_jpeg_that_loses_nothing_else(subsampling, factors, size):
    y = to_tensor(coloured(*size))
    coded = jpeg_image(y, torch.ones(1, 8, 8), subsampling)
    assert (shared_colours(y, factors) - coded).abs().mean() < 1 / 255
    assert (y - coded).abs().mean() > 5 / 255, "colours that were to be lost"


def test_brightness_and_shared_colours_stay():
    grey = torch.rand(1, 1, 9, 11).expand(1, 3, 9, 11)
    assert torch.allclose(shared_colours(grey, (2, 2)), grey, atol=1e-3)
    y = torch.rand(1, 3, 9, 11)
    assert shared_colours(y, (1, 1)) is y


def test_the_gradient_is_checked():
    y = torch.rand(1, 3, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: shared_colours(y, (2, 2), (1, 0)), y)


def test_a_crop_is_part_of_the_whole():
    """Where a group is cut by the edge, the rest of it is guessed: that reaches three pixels inwards."""
    y = to_tensor(coloured())
    whole = shared_colours(y, (2, 2))
    part = shared_colours(y[..., 7:60, 11:64], (2, 2), (1, 1))
    assert torch.allclose(part[..., 4:-4, 4:-4], whole[..., 11:56, 15:60], atol=1e-4)
    wrong = shared_colours(y[..., 7:60, 11:64], (2, 2), (0, 1))
    assert not torch.allclose(wrong[..., 4:-4, 4:-4], whole[..., 11:56, 15:60], atol=1e-2)


def stored(orientation, subsampling, width=SIDE, height=SIDE - 5, plain=False):
    data, exif = io.BytesIO(), Image.Exif()
    exif[274] = orientation
    # of a plain picture, a file keeps nothing that would be added to what is put there
    pixels = (
        np.full((height, width, 3), (120, 128, 140), np.uint8) if plain else coloured(height, width, seed=1)
    )
    picture = Image.fromarray(pixels)
    picture.save(data, "JPEG", qtables=[[1] * 64] * 2, subsampling=subsampling, exif=exif)
    return Photo.from_bytes(data.getvalue(), name="photo.jpg")


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("corner", [(0, 0), (9, 12), (12, 9)])
def test_a_photo_knows_its_groups_however_it_is_turned(orientation, subsampling, corner):
    """The slope's values are what a reader of the real file sees, up to rounding."""
    photo = stored(orientation, subsampling, plain=True)
    left, top = corner
    box = (left, top, left + 41, top + 38)
    pixels = coloured(38, 41, seed=2)
    seen = photo.roundtrip(pixels, box)
    model = to_pixels(shared_colours(to_tensor(pixels), *photo.shared(box)).clamp(0, 1))
    inner = np.s_[4:-4, 4:-4]
    assert np.abs(model.astype(int) - seen)[inner].mean() < 1
    assert np.abs(pixels.astype(int) - seen)[inner].mean() > 5


def test_lossless_and_full_colours_share_nothing(tmp_path):
    picture = Image.fromarray(coloured())
    for name, options in (("a.png", {}), ("b.jpg", {"subsampling": 0}), ("c.webp", {"lossless": True})):
        picture.save(tmp_path / name, **options)
        assert Photo.read(tmp_path / name).shared((1, 1, 20, 20)) == ((1, 1), (0, 0))
    picture.save(tmp_path / "d.webp", quality=80)
    assert Photo.read(tmp_path / "d.webp").shared((1, 2, 20, 20)) == ((2, 2), (0, 1))


def test_through_has_real_values_and_the_slope_that_is_asked_for():
    y = to_tensor(coloured(16, 16)).requires_grad_(True)
    out = through(y, lambda pixels: 255 - pixels, lambda image: shared_colours(image, (2, 2)))
    assert np.array_equal(to_pixels(out), 255 - to_pixels(y))
    weights = torch.randn(out.shape)
    (got,) = torch.autograd.grad((out * weights).sum(), y)
    (want,) = torch.autograd.grad((shared_colours(y, (2, 2)) * weights).sum(), y)
    assert torch.equal(got, want)
