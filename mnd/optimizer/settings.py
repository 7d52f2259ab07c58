"""The settings of a search, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from .start import Start

Keep = Literal["cheapest", "last"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The settings of the search.

    Raises:
        ValueError: a value is outside its range.

    >>> SearchSettings(steps=20).steps
    20
    """

    steps: int = 40
    """Forward and backward passes through the targets."""
    kappa: float = 0.0
    """Head-room: every margin must reach -kappa, in the target's own unit."""
    momentum: tuple[float, float] = (0.3, 0.95)
    """How slowly the average of the targets' gradients forgets, in the first step and in the last: at first
    the search looks around, in the end it settles."""
    trust: float = 1.6
    """How much the change may grow or shrink in one step, as a factor."""
    gain: float = 0.7
    """How much of what a linear model of the margin missed is added to its aim in the next step."""
    relax: float | None = None
    """How fast what the diagonal model of D misses is followed, at the price of D's gradient in every step.
    None: as fast as is stable, 0.2 at most, for a distance whose curvature must be estimated; 0 for one that
    knows its own."""
    start: float = 0.5
    """Size of the random start in grey levels: the gradient of a distance to itself is zero."""
    levels: int | None = 256
    """Grey levels of the saved file; None: no rounding."""
    keep: Keep = "cheapest"
    """Which of the fooling pictures is returned. cheapest: the one of least D. last: for margins that are
    drawn anew in every step, where the cheapest picture is one that was lucky."""
    patience: int = 6
    """So many more steps each time a picture is not accepted."""
    rounds: int = 4
    """So often at most."""
    ready: int = 0
    """The first step whose picture may be returned: until then what the margins ask for may still change."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.ready < max(self.steps, 1):
            raise ValueError(f"ready is {self.ready}, expected a step of 0 to {self.steps - 1}")
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, expected at least 1")
        if len(self.momentum) != 2 or not all(0 <= value < 1 for value in self.momentum):
            raise ValueError(f"momentum is {self.momentum}, expected two numbers from 0 to below 1")
        if not self.trust > 1:
            raise ValueError(f"trust is {self.trust}, expected a factor above 1")
        if self.levels is not None and self.levels < 2:
            raise ValueError(f"levels is {self.levels}, expected at least 2, or None for no rounding")
        if self.keep not in get_args(Keep):
            raise ValueError(f"keep is {self.keep!r}, expected one of {', '.join(get_args(Keep))}")


@dataclass(frozen=True, slots=True)
class Result:
    """What a search found.

    Attributes:
        image: `(B, 3, H, W)` in [0, 1], on the grey levels of the file: the best verified picture, or where
            nothing fooled every target the one that came nearest to it.
        success: `(B,)` bool: every margin of `image` was seen at or below -kappa.
        distance: `(B,)`, D of `image`.
        steps: forward and backward passes done.
        margins: `(K, B)` of `image`.
        end: what `image` was made of, from which another search may go on.
    """

    image: Tensor
    success: Tensor
    distance: Tensor
    steps: int
    margins: Tensor
    end: Start
