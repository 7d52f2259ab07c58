"""Targets that others have written: an object, FILE.py:NAME, or the entry point of a package."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import plugins
from ..base.plugins import PluginError, PluginWarning
from ..base.weights import WeightsFile
from .card import TargetCard
from .face import FaceTarget
from .target import Target

if TYPE_CHECKING:
    from .registry import Entry

GROUP = "mnd.targets"
"""Of entry points: what each names is imported, and called where it is a function; it registers targets."""


def own(given: object, place: str = "") -> Target:
    """The target that somebody gave, looked at.

    Args:
        given: a `FaceTarget`, or anything for a whole picture that is a `Target`.
        place: where it comes from, for messages.

    Raises:
        PluginError: it is none; with file and line.
    """
    place = place or plugins.where(given)
    missing = [name for name in ("card", "refer", "score", "margin", "to") if not hasattr(given, name)]
    if isinstance(given, type) or missing or not isinstance(given, Target):
        got = f"{given!r}"[:200]
        lacks = f" without {', '.join(missing)}" if missing else ""
        raise PluginError(
            f"{place}: got {got}{lacks}, expected a target: mnd.targets.FaceTarget(card, network), or an "
            "object with card, refer, score, margin and to"
        )
    if not isinstance(given.card, TargetCard):
        raise PluginError(
            f"{place}: its card is {type(given.card).__name__}, expected mnd.targets.TargetCard"
        )
    if given.card.kind == "face" and not isinstance(given, FaceTarget):
        raise PluginError(
            f"{place}: target {given.card.name!r} recognises faces, expected a mnd.targets.FaceTarget, which "
            "cuts them out"
        )
    return given


def from_file(spec: str) -> Entry:
    """The target that FILE.py:NAME names: an object, or a function without arguments that makes it.

    Its weights are the file: what has changed in it is another target.

    Raises:
        PluginError: it does not import, or is no target; with file and line.
    """
    from .registry import Entry

    target = _made(spec)
    path = Path(spec.rpartition(":")[0]).expanduser()
    where = WeightsFile(path.name, folder=lambda: path.parent)
    return Entry(target.card, where, lambda card, path: _made(spec))  # noqa: ARG005


def _made(spec: str) -> Target:
    given = plugins.load(spec)
    place = f"{spec} ({plugins.where(given)})"
    if isinstance(given, Target) and not isinstance(given, type):
        return own(given, place)
    if not callable(given):
        return own(given, place)
    if needed := _needed(given):
        raise PluginError(
            f"{place}: wants {', '.join(needed)}, expected a function without arguments, or a target"
        )
    try:
        made: Any = given()
    except Exception as error:
        line = plugins.line_of(error, Path(spec.rpartition(":")[0]).expanduser().resolve())
        raise PluginError(f"{spec}, {line}: {type(error).__name__}: {error}") from error
    return own(made, place)


def _needed(function: Callable[..., Any]) -> list[str]:
    """The arguments without which it cannot be called, as far as that is known.

    >>> _needed(lambda a, b=1, *c, **d: None)
    ['a']
    """
    try:
        told = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    named = [it for it in told if it.kind not in (it.VAR_POSITIONAL, it.VAR_KEYWORD)]
    return [it.name for it in named if it.default is it.empty]


@cache
def import_entries() -> tuple[str, ...]:
    """Have other packages register their targets, once; what went wrong, a line for each that could not."""
    wrong = []
    for entry in plugins.entries(GROUP):
        try:
            found = plugins.load_entry(entry)
            if callable(found):
                found()
        except Exception as error:  # one package must not take all targets away
            told = str(error) if isinstance(error, PluginError) else f"entry point {entry.name}: {error}"
            wrong.append(told)
            warnings.warn(f"targets of another package are left out: {told}", PluginWarning, stacklevel=2)
    return tuple(wrong)
