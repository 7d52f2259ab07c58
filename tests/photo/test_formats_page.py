"""`docs/formats.md`: each line of its tables is held by a test, or a file of tests, which is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def held(page: str) -> Iterator[str]:
    """The lines of the tables whose last column is the test."""
    inside = False
    for line in page.splitlines():
        if not line.startswith("|"):
            inside = False
        elif line.endswith("| test |"):
            inside = True
        elif inside and not line.startswith("|---"):
            yield line


def test_each_line_has_a_test() -> None:
    lines = list(held((ROOT / "docs" / "formats.md").read_text("utf-8")))
    files = list((ROOT / "tests").rglob("test_*.py"))
    there = {path.name for path in files}
    for path in files:
        there |= set(re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M))
    assert len(lines) > 35
    for line in lines:
        named = set(re.findall(r"test_\w+(?:\.py)?", line.split("|")[-2]))
        assert named, line
        assert named <= there, line
