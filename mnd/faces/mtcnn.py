"""MTCNN: find faces by a cascade of three networks, then measure their landmarks until they stay put.

Zhang, Zhang, Li, Qiao 2016, arXiv 1604.02878, with the weights that the package `facenet-pytorch` carries.
The cascade is our own: the package's cuts a face at the border of the picture and stretches what is left,
moves each box to whole pixels, and fails on a picture less than 20 pixels high. Two of these move landmarks,
and it is through its landmarks that a recogniser sees a face.

Boxes are `(N, 4)` x0, y0, x1, y1, landmarks `(N, 5, 2)` x, y. All are edges: pixel i reaches from i to i + 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.types import Pixels
from .landmarks import MIRRORED
from .looking import LIGHTS, Patch, lit, patch
from .mtcnn_nets import Nets, nms, roi_align

if TYPE_CHECKING:
    from torch import nn

PYRAMID = 0.709
THRESHOLDS = (0.6, 0.7)
"""Of the first and the second network; the third's is the caller's."""
LENIENT = (0.2, 0.2)
"""The same in a picture of which hardly anything is left."""
CELLS = 48
"""Pixels a side of the third network's input."""
FINE = 4
"""Samples per side of each of these, averaged: a face is measured in 192 pixels."""
ROUNDS = 12
STILL = 1e-4
"""Measuring stops when no landmark moved more than this share of the frame's side."""
TEMPLATE = ((0.32, 0.364), (0.68, 0.364), (0.5, 0.586), (0.339, 0.771), (0.661, 0.771))
"""Where the third network sees the landmarks, as shares of its input's side; symmetric.

Set on 100 photos of LFW: from .30 to .42 between the eyes a recogniser is equally accurate within the noise.
"""


class Finds(NamedTuple):
    """What the cascade found: `(N, 4)`, `(N,)` and `(N, 5, 2)`."""

    boxes: Tensor
    scores: Tensor
    landmarks: Tensor


class Measured(NamedTuple):
    """A face in the photo: landmarks `(5, 2)`, centre `(2,)`, size `(2,)` (width, height), probability."""

    landmarks: Tensor
    centre: Tensor
    size: Tensor
    probability: Tensor


def _square(boxes: Tensor) -> Tensor:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True) / 2
    return torch.cat([centre - half, centre + half], 1)


def _move(boxes: Tensor, shares: Tensor) -> Tensor:
    """Every edge moves by a share of the box's width or height."""
    return boxes + shares * (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)


def _propose(nets: Nets, image: Tensor, smallest: float, threshold: float) -> Tensor:
    height, width = image.shape[2:]
    found, scale = [], 12 / smallest
    while min(height, width) * scale >= 12:
        small = F.interpolate(image, size=(round(height * scale), round(width * scale)), mode="area")
        moves, scores = nets.propose(small)
        row, column = (scores[0, 1] >= threshold).nonzero(as_tuple=True)
        corner = torch.stack([column, row], 1) * 2.0
        actual = image.new_tensor([width / small.shape[3], height / small.shape[2]]).repeat(2)
        boxes = torch.cat([corner, corner + 12], 1) * actual
        scores, moves = scores[0, 1, row, column], moves[0, :, row, column].T
        keep = nms(boxes, scores, 0.5)
        found.append(torch.cat([boxes[keep], scores[keep, None], moves[keep]], 1))
        scale *= PYRAMID
    if not found:
        return image.new_zeros(0, 4)
    every = torch.cat(found)
    every = every[nms(every[:, :4], every[:, 4], 0.7)]
    return _square(_move(every[:, :4], every[:, 5:]))


def _judge(net: nn.Module, image: Tensor, boxes: Tensor, size: int) -> list[Tensor]:
    """What `net` says of boxes at fractions of a pixel, seen as area averages; outside the image is grey."""
    parts = [net(roi_align(image, part, size)) for part in torch.split(boxes, 256)]
    return [torch.cat(column) for column in zip(*parts, strict=True)]


