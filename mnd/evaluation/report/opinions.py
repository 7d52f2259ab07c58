"""What a report shows of a rating study: the scores that lie in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...base.files import sha256_of

MOS_JSON, FORMAT = "mos.json", "mos-1"
"""The file of a study's scores, and what stands in it."""
HIDDEN = "reference"
"""Stands where an attack's name would: the clean file, rated as if it were a test picture."""
Joined = dict[tuple[str, str], tuple[float, float | None, float | None]]


def joined(report: Path) -> Joined:
    """MOS with its 95 % interval for each attack and target, from `mos.json` in the report's folder.

    Empty where there is no such file. `low` and `high` are `None` where only one observer is counted. The
    hidden references are left out.

    Raises:
        ValueError: the file holds something else, or a picture is no longer the one that was rated: then
            the scores do not belong to this report.

    >>> joined(Path("no such report"))
    {}
    """
    path = Path(report) / MOS_JSON
    if not path.is_file():
        return {}
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']!r}")
        scores: Joined = {
            (row["attack"], row["target"]): (row["mos"], row["low"], row["high"])
            for row in told["attacks"]
            if row["attack"] != HIDDEN
        }
        files: dict[str, str] = told["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected the scores of a rating study: {error}") from error
    for name, rated in files.items():
        picture = Path(report) / name
        if not picture.is_file() or sha256_of(picture) != rated:
            raise ValueError(
                f"{path}: {name} is not the picture that was rated, expected an unchanged report"
            )
    return scores
