"""Find faces and their five landmarks in photos of any size, and choose among them."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from .mtcnn import Box, Measured, Nets, Patch, Pixels, cascade, distinct, in_photo, load, measure, patch

SMALLEST_BOX = 10
"""Pixels: below this a box holds no face that a recogniser could use."""
SAME_PLACE = 0.15
"""Intersection over union of a face with the box it was looked for in: people draw boxes generously."""


class FaceError(ValueError):
    """A photo in which the asked-for face could not be found; `kind` is for programs, the text for people."""

    kind = "no-face"

    @classmethod
    def none_found(cls, size: tuple[int, int]) -> FaceError:
        """The error of a photo of `size` (width, height) without any face.

        >>> "--box" in str(FaceError.none_found((640, 480))), FaceError.none_found((640, 480)).kind
        (True, 'no-face')
        """
        return cls(
            f"found no face in this photo of {size[0]}x{size[1]} pixels, expected at least one: "
            "say where it is with --box X0,Y0,X1,Y1 (pixels), or change the whole picture with --whole"
        )


@dataclass(frozen=True)
class FinderSettings:
    """What counts as a face, and how hard to look for it."""

    minimum_probability: float = 0.9
    """Of the last network of the cascade, 0..1; below it a find is not reported."""
    minimum_probability_near: float = 0.5
    """The same where the place is already known."""
    minimum_size: int = 20
    """Pixels of the copy that is searched: the smallest side of a face."""
    first_look: int = 1280
    """Pixels: the longer side of the copy that is searched first."""
    tile: int = 1280
    """Pixels: the side of the tiles of the second look, at full scale, when the first found nothing."""

    def __post_init__(self) -> None:
        for name in ("minimum_probability", "minimum_probability_near"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a number from 0 to 1")
        if self.minimum_size < 12:
            raise ValueError(f"minimum_size is {self.minimum_size!r}, expected at least 12 pixels")
        for name in ("first_look", "tile"):
            if getattr(self, name) < 4 * self.minimum_size:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected at least 4 times minimum_size")


@dataclass(frozen=True)
class Face:
    """A face in a photo.

    Attributes:
        box: x0, y0, x1, y1 in pixels; the edges, inside the photo. The first pixel is the box (0, 0, 1, 1).
        landmarks: `(5, 2)` float32 (x, y) in pixels: left eye, right eye, nose, left and right corner of the
            mouth as seen in the picture; the centre of the first pixel is (0, 0).
        probability: of the last network of the cascade, 0..1.
    """

    box: Box
    landmarks: npt.NDArray[np.float32]
    probability: float

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


def parse_box(box: str | Sequence[float], size: tuple[int, int]) -> Box:
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


def _tiles(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin that cover `length`, evenly spread, each `overlap` or more over its neighbour."""
    count = 1 if length <= tile else math.ceil((length - overlap) / (tile - overlap))
    return [round(i * (length - tile) / max(1, count - 1)) if count > 1 else 0 for i in range(count)]


def _checked(pixels: Pixels) -> Pixels:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(
            f"got pixels of {pixels.dtype} {pixels.shape}, expected uint8 (height, width, 3), RGB"
        )
    return pixels


class Detector:
    """MTCNN, loaded when it is first asked, for photos of any size.

    Deterministic: the same pixels give the same faces.

    >>> import skimage.data
    >>> [face] = Detector()(skimage.data.astronaut())
    >>> [round(float(x)) for x in face.landmarks[2]]
    [224, 129]
    """

    def __init__(self, device: torch.device | str = "cpu", settings: FinderSettings | None = None) -> None:
        self.device = torch.device(device)
        self.settings = settings or FinderSettings()

    @functools.cached_property
    def _nets(self) -> Nets:
        return load(self.device)

    @torch.no_grad()
    def __call__(self, pixels: Pixels) -> list[Face]:
        """The faces of a photo `(H, W, 3)` uint8 RGB, upright; largest first.

        A large photo is searched in a smaller copy, and at full scale only when that shows no face.

        Raises:
            ValueError: not such an array.
        """
        _checked(pixels)
        height, width = pixels.shape[:2]
        faces = self._faces(pixels, [(0.0, 0.0, float(width), float(height))], self.settings.first_look)
        if not faces and max(height, width) > self.settings.first_look:
            faces = self._faces(pixels, self._second_look(width, height), self.settings.tile)
        return faces

    @torch.no_grad()
    def near(self, pixels: Pixels, box: str | Sequence[float]) -> Face | None:
        """The face in `box`, or nothing; looks only around it, and more leniently than at a whole photo.

        Raises:
            ValueError: no such array, or no box inside it.
        """
        _checked(pixels)
        x0, y0, x1, y1 = known = parse_box(box, (pixels.shape[1], pixels.shape[0]))
        side = max(x1 - x0, y1 - y0)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        around = (x - side, y - side, x + side, y + side)
        part = patch(pixels, around, 320, self.device)
        least = self.settings.minimum_probability_near
        faces = self._measured(pixels, part, max(10.0, 0.4 * side * min(part.scale)), least)
        if not faces:
            return None
        best = max(faces, key=lambda face: _overlap(face.box, known))
        return best if _overlap(best.box, known) >= SAME_PLACE else None

    def _second_look(self, width: int, height: int) -> list[Box]:
        """Tiles at full scale; neighbours share twice the size of a face that the first look could miss."""
        settings = self.settings
        missed = 2 * settings.minimum_size * max(width, height) / settings.first_look
        overlap = min(round(missed), settings.tile // 2)
        return [
            (float(x), float(y), float(min(x + settings.tile, width)), float(min(y + settings.tile, height)))
            for y in _tiles(height, settings.tile, overlap)
            for x in _tiles(width, settings.tile, overlap)
        ]

    def _faces(self, pixels: Pixels, places: Sequence[Box], longest: int) -> list[Face]:
        """The faces in some places of the photo, each looked at with at most `longest` pixels a side."""
        settings = self.settings
        faces: list[Face] = []
        for place in places:
            part = patch(pixels, place, longest, self.device)
            faces += self._measured(pixels, part, settings.minimum_size, settings.minimum_probability)
        if not faces:
            return []
        boxes, scores = torch.tensor([f.box for f in faces]), torch.tensor([f.probability for f in faces])
        kept: list[int] = distinct(boxes, scores).tolist()
        return sorted((faces[i] for i in kept), key=lambda face: (-face.size, face.box))

    def _measured(self, pixels: Pixels, part: Patch, smallest: float, least: float) -> list[Face]:
        """The faces of a patch, their landmarks measured in the photo itself."""
        finds = in_photo(cascade(self._nets, part.image, smallest, least), part)
        size = (pixels.shape[1], pixels.shape[0])
        every = [measure(self._nets, pixels, points, self.device) for points in finds.landmarks]
        faces = [_face(found, size) for found in every]
        return [face for face in faces if face is not None and face.probability >= least]


def _face(found: Measured, size: tuple[int, int]) -> Face | None:
    """What was measured, its box cut at the border of the photo; nothing where too little is in it."""
    width, height = size
    x0, y0 = (found.centre - found.size / 2).tolist()
    x1, y1 = (found.centre + found.size / 2).tolist()
    box = (max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1))
    if not min(box[2] - box[0], box[3] - box[1]) >= SMALLEST_BOX:
        return None
    return Face(box, (found.landmarks - 0.5).cpu().numpy().astype(np.float32), float(found.probability))


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, high)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
