"""The options of the commands that cloak or check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

from cyclopts import Parameter

from ..base.types import Progress, nobody
from ..cloaking.levels import Plan, told
from ..cloaking.settings import CloakSettings
from .app import UsageError
from .flags import NAMES, Words, flags, names, settings
from .helping import GROUPS

N = TypeVar("N", int, float)

AsJson = Annotated[bool, Parameter("--json", help="Print JSON, one object a line.", show_default=False)]


def _boxes(texts: list[str] | None) -> Any:
    """One box as four numbers, several as as many."""
    if not texts:
        return None
    boxes = []
    for text in texts:
        try:
            x0, y0, x1, y1 = (float(word) for word in text.split(","))
        except ValueError:
            raise UsageError(f"--box is {text!r}, expected four numbers X0,Y0,X1,Y1 in pixels") from None
        boxes.append((x0, y0, x1, y1))
    return boxes[0] if len(boxes) == 1 else tuple(boxes)


def _two(flag: str, kind: Callable[[str], N], text: str | None) -> tuple[N, N] | None:
    if text is None:
        return None
    try:
        low, high = (kind(word) for word in text.split(","))
    except ValueError:
        raise UsageError(f"{flag} is {text!r}, expected two numbers such as LOWEST,HIGHEST") from None
    return low, high


def _of_the_level(name: str) -> str:
    """What a level has where nothing is given."""
    of_it = name in {it.name for it in fields(Plan)} and getattr(CloakSettings(), name) is None
    return f"By default {told(name)}." if of_it else ""


WORDS = {
    "targets": NAMES,
    "against": NAMES,
    "withstand": Words(list[str] | None, names, ("--withstand", "--through")),
    "box": Words(list[str] | None, _boxes),
    "jpeg": Words(str | None, partial(_two, "--jpeg", int)),
    "scale": Words(str | None, partial(_two, "--scale", float)),
}
CloakFlags = flags(CloakSettings, WORDS, _of_the_level, groups=GROUPS)
CheckFlags = flags(
    CloakSettings,
    WORDS | {"against": Words(NAMES.kind, NAMES.read, ("--as", "--against"))},
    only=("against", "targets", "level", "withstand", "gallery", "galleries", "device", "offline"),
)
"""Those of the settings that say something of two files."""
NO_FLAGS, NO_CHECK_FLAGS = CloakFlags(), CheckFlags()

if TYPE_CHECKING:
    AsCloak: TypeAlias = Any
    AsCheck: TypeAlias = Any
else:
    AsCloak = Annotated[CloakFlags, Parameter(name="*")]
    AsCheck = Annotated[CheckFlags, Parameter(name="*")]
"""A command with an argument of this type has all of these options."""


def cloak_settings(how: Any, progress: Progress = nobody) -> CloakSettings:
    """What was asked for, as far as it can be judged before a photo is; `progress` is told of loading.

    Raises:
        UsageError: a value is wrong, there is no such target, app, card or gallery.
    """
    asked = settings(CloakSettings, how, WORDS)
    try:
        check_gallery(asked)
        if asked.targets:
            progress("loading", 0, 0)
            from ..targets import registry

            for name in asked.targets:
                registry.find(name)
        if asked.against:
            progress("loading", 0, 0)
            from ..targets.apps.target import app

            for word in asked.against:
                app(word)
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    return asked


def check_gallery(asked: CloakSettings) -> None:
    """Refuse a gallery, or cloaks, that are no folder.

    Raises:
        UsageError: it is none.
    """
    if asked.gallery is not None and not asked.gallery.is_dir():
        raise UsageError(f"--gallery is {str(asked.gallery)!r}, expected a folder of photos")
    if asked.galleries is not None and not asked.galleries.is_dir():
        told = "expected a folder with a folder of photos for each person"
        raise UsageError(f"--galleries is {str(asked.galleries)!r}, {told}")
    if asked.cloaks is not None and not asked.cloaks.is_dir():
        raise UsageError(f"--cloaks is {str(asked.cloaks)!r}, expected a folder, which may be empty")
