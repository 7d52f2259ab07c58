"""What is reported of two pictures `(H, W, 3)` uint8: PSNR, SSIM, JND and learned distances.

These are never searched with: what a search keeps low is in `losses`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .fidelity import Quality, quality
    from .learned import learned_distances

__all__ = ["Quality", "learned_distances", "quality"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "fidelity": ["Quality", "quality"],
        "learned": ["learned_distances"],
    },
)
