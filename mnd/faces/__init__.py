"""Find faces and their five landmarks in pixels `(H, W, 3)` uint8 RGB of any size.

Out come faces with edges in pixels, landmarks `(5, 2)` and a probability. It asks `base` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .detector import Detector, FaceError, FinderSettings, Search
    from .face import Face, overlap, parse_box, select

__all__ = ["Detector", "Face", "FaceError", "FinderSettings", "Search", "overlap", "parse_box", "select"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "detector": ["Detector", "FaceError", "FinderSettings", "Search"],
        "face": ["Face", "overlap", "parse_box", "select"],
    },
)
