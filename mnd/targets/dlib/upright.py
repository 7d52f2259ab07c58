"""A face upright, as dlib's predictors of landmarks know it: the points that they see, in the photo again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .shape import predictor, rect_from_landmarks

AROUND = 1.0
"""How much of the picture around a face its landmarks are looked for in, in sides of its box on each side."""


@dataclass(frozen=True)
class Upright:
    """The part of a picture around a face, turned by quarters so that the face is upright in it.

    Attributes:
        part: `(1, 3, h, w)`.
        face: our landmarks `(1, 5, 2)` in it.
        corner: of the part in the picture, `(2,)`.
        quarters: by how many it was turned to the left.
    """

    part: Tensor
    face: Tensor
    corner: Tensor
    quarters: int

    @classmethod
    def of(cls, image: Tensor, faces: Tensor) -> Upright:
        """The part of `image` `(1, 3, H, W)` around a face `(1, 5, 2)`."""
        left, top, right, bottom = rect_from_landmarks(faces.numpy())[0].tolist()
        grow = round(AROUND * (right - left + 1))
        height, width = image.shape[2:]
        x0, y0 = (min(max(v - grow, 0), limit - 1) for v, limit in ((left, width), (top, height)))
        x1, y1 = max(x0 + 1, min(right + grow + 1, width)), max(y0 + 1, min(bottom + grow + 1, height))
        corner = torch.tensor([x0, y0], dtype=faces.dtype)
        part, points = image[..., y0:y1, x0:x1], faces - corner
        across, down = (faces[0, 1] - faces[0, 0]).tolist()
        quarters = round(math.degrees(math.atan2(down, across)) / 90) % 4
        for _ in range(quarters):  # to the left, each
            points = torch.stack([points[..., 1], part.shape[3] - 1 - points[..., 0]], -1)
            part = part.rot90(1, (2, 3))
        return cls(part, points, corner, quarters)

    def points(self, count: int) -> Tensor:
        """The landmarks `(1, count, 2)` that dlib's predictor of so many sees in the part, as doubles."""
        rect = rect_from_landmarks(self.face.numpy())
        levels = (self.part[0] * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        return torch.from_numpy(predictor(count)(np.ascontiguousarray(levels), rect))

    def back(self, points: Tensor) -> Tensor:
        """Points of the part in the picture that it was cut from."""
        height, width = self.part.shape[2:]
        for _ in range(self.quarters):  # to the right, each
            points = torch.stack([height - 1 - points[..., 1], points[..., 0]], -1)
            height, width = width, height
        return points + self.corner


def landmarks(image: Tensor, faces: Tensor, count: int = 68) -> Tensor:
    """dlib's landmarks `(1, count, 2)` of a face of `image`, in its pixels, however the face is turned.

    Args:
        image: `(1, 3, H, W)` in [0, 1], on 8-bit levels.
        faces: `(1, 5, 2)`, our landmarks of the face.
        count: 5 or 68.

    Raises:
        ValueError: there is no such predictor.
        FileNotFoundError: its file is not on this machine.
    """
    face = Upright.of(image, faces)
    return face.back(face.points(count))
