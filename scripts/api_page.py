"""The page of the API, made from the docstrings of all public names: Markdown for the site.

Docstrings here are paragraphs, sections (`Args:`, `Raises:`, ...) of `name: text`, formulas that are indented
by four, and examples as Python prints them.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from mnd.cli.flags import attribute_docs

ROOT = Path(__file__).resolve().parents[1]
SURFACE = ROOT / "tests" / "api_surface.json"
SECTION = re.compile(r"(Args|Raises|Returns|Yields|Attributes):$")


def modules() -> list[str]:
    """Those whose names are promised, `mnd` first."""
    return [name for name in json.loads(SURFACE.read_text("utf-8")) if " " not in name]


def page() -> str:
    """All of it; a name that several modules have stands once, where it is first."""
    seen: dict[int, str] = {}
    return "\n".join(part for name in modules() for part in _module(name, seen))


def _module(name: str, seen: dict[int, str]) -> Iterator[str]:
    module = importlib.import_module(name)
    yield f"## {name}\n\n{markdown(inspect.getdoc(module) or '')}"
    known = []
    for public in sorted(module.__all__):
        thing = getattr(module, public)
        if inspect.ismodule(thing):
            continue
        if id(thing) in seen and _described(thing):
            known.append(f"`{seen[id(thing)]}`")
            continue
        seen[id(thing)] = f"{name}.{public}"
        yield from _thing(f"{name}.{public}", thing)
    if known:
        yield f"Also here: {', '.join(known)}.\n"


def _described(thing: Any) -> bool:
    return inspect.isclass(thing) or inspect.isroutine(thing)


def _thing(name: str, thing: Any) -> Iterator[str]:
    yield f"### {name}\n"
    if not _described(thing):
        yield f"A value: a `{type(thing).__name__}`.\n"
        return
    if signature := _signature(thing):
        yield f"```python\n{name.rpartition('.')[2]}{signature}\n```\n"
    yield markdown(inspect.getdoc(thing) or "")
    if inspect.isclass(thing):
        yield from _inside(thing)


def _signature(thing: Any) -> str:
    try:
        told = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return ""
    told = re.sub(r" at 0x[0-9a-f]+", "", told)
    told = re.sub(r"((?:: |-> ))'([^']+)'", r"\1\2", told)  # annotations are texts
    return told if len(told) < 90 else re.sub(r", (?=\*,|\*{0,2}[a-z_]+(?:[:=,)]|$))", ",\n    ", told)


def _inside(thing: type) -> Iterator[str]:
    """Fields of a dataclass and public methods, those with words of their own."""
    told = attribute_docs(thing)
    rows = [it.name for it in fields(thing) if it.name in told] if is_dataclass(thing) else list(told)
    yield from (f"- `{name}`: {_plain(told[name])}" for name in rows)
    if rows:
        yield ""
    for name, member in vars(thing).items():
        method = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
        if name.startswith("_") or not inspect.isfunction(method) or not method.__doc__:
            continue
        yield f"**`.{name}{_signature(method)}`**\n\n{markdown(inspect.getdoc(method) or '')}"


def _plain(text: str) -> str:
    """Text in which nothing is markup but code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(it if it.startswith("`") else re.sub(r"([*_<\[\]])", r"\\\1", it) for it in parts)


def markdown(doc: str) -> str:
    """A docstring as Markdown.

    >>> markdown("Adds.\\n\\nArgs:\\n    a: the first,\\n        a number.")
    'Adds.\\n\\n**Args**\\n\\n- `a`: the first, a number.\\n\\n'
    """
    return "".join(f"{_block(block)}\n\n" for block in re.split(r"\n\s*\n", doc.strip()) if block)


def _block(block: str) -> str:
    lines = block.splitlines()
    if lines[0].startswith(">>>"):
        return "```pycon\n" + block + "\n```"
    if all(line.startswith("    ") for line in lines):
        return "```text\n" + inspect.cleandoc(block) + "\n```"
    for at, line in enumerate(lines):
        if SECTION.match(line):
            before = [_block("\n".join(lines[:at])), ""] if at else []
            return "\n".join([*before, f"**{line[:-1]}**", "", *_items(lines[at + 1 :])])
    if lines[0].startswith("- "):
        return "\n".join(lines)
    return _plain(" ".join(line.strip() for line in lines))


def _items(lines: list[str]) -> Iterator[str]:
    """`name: text` with what is indented below it."""
    text = re.sub(r"\n {5,}", " ", "\n".join(lines))
    for line in text.splitlines():
        name, colon, said = line.strip().partition(": ")
        yield f"- `{name}`: {_plain(said)}" if colon else f"- {_plain(line.strip())}"
