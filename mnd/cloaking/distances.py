"""What the distances and similarities of targets mean, in words; both directions alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

DISTANCES = ("distance",)
"""How a unit ends of which less is more alike."""


def distance_in_words(value: float | None, threshold: float, unit: str) -> str:
    """What a distance or a similarity means, said alike for both: more of one is less of the other.

    >>> distance_in_words(0.73, 0.6, "euclidean distance")
    'farther than the threshold, no match (0.730; a match is below 0.6)'
    >>> distance_in_words(0.52, 0.33, "cosine similarity")
    'more alike than the threshold, a match (0.520; a match is above 0.33)'
    """
    if value is None or not math.isfinite(value):
        return "not known"
    distance = unit.endswith(DISTANCES)
    past = value >= threshold if distance else value <= threshold
    if distance:
        words = "farther than the threshold" if past else "nearer than the threshold"
    elif unit == "logit margin":
        words = "named otherwise" if past else "named as before"
    else:
        words = "less alike than the threshold" if past else "more alike than the threshold"
    sign = "below" if distance else "above"
    return f"{words}, {'no' if past else 'a'} match ({value:.3f}; a match is {sign} {threshold:g})"


def nearest_in_words(values: Sequence[float], threshold: float, unit: str) -> str:
    """How near the nearest of several faces comes.

    >>> nearest_in_words([0.9, 0.853], 0.6, "euclidean distance")
    'nearest 0.85, a match is below 0.6'
    """
    nearest, sign = (min(values), "below") if unit.endswith(DISTANCES) else (max(values), "above")
    return f"nearest {nearest:.2f}, a match is {sign} {threshold:g}"
