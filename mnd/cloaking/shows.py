"""Whether a file shows a photo at all: no verdict on a cloak has a meaning where it does not.

A recogniser that no longer matches says nothing where somebody else, or nobody, is in the file. Pictures are
compared coarsely, without their slow changes: a cloak, a messenger, another size or light leave that alike.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..base.types import Pixels
from ..channel import to_tensor
from ..targets.alignment import fit, warp

TEMPLATE = "arcface112"
SIDE, AROUND = 32, 9
"""Pixels: of the coarse pictures, and of the mean around each that is taken from it."""
SAME_PICTURE, SAME_FACE = 0.7, 0.85
"""Least correlation. Two photos of different people have at most .65 (whole pictures, all pairs of the 480
of `lfw10` and `lfw38`) and .77 (the faces, by their landmarks, of 50 photos of `lfw10`). One has with itself
at least .89 after JPEG 30, blur, noise, half as bright again or at a fifth of its size, .85 with a sticker,
.58 with a black strip over an eighth; its faces have .93 in a small crop."""


def shows(clean: Pixels, other: Pixels) -> bool:
    """Whether two pictures of the same proportions `(H, W, 3)` are of one photo.

    >>> photo = np.random.default_rng(0).integers(0, 256, (9, 6, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    >>> shows(photo, photo[::2, ::2] // 2), shows(photo, photo[::-1]), shows(photo, 0 * photo)
    (True, False, False)
    """
    return _alike(_coarse(clean), _coarse(other)) >= SAME_PICTURE


def shows_face(clean: Pixels, face: Tensor, other: Pixels, there: Tensor) -> bool:
    """Whether two pictures show one photo of a face, by its landmarks `(1, 5, 2)` in each."""
    return _alike(_chip(clean, face), _chip(other, there)) >= SAME_FACE


def _coarse(pixels: Pixels) -> Tensor:
    picture = Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(picture, np.float64) / 255)


def _chip(pixels: Pixels, face: Tensor) -> Tensor:
    chip = warp(to_tensor(pixels), fit(face.cpu(), TEMPLATE, (SIDE, SIDE)), (SIDE, SIDE))
    return chip[0].mean(0)


def _alike(a: Tensor, b: Tensor) -> float:
    """Correlation of two coarse pictures; 0 where one of them is flat."""
    x, y = (_detail(picture) for picture in (a, b))
    return float((x * y).mean())


def _detail(picture: Tensor) -> Tensor:
    around = F.avg_pool2d(picture[None, None], AROUND, 1, AROUND // 2, count_include_pad=False)[0, 0]
    detail = picture - around
    detail = detail - detail.mean()
    return detail / detail.std(correction=0).clamp_min(1e-3)
