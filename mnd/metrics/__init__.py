"""How far two pictures are apart: from PSNR and SSIM to learned distances, SSIMULACRA2 and Butteraugli.

`measure` takes paths, Pillow images and arrays, and says with each value what has to be known to compare it.
None of these is searched with: what a search keeps low is in `losses`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .cards import METRICS, MetricCard, available
    from .fidelity import Quality, quality
    from .learned import learned_distances
    from .maps import DifferenceMap, difference_map
    from .measuring import Measured, describe, measure
    from .pairing import Pairs, pairs

__all__ = [
    "METRICS",
    "DifferenceMap",
    "Measured",
    "MetricCard",
    "Pairs",
    "Quality",
    "available",
    "describe",
    "difference_map",
    "learned_distances",
    "measure",
    "pairs",
    "quality",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "cards": ["METRICS", "MetricCard", "available"],
        "fidelity": ["Quality", "quality"],
        "learned": ["learned_distances"],
        "maps": ["DifferenceMap", "difference_map"],
        "measuring": ["Measured", "describe", "measure"],
        "pairing": ["Pairs", "pairs"],
    },
)
