"""Data sets as tests have them: what is in a folder of results, and the command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mnd
from mnd.dataset.manifest import latest, manifests

PHOTOS = 12
TIMES = ("seconds", "worker", "input_stat", "output_stat")
ROOT = Path(__file__).parents[2]


def files(folder: Path) -> list[str]:
    """Results alone."""
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in found if not p.name.startswith((".mnd", "manifest", "report.html")))


def lines(dst: Path) -> dict[str, dict[str, Any]]:
    return {line["input"]: line for line in latest(manifests(dst))}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def told(summary: mnd.Summary, *names: str) -> list[int]:
    return [getattr(summary, name) for name in names]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mnd", "protect", *map(str, arguments)]


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=600, **options)


def timeless(dst: Path) -> dict[str, dict[str, Any]]:
    return {
        name: {key: value for key, value in line.items() if key not in TIMES}
        for name, line in lines(dst).items()
    }


def workers_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    except FileNotFoundError:
        pytest.skip("needs the command pgrep")
    return [int(word) for word in found.split()]


def tried(folder: Path, name: str) -> list[int]:
    """The processes that have tried an item."""
    return [int(path.name.split(" ")[-1]) for path in folder.glob(f"{name} *")]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