def cascade(
    nets: Nets,
    image: Tensor,
    smallest: float,
    probability: float,
    thresholds: tuple[float, float] = THRESHOLDS,
) -> Finds:
    """Three networks, each of which looks closer at what the one before it let through."""
    boxes = _propose(nets, image, smallest, thresholds[0])
    if len(boxes):
        moves, scores = _judge(nets.check, image, boxes, 24)
        good = scores[:, 1] > thresholds[1]
        boxes, moves, sure = boxes[good], moves[good], scores[good, 1]
        keep = nms(boxes, sure, 0.7)
        boxes = _square(_move(boxes[keep], moves[keep]))
    if not len(boxes):
        return Finds(boxes, boxes.new_zeros(0), boxes.new_zeros(0, 5, 2))
    moves, points, scores = _judge(nets.measure, image, boxes, CELLS)
    good = scores[:, 1] >= probability
    boxes, moves, points, sure = boxes[good], moves[good], points[good], scores[good, 1]
    side = (boxes[:, 2:] - boxes[:, :2])[:, None]
    landmarks = boxes[:, None, :2] + side * torch.stack([points[:, :5], points[:, 5:]], 2)
    boxes = _move(boxes, moves)
    keep = distinct(boxes, sure)
    return Finds(boxes[keep], sure[keep], landmarks[keep])


def doubted(nets: Nets, image: Tensor, finds: Finds, sure: float, least: float) -> Finds:
    """Without what has less than `sure` and, however it is turned, less than `least`.

    The third network looks once more, at three more turns: a face on its side or upside down is hardly a face
    to it, and one the right way up is. The landmarks are of the turn that is surest, the scores stay.
    """
    doubtful = (finds.scores < sure).nonzero().flatten()
    if not len(doubtful):
        return finds
    squares = _square(finds.boxes[doubtful])
    scores, landmarks = [finds.scores[doubtful]], [finds.landmarks[doubtful]]
    crops = roi_align(image, squares, CELLS)
    side = (squares[:, 2:] - squares[:, :2])[:, None]
    for turn in (1, 2, 3):
        _, points, found = nets.measure(torch.rot90(crops, turn, (2, 3)))
        shares = torch.stack([points[:, :5], points[:, 5:]], 2)
        for _ in range(turn):
            shares = torch.stack([1 - shares[..., 1], shares[..., 0]], 2)
        scores.append(found[:, 1])
        landmarks.append(squares[:, None, :2] + side * shares)
    best, turn_of = torch.stack(scores).max(0)
    points = finds.landmarks.clone()
    points[doubtful] = torch.stack(landmarks)[turn_of, torch.arange(len(doubtful), device=points.device)]
    keep = torch.ones_like(finds.scores, dtype=torch.bool)
    keep[doubtful] = best >= least
    return Finds(finds.boxes[keep], finds.scores[keep], points[keep])


def distinct(boxes: Tensor, scores: Tensor) -> Tensor:
    """The surest of every group of boxes of which one covers seven tenths of the smaller, surest first."""
    order: list[int] = torch.argsort(scores, descending=True, stable=True).tolist()
    area = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)
    kept: list[int] = []
    for i in order:
        shared = (
            torch.minimum(boxes[i, 2:], boxes[kept, 2:]) - torch.maximum(boxes[i, :2], boxes[kept, :2])
        ).clamp(min=0)
        if not bool((shared.prod(1) > 0.7 * torch.minimum(area[i], area[kept])).any()):
            kept.append(i)
    return torch.tensor(kept, dtype=torch.long, device=boxes.device)


def _frame(points: Tensor) -> Tensor:
    """`(2, 3)`: template to photo, the similarity (turn, scale, shift) nearest to `points` `(5, 2)`."""
    template = points.new_tensor(TEMPLATE)
    a, b = template - template.mean(0), points - points.mean(0)
    norm = a.square().sum()
    cos, sin = (a * b).sum() / norm, (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / norm
    matrix = torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])
    return torch.cat([matrix, (points.mean(0) - matrix @ template.mean(0))[:, None]], 1)


