"""Versions of what results and figures depend on."""

from __future__ import annotations

import importlib.metadata
import platform


def versions(*packages: str) -> dict[str, str | None]:
    """Of Python and of `packages`; None for one that is not installed.

    >>> sorted(versions("torch"))
    ['python', 'torch']
    """
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found
