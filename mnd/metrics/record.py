"""How the quality of a changed photo is written down; imported at once, without torch."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class LearnedRecord(TypedDict):
    """A learned distance."""

    metric: str
    trunk: str
    version: str
    value: float


class PortraitRecord(TypedDict):
    """What measures say of a face (`mnd.metrics.portrait`); null where they were not asked."""

    butteraugli: float | None
    butteraugli_norm: float | None
    ssimulacra2: float | None
    elpips: float | None


class FeaturesRecord(TypedDict):
    """How a face looks that was changed (`mnd.metrics.appearance`): colours in CIEDE2000, and counts."""

    iris: float
    iris_apart: float
    lips: float
    skin: float
    strokes: int
    stitches: int


class AppearanceRecord(FeaturesRecord, PortraitRecord):
    """Both, of one face."""


class RegionQualityRecord(TypedDict):
    """How much of a region is still as it was."""

    psnr: float | None
    ssim: float | None
    learned: list[LearnedRecord]
    appearance: NotRequired[AppearanceRecord | None]
    """Of a face; null where its features are not found: a profile, a mask, a face that nobody saw."""


class QualityRecord(TypedDict):
    """How much of a photo is still as it was; null: nothing was changed, or it is too small."""

    psnr: float | None
    ssim: float | None
    above_jnd: float
    """Share of pixels that changed by more than the just noticeable difference."""
    regions: list[RegionQualityRecord]
    """In the order of the boxes."""
    ssimulacra2_phone: NotRequired[float | None]
    """Of the photo, as wide as a phone's screen; `mnd check` alone tells it."""
