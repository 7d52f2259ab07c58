"""Opinion scores: a blind rating page made from an evaluation, and MOS made from the answers to it.

`create` makes the page and its key, `score` reads what people send back, `joined` is what a report shows.
The method is the double-stimulus impairment scale (DSIS, variant I) of Recommendation ITU-R BT.500.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .rating import create
    from .scores import Scores, joined, score
    from .settings import StudySettings

__all__ = ["Scores", "StudySettings", "create", "joined", "score"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "rating": ["create"],
        "scores": ["Scores", "joined", "score"],
        "settings": ["StudySettings"],
    },
)
