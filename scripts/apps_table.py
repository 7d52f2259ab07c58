"""The tables of `docs/apps.md`, made from the profiles of apps.

`python scripts/apps_table.py` writes them into the page; `--check` says whether they are what it has.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from mnd.targets.apps.profile import Profile, profiles

PAGE = Path(__file__).resolve().parents[1] / "docs" / "apps.md"
MARKED = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)


def _threshold(profile: Profile) -> str:
    end = "at most" if profile.lower_is_same else "at least"
    return f"{profile.measure} {end} {profile.threshold:g}"


def _target(profile: Profile) -> str:
    named = [f"`{name}`" for name in profile.networks]
    named += [f"`{name}` stands in" for name in profile.stand_ins]
    return ", ".join(named) or "a card of yours"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rules() -> str:
    """What each app has and does."""
    return _table(
        ("name", "app", "network", "target here", "alignment", "sees", "two photos match", "and a person"),
        (
            (f"`{it.name}`", it.title, it.network, _target(it), it.alignment,
             f"`{it.preview}`" if it.preview else "the file", _threshold(it), f"`{it.rule}`: {it.says}")
            for it in profiles().values()
        ),
    )  # fmt: skip


def sources() -> str:
    """Where that is from, and what is not as in the app."""
    return _table(
        ("name", "how to get its network", "not as in the app", "read in"),
        (
            (
                f"`{it.name}`",
                it.get,
                it.approximated or "-",
                it.source if it.read else f"{it.source} (second-hand)",
            )
            for it in profiles().values()
        ),
    )


def made(text: str) -> str:
    """The page with its tables as they are now."""
    tables = {"rules": rules, "sources": sources}
    return MARKED.sub(lambda found: found[1] + tables[found[2]]() + found[3], text)


def main() -> int:
    """Write the page, or say whether it is as it would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = PAGE.read_text("utf-8")
    if parser.parse_args().check:
        return int(made(text) != text)
    PAGE.write_text(made(text), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
