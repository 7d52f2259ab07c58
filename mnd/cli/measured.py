"""How `mnd measure` tells what it has measured: in words, as JSON, as CSV."""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..base.jsonlines import finite
from ..metrics.cards import CARDS
from .console import complain, console, line, printable, say
from .tables import table_of

if TYPE_CHECKING:
    from ..metrics.measure_record import (
        AloneRecord,
        MeanRecord,
        MeasuredRecord,
        PairRecord,
        SummaryRecord,
    )
    from .talk import Talk

How = Literal["words", "json", "csv"]
log = logging.getLogger(__name__)


class Shown:
    """Tells each pair when it is measured, and all of them at the end.

    Args:
        how: to whom.
        folders: there may be several pairs: each has one line.
        talk: how much is said.
    """

    def __init__(self, how: How, folders: bool, talk: Talk) -> None:
        self._how, self._folders, self._talk = how, folders, talk
        self._records: list[PairRecord] = []
        self._names: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """No pair has an error."""
        return all(record["error"] is None for record in self._records)

    def begin(self, names: tuple[str, ...]) -> None:
        """The measures are known."""
        self._names = names
        if self._how == "csv":
            self._row(["a", "b", "width", "height", *names, "map", "error", "versions"])

    def pair(self, record: PairRecord) -> None:
        """A pair is measured, or could not be."""
        self._records.append(record)
        log.info("%s, %s: %s", record["a"], record["b"], (record["error"] or {"kind": "measured"})["kind"])
        if self._how == "json":
            self._json(record)
        elif self._how == "csv":
            self._row(_cells(record, self._names))
        elif not self._talk.quiet:
            self._words(record)
        if record["error"] is not None:
            complain(printable(record["error"]["message"]))

    def summary(self, a: Path, b: Path, alone: Sequence[tuple[Path, str]], passed: Sequence[str]) -> None:
        """All pairs of two folders are measured."""
        found = summarised(self._records, self._names, a, b, alone, passed)
        if self._how == "json":
            self._json(found)
        elif self._how == "words" and not self._talk.quiet:
            _show_summary(found, self._records)
        for it in found["alone"]:
            complain(f"{printable(it['path'])}: {printable(it['why'])}")
        for text in passed:
            complain(printable(text))
        if not found["pairs"]:
            complain(f"{printable(a)}, {printable(b)}: no two pictures have one name")

    complain = staticmethod(complain)

    def _words(self, record: PairRecord) -> None:
        out = console()
        if record["measures"] and self._folders:
            told = ", ".join(f"{it['title']} {number(it)}" for it in record["measures"])
            line(out, f"{printable(record['a'])}: {told}")
        elif record["measures"]:
            _show_pair(record, self._talk.verbose)
        if record["map"] is not None:
            it = record["map"]
            outlines = "it shows the outlines of what was changed"
            line(out, f"{printable(it['path'])}  {it['of']}, white is {it['white']:.3g}; {outlines}")

    @staticmethod
    def _json(record: PairRecord | SummaryRecord) -> None:
        print(json.dumps(finite(record), allow_nan=False), flush=True)

    @staticmethod
    def _row(cells: Sequence[object]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        print(text.getvalue(), end="", file=sys.stdout, flush=True)


def number(it: MeasuredRecord) -> str:
    """A value as people read it, with its unit.

    >>> from mnd.metrics.measuring import measure
    >>> import numpy as np
    >>> a = np.zeros((9, 9, 3), np.uint8)
    >>> [number(it.as_json()) for it in measure(a, a, "psnr,ssim,ciede2000").values()]
    ['infinite', '-', '0.000']
    """
    if it["value"] is None:
        return "infinite" if "infinite" in it["note"] else "-"
    digits = CARDS[it["name"].partition(":")[0]].digits
    return f"{it['value']:.{digits}f}" + (" dB" if it["unit"] == "dB" else "")


def summarised(
    records: Sequence[PairRecord],
    names: Sequence[str],
    a: Path,
    b: Path,
    alone: Sequence[tuple[Path, str]],
    passed: Sequence[str],
) -> SummaryRecord:
    """The mean of each measure with its interval by the bootstrap over pairs, and the worst pair."""
    import numpy as np

    from ..evaluation.summary import RESAMPLES, SEED, bootstrap

    known = [record for record in records if record["measures"]]
    rows = [[it["value"] for it in record["measures"]] for record in known]
    table = np.array(rows, dtype=np.float64).reshape(len(known), len(names))  # None becomes NaN
    measures: list[MeanRecord] = []
    for name, found, column in zip(names, bootstrap(table), table.T, strict=True):
        higher = CARDS[name.partition(":")[0]].better == "higher"
        place = int((np.nanargmin if higher else np.nanargmax)(column)) if found.count else None
        worst = None if place is None else float(column[place])
        pair = None if place is None else known[place]["a"]
        told: MeanRecord = {
            "name": name, "mean": found.mean, "low": found.low, "high": found.high, "count": found.count,
            "worst": worst, "worst_pair": pair,
        }  # fmt: skip
        measures.append(told)
    lonely: list[AloneRecord] = [{"path": str(path), "why": why} for path, why in alone]
    return {
        "mnd_measure": 1, "kind": "summary", "a": str(a), "b": str(b), "pairs": len(records),
        "failed": sum(record["error"] is not None for record in records), "alone": lonely,
        "passed": list(passed), "resamples": RESAMPLES, "seed": SEED, "measures": measures,
    }  # fmt: skip


def _cells(record: PairRecord, names: Sequence[str]) -> list[object]:
    values = {it["name"]: it["value"] for it in record["measures"]}
    versions = "; ".join(f"{it['name']}: {it['version']}" for it in record["measures"])
    size: Sequence[object] = record["size"] or ("", "")
    picture = record["map"]["path"] if record["map"] else ""
    error = record["error"]["message"] if record["error"] else ""
    cells = ["" if values.get(name) is None else values[name] for name in names]
    return [record["a"], record["b"], *size, *cells, picture, error, versions]


def _range(low: float | None, high: float | None) -> str:
    """
    >>> _range(0.0, None), _range(None, 100.0), _range(-1.0, 1.0)
    ('from 0', 'up to 100', '-1 to 1')
    """
    if low is None:
        return f"up to {high:g}"
    return f"from {low:g}" if high is None else f"{low:g} to {high:g}"


def _show_pair(record: PairRecord, verbose: bool) -> None:
    out, size = console(), record["size"] or [0, 0]
    names = f"{printable(record['a'])}, {printable(record['b'])}"
    line(out, f"{names}: {size[0]}x{size[1]} pixels")
    table = table_of("Measure", "Value", "Better", "Range", "Version", *(["How"] if verbose else []))
    for it in record["measures"]:
        cells = [it["title"], number(it), it["better"], _range(it["low"], it["high"]), it["version"]]
        table.add_row(*map(printable, cells), *([printable(it["how"])] if verbose else []))
    out.print(table)
    for it in record["measures"]:
        if it["note"] and (it["value"] is not None or verbose or number(it) == "-"):
            say(out, f"{it['title']}: {it['note']}")


def _show_summary(found: SummaryRecord, records: Sequence[PairRecord]) -> None:
    out = console()
    if not any(it["count"] for it in found["measures"]):
        return
    cards = {it["name"]: it for record in records for it in record["measures"]}
    table = table_of("Measure", "Pairs", "Mean", "95 %", "Worst", "of", "Better", "Version")
    for it in found["measures"]:
        card = cards[it["name"]]
        digits = CARDS[it["name"].partition(":")[0]].digits
        mean, low, high, worst = (
            "-" if value is None else f"{value:.{digits}f}"
            for value in (it["mean"], it["low"], it["high"], it["worst"])
        )
        name = printable(Path(it["worst_pair"]).name) if it["worst_pair"] else "-"
        spread = "-" if it["low"] is None else f"{low} to {high}"
        version = printable(card["version"])
        table.add_row(card["title"], str(it["count"]), mean, spread, worst, name, card["better"], version)
    out.print(table)
