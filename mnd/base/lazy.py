"""Names of a package that are looked up when they are first used, so that importing it costs nothing.

`lazy_loader` does the same; it has no types, and calls an unknown name otherwise than Python does.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def attach(
    package: str, homes: Mapping[str, Sequence[str]], modules: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package.

    Args:
        package: its name.
        homes: which of its modules has which of its names.
        modules: those of its modules that are names themselves.

    >>> look_up, _ = attach("mnd", {"base.files": ["PhotoError"]})
    >>> look_up("PhotoError").__name__
    'PhotoError'
    """
    home_of = {name: module for module, names in homes.items() for name in names}

    def look_up(name: str) -> Any:
        if name in modules:
            return importlib.import_module(f".{name}", package)
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f".{home_of[name]}", package), name)
        setattr(sys.modules[package], name, value)  # the next time it is there
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of, *modules})

    return look_up, names
