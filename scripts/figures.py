"""The tables of the docs and the README's figures, made from `docs/lab/figures`, which benchmarks fill.

`python scripts/figures.py` writes them into the pages, with those of `who_table.py`; `--check` says whether
they are what the pages have. `--take FILE TITLE NAME` first puts what a benchmark wrote with `--json FILE`
under that title into the table NAME, row by row; `--demo` first runs `mnd demo` and keeps what `mnd check`
says of it.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import who_table

ROOT = Path(__file__).resolve().parents[1]
DATA, DEMO = ROOT / "docs" / "lab" / "figures", "demo"
MARKED = re.compile(r"(<!-- figures ([\w/-]+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
Table = dict[str, Any]
"""`command` that remakes it; `first`, the head of the first column; `columns` with their formats; `rows` by
name. Where names repeat, `columns` is a list, and `rows` is a list of rows, the name first."""


def pages() -> list[Path]:
    """All pages with a marker, the README first."""
    every = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in every if MARKED.search(page.read_text("utf-8"))]


def read(name: str) -> Any:
    """The figures of a file: tables by name, or what `mnd check` said of the demonstration."""
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))


def cell(value: Any, form: str = "") -> str:
    """A value as a page shows it.

    `form` is a format of Python, `~` before it leaves out a leading zero, and without one a number has the
    digits that it has in the file. Of three numbers the last two are an interval; two are a count and of how
    many.

    >>> cell(0.99711, "~.5f"), cell(100), cell([89.4, 88.4, 90.5], ".1f"), cell([17, 20]), cell("tried")
    ('.99711', '100', '89.4 [88.4, 90.5]', '17 of 20', 'tried')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list):
        told = [cell(it, form) for it in value]
        return f"{told[0]} of {told[1]}" if len(told) == 2 else f"{told[0]} [{told[1]}, {told[2]}]"
    told = format(value, form.removeprefix("~"))
    return re.sub(r"^(-?)0\.", r"\1.", told) if form.startswith("~") else told


def table(told: Table) -> str:
    """A table of Markdown."""
    columns, rows = told["columns"], told["rows"]
    lines = [[told.get("first", ""), *columns]]
    if isinstance(rows, list):
        lines += [[cell(value) for value in row] for row in rows]
    else:
        lines += [
            [name, *(cell(row.get(it), form) for it, form in columns.items())] for name, row in rows.items()
        ]
    first, *others = (re.sub(r"\| (?= \|)", "|", f"| {' | '.join(line)} |\n") for line in lines)
    return first + f"|{'---|' * len(lines[0])}\n" + "".join(others)


def demo(record: Mapping[str, Any]) -> str:
    """What the README says of the picture at its top, from the record of `mnd check`."""
    [told] = record["regions"][0]["targets"].values()
    crops = min(look["value"] for look in told["looks"].values() if look["counts"])
    shared = min(told["values"].values())
    return (
        f"*Made by `mnd demo`: dlib's recogniser matches below a distance of {told['threshold']:.1f}; "
        f"it is at {math.floor(100 * crops) / 100:.2f} or more in all crops that are promised,\n"
        f"and at {math.floor(100 * shared) / 100:.2f} or more after recompression and half size.*\n"
    )


def made(text: str) -> str:
    """A page with its figures as they are now."""

    def block(found: re.Match[str]) -> str:
        page, _, name = found[2].rpartition("/")
        return found[1] + (table(read(page)[name]) if page else demo(read(name))) + found[3]

    return MARKED.sub(block, text)


def take(figures: Path, title: str, name: str) -> None:
    """Puts the rows of a benchmark into a table; other rows and columns stay."""
    page, _, inside = name.rpartition("/")
    tables, found = read(page), json.loads(figures.read_text("utf-8"))
    if title not in found:
        raise SystemExit(f"{figures} has no table {title!r}; it has: {', '.join(map(repr, found))}")
    for row, values in found[title].items():
        tables[inside]["rows"].setdefault(row, {}).update(values)
    write(page, tables)


def write(name: str, figures: Any) -> None:
    """Keeps figures as a file that is read line by line."""
    text = json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False)
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda it: "[" + re.sub(r"\s+", " ", it[1]) + "]", text)
    (DATA / f"{name}.json").write_text(text + "\n", "utf-8")


def run_demo() -> None:
    """The demonstration, and what `mnd check` says of its file."""
    with tempfile.TemporaryDirectory() as room:
        subprocess.run([sys.executable, "-m", "mnd", "demo"], cwd=room, check=True, capture_output=True)
        files = ("mnd-demo/astronaut.png", "mnd-demo/astronaut.cloaked.png")
        told = subprocess.run(
            [sys.executable, "-m", "mnd", "check", *files, "--targets", "dlib", "--json"],
            cwd=room,
            check=True,
            capture_output=True,
            text=True,
        )
    write(DEMO, {key: value for key, value in json.loads(told.stdout).items() if key != "seconds"})


def main() -> int:
    """Write the pages, or say whether they are as they would be written."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit status 1: something differs"
    )
    parser.add_argument("--take", nargs=3, metavar=("FILE", "TITLE", "NAME"), action="append", default=[])
    parser.add_argument("--demo", action="store_true", help="run mnd demo anew")
    args = parser.parse_args()
    for file, title, name in args.take:
        take(Path(file), title, name)
    if args.demo:
        run_demo()
    who, status = who_table.read(), 0
    for page in {*pages(), *who_table.PAGES}:
        text = page.read_text("utf-8")
        new = who_table.made(made(text), who)
        if new == text:
            continue
        if args.check:
            print(f"{page.relative_to(ROOT)} is not what its figures make", file=sys.stderr)
            status = 1
        else:
            page.write_text(new, "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
