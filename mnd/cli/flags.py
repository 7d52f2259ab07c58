"""Options made from the settings' dataclasses: one source for the API, the flags and their help."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, make_dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

from cyclopts import Group, Parameter

from .app import UsageError

S = TypeVar("S")


@dataclass(frozen=True)
class Words:
    """How a field is typed on a command line, where that is not how Python has it."""

    kind: Any
    read: Callable[[Any], Any] = lambda value: value
    """From what was typed to the field's value."""
    names: tuple[str, ...] = ()
    """Of the option, where it is not called like the field."""


def names(texts: list[str] | None) -> tuple[str, ...]:
    """`--targets a,b`, or the option several times.

    >>> names(["a, b", "c"])
    ('a', 'b', 'c')
    """
    return tuple(name.strip() for text in texts or () for name in text.split(","))


NAMES = Words(list[str] | None, names)
LISTED = Words(list[str] | None, lambda texts: tuple(texts or ()))


@functools.cache
def attribute_docs(cls: type) -> dict[str, str]:
    """The docstrings under the fields of a class, in one line each; empty where its source is not there.

    >>> sorted(attribute_docs(Words))
    ['names', 'read']
    """
    try:
        [body] = ast.parse(inspect.getsource(cls)).body
    except (OSError, TypeError):
        return {}
    assert isinstance(body, ast.ClassDef)
    told = {}
    for name, doc in zip(body.body, body.body[1:], strict=False):
        match name, doc:
            case ast.AnnAssign(target=ast.Name(id=called)), ast.Expr(value=ast.Constant(value=str(text))):
                told[called] = " ".join(text.split())
    return told


def flags(
    cls: type,
    words: Mapping[str, Words],
    more: Callable[[str], str] | None = None,
    only: tuple[str, ...] = (),
    groups: Mapping[str, Group] | None = None,
) -> Any:
    """A dataclass of the options of a command, one a field of the settings `cls`, with its help and default.

    Args:
        cls: a dataclass.
        words: fields that are typed otherwise.
        more: what the help of a field says beyond the docstring under it; empty: nothing.
        only: these fields alone.
        groups: where in the help a field stands that does not stand with the command's own options.
    """
    hints, docs = get_type_hints(cls), attribute_docs(cls)
    rows: list[Any] = []
    for it in fields(cls):
        if only and it.name not in only:
            continue
        typed = words.get(it.name, Words(hints[it.name]))
        shown = it.default not in (None, (), MISSING) and not isinstance(it.default, bool)
        told = " ".join(filter(None, (docs.get(it.name, ""), more(it.name) if more else "")))
        typed_as: Any = Parameter(typed.names or None, help=told, show_default=shown)
        if groups and it.name in groups:
            typed_as = Parameter(typed.names or None, help=told, show_default=shown, group=groups[it.name])
        kind: Any = Annotated[typed.kind, typed_as]
        default = None if it.name in words and it.default == () else it.default
        rows.append((it.name, kind) if default is MISSING else (it.name, kind, field(default=default)))
    made = make_dataclass(f"{cls.__name__}Flags", rows, frozen=True)
    made.__module__ = __name__  # where cyclopts resolves the annotations
    return made


def settings(cls: type[S], given: Any, words: Mapping[str, Words]) -> S:
    """The settings that options stand for.

    Raises:
        UsageError: a value is wrong.
    """
    told = {it.name: getattr(given, it.name) for it in fields(given)}
    read = {name: words[name].read(value) if name in words else value for name, value in told.items()}
    try:
        return cls(**read)
    except ValueError as error:
        raise UsageError(str(error)) from error
