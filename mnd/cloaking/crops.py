"""Where a search may change a photo: what its targets look at, and a little around it."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..targets.face import FaceTarget
from .subjects import Subject

Area = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels."""
Size = tuple[int, ...]
"""Height and width of the photo."""
PAD = 8
"""Pixels around a face that the structure of the picture is measured with, but that never change."""


def support(subject: Subject, size: Size) -> Area:
    """The pixels that the targets of a subject look at, inside the photo."""
    height, width = size
    if subject.landmarks is None:
        return 0, 0, width, height
    boxes = torch.cat([t.support(subject.landmarks) for t in subject.targets if isinstance(t, FaceTarget)])
    (x0, y0), (x1, y1) = boxes[:, :2].amin(0).tolist(), boxes[:, 2:].amax(0).tolist()
    return max(int(x0), 0), max(int(y0), 0), min(int(x1), width), min(int(y1), height)


def groups(subjects: list[Subject], size: Size) -> list[list[Subject]]:
    """Subjects whose pixels touch are searched for together, so that none undoes another."""
    found: list[tuple[list[Subject], Area]] = []
    for subject in subjects:
        members, area = [subject], support(subject, size)
        apart = []
        for others, other in found:
            if area[0] < other[2] and other[0] < area[2] and area[1] < other[3] and other[1] < area[3]:
                members, area = others + members, _union(area, other)
            else:
                apart.append((others, other))
        found = [*apart, (members, area)]
    return [members for members, _ in found]


def _union(a: Area, b: Area) -> Area:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def area_of(group: list[Subject], size: Size) -> tuple[Area, Tensor]:
    """The crop to search on, a little larger than what the targets see, and where it may change."""
    height, width = size
    supports = [support(subject, size) for subject in group]
    x0, y0, x1, y1 = functools.reduce(_union, supports)
    box = max(x0 - PAD, 0), max(y0 - PAD, 0), min(x1 + PAD, width), min(y1 + PAD, height)
    mask = torch.zeros(1, 1, box[3] - box[1], box[2] - box[0])
    for a, b, c, d in supports:
        mask[..., b - box[1] : d - box[1], a - box[0] : c - box[0]] = 1
    return box, mask
