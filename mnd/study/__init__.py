"""Opinion scores: a blind rating page made from an evaluation, and MOS made from the answers to it.

`create` makes the page and its key, `score` reads what people send back, `joined` is what a report shows.
The method is the double-stimulus impairment scale (DSIS, variant I) of Recommendation ITU-R BT.500.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..evaluation.report.opinions import joined
    from .rating import create
    from .scores import Scores, score
    from .settings import StudySettings

__all__ = ["Scores", "StudySettings", "create", "joined", "score"]

_MODULE_OF = {
    "Scores": "scores",
    "StudySettings": "settings",
    "create": "making",
    "joined": "joining",
    "score": "scores",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
