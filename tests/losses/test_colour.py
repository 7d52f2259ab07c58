"""The colour term against scikit-image, and what it is for: regions whose colour people know."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color
from torch import Tensor
from torch.autograd import gradcheck

from mnd.losses import Colour, colour

LEFT, RIGHT = slice(2, 6), slice(10, 14)
GREEN = torch.tensor([-0.05, 0.03, -0.02], dtype=torch.float64).view(1, 3, 1, 1)
"""What a brown eye must not become."""


def eyes(rows: slice = slice(4, 8)) -> Tensor:
    """The masks of two regions of a picture 16 pixels wide and 12 high, `(1, 2, 12, 16)`."""
    masks = torch.zeros(1, 2, 12, 16, dtype=torch.float64)
    for region, columns in enumerate((LEFT, RIGHT)):
        masks[0, region, rows, columns] = 1
    return masks


def face(seed: int = 0) -> Tensor:
    """A picture of brown grain, `(1, 3, 12, 16)`."""
    grain = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.tensor([0.4, 0.3, 0.2], dtype=torch.float64).view(1, 3, 1, 1) + 0.2 * grain


def changed(x: Tensor, left: float, right: float) -> Tensor:
    """The picture with its eyes greener by so much."""
    return x + GREEN * (left * eyes()[:, :1] + right * eyes()[:, 1:])


def as_judged(x: Tensor, y: Tensor, masks: Tensor, pairs: tuple[tuple[int, int], ...] = ()) -> float:
    """The formula with scikit-image's colours."""
    before, after = (
        np.stack([np.average(color.rgb2lab(p[0].permute(1, 2, 0).numpy()), (0, 1), m.numpy()[..., None]
                             * np.ones(3)) for m in masks[0]])
        for p in (x, y)
    )  # fmt: skip
    shifts = color.deltaE_ciede2000(before, after) ** 2
    moved = after - before
    apart = [
        color.deltaE_ciede2000(before[a] + moved[b], after[a]) ** 2 / 2
        + color.deltaE_ciede2000(before[b] + moved[a], after[b]) ** 2 / 2
        for a, b in pairs
    ]
    return float(np.mean(shifts) + (np.mean(apart) if apart else 0))


def test_it_is_what_its_formula_says(photo, noisy):
    masks = torch.rand(1, 3, *photo.shape[2:], generator=torch.Generator().manual_seed(0), dtype=photo.dtype)
    tinted = (0.9 * noisy + 0.1 * noisy.flip(1)).clamp(0, 1)
    for pairs in ((), ((0, 1),), ((0, 1), (2, 1))):
        got = colour(photo, tinted, masks, pairs).item()
        assert got == pytest.approx(as_judged(photo, tinted, masks, pairs), rel=1e-3)
    assert as_judged(photo, tinted, masks) > 1


def test_two_eyes_that_change_alike_stay_a_pair_and_one_that_changes_alone_does_not():
    x = face()
    flat = x.mean((2, 3), keepdim=True).expand_as(x)
    both, one = changed(flat, 1, 1), changed(flat, 1, 0)
    assert colour(flat, both, eyes(), [(0, 1)]).item() == pytest.approx(colour(flat, both, eyes()).item())
    assert colour(flat, one, eyes(), [(0, 1)]) > 2 * colour(flat, one, eyes())
    assert colour(flat, one, eyes(), [(0, 1)]).item() == pytest.approx(
        as_judged(flat, one, eyes(), ((0, 1),)), rel=1e-3
    )


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_left_and_right_count_alike(left: float, right: float, seed: int):
    x = face(seed)
    y = changed(x, left, right)
    expected = colour(x, y, eyes(), [(0, 1)])
    torch.testing.assert_close(colour(x, y, eyes(), [(1, 0)]), expected)
    torch.testing.assert_close(colour(x.flip(3), y.flip(3), eyes().flip(3), [(0, 1)]), expected)
    torch.testing.assert_close(colour(x, y, eyes().flip(1), [(0, 1)]), expected)


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_more_of_a_colour_costs_more(some: float, more: float):
    some, more = sorted((some, more))
    x = face()
    less, greater = (colour(x, changed(x, by, 0), eyes(), [(0, 1)]).item() for by in (some, more))
    assert less <= greater + 1e-12


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_where_in_a_region_its_colours_are_does_not_count_nor_what_is_beside(seed: int):
    generator = torch.Generator().manual_seed(seed)
    x = face()
    y = changed(x, 0.7, 0.2)
    region = y[..., 4:8, LEFT].flatten(2)
    order = torch.randperm(region.shape[2], generator=generator)
    other = torch.rand(y.shape, generator=generator, dtype=y.dtype)
    other[..., 4:8, LEFT] = region[..., order].view(1, 3, 4, 4)
    other[..., 4:8, RIGHT] = y[..., 4:8, RIGHT]
    torch.testing.assert_close(colour(x, other, eyes(), [(0, 1)]), colour(x, y, eyes(), [(0, 1)]))


