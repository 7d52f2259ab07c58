"""The standard streams as they are now: how wide, and how a line is put on them."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.style import Style
from rich.text import Text

PIPED_WIDTH = 200
"""Columns of a table that goes to a file or another program."""
GOOD, BAD = "green", "red"


def printable(text: object) -> str:
    """A name as it can be shown: without the characters that would steer a terminal.

    >>> printable("a\\x1b[31mb.jpg")
    'a\\\\x1b[31mb.jpg'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def console(stderr: bool = False) -> Console:
    """A console on one of the standard streams as it is now."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else PIPED_WIDTH, highlight=False)


def say(out: Console, text: str | Text, style: str | Style = "") -> None:
    """A sentence: broken between words on a terminal, one line elsewhere, where programs look for it."""
    told = text if isinstance(text, Text) else Text(text, style=style)
    out.print(told, soft_wrap=not out.is_terminal)


def line(out: Console, text: str | Text) -> None:
    """Names of files: never broken, so that they can be copied."""
    out.print(text if isinstance(text, Text) else Text(text), soft_wrap=True)


def complain(text: str) -> None:
    """One line on standard error."""
    line(console(stderr=True), f"mnd: {text}")
