"""The just noticeable difference against an independent computation in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.autograd import gradcheck

from mnd.losses import AboveJND, JNDExcess, above_jnd, jnd, jnd_excess, jnd_weight


def luma_of(x) -> np.ndarray:
    red, green, blue = 255 * x[0].double().numpy()
    return 0.299 * red + 0.587 * green + 0.114 * blue


def oracle(x) -> np.ndarray:
    """JND in grey levels; the kernels made by symmetry instead of written out."""
    grey = np.pad(luma_of(x), 2, mode="edge")
    around = np.ones((5, 5))
    around[1:4, 1:4] = 2
    around[2, 2] = 0
    background = ndimage.correlate(grey, around / 32)[2:-2, 2:-2]
    level = np.zeros((5, 5))
    level[1] = [1, 3, 8, 3, 1]
    level -= level[::-1]
    slanted = np.array([[0, 0, 1, 0, 0], [0, 8, 3, 0, 0], [1, 3, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    slanted = slanted - slanted[::-1, ::-1]
    kernels = [level, level.T, slanted, slanted[:, ::-1]]
    texture = np.max([np.abs(ndimage.correlate(grey, k / 16))[2:-2, 2:-2] for k in kernels], axis=0)
    out = np.empty_like(background)
    for index, bg in np.ndenumerate(background):
        adapted = 17 * (1 - (bg / 127) ** 0.5) + 3 if bg <= 127 else 3 / 128 * (bg - 127) + 3
        masked = max(0.0, texture[index] * (0.0001 * bg + 0.115) + (0.5 - 0.01 * bg))
        out[index] = adapted + masked - 0.3 * min(adapted, masked)
    return out


def test_jnd_is_the_oracles(photo):
    np.testing.assert_allclose(255 * jnd(photo)[0, 0].numpy(), oracle(photo), rtol=2e-6)
    np.testing.assert_allclose(255 * jnd(photo.float())[0, 0].numpy(), oracle(photo), rtol=1e-4)


@pytest.mark.parametrize(("grey", "expected"), [(0, 20.35), (127, 3.0), (255, 6.0)])
def test_flat_pictures_have_the_published_values(grey, expected):
    # black: LA 20, TM .5, so 20 + .5 - .3 * .5; middle grey and white: no masking
    x = torch.full((1, 3, 8, 8), grey / 255, dtype=torch.float64)
    torch.testing.assert_close(
        255 * jnd(x), torch.full((1, 1, 8, 8), expected, dtype=torch.float64), atol=1e-4, rtol=0
    )


def test_excess_and_share_are_the_oracles(photo, noisy):
    beyond = np.abs(luma_of(noisy) - luma_of(photo)) - oracle(photo)
    assert 255**2 * jnd_excess(photo, noisy).item() == pytest.approx(
        np.mean(np.maximum(beyond, 0) ** 2), rel=1e-9
    )
    assert above_jnd(photo, noisy).item() == pytest.approx(np.mean(beyond > 0), abs=1e-12)
    half = np.abs(luma_of(noisy) - luma_of(photo)) - 0.5 * oracle(photo)
    assert 255**2 * jnd_excess(photo, noisy, 0.5).item() == pytest.approx(
        np.mean(np.maximum(half, 0) ** 2), rel=1e-9
    )


def test_a_change_below_the_jnd_is_free(photo):
    change = 0.99 * jnd(photo)
    y = torch.where(photo + change <= 1, photo + change, photo)
    assert jnd_excess(photo, y).item() == 0
    assert above_jnd(photo, y).item() == 0


def test_the_smooth_share_comes_close_to_the_share(photo, noisy):
    hard = above_jnd(photo, noisy).item()
    errors = [abs(above_jnd(photo, noisy, h).item() - hard) for h in (2.0, 4.0, 16.0)]
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.02


def test_the_weight_keeps_the_cost_of_white_noise(photo):
    weight = jnd_weight(photo)
    assert weight.square().mean().item() == pytest.approx(1)
    order = jnd(photo).flatten().argsort()
    assert (weight.flatten()[order].diff() <= 1e-12).all()


@pytest.mark.parametrize("measure", [JNDExcess(), JNDExcess(0.5), AboveJND(4.0)])
def test_gradcheck(small, measure):
    x, y = small
    assert gradcheck(measure, (x.clone().requires_grad_(), y.clone().requires_grad_()), fast_mode=True)


@pytest.mark.parametrize("measure", [JNDExcess(), AboveJND(), AboveJND(8.0)])
@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_equal_pictures_have_no_distance_and_finite_gradients(measure, grey, device):
    x = torch.full((1, 3, 8, 8), grey, device=device, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    out = measure(x, y)
    assert out.item() == 0
    if out.requires_grad:
        for slope in torch.autograd.grad(out.sum(), (x, y)):
            assert slope.abs().max() == 0
    (slope,) = torch.autograd.grad(jnd(x).sum(), x)
    assert slope.isfinite().all()


def test_the_hardest_smooth_share_does_not_overflow():
    x = torch.full((1, 3, 8, 8), 127 / 255)
    y = torch.ones_like(x).requires_grad_()
    out = above_jnd(x, y, 16.0)
    (slope,) = torch.autograd.grad(out.sum(), y)
    assert out.item() == pytest.approx(1)
    assert slope.isfinite().all()


def test_settings_out_of_range_are_refused(small):
    with pytest.raises(ValueError, match=r"hardness is 1\.0"):
        above_jnd(*small, hardness=1.0)
    with pytest.raises(ValueError, match="scale is -1"):
        jnd_excess(*small, scale=-1)
