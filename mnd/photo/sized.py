"""The quality that gives back a file's size, of formats whose files do not tell theirs."""

from __future__ import annotations

import math
from collections.abc import Callable

REACH = 3
"""So far from the quality that gives back the size, both ways, a truer one is looked for."""
ALIKE = 0.1
"""By how much the logarithm of its size may differ: a cloaked file is to stay within a quarter."""


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


def truest_of(near: int, coded: Callable[[int], tuple[int, float]], lowest: int = 1) -> tuple[int, float]:
    """The quality, within `REACH` of `near` and in size, that changes the picture least, and its error.

    A decoded picture that is coded as it was the first time comes out almost as it went in; the next quality,
    finer or coarser, costs a whole generation.

    Args:
        near: the quality whose file is nearest in size.
        coded: the size of a part of the picture at some quality, and the error that coding it makes.
        lowest: of all qualities.

    >>> truest_of(70, lambda quality: (1000 + 10 * quality, abs(quality - 72)))
    (72, 0)
    """
    size, least = coded(near)
    best = near
    for quality in range(max(near - REACH, lowest), min(near + REACH, 100) + 1):
        other, error = coded(quality) if quality != near else (size, least)
        if error < least and abs(math.log(max(other, 1) / max(size, 1))) < ALIKE:
            best, least = quality, error
    return best, least
