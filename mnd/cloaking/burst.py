"""Frames of one scene: what the cloak of the frame before has changed, moved to where the face is now.

Two searches of two frames end in two places, and a change that is another one in each frame flickers. A
search that begins with the change of the frame before adds only what has got lost on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.types import Pixels
from ..faces.detector import Detector, Face, overlap
from ..losses.images import blur, gaussian
from ..targets.alignment import grid, read, similarity
from .crops import Area, support
from .subjects import Subject

CARRIED = 0.8
"""The share of the change that a frame takes over. What has come in when the face looked otherwise fades, and
a change that is larger than it needs to be shrinks."""
SAME_PLACE = 0.3
"""Intersection over union of a face in two frames, at least."""
ALIKE = 0.9
"""Correlation of the lightness of a face in two frames, once it is moved; below it is another scene."""
BLURS = (3.0, 1.0)
"""Pixels: the place is found in soft pictures first, whose slopes reach further."""
ROUNDS = 8
"""So often it is corrected in each, at most."""
LEAST = 0.5
"""Of the pixels so many have to be in the frame before, too."""
SAMPLE = 20_000
"""So many pixels are enough for that."""


@dataclass(frozen=True)
class Frame:
    """The frame before: as it was, what its file changed, and its faces.

    Attributes:
        pixels: `(H, W, 3)`, clean.
        change: `(H, W, 3)` int16, what the cloaked file shows minus that.
        faces: as they were found in the clean one.
    """

    pixels: Pixels
    change: npt.NDArray[np.int16]
    faces: tuple[Face, ...]

    @staticmethod
    def of(clean: Pixels, shown: Pixels, detector: Detector) -> Frame | None:
        """None where nothing was changed, or a file of another size was made."""
        if clean.shape != shown.shape:
            return None
        change = shown.astype(np.int16) - clean
        return Frame(clean, change, tuple(detector(clean))) if change.any() else None

    def moved(self, pixels: Pixels, subjects: Sequence[Subject]) -> Tensor | None:
        """The change that this frame begins with, `(1, 3, H, W)` of pictures in [0, 1]; None: there is none.

        Args:
            pixels: `(H, W, 3)`, this frame, clean.
            subjects: its faces.
        """
        if pixels.shape != self.pixels.shape:
            return None
        begun, faces = torch.zeros(1, 3, *pixels.shape[:2]), 0
        for subject in subjects:
            matrix = self._place(pixels, subject)
            if matrix is not None:
                area = support(subject, pixels.shape[:2])
                x0, y0, x1, y1 = area
                begun[..., y0:y1, x0:x1] = read_at(self.change, matrix, area)
                faces += 1
        return begun * (CARRIED / 255) if faces else None

    def _place(self, pixels: Pixels, subject: Subject) -> Tensor | None:
        """`(1, 2, 3)`: where a pixel of the subject was in the frame before; None: nowhere."""
        area = subject.area(*pixels.shape[1::-1])
        if subject.landmarks is None:
            return corrected(self.pixels, pixels, torch.eye(2, 3, dtype=torch.float64)[None], area)
        if not subject.found:
            return None
        face = max(self.faces, key=lambda face: overlap(face.box, subject.box), default=None)
        if face is None or overlap(face.box, subject.box) < SAME_PLACE or face.turn != subject.turn:
            return None
        now = subject.landmarks[0].double()
        matrix = similarity(now, torch.from_numpy(face.landmarks)[None].double())
        return corrected(self.pixels, pixels, matrix, area)


def begun_in(begun: Tensor, box: Area, mask: Tensor, grey: bool) -> Tensor:
    """The part of a change that a search of a crop begins with: where that may change, and as it may."""
    x0, y0, x1, y1 = box
    part = begun[..., y0:y1, x0:x1] * mask
    return part.mean(1, keepdim=True).expand_as(part) if grey else part


def corrected(before: Pixels, now: Pixels, matrix: Tensor, area: Area) -> Tensor | None:
    """A similarity corrected until the pictures agree: Gauss and Newton on lightness (Lucas and Kanade 1981).

        min  sum_p (c before(M p) + o - now(p))^2     over the similarity M, contrast c and offset o

    Args:
        before, now: two frames, `(H, W, 3)`.
        matrix: `(1, 2, 3)`, about where pixels of `now` are in `before`.
        area: the part of `now` that counts.

    Returns:
        `(1, 2, 3)`, or None where the two show something else there.
    """
    (x0, y0, x1, y1), (height, width) = area, before.shape[:2]
    here = torch.tensor([[[1.0, 0.0, x0], [0.0, 1.0, y0]]], dtype=torch.float64)
    every = max(1, (x1 - x0) * (y1 - y0) // SAMPLE)
    u, v = (part.flatten()[::every] for part in grid(here, (y1 - y0, x1 - x0)))
    a, b, ones = u - u.mean(), v - v.mean(), torch.ones_like(u)
    for sigma in BLURS:
        alike, best = -1.0, matrix
        grey = _lightness(before, sigma)
        slopes = torch.stack([grey, *reversed(torch.gradient(grey))])[None]
        seen = _lightness(now, sigma)[y0:y1, x0:x1].flatten()[::every]
        for _ in range(ROUNDS):
            x, y = matrix[0] @ torch.stack([u, v, ones])
            inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
            if inside.sum() < LEAST * len(u):
                break
            value, right, down = read(slopes, x[None, None], y[None, None], exact=True)[0, :, 0]
            likeness = float(torch.corrcoef(torch.stack([value, seen])[:, inside])[0, 1])
            if not likeness > alike:
                break
            alike, best = likeness, matrix
            turned = torch.stack([a * right + b * down, a * down - b * right, right, down, value, ones], 1)
            step = torch.linalg.lstsq(turned[inside], seen[inside, None]).solution[:, 0]
            scale, turn, *shift = (step[:4] / step[4]).tolist()
            change = torch.tensor([[scale, -turn], [turn, scale]], dtype=torch.float64)
            moved = torch.tensor(shift, dtype=torch.float64) - change @ torch.stack([u.mean(), v.mean()])
            matrix = matrix + torch.cat([change, moved[:, None]], 1)
        matrix = best
    return matrix if alike >= ALIKE else None


def _lightness(pixels: Pixels, sigma: float) -> Tensor:
    """`(H, W)` float64, blurred."""
    grey = torch.from_numpy(pixels.astype(np.float64)).mean(2)[None, None]
    size = min(2 * round(3 * sigma) + 1, 2 * min(pixels.shape[:2]) - 1)
    return blur(grey, gaussian(size, sigma, grey), "reflect")[0, 0]


def read_at(change: npt.NDArray[np.int16], matrix: Tensor, area: Area) -> Tensor:
    """`(1, 3, h, w)`: the change where the pixels of `area` were, bicubic: a mean would take its detail."""
    x0, y0, x1, y1 = area
    here = torch.tensor([[1.0, 0.0, x0], [0.0, 1.0, y0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    x, y = grid(matrix @ here, (y1 - y0, x1 - x0))
    height, width = change.shape[:2]
    points = torch.stack([2 * (x + 0.5) / width - 1, 2 * (y + 0.5) / height - 1], -1).float()
    picture = torch.from_numpy(change.astype(np.float32)).permute(2, 0, 1)[None]
    return F.grid_sample(picture, points, mode="bicubic", align_corners=False)
