"""The drawing term against plain scipy computations, and what it is for: which edges it sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor
from torch.autograd import gradcheck

from mnd.losses import Drawing, drawing, texture
from mnd.losses.curvature import estimate
from mnd.losses.drawing import TEXTURE

GREY = np.array([0.299, 0.587, 0.114])


def slopes(picture: Tensor) -> list[np.ndarray]:
    grey = np.tensordot(GREY, picture[0].numpy(), axes=1)
    return [ndimage.sobel(grey, axis, mode="nearest") / 8 for axis in (1, 0)]


def steepness(picture: Tensor) -> np.ndarray:
    """The root of the smaller eigenvalue of the structure tensor, by numpy's own."""
    a, b = slopes(picture)
    radius = round(3 * TEXTURE)
    blurred = [
        ndimage.gaussian_filter(p, TEXTURE, mode="mirror", radius=radius) for p in (a * a, a * b, b * b)
    ]
    tensor = np.stack([blurred[0], blurred[1], blurred[1], blurred[2]], -1).reshape(*a.shape, 2, 2)
    return np.sqrt(np.linalg.eigvalsh(tensor)[..., 0].clip(0))


def as_defined(x: Tensor, y: Tensor) -> float:
    a, b, t, c = slopes(x), slopes(y), steepness(x), 0.0026 / 4
    drawn = ((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2) / (2 * t**2 + c)
    turned = np.maximum(0, -(a[0] * b[0] + a[1] * b[1])) / (a[0] ** 2 + a[1] ** 2 + c)
    return float((drawn + turned**2).mean())


def lines(sign: float = 1.0) -> Tensor:
    """A picture with one dark upright line on grey; light with `sign=-1`."""
    picture = torch.full((1, 3, 32, 32), 0.5, dtype=torch.float64)
    picture[..., 15:17] -= 0.2 * sign
    return picture


def test_it_is_what_its_formula_says(photo, noisy):
    assert drawing(photo, noisy).item() == pytest.approx(as_defined(photo, noisy), rel=1e-6)
    assert drawing(photo, photo.flip(-1)).item() == pytest.approx(as_defined(photo, photo.flip(-1)), rel=1e-6)


def test_texture_is_that_of_numpys_eigenvalues(photo):
    np.testing.assert_allclose(texture(photo)[0, 0].numpy(), steepness(photo), atol=1e-7)


@given(st.floats(0, 3.14))
def test_a_straight_edge_is_no_texture_however_it_lies(angle: float):
    down, across = torch.meshgrid(*(torch.arange(24.0, dtype=torch.float64),) * 2, indexing="ij")
    ramp = 0.5 + 0.01 * (np.cos(angle) * across + np.sin(angle) * down) / 2
    # at the border the picture goes on with its last pixels, which turns the slope
    assert texture(ramp.expand(1, 3, 24, 24))[..., 8:-8, 8:-8].max() < 1e-6


def test_noise_hides_a_line_and_a_contour_does_not():
    noise = 0.1 * torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flat = torch.full((1, 3, 32, 32), 0.5, dtype=torch.float64)
    change = 0.05 * (lines() - flat)
    cloth, contour = flat + noise, lines()
    cost = drawing(flat, flat + change).item()
    assert drawing(cloth, cloth + change).item() < 0.2 * cost
    assert drawing(contour, contour + change).item() == pytest.approx(cost, rel=1e-6)


def test_a_line_that_is_turned_round_costs_more_than_one_that_is_drawn_as_strongly_again():
    twice = lines() + (lines() - 0.5)
    turned = lines(-1.0)  # the change is twice as large, its square four times
    assert drawing(lines(), turned).item() > 4 * drawing(lines(), twice).item()


def test_an_edge_that_is_broken_or_moved_costs_as_one_that_is_drawn():
    flat = torch.full_like(lines(), 0.5)
    drawn = drawing(flat, lines()).item()
    assert drawing(lines(), flat).item() == pytest.approx(drawn, rel=1e-6)
    assert drawing(lines(), lines().roll(4, 3)).item() == pytest.approx(2 * drawn, rel=1e-6)
    # a line that is there already may become fainter by a part of itself for the square of that part
    assert drawing(lines(), lines(0.7)).item() == pytest.approx(0.3**2 * drawn, rel=1e-6)


@given(st.floats(0.6, 1.0))
def test_turning_an_edge_round_costs_relative_to_itself(strength: float):
    """Beside what is drawn, four times the line, a fainter line costs about as much as a strong one."""

    def turned(line: Tensor) -> float:
        return (drawing(line, 1 - line) - 4 * drawing(torch.full_like(line, 0.5), line)).item()

    assert 0.6 * turned(lines()) < turned(lines(strength)) < 1.01 * turned(lines())


def random_pictures(seed: int) -> tuple[Tensor, Tensor]:
    """A picture of several scales and another one, `(1, 3, 24, 24)`."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 6, generator=generator, dtype=torch.float64)
    x = 0.25 + 0.4 * torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")
    change = 0.1 * torch.randn(x.shape, generator=generator, dtype=x.dtype).clamp(-2, 2)
    return x, x + change


@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_more_of_the_same_change_costs_more(seed: int, some: float, more: float):
    some, more = sorted((some, more))
    x, y = random_pictures(seed)
    less, greater = (drawing(x, x + by * (y - x)).item() for by in (some, more))
    assert less <= greater + 1e-12


@given(st.integers(0, 10**6), st.floats(-0.04, 0.04))
@settings(max_examples=20, deadline=None)
def test_how_a_picture_lies_and_how_bright_it_is_does_not_count(seed: int, brighter: float):
    x, y = random_pictures(seed)
    expected = drawing(x, y)
    for same in (lambda p: p.flip(3), lambda p: p.flip(2), lambda p: p.transpose(2, 3), lambda p: 1 - p):
        torch.testing.assert_close(drawing(same(x), same(y)), expected)
    torch.testing.assert_close(drawing(x + brighter, y + brighter), expected)
    torch.testing.assert_close(drawing(x, y + brighter), expected)


@given(st.integers(0, 10**6), st.floats(0, 0.2), st.floats(0, 0.2))
@settings(max_examples=20, deadline=None)
def test_rougher_cloth_hides_more(seed: int, some: float, more: float):
    some, more = sorted((some, more))
    noise = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5
    change = 0.02 * (lines() - 0.5)[..., 4:28, 4:28]
    fine, rough = (0.5 + by * noise.expand(1, 3, -1, -1) for by in (some, more))
    assert texture(fine).mean() <= texture(rough).mean() + 1e-12
    if more > 2 * some + 0.05:
        assert drawing(rough, rough + change) < drawing(fine, fine + change)


def test_it_counts_where_it_is_told_to():
    x, y = lines(), lines(0.9)
    where = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    assert drawing(x, y, where).item() == 0
    where[:, :, :16] = 1
    assert drawing(x, y, where).item() == pytest.approx(drawing(x, y).item() / 2, rel=1e-6)
    assert drawing(x, y, 3 * torch.ones_like(where)).item() == pytest.approx(3 * drawing(x, y).item())


def test_light_and_shade_are_not_drawn(photo):
    assert drawing(photo * 0.8, photo * 0.8 + 0.1).item() == pytest.approx(0, abs=1e-20)


def test_gradcheck(small):
    x, y = small
    where = torch.rand(1, 1, 12, 13, dtype=torch.float64)
    for measure in (Drawing(), Drawing(where)):
        assert gradcheck(measure, (x, y.clone().requires_grad_()), fast_mode=True)


def test_its_curvature_is_that_of_its_gradients(small):
    x = small[0][:1]
    exact = torch.zeros_like(x)
    for place in np.ndindex(3, 8, 9):  # away from the border
        c, i, j = place[0], place[1] + 2, place[2] + 2
        one = torch.zeros_like(x)
        one[0, c, i, j] = 1e-4
        exact[0, c, i, j] = (drawing(x, x + one) + drawing(x, x - one)).item() / 1e-8
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(Drawing().curvature(x)[inner], exact[inner], rtol=1e-5, atol=0)


def test_its_curvature_is_about_that_which_is_estimated(photo):
    ratio = Drawing().curvature(photo).sum() / estimate(Drawing(), photo, probes=32).sum()
    assert ratio.item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", ["flat", "random"])
def test_equal_pictures_have_no_distance_and_no_slope(kind, device):
    x = torch.full((2, 3, 12, 14), 0.5, device=device)
    x = x if kind == "flat" else torch.rand_like(x)
    y = x.clone().requires_grad_()
    out = drawing(x, y)
    (slope,) = torch.autograd.grad(out.sum(), y)
    assert out.tolist() == [0.0, 0.0]
    assert slope.abs().max() == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"where is \(8, 8\), expected weights >= 0 of shape \(1, 1, H, W\)"):
        Drawing(torch.ones(8, 8))
    with pytest.raises(ValueError, match="expected weights >= 0"):
        Drawing(-torch.ones(1, 1, 8, 8))
