"""Minimum Noticeable Difference: change a photo as little as the eye can notice so that recognisers fail.

The names are looked up when they are first used, so that `import mnd` costs nothing.
"""

from __future__ import annotations

__distribution__ = "mnd-cloak"  # before all imports: `mnd.base` asks for it
__version__ = "0.1.0"

from typing import TYPE_CHECKING

from .base.lazy import attach

if TYPE_CHECKING:
    from . import losses, metrics, targets
    from .base.errors import MndError, OfflineError
    from .base.files import PhotoError
    from .cloaking.checker import Checker, check
    from .cloaking.cloaker import Cloaker, NotProtectedError, cloak
    from .cloaking.settings import CloakSettings
    from .dataset.manifest import LockedError, ManifestError
    from .dataset.protect import Protection, Summary, protect
    from .dataset.settings import ProtectSettings
    from .dataset.worker import DiskFullError
    from .evaluation.run import evaluate
    from .evaluation.settings import EvaluationSettings
    from .faces.detector import Detector, Face, FaceError
    from .metrics.measuring import measure
    from .optimizer.mnd import MND
    from .optimizer.settings import Result, SearchSettings
    from .photo.photo import Photo

__all__ = [
    "MND",
    "Checker",
    "CloakSettings",
    "Cloaker",
    "Detector",
    "DiskFullError",
    "EvaluationSettings",
    "Face",
    "FaceError",
    "LockedError",
    "ManifestError",
    "MndError",
    "NotProtectedError",
    "OfflineError",
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
    "measure",
    "metrics",
    "protect",
    "targets",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "base.errors": ["MndError", "OfflineError"],
        "base.files": ["PhotoError"],
        "cloaking.checker": ["Checker", "check"],
        "cloaking.cloaker": ["Cloaker", "NotProtectedError", "cloak"],
        "cloaking.settings": ["CloakSettings"],
        "dataset.manifest": ["LockedError", "ManifestError"],
        "dataset.protect": ["Protection", "Summary", "protect"],
        "dataset.settings": ["ProtectSettings"],
        "dataset.worker": ["DiskFullError"],
        "evaluation.run": ["evaluate"],
        "evaluation.settings": ["EvaluationSettings"],
        "faces.detector": ["Detector", "FaceError"],
        "faces.face": ["Face"],
        "metrics.measuring": ["measure"],
        "optimizer.mnd": ["MND"],
        "optimizer.settings": ["Result", "SearchSettings"],
        "photo.photo": ["Photo"],
    },
    modules=["losses", "metrics", "targets"],
)
