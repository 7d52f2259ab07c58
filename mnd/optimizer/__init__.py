"""MND, the search: an image `(1, 3, H, W)` in [0, 1] and a function of margins go in, an image comes out.

It knows no file, no face and no recogniser. It asks `losses` for the distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .batching import Batcher
    from .grid import Grid
    from .mnd import MND
    from .settings import Result, SearchSettings
    from .start import Start

__all__ = ["MND", "Batcher", "Grid", "Result", "SearchSettings", "Start"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "batching": ["Batcher"],
        "grid": ["Grid"],
        "mnd": ["MND"],
        "settings": ["Result", "SearchSettings"],
        "start": ["Start"],
    },
)
