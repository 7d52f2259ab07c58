"""The report of a comparison: one HTML file that needs nothing else, `summary.csv`, and the plots as files.

The page is made from `results.jsonl`, `run.json` and the saved pictures alone (and `mos.json`, where people
were asked), so that it can be made again from a finished or an interrupted run, and gives the same bytes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.distribution import pip_install
from ...base.files import write_atomic
from ...base.html import pairs, render, text
from ..curves import curve
from ..results import MEASURES, RESULTS, RUN, Row, attack_order, by_target, read_results, read_run
from ..summary import Outcome, summarise, write_summary
from .examples import Example, examples
from .plots import Plots, slugs, write_plots
from .tables import (
    Cell,
    Curves,
    Head,
    Opinions,
    Table,
    Titles,
    equal_quality_table,
    equal_success_table,
    known_measures,
    mos_table,
    paired_table,
    quality_table,
    shares_table,
)
from .verdicts import Verdict, sentences, verdicts

REPORT = "report.html"
SUMMARY = "summary.csv"
MOS = "mos.json"
PRIVACY = "This page contains the original photos. Share it only where the photos themselves may be shared."


@dataclass(frozen=True)
class Section:
    """All that the page says of one target; the template has the words around it."""

    target: str
    slug: str
    pictures: int
    attacks: int
    sentences: Sequence[str]
    verdicts: Sequence[Verdict]
    means: Table
    everything: Table
    paired: Table | None
    equal_success: Table | None
    equal_quality: Table | None
    judges: Table | None
    channel: Table | None
    mos: Table | None
    plots: Plots | None
    failures: Sequence[tuple[str, Sequence[str]]]
    examples: Sequence[Example] = field(default=())
    install: str = pip_install("[anchors]")
    """How plots are had, where there are none."""


@dataclass(frozen=True)
class Report:
    """A report that was written, and what it was made from."""

    path: Path
    rows: Sequence[Row]
    summaries: Sequence[Outcome]


def write_report(folder: Path) -> Path:
    """The page that `make_report` writes."""
    return make_report(folder).path


def make_report(folder: Path) -> Report:
    """Make `report.html`, `summary.csv` and `plots/` of the results in `folder`.

    Those of an earlier time are replaced. Without matplotlib there are no plots, and the page says so.

    Raises:
        FileNotFoundError: `results.jsonl` or `run.json` is not there.
        ValueError: one of them is broken, has no results, or a saved picture has not its original's size.
        PhotoError: a file cannot be written.
    """
    rows, run = read_results(folder / RESULTS), read_run(folder / RUN)
    if not rows:
        raise ValueError(f"{folder / RESULTS}: has no line, expected one a picture, attack and target")
    titles = _titles(run)
    summaries = summarise(rows)
    write_summary(folder / SUMMARY, summaries)
    sections = _sections(folder, rows, summaries, titles)
    page = render("report.html", _context(run, rows, sections, titles), __package__)
    path = write_atomic(folder / REPORT, page.encode("utf-8"), overwrite=True)
    return Report(path, rows, summaries)


def _titles(run: Mapping[str, Any]) -> Titles:
    return {name: str(card.get("title", name)) for name, card in (run.get("attacks") or {}).items()}


def _sections(
    folder: Path, rows: Sequence[Row], summaries: Sequence[Outcome], titles: Titles
) -> list[Section]:
    targets = by_target(rows)
    shown = examples(folder, targets, titles)
    scores, names = _scores(folder), slugs(list(targets))
    return [
        _section(folder, target, names[target], attacks, summaries, titles, scores, shown)
        for target, attacks in targets.items()
    ]


def _section(
    folder: Path,
    target: str,
    slug: str,
    attacks: Mapping[str, Sequence[Row]],
    summaries: Sequence[Outcome],
    titles: Titles,
    scores: Opinions,
    shown: Sequence[Example],
) -> Section:
    here = [summary for summary in summaries if summary.target == target]
    curves = {name: {m.name: curve(some, m) for m in MEASURES} for name, some in attacks.items()}
    known = known_measures(here)
    found = verdicts(here, curves, titles)
    return Section(
        target=target,
        slug=slug,
        pictures=max(summary.pictures for summary in here),
        attacks=len(here),
        sentences=sentences(here, found, titles),
        verdicts=found,
        means=quality_table(here, titles),
        everything=quality_table(here, titles, everything=True),
        paired=paired_table(here, titles),
        equal_success=equal_success_table(curves, known, titles),
        equal_quality=equal_quality_table(curves, known, titles),
        judges=shares_table(here, titles, lambda summary: summary.judges),
        channel=shares_table(here, titles, lambda summary: summary.channel),
        mos=mos_table(scores, target, titles),
        plots=_plots(folder, slug, here, curves, titles),
        failures=_failures(attacks, titles),
        examples=[example for example in shown if example.target == target],
    )


def _plots(
    folder: Path, slug: str, summaries: Sequence[Outcome], curves: Curves, titles: Titles
) -> Plots | None:
    """`None` where matplotlib is not installed: a long run must not end without its tables."""
    try:
        return write_plots(folder, slug, summaries, curves, titles)
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        return None


def _scores(folder: Path) -> Opinions:
    """Mean opinion scores by attack and target, where people were asked."""
    if not (folder / MOS).is_file():
        return {}
    from .opinions import joined

    return joined(folder)


def _failures(attacks: Mapping[str, Sequence[Row]], titles: Titles) -> list[tuple[str, Sequence[str]]]:
    """Attack and the pictures on which no setting fooled the target; not those where it broke down."""
    found: list[tuple[str, Sequence[str]]] = []
    for name, rows in attacks.items():
        pictures = [row.picture for row in rows if not row.success and row.error is None]
        if pictures:
            found.append((titles.get(name, name), pictures))
    return found


def _context(
    run: Mapping[str, Any], rows: Sequence[Row], sections: Sequence[Section], titles: Titles
) -> dict[str, Any]:
    settings = dict(run.get("settings") or {})
    command = settings.pop("command", None) or run.get("command")
    pictures = run.get("pictures")
    counts = pictures if isinstance(pictures, dict) else {"pictures": pictures}
    return {
        "privacy": PRIVACY,
        "sections": sections,
        "examples": [example for section in sections for example in section.examples],
        "attacks": _attack_table(run, attack_order([row.attack for row in rows])),
        "errors": _errors(rows, titles),
        "not_counted": [(t, names) for t, names in (run.get("not_counted") or {}).items() if names],
        "unreadable": pairs(run.get("unreadable") or {}, plain=False),
        "command": shlex.join(map(str, command)) if isinstance(command, list) else text(command),
        "facts": [
            ("Settings", pairs(settings)),
            ("Versions", pairs(run.get("versions") or {})),
            ("Hardware", pairs(run.get("hardware") or {})),
            ("Run", pairs({key: run.get(key) for key in ("started", "seconds")})),
            ("Pictures", pairs(counts, plain=False)),
        ],
        "targets": [
            (f"{words}{name}", pairs(card))
            for kind, words in (("targets", ""), ("judges", "judge: "))
            for name, card in (run.get(kind) or {}).items()
        ],
        "files": {"results": RESULTS, "run": RUN, "summary": SUMMARY},
    }


def _attack_table(run: Mapping[str, Any], names: Sequence[str]) -> Table:
    """Where every attack comes from, who computes it, and what was tried."""
    keys = ("library", "source", "note")
    rows = []
    for name in names:
        card = (run.get("attacks") or {}).get(name) or {}
        sweep = text(card.get("sweep"))
        dial = f"{card.get('dial') or ''} {sweep}".strip()
        cells = [
            Cell(str(card.get("title", name)), name),
            Cell(dial),
            *(Cell(text(card.get(k))) for k in keys),
        ]
        rows.append(tuple(cells))
    heads = ("Attack", "Dial and its sweep", "Computed by", "Source", "Note")
    return Table(tuple(Head(title, numeric=False) for title in heads), tuple(rows))


def _errors(rows: Sequence[Row], titles: Titles) -> Table | None:
    """Every breakdown of an attack with its message."""
    found = []
    for row in rows:
        if row.error is not None:
            message = text(row.error.get("message"))
            name = Cell(titles.get(row.attack, row.attack))
            found.append(
                (name, Cell(row.target), Cell(row.picture), Cell(text(row.error.get("kind")), message))
            )
    heads = tuple(Head(title, numeric=False) for title in ("Attack", "Target", "Picture", "Error"))
    return Table(heads, tuple(found)) if found else None
