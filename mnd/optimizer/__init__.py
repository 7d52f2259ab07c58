"""MND, the search: an image `(1, 3, H, W)` in [0, 1] and a function of margins go in, an image comes out.

It knows no file, no face and no recogniser. It asks `losses` for the distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .batching import Batcher
    from .mnd import MND, Result, SearchSettings

__all__ = ["MND", "Batcher", "Result", "SearchSettings"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "batching": ["Batcher"],
        "mnd": ["MND", "Result", "SearchSettings"],
    },
)
