"""The quality that gives back a file's size, of formats whose files do not tell theirs."""

from __future__ import annotations

import math
from collections.abc import Callable


def quality_of(size: int, measured: Callable[[int], int], step: float, lowest: int = 1) -> int:
    """The quality, `lowest` to 100, whose file is nearest in size.

    Args:
        size: bytes of the pixels in the file.
        measured: the same of a file of some quality; asked about four times, at most eight.
        step: by how much the logarithm of the size grows with each quality, where most photos are.

    >>> quality_of(5000, lambda quality: 100 * quality, 0.03)
    50
    """
    want = math.log(max(size, 1))
    sizes: dict[int, float] = {}
    low, high, guess = lowest, 100, 80
    while low <= high and guess not in sizes:
        sizes[guess] = math.log(max(measured(guess), 1))
        if sizes[guess] < want:
            low = guess + 1
        else:
            high = guess - 1
        # where the step is not as in most photos, halving is quicker
        near = guess + round((want - sizes[guess]) / step)
        guess = min(max(near, low), high) if len(sizes) < 4 else (low + high) // 2
    return min(sizes, key=lambda quality: abs(sizes[quality] - want))
