"""The settings of a rating study: one source for the API, the flags and their help."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

VOTE_SECONDS = 6.0
"""How long a vote takes with the second of grey after it, for estimates: BT.500 foresees 5 to 11 s."""


@dataclass(frozen=True, slots=True)
class StudySettings:
    """How a rating page is made.

    A presentation is DSIS variant I: reference for `seconds`, mid grey for `grey`, test picture for
    `seconds`, then the vote, which has no limit. BT.500 says 10 s, 3 s and 10 s.

    Raises:
        ValueError: a value is out of its range.

    >>> StudySettings(pictures=4).seconds
    10.0
    """

    attacks: tuple[str, ...] = ()
    """Which attacks are rated, by name; all of the evaluation by default."""
    target: str | None = None
    """Against whom the pictures were made; needed where the evaluation has several targets."""
    pictures: int = 12
    """At most so many picture contents, drawn by the seed from those on which every attack succeeded."""
    seed: int = 0
    """Of the draw of contents; each observer's order has a seed of its own."""
    failures: bool = False
    """Also draw contents on which an attack failed: then the attacks are no longer at equal success."""
    seconds: float = 10.0
    """How long the reference is shown, and how long the test picture."""
    grey: float = 3.0
    """How long the grey between them is shown."""
    training: int = 5
    """Presentations at the beginning that show the range of the study and are not counted."""
    dummies: int = 3
    """Presentations that open each part of the test unannounced and are not counted."""
    session: float = 30.0
    """Minutes after which a break is due."""
    largest: int = 800
    """Longest side in pixels; larger pictures are cut to a window of that size where most was changed."""
    zoom: int = 1
    """Device pixels for a pixel of a picture, in each direction."""
    megabytes: float = 200.0
    """A page larger than this is refused."""

    def __post_init__(self) -> None:
        named = (self.attacks,) if isinstance(self.attacks, str) else tuple(self.attacks or ())
        object.__setattr__(self, "attacks", named)  # of a single name its letters would be the names
        least = {"pictures": 1, "training": 0, "dummies": 0, "largest": 16, "zoom": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ValueError(f"{name} is {value!r}, expected a whole number of at least {low}")
        for name in ("seconds", "session", "megabytes"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a finite number above 0")
        if not 0 <= self.grey < math.inf:
            raise ValueError(f"grey is {self.grey}, expected a finite number of seconds >= 0")
        if len(set(self.attacks)) != len(self.attacks):
            raise ValueError(f"attacks are {', '.join(self.attacks)}, expected each of them once")

    @classmethod
    def of(cls, settings: StudySettings | None, options: dict[str, Any]) -> StudySettings:
        """Settings that a function got whole, or field by field as keywords.

        Raises:
            ValueError: both were given, or a field has a bad value.
        """
        if settings is not None:
            if options:
                raise ValueError(f"got settings and {', '.join(options)}, expected one of the two")
            return settings
        return cls(**options)

    @property
    def presentation(self) -> float:
        """Seconds that a presentation takes, with a quick vote."""
        return 2 * self.seconds + self.grey + VOTE_SECONDS

    @property
    def per_session(self) -> int:
        """Presentations between two breaks.

        >>> StudySettings().per_session
        62
        """
        return max(1, int(60 * self.session / self.presentation))
