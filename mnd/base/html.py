"""What all reports share: templates, styles and script, and how values of a JSON file are read out."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image

from .types import Pixels


def asset(name: str) -> str:
    """A file of `mnd/templates`."""
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")


def render(template: str, context: Mapping[str, Any]) -> str:
    """A page that needs nothing else: no network, no other file.

    Every string is escaped, save what this package made as markup: styles, script, plots.

    Args:
        template: extends `page.html`.
        context: what it asks for; `privacy` is the warning at the top, empty where there is none.
    """
    import jinja2

    script = asset("report.js")
    shared = {
        "style": asset("report.css"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
    }
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(asset),
    )
    return environment.get_template(template).render(shared | dict(context))


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


def data_uri(pixels: Pixels, scale: float = 1.0) -> str:
    """The picture as a data URI, lossless WebP, reduced where `scale` is below 1."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if scale < 1:
        width, height = (max(1, round(scale * side)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=True, quality=50, method=4)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
