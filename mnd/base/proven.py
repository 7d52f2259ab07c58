"""Devices on which `mnd doctor` has seen a search work: `auto` takes Apple's MPS on no other ground.

What MPS computes differs from release to release, and some of it is wrong without an error. So what was seen
counts for the same versions and the same system alone.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path

from .files import write_atomic
from .runtime import versions

FILE = "devices.json"


def _path() -> Path:
    from .weights import home

    return home() / FILE


def _here() -> dict[str, str | None]:
    return versions("mnd", "torch", "torchvision") | {"system": platform.platform()}


def _known() -> dict[str, object]:
    try:
        known = json.loads(_path().read_text("utf-8"))
    except (OSError, ValueError, RuntimeError):  # no file, no JSON, no home folder
        return {}
    return known if isinstance(known, dict) else {}


def is_proven(device: str) -> bool:
    """Whether `mnd doctor` has seen a search work on a device, with these versions on this system."""
    return _known().get(device) == _here()


def remember(device: str, works: bool) -> None:
    """Keep what `mnd doctor` has seen of a device.

    Raises:
        PhotoError: it cannot be written.
        RuntimeError: the user has no home folder, and `MND_HOME` names none either.
    """
    known = {name: told for name, told in _known().items() if name != device}
    if works:
        known[device] = _here()
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (json.dumps(known, indent=1) + "\n").encode(), overwrite=True)
