"""Targets whose answers are known, and subjects for them, to look at through `mnd.cloaking.eot`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from mnd.cloaking.eot import Views
from mnd.cloaking.levels import PLANS, Plan
from mnd.cloaking.subjects import Subject
from mnd.targets.card import TargetCard
from mnd.targets.classifier import Classifier, Preprocess
from mnd.targets.face import Faces, FaceTarget, placed
from mnd.targets.looks import Look
from mnd.targets.target import Reference

BOX = (30, 20, 131, 110)
SIZE = (BOX[3] - BOX[1], BOX[2] - BOX[0])
FACE = torch.tensor([[[71.2, 54.1], [90.4, 54.9], [80.8, 65.2], [73.0, 75.3], [89.1, 74.6]]])
"""In pixels of the photo; the chip of it lies inside the crop."""
CROPPED = FACE - torch.tensor([30.0, 20.0])
EYES = float(torch.linalg.vector_norm(FACE[0, 0] - FACE[0, 1]))
UNITS = pytest.mark.parametrize(
    ("unit", "threshold"), [("euclidean distance", 0.6), ("cosine similarity", 0.33)]
)


class Colours(nn.Module):
    """Twelve numbers of a chip: the mean colours of its quarters; where the face lies changes them."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)


class Watched(FaceTarget):
    """Remembers what it was shown: images, and where the faces were."""

    def __init__(self, card: TargetCard, net: nn.Module) -> None:
        super().__init__(card, net)
        self.shown: list[tuple[Tensor, Tensor]] = []

    def cut(self, image: Tensor, faces: Faces, looks: Sequence[Look]) -> list[Tensor]:
        self.shown.append((image.detach(), placed(faces, 5)))
        return super().cut(image, faces, looks)


def target(unit="euclidean distance", threshold=0.6, name="toy") -> Watched:
    card = TargetCard(
        name=name, kind="face", unit=unit, threshold=threshold, size=(24, 24), source="this test",
        licence="none", template="arcface112",
    )  # fmt: skip
    return Watched(card, Colours())


class MeanColour(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 10 * x.mean((2, 3))


def classifier(threshold: float = 0.0) -> Classifier:
    """Of three classes: red, green, blue; its logits are ten times the mean colours."""
    card = TargetCard(
        name="colours", kind="classifier", unit="logit margin", threshold=threshold, size=(8, 8),
        source="this test", licence="none",
    )  # fmt: skip
    return Classifier(card, MeanColour(), Preprocess(8, (8, 8)))


def noise(seed: int, height: int = SIZE[0], width: int = SIZE[1]) -> Tensor:
    """A repeatable picture with shapes of several pixels, which a channel changes and does not wipe out."""
    coarse = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)


def subject(*targets: FaceTarget, rows: int = 1, seed: int = 5) -> Subject:
    judged = tuple(
        Reference(torch.rand(1, rows, 12, generator=torch.Generator().manual_seed(seed + i)), FACE)
        for i in range(len(targets))
    )
    return Subject("face", (60.0, 40.0, 100.0, 100.0), FACE, targets, judged)


def whole(one: Classifier, label: int = 0) -> Subject:
    return Subject("whole", (0.0, 0.0, 150.0, 150.0), None, (one,), (Reference(torch.tensor([label])),))


def plan(**changes) -> Plan:
    """One clean, still look at what is judged against, but for what is asked for."""
    still = {
        "steps": 4, "headroom": 0.2, "similarity": 0.5, "jitter": 0.0, "misplaced": 0.0, "flips": 0.0,
        "reference": "nearest", "draws": 0, "looks": 1, "scale": (0.45, 0.6), "trials": (),
        "settle": 1.0,
    }  # fmt: skip
    return dataclasses.replace(PLANS["robust", False], **still | changes)


def seen(subjects, plan, seed: int = 0, saved=lambda y: y, clean=None) -> Views:
    return Views(subjects, BOX, plan, noise(1) if clean is None else clean, saved, seed)


def room(one: FaceTarget, plan: Plan) -> float:
    share = plan.headroom if one.card.lower_is_same else plan.similarity
    return share * one.card.threshold
