"""What `mnd measure --json` prints; imported at once, without torch."""

from __future__ import annotations

from typing import Literal, TypedDict


class MeasuredRecord(TypedDict):
    """What one measure says of two pictures, with what has to be known to compare it."""

    name: str
    title: str
    value: float | None
    note: str
    """Why there is no value, or what has to be said of it; mostly empty."""
    better: Literal["higher", "lower"]
    low: float | None
    """The least value that there can be; null: there is no bound."""
    high: float | None
    unit: str
    how: str
    """Window, border, range, weights, brightness: what a value depends on."""
    version: str
    """Of the code, the weights or the program."""
    source: str


class MeasureErrorRecord(TypedDict):
    """What went wrong with a pair."""

    kind: str
    """As in the record of a photo; `value`: the pictures cannot be compared."""
    message: str


class MapRecord(TypedDict):
    """A picture of where two pictures differ."""

    path: str
    of: Literal["ciede2000", "jnd", "ssim"]
    white: float
    """The value that is white in it; 0 is black."""


class PairRecord(TypedDict):
    """Two pictures and what was measured of them."""

    mnd_measure: int
    """The version of this format: 1."""
    kind: Literal["pair"]
    a: str
    """The original."""
    b: str
    size: list[int] | None
    """Width and height in pixels; null: nothing was measured."""
    measures: list[MeasuredRecord]
    """In the order that was asked for; empty: nothing was measured."""
    map: MapRecord | None
    error: MeasureErrorRecord | None


class AloneRecord(TypedDict):
    """A picture without a partner."""

    path: str
    why: str


class MeanRecord(TypedDict):
    """One measure over all pairs of two folders."""

    name: str
    mean: float | None
    low: float | None
    """Of the 95 % interval of the mean; null below two values."""
    high: float | None
    count: int
    """Pairs of which the measure has a value."""
    worst: float | None
    worst_pair: str | None
    """The original of the pair that has it."""


class SummaryRecord(TypedDict):
    """Two folders: the last line, behind one for each pair."""

    mnd_measure: int
    kind: Literal["summary"]
    a: str
    b: str
    pairs: int
    failed: int
    """Of them, those with an error."""
    alone: list[AloneRecord]
    passed: list[str]
    """Of the folders, what could not be read as a picture, in words."""
    resamples: int
    """Draws of the bootstrap over pairs."""
    seed: int
    measures: list[MeanRecord]
