"""Minimum Noticeable Difference: change a photo as little as the eye can notice so that recognisers fail.

The names are looked up when they are first used, so that `import mnd` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import losses, targets
    from .base.files import PhotoError
    from .cloaking.checker import Checker, check
    from .cloaking.cloaker import Cloaker, NotProtectedError, cloak
    from .cloaking.settings import CloakSettings
    from .dataset.protect import Protection, Summary, protect
    from .dataset.settings import ProtectSettings
    from .evaluation.run import evaluate
    from .evaluation.settings import EvaluationSettings
    from .faces.detector import Detector, Face, FaceError
    from .optimizer.mnd import MND, Result, SearchSettings
    from .photo.photo import Photo

__version__ = "0.1.0"

__all__ = [
    "MND",
    "Checker",
    "CloakSettings",
    "Cloaker",
    "Detector",
    "EvaluationSettings",
    "Face",
    "FaceError",
    "NotProtectedError",
    "Photo",
    "PhotoError",
    "ProtectSettings",
    "Protection",
    "Result",
    "SearchSettings",
    "Summary",
    "check",
    "cloak",
    "evaluate",
    "losses",
    "protect",
    "targets",
]

_HOMES = {
    "checking": ("Checker", "check"),
    "cloaking": ("Cloaker", "NotProtectedError", "cloak"),
    "dataset.protect": ("Protection", "Summary", "protect"),
    "dataset.settings": ("ProtectSettings",),
    "evaluation.run": ("evaluate",),
    "evaluation.settings": ("EvaluationSettings",),
    "faces": ("Detector", "Face", "FaceError"),
    "files": ("PhotoError",),
    "optimizer": ("MND", "Result", "SearchSettings"),
    "photo": ("Photo",),
    "settings": ("CloakSettings",),
}
"""Which module has which names."""

_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("losses", "targets"):
        return importlib.import_module(f".{name}", __name__)
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
