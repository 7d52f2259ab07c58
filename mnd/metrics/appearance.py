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
from ..faces.features import LEAST, Features, Mask, Points
from .record import FeaturesRecord

Signal = npt.NDArray[np.float64]
STROKE = 4.0
"""Levels of CIELAB lightness: the least that a stroke departs from the photo to be counted."""
INK = 12.0
"""The least sum of its departures, a pixel apart: less is grain of the file, as WebP makes it."""
COLOURED = ("left iris", "right iris", "lips", "skin")
"""Regions whose mean colour is compared."""
ENOUGH = 20_000
"""Pixels of a region from which on not every one is read."""
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
        strokes: lines that were drawn along brows, lids, lips and nose, each alone.
        stitches: pairs of them, a dark one beside a light one.
    """

    iris: float
    iris_apart: float
    lips: float
    skin: float
    strokes: int
    stitches: int

    def as_json(self) -> FeaturesRecord:
        """The object that is written out."""
        return {
            "iris": self.iris,
            "iris_apart": self.iris_apart,
            "lips": self.lips,
            "skin": self.skin,
            "strokes": self.strokes,
            "stitches": self.stitches,
        }


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
    Appearance(iris=0.0, iris_apart=0.0, lips=0.0, skin=0.0, strokes=0, stitches=0)
    """
    x0, y0, x1, y1 = features.box
    before, after = (pixels[y0:y1, x0:x1] for pixels in (original, changed))
    means = {name: _means(before, after, features.masks[name]) for name in COLOURED}
    shift = {name: _distance(*both) for name, both in means.items()}
    (left0, left1), (right0, right1) = means["left iris"], means["right iris"]
    # the colour that the right iris would have if both had changed alike
    apart = _distance(right0 + (left1 - left0), right1)
    lines = changes(original, changed, features)
    drawn = [strokes(line, features.scale) for line in lines]
    return Appearance(
        max(shift["left iris"], shift["right iris"]),
        apart,
        shift["lips"],
        shift["skin"],
        sum(single for single, _ in drawn),
        sum(pairs for _, pairs in drawn),
    )


def changes(original: Pixels, changed: Pixels, features: Features) -> list[Signal]:
    """By how much lightness has changed along each contour of a face, in CIELAB, a pixel apart.

    The arguments are those of `appearance`.
    """
    x0, y0, x1, y1 = features.box
    before, after = (pixels[y0:y1, x0:x1] for pixels in (original, changed))
    lines = [line - np.array([x0, y0], dtype=np.float64) for line in features.contours]
    return [_lightness(after, line) - _lightness(before, line) for line in lines]


def strokes(change: Signal, scale: float, least: float = STROKE, ink: float = INK) -> tuple[int, int]:
    """How many strokes and stitches a change of lightness has that was read along a contour, `(N,)`.

    A run of one sign that departs by `least` or more, and by `ink` in all, is a stroke if it is neither
    grain nor shading by its length; two strokes of opposite signs beside one another are a stitch.

    Args:
        change: levels of CIELAB lightness, a pixel apart.
        scale: the distance of the eyes in pixels.
        least, ink: levels of lightness.

    >>> wave = 9 * np.sin(np.arange(100) / 2)
    >>> strokes(wave, 100.0), strokes(0 * wave, 100.0), strokes(wave / 9, 100.0)
    ((16, 7), (0, 0), (0, 0))
    """
    edges = np.flatnonzero(np.diff(np.sign(change))) + 1
    runs = [part for part in np.split(change, edges) if part.size]
    sizes = [np.abs(part) for part in runs]
    strong = [
        part.max() >= least and part.sum() >= ink and SHORT * scale <= part.size <= LONG * scale
        for part in sizes
    ]
    return int(sum(strong)), sum(bool(one and other) for one, other in pairwise(strong)) // 2


def along(picture: npt.NDArray[Any], line: Points) -> Signal:
    """The values of a picture `(H, W)` along a polyline `(K, 2)`, a pixel apart; what lies outside is 0."""
    from scipy.ndimage import map_coordinates

    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    at = np.arange(0.0, steps.sum(), 1.0)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    x, y = (np.interp(at, length, line[:, axis]) for axis in (0, 1))
    values: Signal = map_coordinates(picture, [y, x], order=1, cval=0.0, output=np.float64)
    return values


def _lightness(pixels: Pixels, line: Points) -> Signal:
    """Of the pixels along a line, in CIELAB."""
    read = np.stack([along(pixels[..., channel], line) for channel in range(3)], -1)
    return _lab(read / 255)[..., 0] if len(read) else read[..., 0]


def _means(before: Pixels, after: Pixels, mask: Mask) -> tuple[Signal, Signal]:
    """The mean colours `(3,)` of a region, in CIELAB; of a large one some of its pixels tell them."""
    places = np.flatnonzero(mask)
    places = places[:: len(places) // ENOUGH + 1]
    if float(mask.sum()) < LEAST:
        return np.zeros(3), np.zeros(3)
    weights = mask.reshape(-1)[places]
    one, other = (
        np.average(_lab(pixels.reshape(-1, 3)[places]), axis=0, weights=weights) for pixels in (before, after)
    )
    return one, other


def _lab(pixels: npt.NDArray[Any]) -> Signal:
    from skimage import color

    lab: Signal = color.rgb2lab(pixels)
    return lab


def _distance(one: Signal, other: Signal) -> float:
    from skimage import color

    difference: Any = color.deltaE_ciede2000
    return float(difference(one, other))
