"""One target's answer about one picture, as it is reported."""

from __future__ import annotations

from dataclasses import dataclass

from .card import TargetCard, Unit


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
