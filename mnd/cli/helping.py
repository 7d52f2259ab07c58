"""Help in two sizes: `--help` with what is used most, `--help-all` with all, and `mnd help COMMAND`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cyclopts import Group
from cyclopts.help import DefaultFormatter

if TYPE_CHECKING:
    from cyclopts import App
    from rich.console import Console, ConsoleOptions

ALL = "--help-all"


class Folded:
    """Renders a group of options only where all were asked for, and counts those that it leaves out."""

    def __init__(self) -> None:
        self.full = False
        self.left_out = 0

    def __call__(self, console: Console, options: ConsoleOptions, panel: Any) -> None:
        if self.full:
            DefaultFormatter()(console, options, panel)
        else:
            self.left_out += len(panel.entries)


folded = Folded()


def _group(name: str, place: int) -> Group:
    return Group(name, sort_key=place, help_formatter=folded)


MOST_USED = Group("Most used", sort_key=0)
FACES, KEPT = _group("Faces and people", 1), _group("What is kept", 2)
SEARCH, COMPUTER = _group("Search", 3), _group("Computer", 4)
GROUPS = {
    **dict.fromkeys(("against", "galleries", "cloaks", "box", "whole"), FACES),
    **dict.fromkeys(("strip_names", "strip", "format", "keep_best"), KEPT),
    **dict.fromkeys(
        ("targets", "withstand", "seed", "steps", "headroom", "jitter", "misplaced", "flips", "reference",
         "draws", "looks", "jpeg", "scale", "spread", "flat", "least_ssim", "most_iris",
         "most_stitches", "rho"),
        SEARCH,
    ),
    **dict.fromkeys(("device", "offline"), COMPUTER),
}  # fmt: skip
"""By the field of the settings; those that are not here are always shown."""


def asked(words: Sequence[str]) -> list[str]:
    """The words of a command without `--help-all`, which is a longer `--help`.

    >>> asked(["cloak", "--help-all"]), folded.full
    (['cloak', '--help'], True)
    """
    folded.full, folded.left_out = ALL in words, 0
    return ["--help" if word == ALL else word for word in words]


def commands_in(app: App, words: Sequence[str]) -> list[str]:
    """The command that words begin with, with those below it."""
    found: list[str] = []
    for word in words:
        if word.startswith("-") or word not in app:
            break
        found.append(word)
        app = app[word]
    return found


def rest_told(app: App, words: Sequence[str]) -> str:
    """A line on what a help page has left out; empty where that is nothing."""
    if not folded.left_out:
        return ""
    command = " ".join(["mnd", *commands_in(app, [word for word in words if word != "help"])])
    return f"{folded.left_out} more options: {command} {ALL}"
