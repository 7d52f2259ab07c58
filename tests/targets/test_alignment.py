"""Similarity and warp: closed forms, gradients, no pixel skipped."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from mnd.faces.landmarks import jittered
from mnd.targets.alignment import TEMPLATES, boxes, fit, read, similarity, warp

ARC = torch.tensor(TEMPLATES["arcface112"][1], dtype=torch.float64)


def placed(scale: float, angle: float, x: float, y: float) -> torch.Tensor:
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    return (ARC @ torch.tensor([[c, s], [-s, c]], dtype=torch.float64) + torch.tensor([x, y]))[None]


@given(st.floats(0.2, 9), st.floats(-3.1, 3.1), st.floats(-50, 900), st.floats(-50, 900))
def test_similarity_is_found_again(scale, angle, x, y):
    m = similarity(ARC, placed(scale, angle, x, y))[0]
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    want = torch.tensor([[c, -s, x], [s, c, y]], dtype=torch.float64)
    assert torch.allclose(m, want, atol=1e-9 * (1 + abs(x) + abs(y)))


def test_similarity_is_least_squares():
    source = ARC.numpy()
    target = ARC + torch.randn(5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 4
    from skimage.transform import SimilarityTransform

    oracle = SimilarityTransform()
    oracle.estimate(source, target.numpy())
    got = similarity(ARC, target[None])[0]
    assert torch.allclose(got, torch.from_numpy(oracle.params[:2].copy()), atol=1e-9)


def test_weights_pull_towards_the_points_that_count():
    target = ARC.clone()
    target[2] += 9
    free = similarity(ARC, target[None], torch.tensor([1.0, 1, 1e-9, 1, 1]))
    assert torch.allclose(free[0, :, :2], torch.eye(2, dtype=torch.float64), atol=1e-6)


def test_template_scales_with_the_chip():
    faces = placed(1.0, 0.0, 30.0, 20.0)
    m = fit(faces, "arcface112", (224, 224))[0]
    assert m[0, 0].item() == pytest.approx(0.5)
    # the outer corner of the chip is the same place of the picture
    small = fit(faces, "arcface112", (112, 112))[0]
    corner = torch.tensor([-0.5, -0.5, 1.0], dtype=torch.float64)
    assert torch.allclose(m @ corner, small @ corner)


def test_whole_pixel_shift_copies_pixels(noise, device):
    x = noise(60, 70).to(device)
    m = torch.tensor([[[1.0, 0, 7], [0, 1, 9]]], dtype=torch.float64)
    assert torch.allclose(warp(x, m, (20, 30)), x[:, :, 9:29, 7:37], atol=1e-5)


def test_halving_is_the_mean_of_four(noise, device):
    x = noise(64, 64).to(device)
    m = torch.tensor([[[2.0, 0, 0.5], [0, 2, 0.5]]], dtype=torch.float64)
    assert torch.allclose(warp(x, m, (32, 32)), F.avg_pool2d(x, 2), atol=1e-5)


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.5, 2.6, 5.3])
def test_constant_picture_stays_constant_and_no_pixel_is_skipped(scale):
    faces = placed(scale, 0.3, 60.0 * scale, 30.0 * scale)
    side = int(230 * scale)
    x = torch.full((1, 3, side, side), 0.5, requires_grad=True)
    chip = warp(x, fit(faces, "arcface112"), (112, 112))
    assert torch.allclose(chip, torch.full_like(chip, 0.5), atol=1e-5)
    (g,) = torch.autograd.grad(chip.sum(), x)
    # a disc well inside of the chip: every pixel of it is read, and about equally
    centre = fit(faces, "arcface112")[0] @ torch.tensor([55.5, 55.5, 1.0], dtype=torch.float64)
    v, u = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    disc = (u - centre[0]) ** 2 + (v - centre[1]) ** 2 < (45 * scale) ** 2
    weight = g[0, 0][disc] * scale**2
    assert weight.min() > 0.3
    assert weight.max() < 1.8


@pytest.mark.parametrize("scale", [0.8, 2.3, 4.4])
def test_gradient_stays_inside_of_the_box(noise, scale):
    x = noise(700, 700).requires_grad_()
    m = fit(placed(scale, -0.4, 90.0, 200.0), "arcface112")
    (g,) = torch.autograd.grad(warp(x, m, (112, 112)).square().sum(), x)
    x0, y0, x1, y1 = (max(0, int(v)) for v in boxes(m, (112, 112))[0])
    assert g[..., y0:y1, x0:x1].abs().sum() == pytest.approx(float(g.abs().sum()))
    # and the box is not much larger than what is read
    used = g.abs().sum((0, 1)).nonzero()
    assert used[:, 1].max() - used[:, 1].min() > 0.9 * (x1 - x0) - 12


def test_gradcheck():
    x = torch.rand(1, 3, 30, 30, dtype=torch.float64, requires_grad=True)
    m = torch.tensor([[[1.7, 0.3, 1.2], [-0.3, 1.7, 5.1]], [[2.4, 0, 2], [0, 2.4, 2]]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda t: warp(t, m, (9, 8)), (x,), fast_mode=True)


def test_many_chips_of_one_picture_are_those_of_copies(noise):
    x = noise(200, 180)
    m = fit(
        torch.cat([placed(0.8, 0.1, 10, 5), placed(1.4, 0.0, 20, 30), placed(2.2, -0.2, 5, 60)]), "arcface112"
    )
    together = warp(x, m, (112, 112))
    assert torch.allclose(together, warp(x.expand(3, -1, -1, -1), m, (112, 112)), atol=1e-5)
    apart = torch.cat([warp(x, m[k : k + 1], (112, 112)) for k in range(3)])
    assert torch.allclose(together, apart, atol=1e-5)


def test_both_ways_of_reading_agree(noise):
    x = noise(40, 50)
    g = torch.Generator().manual_seed(3)
    u, v = (torch.rand(2, 9, 11, generator=g, dtype=torch.float64) * 60 - 5 for _ in range(2))
    assert torch.allclose(read(x, u, v), read(x, u, v, exact=True).float(), atol=1e-4)


def test_face_outside_of_the_picture_is_black(noise):
    x = noise(50, 50).requires_grad_()
    chip = warp(x, fit(placed(1.0, 0, 900, 900), "arcface112"), (112, 112))
    assert chip.abs().sum() == 0
    torch.autograd.grad(chip.sum(), x)


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (torch.zeros(5, 2), "shape"),
        (torch.zeros(1, 68, 2), "shape"),
        (torch.full((1, 5, 2), 7.0), "one place"),
        (torch.full((1, 5, 2), torch.nan), "not finite"),
    ],
)
def test_bad_faces(faces, message):
    with pytest.raises(ValueError, match=message):
        fit(faces, "arcface112")


def test_unknown_template():
    with pytest.raises(ValueError, match="arcface112"):
        fit(placed(1, 0, 0, 0), "arcface128")


def test_shaken_landmarks_move_by_a_share_of_the_eyes():
    faces = torch.tensor([[[0.0, 0.0], [40.0, 30.0], [20.0, 30.0], [5.0, 50.0], [35.0, 50.0]]]).repeat(
        4000, 1, 1
    )
    moved = jittered(faces, 0.02, torch.Generator().manual_seed(0)) - faces
    assert moved.std().item() == pytest.approx(0.02 * 50, rel=0.02)
    assert moved.mean((0, 1)).abs().max() < 0.05
    assert torch.equal(jittered(faces, 0.02, torch.Generator().manual_seed(0)) - faces, moved)
