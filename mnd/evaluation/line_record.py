"""What a line of `results.jsonl` says, field by field (`mnd schema results`; `docs/evaluation.md`)."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

FORMAT = 1
"""Of the lines; in each."""


class TriedRecord(TypedDict):
    """One setting of the dial that was tried."""

    setting: float
    success: bool
    psnr: float | None
    seconds: float
    peak_mb: float | None
    passes: int | None
    forwards: int | None
    backwards: int | None
    path: str


class ScoreRecord(TypedDict):
    """What a target says of the clean picture and of the saved file."""

    unit: str
    threshold: float
    before: float
    after: float
    fooled: bool


class ResultRecord(TypedDict):
    """What one attack did to one picture for one target."""

    mnd_results: Literal[1]
    """The version of this format."""
    attack: str
    target: str
    picture: str
    counted: bool
    success: bool
    """The saved file fools the target."""
    dial: Literal["eps", "headroom", "level"]
    setting: float | None
    """Of the dial, the last that was tried; null where the attack broke down."""
    tried: list[TriedRecord]
    error: dict[str, Any] | None
    """`kind` and `message` where the attack broke down: then all measures are null."""
    path: str | None
    """Of the saved picture, relative to the folder."""
    original: str
    scores: dict[str, ScoreRecord]
    judges: dict[str, bool | None]
    """Whether recognisers that were not attacked are fooled; null: they do not know the clean picture."""
    channel: dict[str, bool]
    """Whether the target is still fooled after each way of sharing."""
    psnr: float | None
    ssim: float | None
    ms_ssim: float | None
    ciede2000: float | None
    ciede2000_p99: float | None
    lpips: float | None
    rlpips: float | None
    elpips: float | None
    above_jnd: float | None
    ssimulacra2: float | None
    butteraugli: float | None
    passes: int | None
    forwards: int | None
    backwards: int | None
    passes_tried: int | None
    seconds: float | None
    seconds_tried: float | None
    peak_mb: float | None
    face_ssimulacra2: NotRequired[float | None]
    face_butteraugli: NotRequired[float | None]
    face_butteraugli_norm: NotRequired[float | None]
    face_elpips: NotRequired[float | None]
    face_iris: NotRequired[float | None]
    face_strokes: NotRequired[float | None]
    face_stitches: NotRequired[float | None]
