"""The options of the commands: what each is called, what its help says, and how its words are read."""

from __future__ import annotations

import ast
import functools
import inspect
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..levels import Plan, told
from ..settings import CloakSettings, Device
from .common import UsageError

DEFAULT = CloakSettings()


@functools.cache
def attribute_docs(cls: type) -> dict[str, str]:
    """The docstrings under the fields of a class, in one line each; empty where its source is not there.

    >>> attribute_docs(CloakSettings).keys() >= {"targets", "seed"}
    True
    """
    try:
        [body] = ast.parse(inspect.getsource(cls)).body
    except (OSError, TypeError):
        return {}
    assert isinstance(body, ast.ClassDef)
    told = {}
    for field, doc in zip(body.body, body.body[1:], strict=False):
        match field, doc:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                told[name] = " ".join(text.split())
    return told


def option(field: str) -> Parameter:
    """The option of a field of the settings, which has its help there."""
    default = getattr(DEFAULT, field)
    words = attribute_docs(CloakSettings).get(field, "")
    if field in {it.name for it in fields(Plan)}:
        words += f" By default {told(field)}."
    return Parameter(help=words, show_default=default is not None and not isinstance(default, bool))


Targets = Annotated[list[str] | None, option("targets")]
Gallery = Annotated[Path | None, option("gallery")]
OnDevice = Annotated[Device, option("device")]
Offline = Annotated[bool, option("offline")]
AsJson = Annotated[bool, Parameter("--json", help="Print JSON, one object a line.", show_default=False)]


def split_names(targets: list[str] | None) -> tuple[str, ...]:
    """`--targets a,b`, or the option several times."""
    return tuple(name.strip() for text in targets or () for name in text.split(","))


def cloak_settings(**given: Any) -> CloakSettings:
    """The settings, as far as they can be judged before anything is loaded.

    Raises:
        UsageError: a value is wrong, there is no such target, card or gallery.
    """
    assert given.keys() <= {field.name for field in fields(CloakSettings)}
    try:
        settings = CloakSettings(**given)
        if settings.gallery is not None and not settings.gallery.is_dir():
            raise UsageError(f"--gallery is {str(settings.gallery)!r}, expected a folder of photos")
        if settings.targets:
            from ..targets import registry

            for name in settings.targets:
                registry.find(name)
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    return settings
