"""Many photos: what there is to do, workers that do it, and a manifest that says what was done.

A source (folder, list, tar) goes in; a folder of results of the same names comes out, with `manifest.jsonl`.
It asks `cloaking` for each photo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .manifest import LockedError, ManifestError, headers, latest, manifests
    from .protect import Protection, RunProgress, Summary
    from .settings import ProtectSettings

__all__ = [
    "LockedError",
    "ManifestError",
    "ProtectSettings",
    "Protection",
    "RunProgress",
    "Summary",
    "headers",
    "latest",
    "manifests",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "manifest": ["LockedError", "ManifestError", "headers", "latest", "manifests"],
        "protect": ["Protection", "RunProgress", "Summary"],
        "settings": ["ProtectSettings"],
    },
)
