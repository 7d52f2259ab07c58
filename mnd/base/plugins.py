"""Other people's code: an object by file and name, by module and name, or by the entry point of a package.

What goes wrong in it is told with its file and line, since it is not ours to mend.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import MndError

_SPEC = re.compile(r"(?P<place>.+\.py|[A-Za-z_][\w.]*):(?P<name>[A-Za-z_]\w*)")


class PluginError(MndError, ValueError):
    """Code that was plugged in does not import, or is not as expected; the message has file and line."""


class PluginWarning(UserWarning):
    """Code of another package that is left out; work goes on without it."""


def is_spec(text: str, files_only: bool = False) -> bool:
    """Whether a name is FILE.py:NAME, or MODULE:NAME.

    >>> is_spec("mine.py:noise"), is_spec("package.module:noise"), is_spec("pgd")
    (True, True, False)
    >>> is_spec("package:noise", files_only=True)
    False
    """
    found = _SPEC.fullmatch(text)
    return found is not None and (not files_only or found["place"].endswith(".py"))


def load(spec: str) -> Any:
    """The object that FILE.py:NAME or MODULE:NAME names.

    Raises:
        PluginError: there is no such file, module or name, or it does not import.
    """
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise PluginError(f"{spec!r} names no code, expected FILE.py:NAME or MODULE:NAME")
    place, name = found["place"], found["name"]
    module = _file(Path(place).expanduser()) if place.endswith(".py") else _module(place)
    if not hasattr(module, name):
        there = [it for it in vars(module) if not it.startswith("_")]
        raise PluginError(f"{place} has no {name!r}, expected one of {', '.join(there) or 'some name'}")
    return getattr(module, name)


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise PluginError(f"{path}: there is no such file, expected Python code")
    path = path.resolve()
    # the name has the file's sum: what has changed is loaded anew, what has not is one object
    name = f"mnd_plugin_{path.stem}_{hashlib.sha256(path.read_bytes() + str(path).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PluginError(f"{line_of(error, path)}: cannot be imported: {_told(error)}") from error
    return module


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{line_of(error, name)}: cannot be imported: {_told(error)}") from error


def entries(group: str) -> Iterator[EntryPoint]:
    """The entry points of a group, such as `mnd.attacks`; nothing is imported."""
    yield from entry_points(group=group)


def load_entry(entry: EntryPoint) -> Any:
    """What an entry point of an installed package names.

    Raises:
        PluginError: it does not import; the message has package, file and line.
    """
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        package = entry.dist.name if entry.dist is not None else "an unknown package"
        told = f"entry point {entry.name} = {entry.value} of {package}"
        raise PluginError(f"{told}: {line_of(error, entry.value)}: {_told(error)}") from error


def where(thing: Any) -> str:
    """File and line of a function or class, as far as they are known.

    >>> where(where).rsplit(":", 1)[0].endswith("plugins.py"), where(3)
    (True, 'int')
    """
    inner = inspect.unwrap(thing) if callable(thing) else thing
    inner = getattr(inner, "func", inner)  # of functools.partial
    try:
        return f"{inspect.getsourcefile(inner)}:{inspect.getsourcelines(inner)[1]}"
    except (OSError, TypeError):
        return getattr(thing, "__qualname__", type(thing).__name__)


def line_of(error: BaseException, place: Path | str) -> str:
    """Where in other people's code an error came up: the last line of the file `place`, else of any file."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == str(place)]
    others = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    if own or others:
        frame = (own or others)[-1]
        return f"{frame.filename}:{frame.lineno}"
    return str(place)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
