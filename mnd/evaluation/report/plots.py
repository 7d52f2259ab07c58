"""The plots of the report: as files, and inline in the page, where they follow its light and dark scheme."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ...base.files import write_atomic
from ..results import Measure
from ..summary import Outcome
from .figures import COLOURS, GRID, INK, OURS_COLOUR, SOFT, curve_plot, means_plot
from .tables import Curves, Titles, known_measures, ranked

FOLDER = "plots"
_SHOWN = 6
"""So many curves stand open; the others are folded away."""


@dataclass(frozen=True)
class Plot:
    """A plot as it stands in the page.

    Attributes:
        svg: markup without ids of other plots, without addresses.
        link: to its file, relative to the report.
    """

    title: str
    svg: str
    link: str


@dataclass(frozen=True)
class Plots:
    """All plots of one target."""

    means: Plot | None
    curves: tuple[Plot, ...]
    more: tuple[Plot, ...]


def slugs(targets: Sequence[str]) -> dict[str, str]:
    """A different file name for each target, of letters, digits and `+ . _ -`.

    >>> slugs(["dlib+facenet", "timm:a", "timm/a"])
    {'dlib+facenet': 'dlib+facenet', 'timm:a': 'timm_a', 'timm/a': 'timm_a-2'}
    """
    found: dict[str, str] = {}
    for target in targets:
        plain = re.sub(r"[^A-Za-z0-9+._-]", "_", target)[:80] or "_"
        name, number = plain, 1
        while name in found.values():
            number += 1
            name = f"{plain}-{number}"
        found[target] = name
    return found


def write_plots(
    folder: Path, slug: str, summaries: Sequence[Outcome], curves: Curves, titles: Titles
) -> Plots:
    """Draw the plots of one target into `folder / "plots"`.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        PhotoError: a file cannot be written.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    known = known_measures(summaries)
    target = summaries[0].target
    drawn = []
    for measure in known:
        some = [found[measure.name] for found in curves.values()]
        if any(curve.values for curve in some):
            title = f"{measure.title} against success on {target}"
            data = curve_plot(some, titles)
            drawn.append(_plot(folder, f"curve-{slug}-{measure.name}", data, title))
    return Plots(_means(folder, slug, summaries, known, titles), tuple(drawn[:_SHOWN]), tuple(drawn[_SHOWN:]))


def _means(
    folder: Path, slug: str, summaries: Sequence[Outcome], known: Sequence[Measure], titles: Titles
) -> Plot | None:
    some = [summary for summary in ranked(summaries) if summary.successes]
    if not some or not known:
        return None
    data = means_plot(some, known[:_SHOWN], titles)
    return _plot(folder, f"means-{slug}", data, f"Means over the successes on {some[0].target}")


def _plot(folder: Path, name: str, data: bytes, title: str) -> Plot:
    write_atomic(folder / FOLDER / f"{name}.svg", data, overwrite=True)
    return Plot(title, inline(data.decode("utf-8"), name), f"./{FOLDER}/{quote(name)}.svg")


_VARIABLES: Mapping[str, str] = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    GRID: "var(--line)",
    OURS_COLOUR: "var(--ours)",
    **{colour: f"var(--series-{place})" for place, colour in enumerate(COLOURS)},
}


def inline(svg: str, name: str) -> str:
    """An SVG file as an element of a page: its own ids, the page's colours and font, no address of anything.

    Raises:
        ValueError: there is no SVG element.
    """
    found = re.search(r"<svg\b([^>]*)>(.*)</svg>", svg, re.DOTALL)
    if found is None:
        raise ValueError(f"got {svg[:60]!r}, expected an SVG file")
    box = re.search(r'viewBox="([\d. -]+)"', found[1])
    body = re.sub(
        r"<metadata>.*?</metadata>|<style\b[^>]*>.*?</style>|<!--.*?-->", "", found[2], flags=re.DOTALL
    )
    prefix = re.sub(r"[^A-Za-z0-9-]", "_", name)
    body = re.sub(r'(<[^>]*?\sid=")([^"]*")', rf"\1{prefix}-\2", body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}-', body)
    body = body.replace("url(#", f"url(#{prefix}-")
    body = re.sub(r"font-family: [^;\"]*", "font-family: inherit", body)
    body = re.sub(r"(fill|stroke): #ffffff", r"\1: none", body)
    for colour, variable in _VARIABLES.items():
        body = re.sub(rf"((?:fill|stroke): ){colour}", rf"\1{variable}", body)
    # text has no colour of its own where it is black
    size = f' viewBox="{box[1]}"' if box else ""
    return f'<svg{size} aria-hidden="true">{body}</svg>'
