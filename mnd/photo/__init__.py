"""A picture file with all that it carries: read, written again with other pixels, and what it shows judged.

Bytes or a path go in; pixels `(H, W, 3)` uint8 RGB, upright, come out, and bytes again, in which what would
show the clean picture is left out. It asks `base` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .formats import FORMATS, SUFFIXES
    from .photo import MAX_PIXELS, Photo
    from .walking import photos, walk

__all__ = ["FORMATS", "MAX_PIXELS", "SUFFIXES", "Photo", "photos", "walk"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "formats": ["FORMATS", "SUFFIXES"],
        "photo": ["MAX_PIXELS", "Photo"],
        "walking": ["photos", "walk"],
    },
)
