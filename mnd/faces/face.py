"""A face in a photo, and the words by which people choose one: its number, or a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..base.types import Edges

SMALLEST_BOX = 10
"""Pixels: below this a box holds no face that a recogniser could use."""


@dataclass(frozen=True)
class Face:
    """A face in a photo.

    Attributes:
        box: x0, y0, x1, y1 in pixels; the edges, inside the photo. The first pixel is the box (0, 0, 1, 1).
        landmarks: `(5, 2)` float32 (x, y) in pixels: left eye, right eye, nose, left and right corner of the
            mouth as seen in the picture; the centre of the first pixel is (0, 0).
        probability: of the last network of the cascade, 0..1.
        turn: degrees counter-clockwise by which the photo has to be turned for the face to be about upright:
            0, 90, 180 or 270. The order of the landmarks is that of the turned picture.
        look: which look found it, one of `mnd.faces.detector.LOOKS`.
    """

    box: Edges
    landmarks: npt.NDArray[np.float32]
    probability: float
    turn: int = 0
    look: str = "first"

    @property
    def size(self) -> float:
        """Pixels: the mean of the box's width and height.

        >>> Face((0.0, 0.0, 30.0, 50.0), np.zeros((5, 2), np.float32), 1.0).size
        40.0
        """
        return (self.box[2] - self.box[0] + self.box[3] - self.box[1]) / 2


def select(faces: Sequence[Face], which: str) -> list[Face]:
    """The faces that `which` names: `all`, `largest`, or their numbers from 0, largest face first (`0,2`).

    Raises:
        ValueError: `which` is none of these, or names a face that is not there.

    >>> small, large = (Face((0.0, 0.0, s, s), np.zeros((5, 2), np.float32), 1.0) for s in (20.0, 90.0))
    >>> [[face.size for face in select([large, small], which)] for which in ("1", "largest")]
    [[20.0], [90.0]]
    """
    if which == "all":
        return list(faces)
    if which == "largest":
        return sorted(faces, key=lambda face: -face.size)[:1]
    words = [word.strip() for word in which.split(",")]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise ValueError(f"faces is {which!r}, expected 'all', 'largest' or numbers such as '0,2'")
    numbers = list(dict.fromkeys(int(word) for word in words))
    missing = [number for number in numbers if number >= len(faces)]
    if missing:
        names = ", ".join(map(str, missing))
        there = f"0 to {len(faces) - 1}" if faces else "none"
        raise ValueError(
            f"there is no face {names}: found {len(faces)} in this photo, expected numbers from {there}"
        )
    return [faces[number] for number in numbers]


def parse_box(box: str | Sequence[float], size: tuple[int, int]) -> Edges:
    """`X0,Y0,X1,Y1` or four numbers as a box inside a photo of `size` (width, height) pixels.

    Raises:
        ValueError: not four finite numbers, not inside the photo, or less than 10 pixels wide or high.

    >>> parse_box("10, 20,110,140", (640, 480))
    (10.0, 20.0, 110.0, 140.0)
    """
    words = box.split(",") if isinstance(box, str) else list(box)
    try:
        numbers = [float(word) for word in words]
    except (TypeError, ValueError):
        raise ValueError(f"box is {box!r}, expected four numbers X0,Y0,X1,Y1 in pixels") from None
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"box is {box!r}, expected four numbers X0,Y0,X1,Y1 in pixels")
    x0, y0, x1, y1 = numbers
    width, height = size
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        raise ValueError(f"box is {box!r}, expected it inside the photo, which is 0,0,{width},{height}")
    if x1 - x0 < SMALLEST_BOX or y1 - y0 < SMALLEST_BOX:
        raise ValueError(
            f"box is {box!r}, expected X0 < X1 and Y0 < Y1, at least {SMALLEST_BOX} pixels apart"
        )
    return x0, y0, x1, y1


def overlap(a: Edges, b: Edges) -> float:
    """Intersection over union."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, high)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