def _look(nets: Nets, patch: Patch, frame: Tensor) -> Measured:
    """What the third network says of the face in the frame and of its mirror image: the mean."""
    scale, origin = frame.new_tensor(patch.scale), frame.new_tensor(patch.origin)
    size = frame.new_tensor([patch.image.shape[3], patch.image.shape[2]])
    # The grid wants -1..1 on both sides: frame = (base + 1) / 2, place = 2 * pixel / size - 1.
    zoom = (2 * scale / size)[:, None]
    linear = zoom * frame[:, :2] / 2
    shift = zoom * (frame[:, :2].sum(1, keepdim=True) / 2 + frame[:, 2:] - origin[:, None]) - 1
    theta = torch.cat([linear, shift], 1)[None].float().to(patch.image.device)
    grid = F.affine_grid(theta, [1, 3, CELLS * FINE, CELLS * FINE], align_corners=False)
    face = F.avg_pool2d(F.grid_sample(patch.image, grid, align_corners=False), FINE)
    moves, points, scores = nets.measure(torch.cat([face, face.flip(3)]))
    shares = torch.stack([points[:, :5], points[:, 5:]], 2).cpu().double()
    edges = moves.cpu().double() + frame.new_tensor([0, 0, 1, 1])
    centres = (edges[:, :2] + edges[:, 2:]) / 2
    shares[1] = shares[1, MIRRORED, :]
    shares[1, :, 0], centres[1, 0] = 1 - shares[1, :, 0], 1 - centres[1, 0]
    landmarks, centre = (part.mean(0) @ frame[:, :2].T + frame[:, 2] for part in (shares, centres))
    side = torch.linalg.vector_norm(frame[:, 0])
    return Measured(landmarks, centre, (edges[:, 2:] - edges[:, :2]).mean(0) * side, scores[:, 1].mean())


def measure(
    nets: Nets,
    pixels: Pixels,
    landmarks: Tensor,
    device: torch.device,
    light: str = LIGHTS[0],
    hopeless: float = 0.0,
) -> Measured:
    """A face of roughly known `landmarks` `(5, 2)`, measured in the frame they define till they stay put.

    The answer hardly depends on where the search began, nor on the size and turn of the face. On LFW one
    pass of the cascade has a noise of 3 % of the distance of the eyes when the photo is shifted by a pixel,
    7 % when it is turned by 30 degrees; this has .1 % or less (medians). The mirror removes a bias to a side.
    It is measured in one of `LIGHTS`; what at first has a probability below `hopeless` is left at that.
    """
    points = landmarks.cpu().double()
    frame = _frame(points)
    x, y = (frame[:, :2].sum(1) / 2 + frame[:, 2]).tolist()
    reach = 0.9 * float(torch.linalg.vector_norm(frame[:, 0]))
    place = (x - reach, y - reach, x + reach, y + reach)
    around = lit(patch(pixels, place, 1.8 * CELLS * FINE, device), light)
    for _ in range(ROUNDS):
        frame = _frame(points)
        found = _look(nets, around, frame)
        moved = (found.landmarks - points).abs().max() / torch.linalg.vector_norm(frame[:, 0])
        points = found.landmarks
        if moved < STILL or found.probability < hopeless:
            break
    return found


def upside_down(landmarks: Tensor) -> Tensor:
    """Where the landmarks would be, were the face in the same place turned by half a turn.

    >>> points = 100 * torch.tensor(TEMPLATE)
    >>> upside_down(points)[2].round().tolist()  # a nose that was below the middle is above it
    [50.0, 41.0]
    """
    frame = _frame(landmarks.cpu().double())
    return (1 - frame.new_tensor(TEMPLATE)) @ frame[:, :2].T + frame[:, 2]


def slant(landmarks: Tensor) -> float:
    """Degrees counter-clockwise by which a face must be turned to be upright, -180 to 180."""
    frame = _frame(landmarks.cpu().double())
    return math.degrees(math.atan2(float(frame[1, 0]), float(frame[0, 0])))
