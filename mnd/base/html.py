"""What all pages share: a skeleton with its policy, styles and script, pictures, and how values read."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Literal

import numpy as np
from PIL import Image

from .types import Pixels

PRIVATE = b'<meta name="mnd:private" content="1">'
"""Stands in every page that shows what was there before it was changed."""


def asset(name: str, package: str = __package__) -> str:
    """A part of a page: of the package that makes it, else of what all share.

    Raises:
        FileNotFoundError: neither has it.
    """
    own = resources.files(package) / name
    shared = resources.files(__package__) / "templates" / name
    return (own if own.is_file() else shared).read_text(encoding="utf-8")


def render(
    template: str,
    context: Mapping[str, Any],
    package: str,
    styles: Sequence[str] = ("page.css",),
    scripts: Sequence[str] = ("page.js",),
    styled: bool = True,
) -> str:
    """A page that needs nothing else: no network, no other file, and its policy forbids both.

    Every string is escaped, save what this program made as markup: styles, scripts, plots.

    Args:
        template: extends `page.html`.
        context: what it asks for; `privacy` is the warning at the top, empty where there is none.
        package: whose template, styles and scripts they are, where they are not of all pages.
        styles, scripts: files, which become one style and one script.
        styled: elements may have styles of their own.
    """
    import jinja2

    style, script = ("".join(asset(name, package) for name in names) for names in (styles, scripts))
    own = {"style": style, "script": script, "policy": policy(script, None if styled else style)}
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda name: asset(name, package)),
    )
    return environment.get_template(template).render({"privacy": ""} | own | dict(context))


def policy(script: str, style: str | None) -> str:
    """The Content-Security-Policy: this very script, pictures in data URIs, and nothing else.

    No connection, form, frame, font, worker or other file: all fall under `default-src 'none'` or are named.
    `style` is the only one of its kind; None: there are others.
    """
    styles = "'unsafe-inline'" if style is None else _hash(style)
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {styles}; img-src data:; "
        "form-action 'none'; base-uri 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def embedded(data: Mapping[str, Any]) -> str:
    """JSON that can stand in a script element: no `<` ends it early.

    >>> embedded({"a": "</script>"})
    '{"a":"\\\\u003c/script>"}'
    """
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def pairs(told: Mapping[str, Any], plain: bool = True) -> list[tuple[str, str]]:
    """What is known, by name; `plain`: the names are words of a program, and read better with spaces.

    >>> pairs({"input_sha256": "ab", "seed": None})
    [('input sha256', 'ab')]
    """
    known = {key: value for key, value in told.items() if value is not None}
    return [(key.replace("_", " ") if plain else key, text(value)) for key, value in known.items()]


def text(value: Any) -> str:
    """How a value of a JSON file is read out: lists with commas, objects as JSON.

    >>> text(["a", 0.5, None]), text({"a": 1})
    ('a, 0.5, ', '{"a": 1}')
    """
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(text(one) for one in value)
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, bool)) else str(value)


Picture = Literal["webp", "png", "jpeg"]
_SAVE: dict[Picture, dict[str, Any]] = {
    "webp": {"lossless": True, "quality": 50, "method": 4},
    "png": {"compress_level": 9},
    "jpeg": {"quality": 92, "subsampling": 0},
}


def data_uri(pixels: Pixels, scale: float = 1.0, kind: Picture = "webp") -> str:
    """The picture as a data URI, reduced where `scale` is below 1; WebP is without loss, and so is PNG.

    There is nothing in it but pixels: no text, time, profile or name.

    >>> data_uri(np.zeros((1, 1, 3), np.uint8), kind="png")[:22]
    'data:image/png;base64,'
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if scale < 1:
        width, height = (max(1, round(scale * side)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, kind.upper(), **_SAVE[kind])
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
