"""Learned distances for a report, each with the metric, the trunk and the version that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from ..base.types import Pixels
from ..channel import to_tensor
from ..losses.elpips import ELPIPS
from ..losses.images import Distance
from ..losses.local import tiles
from ..losses.lpips import LPIPS
from ..losses.rlpips import RLPIPS
from .record import LearnedRecord

TILE = 256
"""Sides of the pieces in which a large region is looked at."""
LARGEST = 1 << 20
"""Pixels: E-LPIPS of a larger picture would take gigabytes."""


@dataclass(frozen=True, slots=True)
class LearnedDistance:
    """A learned distance means something only beside others of the same metric, trunk and version."""

    metric: str
    trunk: str
    version: str
    value: float
    """>= 0, smaller is nearer."""

    def as_json(self) -> LearnedRecord:
        """The object that is written out."""
        return {"metric": self.metric, "trunk": self.trunk, "version": self.version, "value": self.value}


@cache
def _metrics() -> tuple[LPIPS, ...]:
    return RLPIPS(), LPIPS()


def learned_distances(original: Pixels, changed: Pixels) -> tuple[LearnedDistance, ...]:
    """R-LPIPS and LPIPS of two pictures by the offline trunk; none where they are smaller than it allows.

    A picture with sides above about 256 pixels is looked at in pieces, of which the mean is taken.

    Args:
        original: `(H, W, 3)` uint8, RGB.
        changed: the same of the changed picture.

    >>> photo = np.full((32, 32, 3), 100, np.uint8)
    >>> [(d.metric, d.trunk, d.value) for d in learned_distances(photo, photo)]
    [('R-LPIPS', 'efficientnet-lite0', 0.0), ('LPIPS', 'efficientnet-lite0', 0.0)]
    """
    return tuple(
        LearnedDistance(metric.title, metric.trunk.name, metric.version, _mean(metric, original, changed))
        for metric in _metrics()
        if min(original.shape[:2]) >= metric.trunk.least
    )


@torch.no_grad()
def elpips(original: Pixels, changed: Pixels, draws: int) -> float | None:
    """E-LPIPS around LPIPS by the offline trunk; None of a picture that is too small or too large for it.

    Args:
        original: `(H, W, 3)` uint8, RGB.
        changed: the same of the changed picture.
        draws: over so many is averaged, always the same ones.

    >>> photo = np.full((32, 32, 3), 100, np.uint8)
    >>> elpips(photo, photo, 2)
    0.0
    """
    return elpips_around(_metrics()[1], original, changed, draws)


@torch.no_grad()
def elpips_around(around: LPIPS, original: Pixels, changed: Pixels, draws: int) -> float | None:
    """The same around any LPIPS."""
    # made anew, so that every file is judged by the same draws
    metric = ELPIPS(around, samples=draws, seed=0)
    if min(original.shape[:2]) < metric.least or original.size > 3 * LARGEST:
        return None
    return float(metric(to_tensor(original), to_tensor(changed)))


def least_for_elpips(around: LPIPS) -> int:
    """Pixels that a side must have for E-LPIPS around this metric."""
    return int(ELPIPS(around, samples=1, seed=0).least)


@torch.no_grad()
def distance(metric: Distance, original: Pixels, changed: Pixels) -> tuple[float, bool]:
    """A learned distance, and whether it is that of the whole picture: of a large one it is a mean of pieces.

    >>> photo = np.full((32, 32, 3), 100, np.uint8)
    >>> distance(LPIPS(), photo, photo)
    (0.0, True)
    """
    if original.size > 3 * LARGEST:
        return _mean(metric, original, changed), False
    return float(metric(to_tensor(original), to_tensor(changed))), True


@torch.no_grad()
def _mean(metric: Distance, original: Pixels, changed: Pixels) -> float:
    total = 0.0
    for rows, columns in tiles(original.shape[0], original.shape[1], TILE):
        a, b = original[rows, columns], changed[rows, columns]
        if not np.array_equal(a, b):
            total += float(metric(to_tensor(a), to_tensor(b))) * a.size
    return total / original.size
