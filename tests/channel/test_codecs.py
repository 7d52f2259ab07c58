"""What happens to a picture when it is saved and shared."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from skimage import data

from mnd.channel import (
    CHECKS,
    VERIFICATION,
    codecs,
    half,
    jpeg,
    jpeg75,
    resized,
    straight_through,
    through,
    to_pixels,
    to_tensor,
    webp,
)

PHOTO = data.astronaut()[:121, 150:271]


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_pixels_survive_the_way_there_and_back(pixels):
    x = to_tensor(pixels)
    assert x.shape == (1, 3, *pixels.shape[:2])
    assert x.dtype == torch.float32
    assert np.array_equal(to_pixels(x), pixels)
    assert float(x.max()) == pixels.max() / np.float32(255)


def test_pixels_are_rounded_and_stay_in_range():
    x = torch.tensor([-0.2, 0.4 / 255, 0.6 / 255, 1.3]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert to_pixels(x)[0, :, 0].tolist() == [0, 0, 1, 255]


def test_the_tensor_is_a_copy():
    pixels = PHOTO.copy()
    x = to_tensor(pixels)
    pixels[:] = 0
    assert x.max() > 0.5


def test_straight_through_has_one_value_and_another_slope():
    y = torch.rand(1, 3, 4, 4, requires_grad=True)
    out = straight_through(3 * y, (3 * y).round())
    torch.testing.assert_close(out, (3 * y).round())
    out.sum().backward()
    assert torch.equal(y.grad, torch.full_like(y, 3.0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_through_a_real_step(dtype):
    y = to_tensor(PHOTO).to(dtype).requires_grad_(True)
    out = through(y, jpeg75)
    assert out.dtype == dtype
    assert np.array_equal(to_pixels(out), jpeg75(PHOTO))
    weights = torch.rand(out.shape, dtype=dtype)
    (out * weights).sum().backward()
    assert torch.equal(y.grad, weights)


def test_jpeg75_is_what_pillow_reads_of_such_a_file():
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", quality=75, subsampling=2)
    assert np.array_equal(jpeg75(PHOTO), np.asarray(Image.open(buffer)))
    assert np.array_equal(jpeg75(PHOTO), jpeg75(PHOTO))
    assert 0 < np.abs(jpeg75(PHOTO).astype(int) - PHOTO).mean() < 10


@pytest.mark.parametrize(("size", "want"), [((120, 80), (60, 40)), ((121, 81), (60, 40)), ((1, 1), (1, 1))])
def test_half(size, want):
    pixels = np.full((size[1], size[0], 3), 77, np.uint8)
    small = half(pixels)
    assert small.shape == (want[1], want[0], 3)
    assert (small == 77).all()


def test_half_is_smooth():
    """No pixel is merely dropped: a fine checkerboard becomes grey."""
    board = np.indices((40, 40)).sum(0) % 2 * 255
    small = half(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))
    assert np.abs(small.astype(int) - 127)[4:-4, 4:-4].max() <= 2


def test_resized_is_the_filter_that_was_asked_for():
    assert np.array_equal(resized(PHOTO, (60, 60)), half(PHOTO))
    want = Image.fromarray(PHOTO).resize((33, 70), Image.Resampling.BICUBIC)
    assert np.array_equal(resized(PHOTO, (70, 33), "bicubic"), np.asarray(want))


def test_jpeg_keeps_the_colours_that_it_is_asked_to_keep():
    errors = [np.abs(jpeg(PHOTO, 95, s).astype(int) - PHOTO).mean() for s in ("4:4:4", "4:2:2", "4:2:0")]
    assert errors == sorted(errors)
    assert np.array_equal(jpeg(PHOTO, 95), jpeg(PHOTO, 95, "4:2:0"))


def test_names():
    assert list(CHECKS) == ["jpeg75", "half"]
    for step in CHECKS.values():
        assert step(PHOTO).dtype == np.uint8


def test_verification_is_five_real_steps():
    assert list(VERIFICATION) == ["jpeg90", "jpeg75", "webp80", "half", "half-jpeg75"]
    after = {name: step(PHOTO) for name, step in VERIFICATION.items()}
    assert np.array_equal(after["jpeg90"], jpeg(PHOTO, 90))
    assert np.array_equal(after["webp80"], webp(PHOTO, 80))
    assert np.array_equal(after["half-jpeg75"], jpeg(half(PHOTO), 75))


def test_the_package_is_quick_to_import():
    slow = ("torchvision", "kornia", "skimage", "scipy", "facenet_pytorch")
    code = f"import sys, mnd.channel; print(*(m for m in {slow} if m in sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == ""


@pytest.mark.parametrize(("name", "most"), [("webp80", codecs.WEBP_LIMIT), ("jpeg75", codecs.JPEG_LIMIT)])
def test_a_panorama_is_reduced_to_what_a_format_can_have(name: str, most: int):
    wide = np.zeros((3, most + 100, 3), np.uint8)
    seen = VERIFICATION[name](wide)
    assert seen.shape[1] == most
    assert VERIFICATION[name](wide[:, :most]).shape == (3, most, 3)


def test_a_photo_beyond_pillows_own_limit_goes_through(monkeypatch):
    """200 megapixels are read here; `Image.open` refuses them from 179 on."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    pixels = np.full((40, 50, 3), 90, np.uint8)
    for name in VERIFICATION:
        assert abs(int(VERIFICATION[name](pixels).mean()) - 90) <= 2
