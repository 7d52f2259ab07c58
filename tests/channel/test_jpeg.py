"""Differentiable JPEG: libjpeg's values, and the gradient of what was written down."""

from __future__ import annotations

import io
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from mnd.channel import jpeg, jpeg_image, tables, to_pixels, to_tensor
from mnd.channel.jpeg_model import _decoded
from mnd.channel.planes import cosines

SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
QUALITIES = (50, 75, 90, 95)
PHOTOS = {
    "astronaut": data.astronaut()[:131, 150:273],
    "coffee": data.coffee()[100:217, 200:340],
    "cat": data.cat()[50:147, 120:261],
}
GREY = np.asarray(Image.fromarray(PHOTOS["astronaut"]).convert("L"))


def pillow(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return np.asarray(Image.open(file))


def error(y, want):
    """The mean difference in grey levels."""
    return np.abs(to_pixels(y).astype(int) - want).mean()


@pytest.mark.parametrize("quality", [1, 20, 49, 50, 51, 75, 90, 95, 100])
def test_tables_are_those_that_pillow_writes(quality):
    file = io.BytesIO()
    Image.fromarray(PHOTOS["cat"]).save(file, "JPEG", quality=quality)
    written = Image.open(file).quantization
    assert tables(quality).reshape(2, 64).tolist() == [list(written[0]), list(written[1])]


@pytest.mark.parametrize(("name", "sampling"), product(PHOTOS, SAMPLINGS))
def test_values_are_pillows(name, sampling):
    for quality in QUALITIES:
        out = jpeg_image(to_tensor(PHOTOS[name]), tables(quality), sampling)
        assert error(out, jpeg(PHOTOS[name], quality, sampling)) < 0.01


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(SAMPLINGS),
    st.integers(30, 100),
    st.integers(0, 99),
)
def test_values_are_pillows_at_any_size(height, width, sampling, quality, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels = noise // 2 + PHOTOS["coffee"][seed // 2 :][:height, seed:][:, :width] // 2
    out = jpeg_image(to_tensor(pixels), tables(quality), sampling)
    assert error(out, jpeg(pixels, quality, sampling)) < 0.1


def test_any_tables():
    random = np.random.default_rng(0)
    for count, sampling in product((1, 2, 3), SAMPLINGS):
        own = random.integers(1, 60, (count, 64))
        want = pillow(PHOTOS["cat"], qtables=own.tolist(), subsampling=sampling)
        out = jpeg_image(to_tensor(PHOTOS["cat"]), torch.tensor(own).view(count, 8, 8), sampling)
        assert error(out, want) < 0.01


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_grey_file_has_one_component(quality):
    y = torch.from_numpy(GREY.copy())[None, None].float() / 255
    out = jpeg_image(y, tables(quality))
    assert out.shape == y.shape
    assert np.abs((out * 255).round().numpy()[0, 0] - pillow(GREY, quality=quality)).mean() < 0.01


def test_a_file_of_rgb():
    pixels = PHOTOS["coffee"]
    want = pillow(pixels, quality=80, subsampling="4:4:4", keep_rgb=True)
    assert error(jpeg_image(to_tensor(pixels), tables(80)[:1], "4:4:4", rgb=True), want) < 0.01


@pytest.mark.parametrize("slope", ["straight", "cubic"])
def test_each_picture_of_a_batch_is_as_if_alone(slope):
    y = torch.cat([to_tensor(p[:90, :110]) for p in PHOTOS.values()])
    whole = jpeg_image(y, tables(75), slope=slope)
    for index in range(3):
        assert torch.equal(whole[index : index + 1], jpeg_image(y[index : index + 1], tables(75)))


@pytest.mark.parametrize(("channels", "rgb"), [(1, False), (3, True), (3, False)])
def test_any_order_in_memory(channels, rgb):
    y = torch.rand(2, channels, 24, 32)
    other = y.to(memory_format=torch.channels_last).requires_grad_(True)
    for slope in ("straight", "cubic"):
        out = jpeg_image(other, tables(75), "4:4:4", slope, rgb=rgb)
        assert torch.equal(out, jpeg_image(y, tables(75), "4:4:4", rgb=rgb))
        out.sum().backward()


def test_devices_and_types(device):
    pixels = PHOTOS["coffee"]
    for dtype in (torch.float32, torch.float64):
        out = jpeg_image(to_tensor(pixels, device).to(dtype), tables(75))
        assert out.dtype == dtype
        assert out.device.type == device.type
        assert error(out, jpeg(pixels, 75)) < 0.01


def test_colours_without_rounding_survive_up_to_half_the_resolution():
    """Steps so small that nothing is lost: what remains is the mean of colours, and the triangle filter."""
    flat = torch.tensor([0.2, 0.5, 0.8]).view(1, 3, 1, 1).expand(1, 3, 20, 30) * 255
    out = _decoded(flat, torch.ones(2, 8, 8), "4:2:0", "straight", False, soft=True)
    torch.testing.assert_close(out, flat, atol=0.01, rtol=0)


@pytest.mark.parametrize(("sampling", "slope", "channels"), product(SAMPLINGS, ("straight", "cubic"), (1, 3)))
def test_the_gradient_is_the_true_one_of_the_smooth_step(sampling, slope, channels):
    """Nothing rounded but by the cubic: finite differences agree."""
    torch.manual_seed(1)
    y = (60 + 120 * torch.rand(1, channels, 7, 10, dtype=torch.float64)).requires_grad_(True)
    steps = torch.full((2, 8, 8), 9.3, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda v: _decoded(v, steps, sampling, slope, False, soft=True), (y,), eps=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_straight_is_the_gradient_without_any_rounding(sampling):
    """The hard pipeline and the one of no rounding: one gradient, where nothing is clamped."""
    y = (0.3 + 0.4 * to_tensor(PHOTOS["astronaut"]).double()).requires_grad_(True)
    weights = torch.rand(y.shape, dtype=torch.float64)
    (hard,) = torch.autograd.grad((jpeg_image(y, tables(75), sampling) * weights).sum(), y)
    smooth = _decoded(y * 255, tables(75).double(), sampling, "straight", False, soft=True) / 255
    (want,) = torch.autograd.grad((smooth * weights).sum(), y)
    torch.testing.assert_close(hard, want, atol=1e-9, rtol=0)


def test_the_cubic_gradient_is_small_where_coefficients_are_nearly_whole():
    """One block, one coefficient: a slope of 3 r^2, r the rest of the quotient."""
    step = 16.0
    basis = cosines(8, torch.float64, torch.device("cpu"))[:, 9].view(1, 1, 8, 8)
    for rest in (0.0, 0.1, 0.3, 0.45):
        size = torch.tensor((2 + rest) * step, dtype=torch.float64, requires_grad=True)
        smooth = _decoded(128 + size * basis, torch.full((1, 8, 8), step), "4:4:4", "cubic", False, soft=True)
        (smooth * basis).sum().backward()
        assert size.grad.item() == pytest.approx(3 * rest**2, abs=1e-6)


@pytest.mark.parametrize(("sampling", "slope"), product(SAMPLINGS, ("straight", "cubic")))
def test_the_gradient_reaches_every_pixel(sampling, slope):
    y = (0.1 + 0.8 * to_tensor(PHOTOS["cat"])).requires_grad_(True)
    (jpeg_image(y, tables(75), sampling, slope) * torch.rand(y.shape)).sum().backward()
    assert y.grad.shape == y.shape
    assert torch.isfinite(y.grad).all()
    assert (y.grad.abs().sum(1) > 0).float().mean() > 0.999


def test_a_step_along_the_gradient_survives_the_file():
    """What the straight gradient promises is nearly what the coded picture then shows."""
    y = (0.2 + 0.6 * to_tensor(PHOTOS["astronaut"])).requires_grad_(True)
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.randn(1, 3, 17, 17), size=y.shape[-2:], mode="bicubic")
    before = (jpeg_image(y, tables(75)) * smooth).mean()
    (gradient,) = torch.autograd.grad(before, y)
    step = 0.05 * gradient / gradient.abs().max()
    after = (jpeg_image(y.detach() + step, tables(75)) * smooth).mean()
    assert (after - before).item() == pytest.approx((gradient * step).sum().item(), rel=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": torch.rand(3, 8, 8)}, r"y is \(3, 8, 8\), expected"),
        ({"y": torch.rand(1, 2, 8, 8)}, r"y is \(1, 2, 8, 8\), expected"),
        ({"y": torch.zeros(1, 3, 8, 8, dtype=torch.uint8)}, "torch.uint8, expected floating"),
        ({"tables": torch.ones(2, 64)}, r"tables are \(2, 64\), expected"),
        ({"tables": torch.ones(4, 8, 8)}, r"tables are \(4, 8, 8\), expected"),
        ({"tables": torch.zeros(2, 8, 8)}, "tables hold 0.0, expected"),
        ({"subsampling": "4:1:1"}, "subsampling is '4:1:1', expected one of 4:4:4"),
        ({"slope": "steep"}, "slope is 'steep', expected one of straight, cubic"),
        ({"rgb": True}, "expected '4:4:4' for a file of RGB"),
    ],
)
def test_errors(change, message):
    with pytest.raises(ValueError, match=message):
        jpeg_image(**{"y": torch.rand(1, 3, 8, 8), "tables": tables(75), **change})


@pytest.mark.parametrize("quality", [0, 101, -3])
def test_there_are_no_tables_of_other_qualities(quality):
    with pytest.raises(ValueError, match=f"quality is {quality}, expected 1..100"):
        tables(quality)
