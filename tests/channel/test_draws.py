"""Random ways through the channel: stratified, repeatable, the same on images and on real pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from mnd.channel import MESSENGER, PRESETS, SOCIAL, Channel, Draw, half_jpeg75, to_pixels, to_tensor

PHOTO = data.astronaut()[:121, 150:271]


def bands(values, low, high, count):
    """Which of `count` equal bands of the range each value lies in, sorted."""
    return sorted(min(int((value - low) / (high - low) * count), count - 1) for value in values)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_every_band_of_every_range_is_used_once(seed, count):
    draws = Channel(jpeg=(1, 100), scale=(0.2, 0.9)).draw(seed, count)
    assert len(draws) == count
    assert bands([draw.scale for draw in draws], 0.2, 0.9, count) == list(range(count))
    qualities = sorted(draw.jpeg for draw in draws)
    for index, quality in enumerate(qualities):
        assert index * 100 / count <= quality <= (index + 1) * 100 / count + 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_kinds_come_as_often_as_their_shares_say(seed, count):
    draws = Channel(jpeg=(70, 95), webp=(60, 90), webp_share=0.3, identity=0.25, back=0.5).draw(seed, count)
    same = [draw for draw in draws if draw.identity]
    assert abs(len(same) - 0.25 * count) < 1
    files = [draw for draw in draws if not draw.identity]
    assert all((draw.jpeg is None) != (draw.webp is None) for draw in files)
    assert abs(sum(draw.webp is not None for draw in files) - 0.3 * len(files)) < 1
    assert abs(sum(draw.back for draw in files) - 0.5 * len(files)) < 1
    assert all(70 <= draw.jpeg <= 95 for draw in files if draw.jpeg is not None)
    assert all(60 <= draw.webp <= 90 for draw in files if draw.webp is not None)


def test_a_mean_over_a_few_draws_varies_less_than_over_independent_ones():
    channel = Channel(scale=(0.5, 1.0))
    means = [np.mean([draw.scale for draw in channel.draw(seed, 8)]) for seed in range(200)]
    assert np.mean(means) == pytest.approx(0.75, abs=0.005)
    independent = 0.5 / np.sqrt(12) / np.sqrt(8)
    assert np.std(means) < independent / 4


def test_parameters_are_not_in_one_order():
    draws = Channel(jpeg=(1, 100), scale=(0.2, 0.9)).draw(3, 40)
    correlation = np.corrcoef([draw.scale for draw in draws], [draw.jpeg for draw in draws])[0, 1]
    assert abs(correlation) < 0.5


def test_the_same_seed_gives_the_same_draws():
    for channel in PRESETS.values():
        assert channel.draw(5, 12) == channel.draw(5, 12)
        assert channel.draw((5, 1), 12) == channel.draw((5, 1), 12) != channel.draw((5, 2), 12)
        assert channel.draw(5, 12) != channel.draw(6, 12)
    generator = np.random.default_rng(5)
    first, second = MESSENGER.draw(generator, 4), MESSENGER.draw(generator, 4)
    assert first == MESSENGER.draw(5, 4) != second


def test_subsampling_is_shared_out():
    draws = Channel(subsampling=("4:4:4", "4:2:0")).draw(0, 10)
    assert sorted(draw.subsampling for draw in draws) == ["4:2:0"] * 5 + ["4:4:4"] * 5


@pytest.mark.parametrize("name", PRESETS)
def test_images_and_pixels_go_the_same_way(name):
    channel = replace(PRESETS[name], back=0.5)
    for draw in channel.draw(0, 8):
        y = to_tensor(PHOTO).requires_grad_(True)
        out = draw(y)
        want = draw.real(PHOTO)
        assert (out.shape[-2], out.shape[-1]) == want.shape[:2] == draw.size(PHOTO.shape[:2])
        assert np.abs(to_pixels(out).astype(int) - want).mean() < 0.05, draw
        (out * torch.rand(out.shape)).sum().backward()
        assert y.grad.shape == y.shape
        assert (y.grad.abs().sum(1) > 0).float().mean() > 0.99, draw


def test_a_batch_goes_one_way():
    y = torch.cat([to_tensor(PHOTO), to_tensor(PHOTO[::-1])])
    draw = Draw(scale=0.6, webp=80)
    assert torch.equal(draw(y)[1:], draw(y[1:]))


def test_a_draw_of_half_and_jpeg75_is_a_step_of_the_verification():
    draw = Draw(scale=0.5, jpeg=75)
    assert np.array_equal(draw.real(PHOTO), half_jpeg75(PHOTO))
    assert np.abs(to_pixels(draw(to_tensor(PHOTO))).astype(int) - half_jpeg75(PHOTO)).mean() < 0.05


def test_a_draw_of_nothing_only_rounds():
    draw = Draw()
    y = to_tensor(PHOTO)
    assert draw.identity
    assert torch.equal(draw(y + 0.3 / 255 * (y < 0.9)), y)
    assert draw.real(PHOTO) is PHOTO


def test_webp_by_the_model():
    draw, exact = Draw(webp=80, real_webp=False), Draw(webp=80)
    y = to_tensor(PHOTO)
    assert 0 < (draw(y) - exact(y)).abs().mean() * 255 < 5


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (Draw(), "as saved"),
        (Draw(scale=0.5, jpeg=82), "half, jpeg 82"),
        (Draw(scale=0.7349, webp=60, back=True), "size 0.735, webp 60, back"),
        (Draw(jpeg=90, subsampling="4:4:4"), "jpeg 90 4:4:4"),
        (Draw(scale=0.25), "size 0.25"),
    ],
)
def test_names(draw, name):
    assert draw.name == name
    assert repr(draw) == f"<Draw: {name}>"


def test_points_move_with_the_pixels():
    """A bright spot is found where `place` says, to a fraction of a pixel."""
    height, width = 90, 121
    ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    spot = torch.tensor([[70.0, 30.0]])
    picture = torch.exp(-((xs - 70.0) ** 2 + (ys - 30.0) ** 2) / 72).expand(1, 3, -1, -1)
    for draw in (Draw(scale=0.5), Draw(scale=0.73), Draw(scale=0.4, back=True), Draw()):
        out = draw(picture)[0, 0]
        x = (out.sum(0) * torch.arange(out.shape[1])).sum() / out.sum()
        y = (out.sum(1) * torch.arange(out.shape[0])).sum() / out.sum()
        found = draw.place(spot, (height, width))
        torch.testing.assert_close(torch.stack([x, y])[None], found, atol=0.05, rtol=0)
    assert torch.equal(Draw(scale=0.4, back=True).place(spot, (height, width)), spot)


def test_corners_stay_corners():
    points = torch.tensor([[-0.5, -0.5], [120.5, 89.5]])
    out = Draw(scale=0.37).place(points, (90, 121))
    height, width = Draw(scale=0.37).size((90, 121))
    torch.testing.assert_close(out, torch.tensor([[-0.5, -0.5], [width - 0.5, height - 0.5]]))


def test_the_smallest_picture():
    assert Draw(scale=0.1, jpeg=80)(torch.rand(1, 3, 3, 4)).shape == (1, 3, 1, 1)
    assert Draw(scale=0.1, jpeg=80).real(PHOTO[:3, :4]).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jpeg": (0, 90)}, r"jpeg is \(0, 90\), expected two rising whole numbers in 1..100"),
        ({"jpeg": (90, 70)}, r"jpeg is \(90, 70\)"),
        ({"jpeg": (70.5, 90)}, r"jpeg is \(70.5, 90\)"),
        ({"webp": (60, 101)}, r"webp is \(60, 101\)"),
        ({"scale": (0, 1)}, r"scale is \(0, 1\), expected"),
        ({"scale": (0.5, 1.5)}, r"scale is \(0.5, 1.5\), expected"),
        ({"identity": 1.2}, "identity is 1.2, expected a share"),
        ({"back": -0.1}, "back is -0.1, expected a share"),
        ({"filter": "box"}, "filter is 'box', expected one of lanczos"),
        ({"slope": "steep"}, "slope is 'steep'"),
        ({"subsampling": ("4:1:1",)}, "subsampling is .*4:1:1.*, expected"),
        ({"subsampling": ()}, "subsampling is .*, expected"),
    ],
)
def test_settings_out_of_range(change, message):
    with pytest.raises(ValueError, match=message):
        Channel(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": 0.0}, "scale is 0.0, expected"),
        ({"jpeg": 80, "webp": 80}, "expected one of them at most"),
        ({"jpeg": 0}, r"jpeg is 0, expected a quality in 1\.\.100"),
        ({"webp": 101}, r"webp is 101, expected a quality in 0\.\.100"),
        ({"filter": "box"}, "filter is 'box'"),
    ],
)
def test_draws_out_of_range(change, message):
    with pytest.raises(ValueError, match=message):
        Draw(**change)


def test_a_count_out_of_range():
    with pytest.raises(ValueError, match="count is 0, expected at least 1"):
        SOCIAL.draw(0, 0)
