"""The JSON that this package writes and reads, as JSON Schemas (draft 2020-12): made by `scripts/schemas.py`.

Contracts only grow: a field that is not in a schema may be there in a later version, none goes or changes its
meaning while the number in `mnd_record`, `mnd_manifest`, `mnd_results`, `mnd_measure` or `mnd_card` stays.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

NAMES = ("card", "manifest", "measure", "record", "results")
"""card: a recogniser of one's own. record: of a photo. measure: of two pictures. manifest, results: a line of
these files."""
_FOLDER = Path(__file__).parent


def schema(name: str) -> dict[str, Any]:
    """The schema of this name.

    Raises:
        ValueError: there is none; the message has the nearest.

    >>> schema("record")["title"]
    'mnd record'
    """
    return dict(json.loads(text(name)))


def text(name: str) -> str:
    """The same as it stands in its file.

    Raises:
        ValueError: there is none; the message has the nearest.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise ValueError(f"unknown schema {name!r}{hint} There are {', '.join(NAMES)}")
    return (_FOLDER / f"{name}.json").read_text("utf-8")
