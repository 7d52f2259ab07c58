"""The rooms of the package: folders alone on the top floor, and imports that run down only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "mnd"
LAYERS = (
    {"cli"},
    {"study"},
    {"evaluation", "dataset", "ui"},
    {"attacks", "cloaking"},
    {"metrics", "optimizer", "targets"},
    {"losses", "channel", "faces", "photo"},
    {"base"},
)
"""From the top: a room may import those below it, and none beside it."""
FLOOR = {room: -depth for depth, rooms in enumerate(LAYERS) for room in rooms}
FLOORS = 9
"""The longest chain of folders that import one another, subfolders counted, may have so many."""
LONGEST = 450
"""Lines of a file."""


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """The parts of each module of this package that a file imports, also inside functions."""
    here = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level] if node.level else ()
            for name in node.names:
                parts = (*base, *(node.module or "").split("."), name.name)
                found = tuple(part for part in parts if part)
                if found[0] == "mnd":
                    yield found[1:]
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "mnd":
                    yield tuple(name.name.split(".")[1:])


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_the_top_floor_has_rooms_alone() -> None:
    loose = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert loose == set()
    assert rooms == set(FLOOR)


def test_imports_run_down() -> None:
    wrong = {
        f"{path.relative_to(PACKAGE)} -> {found[0]}"
        for path in files()
        if (mine := path.relative_to(PACKAGE).parts[0]) in FLOOR
        for found in imported(path)
        if found and found[0] in FLOOR and found[0] != mine and FLOOR[found[0]] >= FLOOR[mine]
    }
    assert not wrong, sorted(wrong)


def test_folders_do_not_go_round_and_are_not_too_many_floors() -> None:
    """A folder is a room or a folder in one; what a file of its own room's top imports counts, too."""
    folders = {path.parent.relative_to(PACKAGE).parts for path in files()} - {()}
    below: dict[tuple[str, ...], set[tuple[str, ...]]] = {folder: set() for folder in folders}
    for path in files():
        mine = path.parent.relative_to(PACKAGE).parts
        for found in imported(path):
            other = next((found[:n] for n in range(len(found), 0, -1) if found[:n] in folders), ())
            if mine and other and other != mine and other != mine[: len(other)]:
                below[mine].add(other)

    @cache
    def height(folder: tuple[str, ...]) -> int:
        return 1 + max((height(other) for other in below[folder]), default=0)

    tallest = max(height(folder) for folder in folders)  # a circle would be a RecursionError
    assert tallest <= FLOORS


def test_no_file_is_too_long() -> None:
    lines = {str(path.relative_to(PACKAGE)): len(path.read_text("utf-8").splitlines()) for path in files()}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


def test_every_room_says_what_it_is() -> None:
    for init in sorted(PACKAGE.glob("**/__init__.py")):
        told = ast.get_docstring(ast.parse(init.read_text("utf-8"))) or ""
        assert len(told) > 30, init
