"""The rating page: one HTML file that asks for nothing from anywhere, made from a template and its parts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from .settings import StudySettings

ANSWERS = "rating-answers-1"
"""The format of the file that observers send back."""


@dataclass(frozen=True)
class Shown:
    """What the page knows of a trial: opaque ids, and the size in pixels.

    Attributes:
        id, content: of the trial and its content.
        reference, test: of the two pictures.
        width, height: of both.
    """

    id: str
    content: str
    reference: str
    test: str
    width: int
    height: int


def page(
    study: str,
    trials: Sequence[Shown],
    training: Sequence[Shown],
    assets: Mapping[str, str],
    settings: StudySettings,
) -> str:
    """The page as text: `study` is its id, `assets` has the data URI of each picture.

    >>> text = page("1f", [Shown("aa", "bb", "cc", "dd", 8, 8)], [], {"cc": "data:,", "dd": "data:,"},
    ...     StudySettings())
    >>> "connect-src" in text, "%%" in text, "default-src 'none'" in text
    (False, False, True)
    """
    style = _part("rating.css")
    script = _part("order.js") + _part("rating.js").removeprefix('"use strict";\n')
    parts = {
        "POLICY": policy(script, style),
        "STYLE": style,
        "SECONDS": f"{settings.seconds:g}",
        "GREY": f"{settings.grey:g}",
        "STUDY": embedded(_data(study, trials, training, settings)),
        "ASSETS": "\n".join(
            f'<script type="text/plain" id="{asset}">{uri}</script>' for asset, uri in assets.items()
        ),
        "SCRIPT": script,
    }
    text = _part("rating.html")
    for name, value in parts.items():
        text = text.replace(f"%%{name}%%", value)
    return text


def policy(script: str, style: str) -> str:
    """The Content-Security-Policy: this very script and style, pictures in data URIs, and nothing else.

    No connection, form, frame, font, worker or other file: all fall under `default-src 'none'` or are named.
    """
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "form-action 'none'; base-uri 'none'"
    )


def embedded(data: Mapping[str, Any]) -> str:
    """JSON that can stand in a script element: no `<` ends it early.

    >>> embedded({"a": "</script>"})
    '{"a":"\\\\u003c/script>"}'
    """
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _data(
    study: str, trials: Sequence[Shown], training: Sequence[Shown], settings: StudySettings
) -> dict[str, Any]:
    def told(shown: Shown) -> dict[str, Any]:
        return {name: getattr(shown, name) for name in Shown.__dataclass_fields__}

    return {
        "format": ANSWERS,
        "id": study,
        "trials": [told(trial) for trial in trials],
        "training": [told(trial) for trial in training],
        "seconds": settings.seconds,
        "grey": settings.grey,
        "presentation": settings.presentation,
        "perSession": settings.per_session,
        "dummies": settings.dummies,
        "zoom": settings.zoom,
    }


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
