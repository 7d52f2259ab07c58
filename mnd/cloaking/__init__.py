"""One photo: whom to protect, what is known of them, the search, the file, and the proof on its bytes.

A photo and settings go in; a file and a record come out. It asks all rooms below, and nothing that prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .checker import Checker, check
    from .cloaker import Cloaker, NotProtectedError, cloak
    from .settings import CloakSettings

__all__ = ["Checker", "CloakSettings", "Cloaker", "NotProtectedError", "check", "cloak"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "checker": ["Checker", "check"],
        "cloaker": ["Cloaker", "NotProtectedError", "cloak"],
        "settings": ["CloakSettings"],
    },
)
