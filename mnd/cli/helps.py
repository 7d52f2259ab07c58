"""`mnd help`."""

from __future__ import annotations

from .app import DONE, UsageError, app
from .helping import commands_in


@app.command(name="help")
def show_help(*command: str) -> int:
    """Show the help of a command, or this list of all.

    Args:
        command: Such as `cloak` or `study score`.
    """
    known = commands_in(app, command)
    if len(known) < len(command):
        raise UsageError(f"there is no command {' '.join(command)!r}, expected one that mnd help lists")
    app.help_print([*command])
    return DONE
