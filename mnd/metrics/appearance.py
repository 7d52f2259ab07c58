"""How a changed face looks, feature by feature: a judge that no search optimises.

Colours of irises, lips and skin are compared as people name them, by their mean; strokes that were drawn on
brows, lids, lips and nose are counted along their contours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.types import Pixels
from ..faces.features import Features, Mask, Points

Signal = npt.NDArray[np.float64]
STROKE = 4.0
"""Levels of CIELAB lightness: the least that a stroke departs from the photo to be counted."""
LONG, SHORT = 0.25, 0.015
"""Of the distance of the eyes: strokes between these lengths are stitches; longer ones are shading, shorter
ones grain."""


@dataclass(frozen=True)
class Appearance:
    """What became of the features of one face.

    Attributes:
        iris: CIEDE2000 between the mean colours of an iris before and after, the worse of the two.
        iris_apart: by how much the difference of the two irises' mean colours has changed, CIEDE2000.
        lips, skin: as `iris`.
        stitches: strokes along brows, lids, lips and nose.
    """

    iris: float
    iris_apart: float
    lips: float
    skin: float
    stitches: int


def appearance(original: Pixels, changed: Pixels, features: Features) -> Appearance:
    """How the features of a face look after a change.

    Args:
        original: `(H, W, 3)` uint8, RGB.
        changed: the same of the changed picture.
        features: where they are.

    >>> import skimage.data
    >>> photo = skimage.data.astronaut()
    >>> from mnd.targets.dlib.shape import predictor
    >>> face = Features.of(predictor(68)(photo, [[175, 76, 265, 166]])[0], (512, 512))
    >>> appearance(photo, photo, face)
    Appearance(iris=0.0, iris_apart=0.0, lips=0.0, skin=0.0, stitches=0)
    """
    x0, y0, x1, y1 = features.box
    before, after = (_lab(pixels[y0:y1, x0:x1]) for pixels in (original, changed))
    means = {
        name: (_mean(before, features.masks[name]), _mean(after, features.masks[name]))
        for name in ("left iris", "right iris", "lips", "skin")
    }
    shift = {name: _distance(*both) for name, both in means.items()}
    (left0, left1), (right0, right1) = means["left iris"], means["right iris"]
    # the colour that the right iris would have if both had changed alike
    apart = _distance(right0 + (left1 - left0), right1)
    corner = np.array([x0, y0], dtype=np.float64)
    change = after[..., 0] - before[..., 0]
    strokes = sum(stitches(change, line - corner, features.scale) for line in features.contours)
    return Appearance(
        max(shift["left iris"], shift["right iris"]), apart, shift["lips"], shift["skin"], strokes
    )


def stitches(change: Signal, line: Points, scale: float) -> int:
    """How many strokes a change `(H, W)` of lightness has along a polyline `(K, 2)`.

    The change is read along the line. A run of one sign that departs by `STROKE` or more and is neither grain
    nor shading is a stroke; two strokes of opposite signs beside one another are a stitch.

    >>> line = np.array([[0.0, 4.0], [99.0, 4.0]])
    >>> wave = 9 * np.sin(np.arange(100) / 2)[None].repeat(9, 0)
    >>> stitches(wave, line, 100.0), stitches(0 * wave, line, 100.0), stitches(wave / 9, line, 100.0)
    (7, 0, 0)
    """
    read = _along(change, line)
    signs = np.sign(read)
    edges = np.flatnonzero(np.diff(signs)) + 1
    runs = [part for part in np.split(read, edges) if part.size]
    strong = [np.abs(part).max() >= STROKE and SHORT * scale <= part.size <= LONG * scale for part in runs]
    return sum(bool(one and other) for one, other in pairwise(strong)) // 2


def _along(change: Signal, line: Points) -> Signal:
    """The values of a picture along a polyline, a pixel apart; what lies outside is 0."""
    from scipy.ndimage import map_coordinates

    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    at = np.arange(0.0, steps.sum(), 1.0)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    x, y = (np.interp(at, length, line[:, axis]) for axis in (0, 1))
    values: Signal = map_coordinates(change, [y, x], order=1, cval=0.0)
    return values


def _mean(lab: Signal, mask: Mask) -> Signal:
    total = mask.sum()
    mean: Signal = (lab * mask[..., None]).sum((0, 1)) / total if total > 0 else np.zeros(3)
    return mean


def _lab(pixels: Pixels) -> Signal:
    from skimage import color

    lab: Signal = color.rgb2lab(pixels)
    return lab


def _distance(one: Signal, other: Signal) -> float:
    from skimage import color

    difference: Any = color.deltaE_ciede2000
    return float(difference(one, other))
