"""The card of a target: what it is, where it comes from, and when it says "the same"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["face", "classifier"]
Unit = Literal["euclidean distance", "cosine similarity", "logit margin"]

UNITS: tuple[Unit, ...] = ("euclidean distance", "cosine similarity", "logit margin")
KINDS: tuple[Kind, ...] = ("face", "classifier")


@dataclass(frozen=True, slots=True)
class TargetCard:
    """What is known of a target before its weights are loaded.

    A card without a threshold is refused: a margin would mean nothing.

    Raises:
        ValueError: a field has a value outside its range; the message names the field.

    >>> TargetCard(name="x", kind="face", unit="cosine similarity", threshold=0.3, size=(112, 112),
    ...            source="nowhere", licence="CC0-1.0").threshold
    0.3
    """

    name: str
    """How the user calls it: `dlib`, `torchvision:resnet50`."""
    kind: Kind
    unit: Unit
    """What `before` and `after` are measured in."""
    threshold: float
    """The value of `unit` at which the target changes its mind."""
    size: tuple[int, int]
    """Height and width of its input in pixels."""
    source: str
    licence: str
    threshold_at: str = ""
    """Where the threshold comes from, for people."""
    weights: str = ""
    """The weights' file name, package or address."""
    sha256: str | None = None
    download: int = 0
    """Bytes that have to be downloaded before first use; 0 when a package or a local file holds them."""
    template: str = "none"
    """How a face is cut out for a face target, one of `mnd.targets.alignment.ALIGNMENTS`: `arcface112`,
    `dlib150`, `box160`, `box`, `eyes`; `none` for classifiers."""
    padding: float = 0.0
    """Of the template `box`: how much wider and higher it is than the detector's box, as a share of that."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """The network sees `(image - mean) / std`, image in [0, 1]."""
    judged_as: tuple[str, ...] = ()
    """Names of the looks (`mnd.targets.looks`) that judge a face recogniser: how programs cut a face out.
    None: its own alignment, and the mean with the mirror image."""
    code_licence: str = ""
    """The licence of the code that the network was published with; `licence` is that of its weights."""
    trained_on: str = ""
    """The photos that it learned from."""
    lfw: float | None = None
    """Share of the 6,000 pairs of LFW that it judges rightly, as published."""
    judge_only: bool = False
    """Its weights are not for everybody's use: never attacked or fetched unless it is named."""
    surrogate: bool = False
    """It stands for recognisers that are not here: `strong` alone attacks it without being asked."""
    extra: str = ""
    """The extra of this package that it needs, such as `onnx` (`mnd.base.distribution.pip_install`)."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"card {self.name!r}: kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        if self.unit not in UNITS:
            raise ValueError(f"card {self.name!r}: unit is {self.unit!r}, expected one of {', '.join(UNITS)}")
        number = isinstance(self.threshold, (int, float)) and not isinstance(self.threshold, bool)
        if not number or not abs(self.threshold) < float("inf"):
            raise ValueError(f"card {self.name!r}: threshold is {self.threshold!r}, expected a finite number")
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f"card {self.name!r}: size is {self.size!r}, expected (height, width) in pixels")
        if self.lfw is not None and not 0 <= self.lfw <= 1:
            raise ValueError(f"card {self.name!r}: lfw is {self.lfw!r}, expected a share of 0 to 1")
        if not 0 <= self.padding <= 2:
            raise ValueError(f"card {self.name!r}: padding is {self.padding!r}, expected a share from 0 to 2")
        if min(self.std) <= 0:
            raise ValueError(f"card {self.name!r}: std is {self.std!r}, expected three positive numbers")

    @property
    def lower_is_same(self) -> bool:
        """True when a smaller value of `unit` means "the same" (a distance)."""
        return self.unit == "euclidean distance"
