"""Ways to show a face to a network, and how well people are separated when it is shown so."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ..alignment import ALIGNMENTS
from ..card import TargetCard
from ..face import FaceTarget
from ..json_card import CHANNELS, Reversed

Triple: TypeAlias = tuple[float, float, float]
FAR = 1e-3
"""Share of pairs of different people that the threshold lets pass."""
NOTHING, HALF, ONE, LEVEL = ((v, v, v) for v in (0.0, 0.5, 1.0, 1 / 255))
RANGES: Mapping[str, tuple[Triple, Triple]] = {
    "-1 to 1": (HALF, HALF),
    "0 to 1": (NOTHING, ONE),
    "0 to 255": (NOTHING, LEVEL),
    "-127 to 127": (HALF, LEVEL),
    "ImageNet's": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""`mean` and `std` of a card for what networks are used to be shown."""
LEAST = 1.8
"""Smallest d' of a network that tells people apart: the way of one that was never trained reaches less."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a face is shown."""

    template: str
    range: str
    channels: str

    def card(self, size: tuple[int, int]) -> TargetCard:
        """A card for the trial; its threshold says nothing."""
        mean, std = RANGES[self.range]
        return TargetCard(
            name="probe", kind="face", unit="cosine similarity", threshold=0.0, size=size, source="",
            licence="", template=self.template, mean=mean, std=std,
        )  # fmt: skip

    def target(self, net: nn.Module, size: tuple[int, int]) -> FaceTarget:
        """The network asked in this way."""
        return FaceTarget(self.card(size), net if self.channels == "rgb" else Reversed(net))


@dataclass(frozen=True, slots=True)
class Separation:
    """How well people are told apart by the cosine of their embeddings.

    Attributes:
        far: share of the pairs of different people above the threshold; 0 where there are too few of them.
        tar: share of the pairs of one person above it.
        distance: d' = (mean of one person - mean of different people) / sqrt(mean of both variances).
    """

    threshold: float
    far: float
    tar: float
    distance: float
    same: int
    different: int

    @property
    def works(self) -> bool:
        """It tells people apart at all."""
        return self.distance >= LEAST

    @staticmethod
    def of(embeddings: Tensor, people: Sequence[object], far: float = FAR) -> Separation:
        """That of embeddings `(N, D)`, one a photo, of the people in them.

        The threshold is the smallest similarity above which at most a share `far` of the pairs of different
        people lie, rounded up to four digits; with fewer than 1 / far such pairs it lies above all of them.

        Raises:
            ValueError: there is no pair of one person, or none of different people.

        >>> two = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> Separation.of(two, ["a", "a", "b", "b"]).tar
        1.0
        """
        unit = nn.functional.normalize(embeddings.cpu().double(), dim=1)
        rows, columns = torch.triu_indices(len(unit), len(unit), 1)
        values = (unit @ unit.T)[rows, columns]
        one = torch.tensor([people[i] == people[j] for i, j in itertools.combinations(range(len(unit)), 2)])
        same, different = values[one], values[~one].sort(descending=True).values
        if not len(same) or not len(different):
            told = f"got {len(same)} pairs of photos of one person and {len(different)} of different people"
            raise ValueError(f"{told}, expected some of both: two people with two photos each")
        least = float(different[int(far * len(different))])
        threshold = -(-(least + 1e-9) * 1e4 // 1) / 1e4
        spread = ((same.var(correction=0) + different.var(correction=0)) / 2).sqrt().clamp_min(1e-9)
        far, tar = (float((part > threshold).double().mean()) for part in (different, same))
        apart = float((same.mean() - different.mean()) / spread)
        return Separation(threshold, far, tar, apart, len(same), len(different))


def all_ways() -> list[Way]:
    """Every template that there is, every range, red first; the order of colours comes after."""
    return [Way(template, it, CHANNELS[0]) for template in ALIGNMENTS for it in RANGES]


def both_orders(ways: Sequence[Way]) -> list[Way]:
    """These ways with either order of colours."""
    return [Way(way.template, way.range, channels) for way in ways for channels in CHANNELS]
