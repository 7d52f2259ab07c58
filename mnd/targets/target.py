"""The protocol of a target: refer to the clean picture once, then answer with margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from .card import TargetCard


@dataclass(frozen=True, slots=True)
class Reference:
    """What a target knows of the clean picture.

    Attributes:
        known: `(B,)` class indices (int64) of a classifier, or `(B, R, D)` embeddings of a face recogniser:
            R pictures of the same person, D numbers each.
        faces: `(B, 5, 2)` landmarks (x, y) in pixels of the images that margins are asked for: left eye,
            right eye, nose, left and right corner of the mouth as seen in the picture, the centre of the
            first pixel at (0, 0). `None` for a classifier.
        views: `(V, R, D)`, those R pictures as each look of a face recogniser sees them; `None` where only
            its own alignment was asked for.
    """

    known: Tensor
    faces: Tensor | None = None
    views: Tensor | None = None

    def at(self, faces: Tensor | None) -> Reference:
        """The same person, the face looked for elsewhere (found again, jittered, or in a crop)."""
        return replace(self, faces=faces)

    @staticmethod
    def person(references: Sequence[Reference]) -> Reference:
        """One person from several photos: their embeddings become one reference, `(B, R1 + R2 + ..., D)`."""
        if not references:
            raise ValueError("got no references, expected at least one")
        known = torch.cat([r.known for r in references], dim=1)
        views = [r.views for r in references if r.views is not None]
        every = torch.cat(views, dim=1) if len(views) == len(references) else None
        return Reference(known, references[0].faces, every)


@runtime_checkable
class Target(Protocol):
    """A model to fool. `margin > 0`: still recognised; `margin <= 0`: fooled."""

    @property
    def card(self) -> TargetCard: ...

    def refer(self, images: Tensor, faces: Tensor | None = None) -> Reference:
        """What the target knows of clean `images` `(B, 3, H, W)` in [0, 1], whose `faces` are `(B, 5, 2)`."""
        ...

    def score(self, images: Tensor, reference: Reference) -> Tensor:
        """`(B,)`: distance or similarity to the nearest reference, or the logit margin, in `card.unit`."""
        ...

    def margin(self, images: Tensor, reference: Reference) -> Tensor:
        """`(B,)`, differentiable: `score` against `card.threshold`, positive while recognised."""
        ...

    def to(self, device: torch.device | str) -> Target:
        """The same target on another device."""
        ...


def device_of(target: Target) -> torch.device:
    """Where images for a target have to be: its `device`, the CPU where it has none."""
    found: torch.device = getattr(target, "device", torch.device("cpu"))
    return found
