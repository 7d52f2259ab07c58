"""What makes results the same: settings, targets with the sums of their weights, the gallery."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..settings import CloakSettings
from ..versions import versions
from .manifest import FORMAT, Line
from .settings import ProtectSettings

Progress = Callable[[str, int, int], None]
PACKAGES = ("mnd", "torch", "torchvision", "numpy", "pillow")
_PLAIN = ("level", "faces", "box", "whole", "seed", "keep_best", "rho")
"""Settings that a plan does not have; the others say where to compute, not what."""


def named(settings: CloakSettings, progress: Progress) -> tuple[CloakSettings, list[dict[str, Any]]]:
    """The settings with every target named, and what is known of each; missing weights are downloaded.

    Raises:
        ValueError: there is no such target, or its weights are damaged.
        FileNotFoundError: weights are not on this machine and may not be downloaded.
        ConnectionError: the download failed.
    """
    from ..targets import registry
    from ..weights import sha256_of

    names = settings.targets or tuple(registry.default_names())
    if not names:
        raise ValueError("got no targets, and none is ready on this machine: expected at least one")
    told = []
    for name in names:
        entry = registry.find(name)
        path = entry.weights.obtain(
            settings.offline, lambda file, done, total: progress(f"download {file}", done, total)
        )
        card = entry.card
        told.append(
            {"name": card.name, "kind": card.kind, "unit": card.unit, "threshold": card.threshold,
             "weights": card.weights, "sha256": entry.weights.sha256 or sha256_of(path)}
        )  # fmt: skip
    return replace(settings, targets=names), told


def header(
    cloak: CloakSettings, settings: ProtectSettings, targets: list[dict[str, Any]], source: Path
) -> Line:
    """The first line of a manifest; `settings_sha256` in it is the sum of all that changes results."""
    how = {name: getattr(cloak, name) for name in _PLAIN} | {
        "plan": asdict(cloak.plan),
        "gallery": _gallery(cloak.gallery),
        "no_face": settings.no_face,
        "targets": targets,
        **({"strip_names": True} if cloak.strip_names else {}),
        **_chunk(cloak, settings),
    }
    text, told = json.dumps(how, sort_keys=True), versions(*PACKAGES)
    return {
        "mnd_manifest": FORMAT,
        "mnd": told["mnd"],
        "settings": json.loads(text),
        "settings_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "source": source.name,
        "shard": settings.shard,
        "versions": told,
    }


def _chunk(cloak: CloakSettings, settings: ProtectSettings) -> dict[str, int]:
    """How many faces networks see at once, where that is not what they do on such a device in any case."""
    if not settings.side_by_side or cloak.device not in ("cpu", "auto"):
        return {}
    from ..cloaking import pick_device
    from ..lockstep import CHUNK

    return {"chunk": CHUNK} if pick_device(cloak.device) == "cpu" else {}


def _gallery(folder: Path | None) -> list[list[str]] | None:
    """Names and sums of the photos that the person is known by."""
    if folder is None:
        return None
    from ..weights import sha256_of

    return [[path.name, sha256_of(path)] for path in sorted(folder.iterdir()) if path.is_file()]
