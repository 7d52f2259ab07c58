"""What makes results the same: settings, targets with the sums of their weights, the gallery."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..base.files import shown
from ..base.runtime import versions
from ..base.types import Progress
from ..cloaking.settings import CloakSettings
from ..photo.walking import Photos, none_left, people, photos
from .lines import Line
from .manifest import FORMAT
from .origin import place
from .settings import ProtectSettings

PACKAGES = ("mnd", "torch", "torchvision", "numpy", "pillow")
_PLAIN = ("level", "faces", "box", "whole", "seed", "keep_best", "rho")
"""Settings that a plan does not have; the others say where to compute, not what."""
_LATER = ("misplaced",)
"""Of a plan what earlier versions did not have: where it is 0, their manifests still hold."""


def named(settings: CloakSettings, progress: Progress) -> tuple[CloakSettings, list[dict[str, Any]]]:
    """The settings with every target named, and what is known of each; missing weights are downloaded.

    Raises:
        ValueError: there is no such target, or its weights are damaged.
        FileNotFoundError: weights are not on this machine and may not be downloaded.
        ConnectionError: the download failed.
    """
    from ..base.files import sha256_of
    from ..targets import registry
    from ..targets.apps.target import with_apps

    names = with_apps(
        settings.targets or registry.default_names(surrogates=settings.level == "strong"), settings.against
    )
    if not names:
        raise ValueError("got no targets, and none is ready on this machine: expected at least one")
    told = []
    for name in names:
        entry = registry.find(name)
        registry.ready_to_use(entry.card)
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
    cloak: CloakSettings,
    settings: ProtectSettings,
    targets: list[dict[str, Any]],
    source: Path,
    known: Photos | None = None,
) -> Line:
    """The first line of a manifest; `settings_sha256` in it is the sum of all that changes results.

    What `--include` and `--exclude` leave alone changes no result of another picture. Nor does whether
    suspects are held back or copied (`hold`, `copy`): the planner knows which lines that concerns.

    Args:
        cloak, settings, targets: what results depend on.
        source: its name is told, and two bytes of a hash of where it is.
        known: the photos of the gallery, or of several people's; by default they are looked for.

    Raises:
        ValueError: no photo of the gallery can be read.
    """
    known = known_by(cloak) if known is None else known
    how = {name: getattr(cloak, name) for name in _PLAIN} | {
        "plan": {name: it for name, it in asdict(cloak.plan).items() if it or name not in _LATER},
        "gallery": None if cloak.gallery is None or known is None else _sums(cloak.gallery, known),
        "no_face": "copy" if settings.no_face == "hold" else settings.no_face,
        "targets": targets,
        **{name: True for name, is_asked in cloak.stripping.items() if is_asked},
        **({"galleries": _sums(cloak.galleries, known)} if cloak.galleries is not None and known else {}),
        **(
            {"cloaks": _sums(cloak.cloaks, photos(cloak.cloaks, read=True))}
            if cloak.cloaks is not None
            else {}
        ),
        **_chunk(cloak, settings),
        **({"burst": True} if settings.burst else {}),
    }
    text, told = json.dumps(how, sort_keys=True), versions(*PACKAGES)
    return {
        "mnd_manifest": FORMAT,
        "mnd": told["mnd"],
        "settings": json.loads(text) | {"no_face": settings.no_face},
        "settings_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "source": shown(source.name),
        "source_place": place(source),
        "shard": settings.shard,
        "versions": told,
    }


def _chunk(cloak: CloakSettings, settings: ProtectSettings) -> dict[str, int]:
    """How many faces networks see at once, where that is not what they do on such a device in any case."""
    if not settings.side_by_side or cloak.device not in ("cpu", "auto"):
        return {}
    from ..base.runtime import pick_device
    from ..optimizer.batching import CHUNK

    return {"chunk": CHUNK} if pick_device(cloak.device) == "cpu" else {}


def known_by(cloak: CloakSettings) -> Photos | None:
    """The photos that the person, or each of several, is known by; what cannot be read is passed over.

    Raises:
        ValueError: there are none, or none of one of the people; it names all of these.
    """
    if cloak.galleries is not None:
        return _known_by_name(cloak.galleries)
    if cloak.gallery is None:
        return None
    found = photos(cloak.gallery, read=True)
    if not found.files:
        raise none_left(cloak.gallery, found)
    return found


def _known_by_name(galleries: Path) -> Photos:
    there = people(galleries)
    found = {name: photos(folder, read=True) for name, folder in there.folders.items()}
    if without := [none_left(there.folders[name], its) for name, its in found.items() if not its.files]:
        raise ValueError("; ".join(map(str, without)))
    files = (path for its in found.values() for path in its.files)
    return Photos(tuple(files), (*there.passed, *(line for its in found.values() for line in its.passed)))


def _sums(gallery: Path, people: Photos) -> list[list[str]]:
    """Names and sums of photos: of these alone, so that a system file beside them changes nothing."""
    from ..base.files import sha256_of

    return [[path.relative_to(gallery).as_posix(), sha256_of(path)] for path in people.files]
