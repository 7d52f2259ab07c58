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
