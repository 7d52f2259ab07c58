"""SSIMULACRA2 as the tool of its authors computes it, with the formulas and weights of the PyPI package.

The package (0.3.0) stops one scale too early, and then takes the weights of other scales than those that it
has: a picture of 224 pixels loses some 3 to 30 points. It also blurs otherwise near the edge. So the loop
over the scales and the blur are here; what is done with each scale is the package's.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from ..base.distribution import pip_install
from ..base.types import Pixels

Plane = npt.NDArray[np.float64]
SIGMA = 1.5
"""Of the blur, in pixels."""
SCALES = 6
"""Each half as large as the one before."""
SMALLEST = 8
"""Pixels a side, from which a picture is looked at, and from which it is halved once more."""
ALL_SCALES = (SMALLEST - 1) * 2 ** (SCALES - 2) + 1
"""Pixels a side from which on there are six scales: 113. Of fewer the tool, too, gives weights to scales that
they were not made for, and so does this."""


def score(original: Pixels, changed: Pixels) -> float:
    """The score of two pictures `(H, W, 3)` uint8, sRGB, at most 100; see `fidelity.ssimulacra2`.

    Raises:
        ValueError: a side has fewer than 8 pixels.
        ModuleNotFoundError: the package `ssimulacra2` is not installed.
    """
    if min(original.shape[:2]) < SMALLEST:
        height, width = original.shape[:2]
        raise ValueError(f"got a picture of {width}x{height}, expected at least {SMALLEST} pixels a side")
    try:
        from ssimulacra2 import ssimulacra2 as port
    except ModuleNotFoundError as error:
        advice = pip_install("ssimulacra2")
        raise ModuleNotFoundError(f"SSIMULACRA2 needs the package ssimulacra2: {advice}") from error
    a, b = (port.srgb_to_linear(pixels.astype(np.float64)) for pixels in (original, changed))
    found = port.Msssim()
    for scale in range(SCALES):
        # the size is asked before the picture is halved: the last scale may have fewer than 8 pixels a side
        if min(a.shape[:2]) < SMALLEST:
            break
        if scale:
            a, b = port.downsample(a, 2, 2), port.downsample(b, 2, 2)
        x, y = (port.make_positive_xyb(port.linear_rgb_to_xyb(linear)) for linear in (a, b))
        at = port.MsssimScale()
        mean_x, mean_y = _blur(x), _blur(y)
        at.avg_ssim = port.ssim_map(mean_x, mean_y, _blur(x * x), _blur(y * y), _blur(x * y))
        at.avg_edgediff = port.edge_diff_map(x, mean_x, y, mean_y)
        found.scales.append(at)
    return float(found.score())


@cache
def kernel(sigma: float = SIGMA) -> Plane:
    """The Gaussian of the tool, which is a sum of three truncated cosines, `(2 N - 1,)`.

        h(n) = sum_k b_k cos(w_k n),   w_k = k pi / 2N,   k = 1, 3, 5,   N = round(3.2795 sigma + 0.2546)

    The b_k give it the sum 1 and the variance sigma^2, and otherwise the shape of the Gaussian.

    Source: Charalampidis 2016, "Recursive Implementation of the Gaussian Filter Using Truncated Cosine
    Functions", IEEE Transactions on Signal Processing 64(14).

    >>> h, n = kernel(), np.arange(-4, 5)
    >>> float(h.sum().round(9)), float((h * n * n).sum().round(9))
    (1.0, 2.25)
    """
    reach = round(3.2795 * sigma + 0.2546)
    w = np.pi / (2 * reach) * np.array([1.0, 3.0, 5.0])
    sign = np.array([1.0, -1.0, 1.0])
    # sums of each cosine over the window, and of the cosine times what is missing of N^2 to n^2
    p = sign / np.tan(w / 2)
    r = sign * p**2 / np.sin(w)
    # coefficients of the Gaussian's own cosine series, which the third condition keeps
    rho = np.exp(-((sigma * w) ** 2) / 2) / reach
    across = np.cross(p, r)
    zeta = np.array([across[0] / across[2], across[1] / across[2], 1.0])
    b = np.linalg.solve(np.stack([p, r, zeta]), np.array([1.0, reach**2 - sigma**2, zeta @ rho]))
    values: Plane = np.cos(np.outer(np.arange(1 - reach, reach), w)) @ b
    return values


def _blur(picture: Plane) -> Plane:
    """Of every channel of `(H, W, 3)`; outside of the picture there is nothing, as for the tool."""
    from scipy.ndimage import convolve1d

    for axis in (0, 1):
        picture = convolve1d(picture, kernel(), axis=axis, mode="constant")
    return picture
