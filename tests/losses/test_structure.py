"""SSIM and MS-SSIM against scikit-image, scipy and torchmetrics; their precision; the curvature."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.autograd import gradcheck

from mnd.losses import MSSSIM, SSIM, curvature, luma, ms_ssim, ssim, ssim_index


def scikit(x, y) -> float:
    from skimage.metrics import structural_similarity

    a, b = (z[0].permute(1, 2, 0).numpy() for z in (x, y))
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    return float(structural_similarity(a, b, channel_axis=2, **settings))


def test_ssim_is_scikit_images(photo, noisy):
    assert ssim_index(photo, noisy).item() == pytest.approx(scikit(photo, noisy), abs=1e-9)
    assert ssim_index(photo.float(), noisy.float()).item() == pytest.approx(scikit(photo, noisy), abs=1e-5)
    assert ssim_index(photo, photo.flip(-1)).item() == pytest.approx(scikit(photo, photo.flip(-1)), abs=1e-9)


def test_ssim_of_the_luma_is_that_of_a_grey_picture(photo, noisy):
    grey, changed = (luma(z).expand(-1, 3, -1, -1) for z in (photo, noisy))
    assert ssim_index(photo, noisy, channels="luma").item() == pytest.approx(scikit(grey, changed), abs=1e-9)


def test_ssim_of_the_mirrored_picture_is_torchmetrics(photo, noisy):
    from torchmetrics.functional.image import structural_similarity_index_measure

    for y in (noisy, photo.flip(-1)):
        theirs = structural_similarity_index_measure(y, photo, data_range=1.0)
        assert ssim_index(photo, y, border="reflect").item() == pytest.approx(theirs.item(), abs=1e-6)


def by_definition(x, y) -> float:
    """MS-SSIM of Wang et al. 2003 with scipy's filters."""

    def blur(z):
        for axis in (1, 2):
            z = ndimage.gaussian_filter1d(z, 1.5, axis=axis, radius=5)
        return z[:, 5:-5, 5:-5]

    a, b, out = x[0].numpy(), y[0].numpy(), 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:
            a, b = (z.reshape(3, z.shape[1] // 2, 2, -1, 2).mean((2, 4)) for z in even(a, b))
        ma, mb = blur(a), blur(b)
        cs = (2 * (blur(a * b) - ma * mb) + 9e-4) / (blur(a * a) - ma**2 + blur(b * b) - mb**2 + 9e-4)
        light = (2 * ma * mb + 1e-4) / (ma**2 + mb**2 + 1e-4)
        out *= max(1e-6, float(np.mean(cs if scale < 4 else cs * light))) ** weight
    return out


def even(*pictures):
    return [z[:, : z.shape[1] // 2 * 2, : z.shape[2] // 2 * 2] for z in pictures]


@pytest.mark.parametrize("change", ["noise", "flip", "dark"])
def test_ms_ssim_is_that_of_its_definition(photo, noisy, change):
    y = {"noise": noisy, "flip": photo.flip(-1), "dark": 0.5 * photo}[change]
    assert 1 - ms_ssim(photo, y).item() == pytest.approx(by_definition(photo, y), abs=1e-9)


def test_ms_ssim_is_torchmetrics(photo, noisy):
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    # it mirrors the picture at the coarsest scale, which the definition does not: the same for even noise
    theirs = multiscale_structural_similarity_index_measure(noisy, photo, data_range=1.0)
    assert 1 - ms_ssim(photo, noisy).item() == pytest.approx(theirs.item(), abs=1e-4)


def test_one_scale_is_ssim(photo, noisy):
    torch.testing.assert_close(ms_ssim(photo, noisy, weights=(1.0,)), ssim(photo, noisy))


@pytest.mark.parametrize("level", [1.0, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("measure", [ssim, ms_ssim])
def test_small_changes_are_exact_in_single_precision(photo, measure, level):
    # white noise of `level` grey levels: 1 - SSIM from 1e-2 down to 1e-8, far below the rounding of 1
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(5), dtype=photo.dtype)
    x = photo.float()
    y = (x + level / 255 * noise.float()).clamp(0, 1)
    exact = measure(x.double(), y.double()).item()
    assert measure(x, y).item() == pytest.approx(exact, rel=1e-2 if level < 0.01 else 1e-3)


def test_a_flat_bright_picture_is_exact_in_single_precision():
    x = torch.full((1, 3, 64, 64), 0.96)
    y = x.clone()
    y[:, :, 20:40, 20:40] -= 1 / 255
    assert ssim(x, y).item() == pytest.approx(ssim(x.double(), y.double()).item(), rel=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_pictures_have_distance_zero(photo, dtype, device):
    x = photo.to(device, dtype)
    for measure in (SSIM(), SSIM("luma"), SSIM(border="reflect"), MSSSIM(), MSSSIM("luma")):
        assert measure(x, x).item() == 0


@pytest.mark.parametrize("border", ["valid", "reflect"])
@pytest.mark.parametrize("channels", ["rgb", "luma"])
def test_ssim_gradcheck(small, channels, border):
    x, y = small
    assert gradcheck(
        SSIM(channels, border), (x.clone().requires_grad_(), y.clone().requires_grad_()), fast_mode=True
    )
    assert gradcheck(SSIM(channels, border), (x, x.clone().requires_grad_()), fast_mode=True)


def test_ms_ssim_gradcheck():
    x = 0.1 + 0.8 * torch.rand(1, 3, 24, 25, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    y = (
        x + 0.1 * torch.rand(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(3))
    ).requires_grad_()
    assert gradcheck(lambda z: ms_ssim(x, z, weights=(0.4, 0.6)), y, fast_mode=True)


def test_at_is_the_same_distance_and_pictures_do_not_mix(small):
    x, y = small
    together = ssim(x, y)
    assert torch.equal(SSIM().at(x)(y), together)
    torch.testing.assert_close(
        torch.cat([ssim(a[None], b[None]) for a, b in zip(x, y, strict=True)]), together
    )


def test_curvature_is_the_second_derivative(small):
    x = small[0][:1]
    for channels in ("rgb", "luma"):
        at = SSIM(channels).at(x)
        y = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(at(y).sum(), y, create_graph=True)
        for index in [(0, 0, 0, 0), (0, 1, 5, 6), (0, 2, 11, 12), (0, 1, 3, 10)]:
            (row,) = torch.autograd.grad(slope[index], y, retain_graph=True)
            assert curvature(x, channels)[index].item() == pytest.approx(row[index].item(), rel=1e-9)


def test_curvature_sees_flat_parts_and_not_texture(photo):
    seen = curvature(photo, border="reflect")[0].mean(0)
    spread = photo[0].mean(0).unfold(0, 11, 1).unfold(1, 11, 1).std((2, 3)).flatten()
    inside = seen[5:-5, 5:-5].flatten()[spread.argsort()]
    tenth = inside.numel() // 10
    assert inside[:tenth].mean() > 10 * inside[-tenth:].mean()
    assert (seen > 0).all()


def test_the_border_counts_in_full_only_with_reflection():
    x = torch.full((1, 3, 40, 40), 0.5)
    inside, edge = x.clone(), x.clone()
    inside[..., 20, 20] += 0.05
    edge[..., 0, 0] += 0.05
    assert ssim(x, edge).item() < 0.02 * ssim(x, inside).item()
    assert ssim(x, edge, border="reflect").item() > 0.3 * ssim(x, inside, border="reflect").item()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ssim(x[..., :10], x[..., :10]), "expected at least 11x11"),
        (lambda x: ms_ssim(x, x), "expected at least 176x176"),
        (lambda x: ssim(x, x, channels="hsv"), "channels is 'hsv'"),
        (lambda x: ssim(x, x, border="zero"), "border is 'zero'"),
        (lambda x: ms_ssim(x, x, weights=()), "weights are"),
        (lambda x: curvature(x[:, :1]), r"expected \(B, 3, H, W\)"),
    ],
)
def test_what_does_not_fit_is_refused(small, call, message):
    with pytest.raises(ValueError, match=message):
        call(small[0])


def test_large_pictures_get_the_same_plane_by_plane(monkeypatch):
    x = torch.rand(2, 3, 24, 20, generator=torch.Generator().manual_seed(5))
    y = (x + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(6))).clamp(0, 1)
    distances = (SSIM(), SSIM("luma", "reflect"))
    want = [distance(x, y) for distance in distances]
    monkeypatch.setattr(sys.modules["mnd.losses.structure"], "LARGE", 10)
    for distance, value in zip(distances, want, strict=True):
        torch.testing.assert_close(distance(x, y), value)
