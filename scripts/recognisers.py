"""The table of `docs/recognisers.md`, made from the cards: `python scripts/recognisers.py` writes it anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mnd.base.distribution import DISTRIBUTION
from mnd.targets import frbench, registry
from mnd.targets.registry import Entry

PAGE = Path(__file__).resolve().parents[1] / "docs" / "recognisers.md"
BEGIN, END = "<!-- made by scripts/recognisers.py -->", "<!-- to here -->"
HEAD = ("name", "megabytes", "licence of weights, code", "trained on", "LFW", "threshold", "needs", "sha256")


def rows() -> Iterable[tuple[str, ...]]:
    """A line a recogniser of faces, as its card has it."""
    names = dict.fromkeys([*registry.names(), *(f"frbench:{name}" for name in frbench.NAMES)])
    for entry in map(registry.find, names):
        if entry.card.kind == "face":
            yield row(entry)


def row(entry: Entry) -> tuple[str, ...]:
    card, url = entry.card, entry.weights.url or ""
    link = f"[`{card.name}`]({url})" if url.endswith(entry.weights.file) else f"`{card.name}`"
    size = f"{card.download / 1e6:.1f}" if card.download else "in the package"
    licence = f"{card.licence}, {card.code_licence}" + ("; **judge only**" if card.judge_only else "")
    lfw = "-" if card.lfw is None else f"{100 * card.lfw:.2f} %"
    needs = f"`{DISTRIBUTION}[{card.extra}]`" if card.extra else "-"
    sha = f"`{card.sha256[:16]}`" if card.sha256 else "of its tensors" if entry.weights.check else "-"
    return link, size, licence, card.trained_on, lfw, f"{card.threshold:g}: {card.threshold_at}", needs, sha


def table() -> str:
    """The table in Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *rows()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def written(page: str) -> str:
    """The page with the table as it is now."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