def test_every_picture_may_have_masks_of_its_own():
    x = torch.cat([face(0), face(1)])
    y = changed(x, 1, 0.5)
    masks = torch.cat([eyes(), eyes(slice(3, 10))])
    alone = [colour(x[i : i + 1], y[i : i + 1], masks[i : i + 1], [(0, 1)]) for i in range(2)]
    torch.testing.assert_close(colour(x, y, masks, [(0, 1)]), torch.cat(alone))
    torch.testing.assert_close(colour(x, y, 3 * masks, [(0, 1)]), torch.cat(alone))  # weights, no sizes
    shared = [colour(x[i : i + 1], y[i : i + 1], eyes()) for i in range(2)]
    torch.testing.assert_close(colour(x, y, eyes()), torch.cat(shared))


def test_a_region_without_pixels_does_not_count():
    x = face()
    y = changed(x, 1, 1)
    one = eyes()
    one[:, 1] = 0
    torch.testing.assert_close(colour(x, y, one, [(0, 1)]), colour(x, y, eyes()[:, :1]))
    slope = torch.autograd.grad(colour(x, y.requires_grad_(), 0 * one, [(0, 1)]).sum(), y)[0]
    assert slope.abs().max() == 0


def test_a_grey_photo_has_no_colour_term():
    x = torch.cat([face().mean(1, keepdim=True).expand(-1, 3, -1, -1), face()])
    out = colour(x, changed(x, 1, 1), eyes(), [(0, 1)])
    assert out[0] == 0
    assert out[1] > 1


def test_it_is_quadratic_near_zero():
    x = face()
    one, two = (colour(x, changed(x, by, -by), eyes(), [(0, 1)]).item() for by in (0.01, 0.02))
    assert two / one == pytest.approx(4, rel=0.02)


def test_gradcheck(small):
    x, y = small
    masks = torch.rand(2, 3, 12, 13, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for measure in (Colour(masks), Colour(masks[:1], [(0, 1), (0, 2)])):
        assert gradcheck(measure, (x, y.clone().requires_grad_()), fast_mode=True)


@pytest.mark.parametrize("kind", ["flat", "random"])
def test_equal_pictures_have_no_distance_and_no_slope(kind, device):
    x = torch.tensor([0.4, 0.3, 0.2], device=device).view(1, 3, 1, 1).repeat(2, 1, 12, 16)
    x = x if kind == "flat" else torch.rand_like(x)
    y = x.clone().requires_grad_()
    out = colour(x, y, eyes().to(device), [(0, 1)])
    (slope,) = torch.autograd.grad(out.sum(), y)
    assert out.max() < 1e-8
    assert slope.abs().max() < 1e-2


def test_what_does_not_fit_is_refused():
    x = face()
    with pytest.raises(ValueError, match=r"masks are \(8, 8\), expected weights >= 0 of shape"):
        Colour(torch.ones(8, 8))
    with pytest.raises(ValueError, match="expected weights >= 0"):
        Colour(-eyes())
    with pytest.raises(ValueError, match=r"expected pairs of numbers from 0 to 1"):
        Colour(eyes(), [(0, 2)])
    with pytest.raises(ValueError, match=r"masks are \(1, 2, 12, 16\), expected \(1 or 1, R, 8, 8\)"):
        colour(x[..., :8, :8], x[..., :8, :8], eyes())
    with pytest.raises(ValueError, match=r"masks are \(3, 2, 12, 16\), expected"):
        colour(x, x, eyes().expand(3, -1, -1, -1))
