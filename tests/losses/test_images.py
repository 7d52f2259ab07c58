"""What every distance refuses, and the blur that several share."""

from __future__ import annotations

import pytest
import torch

from mnd.losses import GMSD, MSSSIM, SSIM, AboveJND, Composite, Gradient, JNDExcess, Magnitude, luma
from mnd.losses.images import blur, gaussian

DISTANCES = [
    SSIM(),
    MSSSIM(weights=(1.0,)),
    Magnitude(),
    Gradient(),
    GMSD(),
    JNDExcess(),
    AboveJND(),
    Composite(),
]
X = torch.full((2, 3, 16, 16), 0.5)


@pytest.mark.parametrize("measure", DISTANCES, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[0], X[0], r"\(3, 16, 16\), expected \(B, 3, H, W\)"),
        (X[:, :1], X[:, :1], r"\(2, 1, 16, 16\), expected \(B, 3, H, W\)"),
        (X[:0], X[:0], r"\(0, 3, 16, 16\)"),
        (X, X[:1], r"\(1, 3, 16, 16\), expected \(2, 3, 16, 16\)"),
        (X, X.double(), "torch.float64 on cpu, expected torch.float32"),
        (X.to(torch.uint8), X.to(torch.uint8), "torch.uint8, expected floating point"),
        (255 * X, 255 * X, r"127\.5\.\.127\.5, expected \[0, 1\]"),
        (X, 2 * X - 1.5, r"-0\.5\.\.-0\.5"),
        (X, X * float("nan"), "nan"),
        (X * float("nan"), X, "nan"),
        (X, X + float("inf"), "inf"),
    ],
)
def test_what_is_no_pair_of_pictures_is_refused(measure, x, y, message):
    with pytest.raises(ValueError, match=message):
        measure(x, y)


@pytest.mark.parametrize("measure", DISTANCES, ids=lambda m: type(m).__name__)
def test_the_cached_distance_refuses_another_shape(measure):
    with pytest.raises(ValueError, match="the shape of x"):
        measure.at(X)(X[:1])


def test_luma_is_kornias():
    from kornia.color import rgb_to_grayscale

    x = torch.rand(2, 3, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(luma(x), rgb_to_grayscale(x))


def test_importing_the_losses_imports_no_slow_library():
    import subprocess
    import sys

    code = (
        "import sys, mnd.losses; print([m for m in ('kornia', 'skimage', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("size", "sigma"), [(7, 1.0), (11, 1.5), (1, 1.0)])
@pytest.mark.parametrize("border", ["valid", "reflect"])
def test_a_plane_alone_is_blurred_as_among_others(size, sigma, border):
    x = torch.rand(2, 3, 23, 31, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    kernel = gaussian(size, sigma, x)
    together = blur(x, kernel, border)
    for channel in range(3):
        alone = blur(x[:, channel : channel + 1], kernel, border)
        torch.testing.assert_close(alone[:, 0], together[:, channel], rtol=1e-12, atol=0)


def test_the_blur_of_a_plane_has_its_gradient():
    x = torch.rand(1, 1, 9, 8, dtype=torch.float64, requires_grad=True)
    kernel = gaussian(5, 1.0, x)
    assert torch.autograd.gradcheck(lambda z: blur(z, kernel), x)
    assert torch.autograd.gradgradcheck(lambda z: blur(z, kernel), x)
