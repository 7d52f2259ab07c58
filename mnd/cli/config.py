"""`mnd.toml`: options that somebody always gives, a table for each command."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from cyclopts import App, ArgumentCollection, CycloptsError
from cyclopts.config import Dict

from ..base.near import did_you_mean

NAME, ENVIRONMENT = "mnd.toml", "MND_CONFIG"


def config_path() -> Path | None:
    """The one file that counts: that of `MND_CONFIG` (empty: none), of the working folder, or of the user.

    Raises:
        CycloptsError: the file that was named is not there.
    """
    named = os.environ.get(ENVIRONMENT)
    if named is not None:
        if named and not Path(named).is_file():
            raise CycloptsError(msg=f"{ENVIRONMENT} is {named!r}, expected a file")
        return Path(named) if named else None
    return next((path for path in (Path(NAME), user_path()) if path.is_file()), None)


def user_path() -> Path:
    """Where the file of the user is, whether it is there or not."""
    import platformdirs

    return platformdirs.user_config_path("mnd", appauthor=False) / NAME


def configured(app: App, commands: tuple[str, ...], given: ArgumentCollection) -> None:
    """Fill in what the file says of a command, where its options were not given.

    Raises:
        CycloptsError: the file cannot be read, or has what is no command or no option; the message names it.
    """
    path = config_path()
    if path is None:
        return
    tables = _read(path)
    from .app import app as root

    known = [name for name in root if not name.startswith("-")]
    for key in tables:
        if key not in known:
            names = ", ".join(sorted(known))
            near = did_you_mean(key, known)
            raise CycloptsError(msg=f"{path}: [{key}] is no command, expected one of {names}{near}")
    here: Any = tables
    for name in commands:
        here = here.get(name, {})
        if not isinstance(here, dict):
            raise CycloptsError(msg=f"{path}: {name} is {here!r}, expected a table [{'.'.join(commands)}]")
    if here and path == Path(NAME):
        # whose folder this is may be somebody else's
        print(f"mnd: options of {path} in this folder", file=sys.stderr)
    Dict(data=_at_home(tables), source=str(path))(app, commands, given)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # also text that is none
        raise CycloptsError(msg=f"{path}: cannot be read ({error})") from error


def _at_home(value: Any) -> Any:
    """The same, with `~/` in texts as the home folder."""
    if isinstance(value, dict):
        return {key: _at_home(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_at_home(below) for below in value]
    return os.path.expanduser(value) if isinstance(value, str) and value.startswith("~/") else value
