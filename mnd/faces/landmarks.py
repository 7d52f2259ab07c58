"""The five landmarks of a face: left eye, right eye, nose, left and right corner of the mouth, as seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..base.types import Edges

MIRRORED = (1, 0, 2, 4, 3)
"""The landmark that each one becomes in the mirror: the left eye is the right one."""
UPRIGHT = np.array([[0.31, 0.42], [0.70, 0.42], [0.50, 0.62], [0.34, 0.80], [0.67, 0.80]], dtype=np.float32)
"""Where they lie in the box of an upright face, as shares of its width and height."""


def upright_in(box: Edges) -> npt.NDArray[np.float32]:
    """Where the landmarks `(5, 2)` of an upright face that fills the box would be.

    >>> upright_in((0.0, 0.0, 100.0, 100.0))[2].tolist()
    [49.5, 61.5]
    """
    x0, y0, x1, y1 = box
    corner = np.array([x0, y0], dtype=np.float32)
    size = np.array([x1 - x0, y1 - y0], dtype=np.float32)
    points: npt.NDArray[np.float32] = corner + UPRIGHT * size - np.float32(0.5)
    return points


def jittered(faces: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Landmarks `(K, 5, 2)`, each moved by chance: normal, its deviation a share of the distance of the eyes.

    >>> faces = torch.rand(1, 5, 2)
    >>> torch.equal(jittered(faces, 0.0, torch.Generator()), faces)
    True
    """
    eyes = torch.linalg.vector_norm(faces[:, 0] - faces[:, 1], dim=-1)[:, None, None]
    moved: Tensor = faces + torch.randn(faces.shape, generator=generator) * share * eyes
    return moved


def misplaced(faces: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Landmarks `(K, N, 2)` of faces that crops miss by chance: each turned, zoomed and moved as a whole.

    About its middle c a face is turned by a, zoomed by 1 + z and moved by d of its width w,
    p -> c + (1 + z) R(a) (p - c) + w d; a (in radians), z and d are normal, with a deviation of `share`.

    Source: the affine views of DPA (2024, arXiv 2411.15555), here of the landmarks and not of the picture.

    >>> faces = torch.rand(1, 5, 2)
    >>> torch.equal(misplaced(faces, 0.0, torch.Generator()), faces)
    True
    """
    if not share:  # not a number is drawn: what else is drawn stays what it was
        return faces
    turn, zoom, right, down = (torch.randn((4, len(faces)), generator=generator) * share).to(faces)[..., None]
    middle = faces.mean(1, keepdim=True)
    x, y = (faces - middle).unbind(-1)
    width = x.amax(1, keepdim=True) - x.amin(1, keepdim=True)
    cos, sin = (1 + zoom) * torch.cos(turn), (1 + zoom) * torch.sin(turn)
    moved = torch.stack([cos * x - sin * y + width * right, sin * x + cos * y + width * down], -1)
    return middle + moved


def mirrored(image: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """An image `(B, 3, H, W)` and its landmarks `(K, 5, 2)` in a mirror.

    >>> image, points = mirrored(torch.zeros(1, 3, 8, 8), torch.zeros(1, 5, 2))
    >>> points[0, 0].tolist()
    [7.0, 0.0]
    """
    x = image.shape[3] - 1 - points[..., 0]
    return image.flip(3), torch.stack([x, points[..., 1]], -1)[:, MIRRORED]
