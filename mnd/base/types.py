"""What the parts hand to each other, each name once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Pixels: TypeAlias = "npt.NDArray[np.uint8]"
"""A picture `(H, W, 3)`, RGB, or one of its planes `(H, W)`; 0..255."""
Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels: columns x0 to x1 - 1, rows y0 to y1 - 1."""
Edges = tuple[float, float, float, float]
"""x0, y0, x1, y1 of a place in a picture, at fractions of a pixel; pixel i reaches from i to i + 1."""
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


def nobody(stage: str, done: int, total: int) -> None:
    """The `Progress` of those who do not want to know."""
