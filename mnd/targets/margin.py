"""Several targets at once: an ensemble is a list of targets, and has one margin a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .card import TargetCard, Unit
from .target import Reference, Target


@dataclass(frozen=True, slots=True)
class Margin:
    """One target's answer about one picture, as it is reported."""

    target: str
    unit: Unit
    threshold: float
    value: float
    """Distance or similarity to the nearest reference, or the logit margin, in `unit`."""
    margin: float
    """`value` against `threshold`: > 0 still recognised."""

    @property
    def fooled(self) -> bool:
        """The target does not recognise the picture any more."""
        return self.margin <= 0

    @staticmethod
    def of(card: TargetCard, value: float) -> Margin:
        """The margin of a `value` in the unit of `card`."""
        margin = card.threshold - value if card.lower_is_same else value - card.threshold
        return Margin(card.name, card.unit, card.threshold, value, margin)


def refer(targets: Sequence[Target], images: Tensor, faces: Tensor | None = None) -> list[Reference]:
    """What each target knows of clean `images` `(B, 3, H, W)`."""
    return [target.refer(images, faces) for target in targets]


def margins(targets: Sequence[Target], images: Tensor, references: Sequence[Reference]) -> list[Tensor]:
    """One margin `(B,)` a target, differentiable; > 0: that target still recognises the picture.

    Raises:
        ValueError: not as many references as targets.
    """
    _paired(targets, references)
    return [t.margin(images, r) for t, r in zip(targets, references, strict=True)]


@torch.no_grad()
def measure(targets: Sequence[Target], images: Tensor, references: Sequence[Reference]) -> list[list[Margin]]:
    """For each picture what each target says of it, with units and thresholds, for reports.

    Raises:
        ValueError: not as many references as targets.
    """
    _paired(targets, references)
    columns = [t.score(images, r).tolist() for t, r in zip(targets, references, strict=True)]
    return [
        [Margin.of(target.card, value) for target, value in zip(targets, row, strict=True)]
        for row in zip(*columns, strict=True)
    ]


def _paired(targets: Sequence[Target], references: Sequence[Reference]) -> None:
    if len(targets) != len(references) or not targets:
        raise ValueError(
            f"got {len(targets)} targets and {len(references)} references, expected one for each"
        )
