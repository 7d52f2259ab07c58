"""dlib's landmarks of a face, 5 or 68, as `face_recognition` finds them, in NumPy.

Kazemi and Sullivan 2014, "One Millisecond Face Alignment with an Ensemble of Regression Trees": landmarks
begin at the mean face in the detector's rectangle, and forests of trees, each of which compares the
brightness of a few pixels near them, move them to where they belong. dlib's own files are read, from the PyPI
package `face_recognition_models`; the points are dlib's own, bit by bit.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from ...base.types import Pixels
from ...base.weights import WeightsFile
from .shape_cache import obtain
from .shape_file import Forests

FILES = {
    5: WeightsFile(
        file="shape_predictor_5_face_landmarks.dat",
        package="face_recognition_models",
        sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    ),
    68: WeightsFile(
        file="shape_predictor_68_face_landmarks.dat",
        package="face_recognition_models",
        sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    ),
}
"""Where the predictors are, by their number of points."""

TOGETHER = 32
"""Faces that are worked on at once: each takes .3 MB."""

RECT_SIDE = 3.75
RECT_OFFSET = (0.0, -0.056)
"""Side and centre of dlib's rectangle from the landmarks' mean, in units of their root mean square distance:
medians over 393 faces of LFW in many sizes and places (`scripts/dlib_rects.py`); sideways, where the median
is -.04 and a mirrored face must get the mirrored rectangle, 0."""

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Whole = npt.NDArray[np.integer]


@functools.cache
def predictor(points: int) -> Predictor:
    """dlib's predictor of 5 or 68 landmarks, loaded when it is first asked for.

    Raises:
        ValueError: there is no such predictor, or its file is damaged.
        FileNotFoundError: its file is not on this machine.
    """
    if points not in FILES:
        raise ValueError(f"there is no predictor of {points!r} landmarks, expected 5 or 68")
    return Predictor(obtain(FILES[points]))


class Predictor:
    """Landmarks of faces, by dlib's forests of regression trees.

    >>> import skimage.data
    >>> predictor(5)(skimage.data.astronaut(), [[175, 76, 265, 166]])[0].astype(int).tolist()
    [[255, 104], [238, 105], [195, 101], [212, 103], [224, 135]]
    """

    def __init__(self, forests: Forests) -> None:
        self.forests = forests
        mean = forests.mean.astype(np.float64).reshape(-1, 2)
        x, y = (mean - mean.mean(0)).T
        # The similarity from the mean shape s to a shape t has, with z = x + iy about the mean,
        # a + ib = sum(conj(s) t) / sum(|s|^2) (Umeyama 1991): linear in t.
        self._turn = np.stack([x, -y, y, x], 1).reshape(-1, 2) / (x * x + y * y).sum()

    @property
    def points(self) -> int:
        """How many landmarks a face gets."""
        return self.forests.mean.size // 2

    def __call__(self, pixels: Pixels, rects: npt.ArrayLike, rounded: bool = True) -> Float64:
        """The landmarks `(K, P, 2)`, x and y in pixels, of the faces in `rects` of one picture.

        `pixels` `(H, W, 3)` uint8 RGB or `(H, W)` grey; `rects` `(K, 4)` whole numbers: left, top, right,
        bottom, the last ones belonging to it, as dlib's rectangle; they may leave the picture. dlib rounds to
        whole pixels; `rounded=False` does not.

        Raises:
            ValueError: pixels or rectangles of another kind.
        """
        picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
        if pixels.dtype != np.uint8 or not picture or 0 in pixels.shape:
            raise ValueError(
                f"got pixels of {pixels.dtype} {pixels.shape}, expected uint8 (H, W, 3) or (H, W)"
            )
        places = np.asarray(rects)
        if places.ndim != 2 or places.shape[1] != 4 or not np.issubdtype(places.dtype, np.integer):
            raise ValueError(f"got rects of {places.dtype} {places.shape}, expected whole numbers (K, 4)")
        found = [self._found(pixels, places[i : i + TOGETHER]) for i in range(0, len(places), TOGETHER)]
        points = np.concatenate(found) if found else np.zeros((0, self.points, 2))
        return np.floor(points + 0.5) if rounded else points

    def _found(self, pixels: Pixels, rects: Whole) -> Float64:
        """The points of some faces, not rounded."""
        corner = rects[:, None, :2].astype(np.float64)
        extent = rects[:, None, 2:] - corner
        shape = np.repeat(self.forests.mean[None], len(rects), 0)
        for level in range(len(self.forests.anchors)):
            places = self._places(shape, level) * extent + corner
            shape = self._moved(shape, level, _brightness(pixels, places))
        return shape.reshape(len(rects), -1, 2) * extent + corner

    def _places(self, shape: Float32, level: int) -> Float64:
        """Where the level's pixels are, `(K, F, 2)` as shares of the rectangle, for shapes `(K, 2 P)`.

        Computed in float32 as dlib does: it decides which pixel is read.
        """
        a, b = (shape.astype(np.float64) @ self._turn).astype(np.float32).T[..., None]
        x, y = self.forests.deltas[level].T
        offset = np.stack([a * x - b * y, b * x + a * y], -1)
        anchors = shape.reshape(len(shape), -1, 2)[:, self.forests.anchors[level]]
        return (offset + anchors).astype(np.float64)

    def _moved(self, shape: Float32, level: int, brightness: Float32) -> Float32:
        """Shapes `(K, 2 P)` moved by all trees of a level, which have read the brightness `(K, F)`."""
        forests = self.forests
        trees, splits = forests.first.shape[1:]
        first, second = (brightness.take(pixel[level], 1) for pixel in (forests.first, forests.second))
        # all splits at once, though a tree asks only a few of them: that is faster in NumPy
        falls = (first - second <= forests.thresholds[level]).reshape(-1)
        start = np.arange(len(shape) * trees).reshape(len(shape), trees) * splits
        node = np.zeros_like(start)
        for _ in range(splits.bit_length()):
            node = 2 * node + 1 + falls[start + node]
        leaves = forests.leaves[level].reshape(-1, shape.shape[1])
        steps = np.empty((len(shape), trees + 1, shape.shape[1]), np.float32)
        steps[:, 0] = shape
        steps[:, 1:] = leaves.take(np.arange(trees) * (splits + 1) + node - splits, 0)
        moved: Float32 = steps.sum(1)  # tree after tree, as dlib adds them: float32 depends on the order
        return moved


def _brightness(pixels: Pixels, places: Float64) -> Float32:
    """The grey levels at the pixels nearest to `places` `(K, F, 2)`; 0 outside of the picture."""
    height, width = pixels.shape[:2]
    x, y = np.floor(places + 0.5).T
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    column, row = (np.where(inside, v, 0).astype(np.intp) for v in (x, y))
    values = pixels[row, column]
    grey = np.sum(values, -1, dtype=np.int32) // 3 if pixels.ndim == 3 else values
    brightness: Float32 = (grey * inside).T.astype(np.float32)
    return brightness


def rect_from_landmarks(faces: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """About the rectangles `(K, 4)` in which dlib's detector would see faces with landmarks `(K, 5, 2)`.

    The landmarks are those of `mnd.faces`: eyes, nose, corners of the mouth. With their mean m and the root r
    of their mean square distance from it, a rectangle is the upright square of side 3.75 r about
    m - (0, .056 r), rounded to whole pixels. dlib's own come in sizes a fifth apart, so 80 % of their
    sides lie within 12 % of these.

    Raises:
        ValueError: faces of another shape, or not finite.

    >>> eyes_nose_mouth = [[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.2], [245.3, 141.9]]
    >>> rect_from_landmarks([eyes_nose_mouth])  # dlib's own: 175, 76, 265, 166
    array([[176,  73, 273, 170]])
    """
    points = np.asarray(faces, np.float64)
    if points.ndim != 3 or points.shape[1:] != (5, 2) or not np.isfinite(points).all():
        raise ValueError(f"got faces of shape {points.shape}, expected finite numbers (K, 5, 2)")
    mean = points.mean(1)
    radius = np.sqrt(((points - mean[:, None]) ** 2).sum(2).mean(1))[:, None]
    centre = mean + radius * RECT_OFFSET
    half = radius * RECT_SIDE / 2
    return np.floor(np.concatenate([centre - half, centre + half], 1) + 0.5).astype(np.int64)
