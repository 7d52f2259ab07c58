"""Pictures in memory: every kind that people have, in and out again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from mnd.cloaking.inputs import as_photo

PIXELS = data.astronaut()[:60, 150:230]
GREY = data.camera()[:50, :70]


@pytest.mark.parametrize("picture", [PIXELS, GREY, PIXELS[::2, ::3]])
def test_array(picture):
    photo, back = as_photo(picture)
    out = back(photo.pixels)
    assert isinstance(out, np.ndarray)
    assert out.dtype == np.uint8
    assert np.array_equal(out, picture)
    assert photo.grey == (picture.ndim == 2)
    out[:] = 0  # it is the caller's own
    assert photo.pixels.any()


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_tensor(dtype, batch):
    tensor = torch.from_numpy(PIXELS.copy()).permute(2, 0, 1).to(dtype) / 255
    tensor = tensor[None] if batch else tensor
    photo, back = as_photo(tensor)
    assert np.array_equal(photo.pixels, PIXELS)
    out = back(photo.pixels)
    assert out.dtype == dtype
    assert out.shape == tensor.shape
    torch.testing.assert_close(out, tensor)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA"])
def test_image(mode):
    image = Image.fromarray(PIXELS).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(PIXELS[..., 0]))
    photo, back = as_photo(image)
    out = back(photo.pixels)
    assert isinstance(out, Image.Image)
    assert out.mode == mode
    assert np.array_equal(np.asarray(out), np.asarray(image))


def test_palette_image_comes_back_in_colour():
    """A palette cannot hold what changed."""
    image = Image.fromarray(PIXELS).quantize(32)
    photo, back = as_photo(image)
    out = back(photo.pixels)
    assert out.mode == "RGB"
    assert np.array_equal(np.asarray(out), np.asarray(image.convert("RGB")))


def test_grey_pixels_in_an_rgb_image_stay_rgb():
    image = Image.fromarray(GREY).convert("RGB")
    photo, back = as_photo(image)
    assert photo.grey
    assert back(photo.pixels).mode == "RGB"


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (PIXELS.astype(np.float32), r"array is float32 \(60, 80, 3\), expected uint8"),
        (PIXELS[..., :2], r"\(60, 80, 2\), expected"),
        (PIXELS[None], "expected uint8 .H, W, 3. or .H, W."),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "tensor is torch.uint8"),
        (torch.zeros(2, 3, 8, 8), r"\(2, 3, 8, 8\), expected float"),
        (torch.zeros(1, 8, 8), r"\(1, 8, 8\), expected float"),
        (torch.zeros(8, 8), r"\(8, 8\), expected float"),
        (torch.full((3, 8, 8), 255.0), "values from 255 to 255"),
        (torch.full((3, 8, 8), float("nan")), "values from nan to nan"),
        ([[1, 2], [3, 4]], "got a list, expected a path, a PIL image"),
        (None, "got a NoneType"),
    ],
)
def test_refused(picture, message):
    with pytest.raises(ValueError, match=message):
        as_photo(picture)


@pytest.mark.parametrize("picture", [np.zeros((0, 5, 3), np.uint8), torch.zeros(3, 0, 5)])
def test_a_picture_without_pixels(picture):
    with pytest.raises(ValueError, match="expected"):
        as_photo(picture)
