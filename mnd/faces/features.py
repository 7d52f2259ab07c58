"""The features of a face that people look at first: where irises, eyes, brows, nose, lips and skin are.

Soft masks from dlib's 68 landmarks (Sagonas et al. 2013): jaw 0 to 16, brows 17 to 26, nose 27 to 35, eyes 36
to 47, lips 48 to 67. Left and right are as seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..base.types import Box

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.float32]
NAMES = (
    "left iris", "right iris", "left eye", "right eye", "left brow", "right brow", "nose", "lips", "skin",
)  # fmt: skip
EYES = {"left": slice(36, 42), "right": slice(42, 48)}
BROWS = {"left": slice(17, 22), "right": slice(22, 27)}
NOSE, LIPS, JAW = slice(31, 36), slice(48, 60), slice(0, 17)
IRIS = 0.2
"""Radius of an iris, as a share of the width of its eye: 11.7 mm across in an opening of about 30 mm."""
THICK = 0.09
"""Half the height of a brow, as a share of the distance of the eyes."""
LEAST = 4.0
"""Pixels: a smaller region has no colour that anybody sees."""
FINE = 160
"""Pixels between the eyes: smaller faces are drawn so large, and made smaller; at most four times."""


@dataclass(frozen=True)
class Features:
    """The features of one face in a part of a picture.

    Attributes:
        box: the part, x0, y0, x1, y1 in pixels of the picture.
        masks: by `NAMES`, `(y1 - y0, x1 - x0)` float32 in [0, 1]; 1: all of the pixel belongs to it.
        contours: polylines `(K, 2)` x, y in pixels of the picture along which a face is drawn: brows, lids,
            the lips' edges, the nose's.
        scale: the distance of the eyes in pixels.
    """

    box: Box
    masks: dict[str, Mask]
    contours: tuple[Points, ...]
    scale: float

    @classmethod
    def of(cls, points: npt.ArrayLike, size: tuple[int, int]) -> Features:
        """The features of a face with these 68 landmarks in a picture of `size` (width, height).

        Raises:
            ValueError: not 68 points.
        """
        given = np.asarray(points, dtype=np.float64)
        if given.shape != (68, 2):
            raise ValueError(f"got landmarks of {given.shape}, expected (68, 2)")
        eyes = {side: given[part].mean(0) for side, part in EYES.items()}
        scale = float(np.linalg.norm(eyes["right"] - eyes["left"]))
        box = _around(given, scale, size)
        draw = _Drawing(box, min(4, max(1, round(FINE / max(scale, 1.0)))))
        masks: dict[str, Mask] = {}
        for side, part in EYES.items():
            lids = given[part]
            eye = draw.polygon(lids)
            width = float(np.linalg.norm(lids[3] - lids[0]))
            masks[f"{side} eye"] = eye
            masks[f"{side} iris"] = eye * draw.disc(lids.mean(0), IRIS * width)
            masks[f"{side} brow"] = draw.line(given[BROWS[side]], THICK * scale)
        masks["nose"] = draw.line(given[NOSE], THICK * scale)
        masks["lips"] = draw.polygon(given[LIPS])
        others = np.max([mask for name, mask in masks.items()], axis=0)
        face = draw.polygon(
            np.concatenate([given[JAW], given[BROWS["right"]][::-1], given[BROWS["left"]][::-1]])
        )
        masks["skin"] = (face * (1 - others)).astype(np.float32)
        return cls(box, {name: masks[name] for name in NAMES}, _contours(given), scale)


class _Drawing:
    """Draws shapes on a part of a picture, finer than its pixels."""

    def __init__(self, box: Box, fine: int) -> None:
        self._times = fine
        self._corner = np.array(box[:2], dtype=np.float64)
        self._size = box[2] - box[0], box[3] - box[1]

    def polygon(self, points: Points) -> Mask:
        return self._drawn(lambda on: on.polygon(self._fine(points), fill=255))

    def disc(self, centre: Points, radius: float) -> Mask:
        corners = np.stack([centre - radius, centre + radius])
        return self._drawn(lambda on: on.ellipse(self._fine(corners), fill=255))

    def line(self, points: Points, half: float) -> Mask:
        wide = max(1, round(2 * half * self._times))
        return self._drawn(lambda on: on.line(self._fine(points), fill=255, width=wide, joint="curve"))

    def _fine(self, points: Points) -> list[tuple[float, float]]:
        return [(x, y) for x, y in ((points - self._corner + 0.5) * self._times).tolist()]

    def _drawn(self, draw: Callable[[ImageDraw.ImageDraw], None]) -> Mask:
        width, height = self._size
        fine = Image.new("L", (width * self._times, height * self._times))
        draw(ImageDraw.Draw(fine))
        mask: Mask = np.asarray(fine.reduce(self._times), dtype=np.float32) / np.float32(255)
        return mask


def _around(points: Points, scale: float, size: tuple[int, int]) -> Box:
    """The part of the picture with all of the face in it, and its forehead."""
    low, high = points.min(0) - (0.2 * scale, 0.6 * scale), points.max(0) + 0.2 * scale
    x0, y0 = (max(0, int(edge)) for edge in low)
    x1, y1 = (min(side, int(edge) + 1) for side, edge in zip(size, high, strict=True))
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def _contours(points: Points) -> tuple[Points, ...]:
    closed = [np.concatenate([points[part], points[part][:1]]) for part in (*EYES.values(), LIPS)]
    return (*(points[part] for part in BROWS.values()), *closed, points[NOSE], points[27:31])
