"""Pages have the figures that `docs/lab/figures` has, and those are what was measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import figures
import pytest
from figures import DATA, DEMO, MARKED, ROOT


def tables() -> dict[str, dict[str, Any]]:
    return {
        f"{path.relative_to(DATA).with_suffix('').as_posix()}/{name}": told
        for path in DATA.rglob("*.json")
        if path.stem != DEMO
        for name, told in json.loads(path.read_text("utf-8")).items()
    }


def test_the_pages_are_what_was_measured():
    for page in figures.pages():
        text = page.read_text("utf-8")
        assert figures.made(text) == text, f"python scripts/figures.py writes {page.relative_to(ROOT)} anew"


def test_every_table_has_a_place_and_a_command():
    shown = [name for page in figures.pages() for _, name, _ in MARKED.findall(page.read_text("utf-8"))]
    assert sorted(shown) == sorted([*tables(), DEMO])
    assert all(told["command"] and told["rows"] for told in tables().values())


def test_commands_are_of_programs_that_are_there():
    for name, told in tables().items():
        for program in re.findall(r"(?:scripts|tests)/[\w/]+\.py", told["command"]):
            assert (ROOT / program).is_file(), name


def test_rows_have_the_columns_of_their_table():
    for name, told in tables().items():
        if isinstance(told["rows"], list):
            assert {len(row) for row in told["rows"]} == {1 + len(told["columns"])}, name
        else:
            assert all(set(row) <= set(told["columns"]) for row in told["rows"].values()), name


def test_the_readme_has_no_figure_of_a_benchmark_outside_its_blocks():
    """What is left are numbers of versions, sizes and years."""
    text = (ROOT / "README.md").read_text("utf-8")
    text = re.sub(r"<!-- (figures|who) .*?<!-- /\1.*?-->", "", text, flags=re.S)
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    said = re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)
    assert set(said) <= {"3.11", "3.13", "6", "2022", "2206.08638", "2.0"}


def test_a_table():
    told = {
        "first": "row",
        "columns": {"PSNR": ".2f", "SSIM": "~.4f", "fooled": "", "right": ".1f"},
        "rows": {
            "a": {"PSNR": 50, "SSIM": 0.98765, "fooled": [9, 10]},
            "b": {"right": [1.26, -0.5, 2.0], "fooled": 3},
        },
    }
    assert figures.table(told) == (
        "| row | PSNR | SSIM | fooled | right |\n"
        "|---|---|---|---|---|\n"
        "| a | 50.00 | .9877 | 9 of 10 | |\n"
        "| b | | | 3 | 1.3 [-0.5, 2.0] |\n"
    )
    plain = {"columns": ["x", "x"], "rows": [["a", 1, None], ["a", 2.5, "tried"]]}
    assert figures.table(plain) == "| | x | x |\n|---|---|---|\n| a | 1 | |\n| a | 2.5 | tried |\n"


def test_what_a_benchmark_wrote_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(figures, "DATA", tmp_path)
    table = {"command": "x", "columns": {"PSNR": ".1f"}, "rows": {"old": {"PSNR": 1.0}, "mnd": {"PSNR": 2.0}}}
    figures.write("page", {"one": table})
    (tmp_path / "new.json").write_text(json.dumps({"a title": {"mnd": {"PSNR": 50.04}}}))
    figures.take(tmp_path / "new.json", "a title", "page/one")
    page = figures.made("<!-- figures page/one -->\n<!-- /figures -->\n")
    assert "| old | 1.0 |\n| mnd | 50.0 |\n" in page
    with pytest.raises(SystemExit, match="no table 'other'; it has: 'a title'"):
        figures.take(tmp_path / "new.json", "other", "page/one")


@pytest.mark.slow
def test_the_demonstration_is_still_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Another machine differs by little."""
    said = figures.read(DEMO)
    monkeypatch.setattr(figures, "DATA", tmp_path)
    figures.run_demo()
    now = figures.read(DEMO)
    [before], [after] = (it["regions"][0]["targets"].values() for it in (said, now))
    assert now["protected"] is said["protected"] is True
    assert after["after"] == pytest.approx(before["after"], abs=0.05)
    assert min(after["values"].values()) == pytest.approx(min(before["values"].values()), abs=0.05)


SETTINGS = {"threat-model.md"}
"""Pages with a table of numbers that nobody measured: the limits of the levels."""


def test_no_table_of_figures_is_typed():
    """A table whose cells are mostly numbers is made from a file."""
    for page in {*(ROOT / "docs").rglob("*.md")} - {ROOT / "docs" / name for name in SETTINGS}:
        text = re.sub(r"<!-- (?!/)[^>]*-->.*?<!-- [^>]*-->", "", page.read_text("utf-8"), flags=re.S)
        for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
            cells = [cell.strip() for line in table.splitlines()[2:] for cell in line.split("|")[2:-1]]
            numbers = [cell for cell in cells if re.fullmatch(r"\*{0,2}-?[\d.]+\*{0,2}", cell)]
            assert len(numbers) <= len(cells) / 2, f"{page.name}: {table.splitlines()[0]}"
