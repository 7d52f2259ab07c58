"""The tables: what targets say of faces, whom there is, what an evaluation or a study came to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from ..cloaking.distances import distance_in_words
from .console import BAD, GOOD, console, line, printable, say
from .meter import size_of


class Rows(Table):
    """A table that becomes a list where a terminal is too narrow for the words in its columns."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.__rich_measure__(console, options.update(max_width=10_000)).minimum <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        rows = list(zip(*(column.cells for column in self.columns), strict=True))
        for place, cells in enumerate(rows):
            for column, cell in zip(self.columns, cells, strict=True):
                title = f"{column.header}: " if column.header else ""
                yield Text.assemble(title, cell if isinstance(cell, Text) else str(cell))
            if place + 1 < len(rows):
                yield Text("")


def table_of(*names: str) -> Table:
    """An empty table of these columns."""
    table = Rows(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def judged(record: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Region, name of the target and what it said, for each."""
    for region in record["regions"]:
        where = f"{region['kind']} {','.join(f'{v:g}' for v in region['box'] or ())}".strip()
        for name, told in region["targets"].items():
            yield where, printable(name), told


def before_after(record: Mapping[str, Any]) -> Table:
    """What each target says of the clean photo and of the saved file, in figures."""
    table = table_of("Region", "Target", "Before", "After", "Threshold", "Fooled", "Survives")
    for where, name, told in judged(record):
        numbers = (number_told(told[key]) for key in ("before", "after", "threshold"))
        channel = told.get("channel") or {}
        survived = ", ".join(name for name, fooled in channel.items() if fooled) or "nothing"
        fooled = Text("yes", GOOD) if told["fooled"] else Text("no", BAD)
        table.add_row(where, name, *numbers, fooled, survived if channel else "-")
    return table


def by_channel(record: Mapping[str, Any]) -> Table:
    """What each target says of the clean photo, of the saved file, and of it after each channel."""
    channels = list(dict.fromkeys(c for _, _, told in judged(record) for c in told.get("channel") or {}))
    table = table_of("Region", "Target", "Clean", "Saved", *channels)
    for where, name, told in judged(record):
        clean = _verdict(_fooled_at(told, told["before"]), told["before"])
        later = [
            _verdict((told.get("channel") or {}).get(c), (told.get("values") or {}).get(c)) for c in channels
        ]
        table.add_row(where, name, clean, _verdict(told["fooled"], told["after"]), *later)
    return table


def looks_told(where: str, name: str, told: Mapping[str, Any]) -> Text:
    """What each look at the saved file says; in brackets those that the level promises nothing of."""
    words = Text(f"{where}, {name}, by look: ")
    for place, (look, seen) in enumerate((told.get("looks") or {}).items()):
        words.append(", " if place else "")
        one = f"{printable(look)} {number_told(seen['value'])}"
        words.append(one if seen["counts"] else f"({one})", GOOD if seen["fooled"] else BAD)
    return words


def distances_told(record: Mapping[str, Any]) -> Iterator[str]:
    """What the saved file's distances mean, a line each."""
    for where, name, told in judged(record):
        words = distance_in_words(told["after"], float(told["threshold"]), told["unit"])
        yield f"{where}, {name}: {words}"


def measures_told(record: Mapping[str, Any]) -> Iterator[str]:
    """The units of the targets, and the quality."""
    units = {f"{name}: {told['unit']}, threshold {told['threshold']:g}" for _, name, told in judged(record)}
    if units:
        yield "; ".join(sorted(units))
    quality = record["quality"]
    if not quality:
        return
    yield f"{fidelity(quality)}, {100 * quality['above_jnd']:.2f} % of the pixels above the JND"
    for region, told in zip(record["regions"], quality["regions"], strict=False):
        yield f"{region['kind']}: {fidelity(told)}"


def fidelity(quality: Mapping[str, Any]) -> str:
    """The measures of a picture or of a part of it, in a line."""
    psnr = "unchanged" if quality["psnr"] is None else f"PSNR {quality['psnr']:.1f} dB"
    parts = [psnr] if quality["ssim"] is None else [psnr, f"SSIM {quality['ssim']:.4f}"]
    return ", ".join(parts + [learned_told(distance) for distance in quality.get("learned") or ()])


def learned_told(distance: Mapping[str, Any]) -> str:
    """A learned distance is worth nothing without the metric, the trunk and the version that it is of.

    >>> learned_told({"metric": "LPIPS", "trunk": "alex", "version": "0.1", "value": 0.01234})
    'LPIPS 0.0123 (alex, version 0.1)'
    """
    return (
        f"{distance['metric']} {distance['value']:.3g} ({distance['trunk']}, version {distance['version']})"
    )


def _fooled_at(told: Mapping[str, Any], value: float) -> bool:
    """Whether a distance (or similarity) of `value` would fool the target."""
    past = value - float(told["threshold"])
    return past >= 0 if told["unit"].endswith("distance") else past <= 0


def _verdict(fooled: bool | None, value: float | None = None) -> Text:
    if fooled is None:
        return Text("-")
    number = "" if value is None else f" {number_told(value)}"
    return Text("fooled" + number, GOOD) if fooled else Text("recognised" + number, BAD)


def number_told(value: float | None) -> str:
    """Three digits, or a dash."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.3f}"


WIDE = 100
"""Columns from which on there is room for what can be left out."""


def show_targets(rows: Sequence[Mapping[str, Any]]) -> None:
    """The table of `mnd targets`, which fits 80 columns where there are faces alone."""
    out = console()
    kinds, wide = any(row["kind"] != "face" for row in rows), out.width >= WIDE
    names = (
        "Name",
        *(["Kind"] if kinds else []),
        "Ready",
        *(["LFW %"] if wide else []),
        "Licence",
        "Threshold",
    )
    table = table_of(*names)
    for row in rows:
        lfw = "-" if row["lfw"] is None else f"{100 * row['lfw']:.2f}"
        cells = [Text(printable(row["name"])), *([row["kind"]] if kinds else []), _ready(row)]
        cells += [*([lfw] if wide else []), printable(row["licence"])]
        table.add_row(*cells, f"{row['threshold']:.3g} {printable(row['unit'])}")
    out.print(table)
    if judges := [printable(row["name"]) for row in rows if row["judge_only"]]:
        say(out, f"judge only, by their licence; attacked only where they are named: {', '.join(judges)}")


def _ready(row: Mapping[str, Any]) -> Text:
    """Whether it can be loaded; else how much there is to download, and the extra that is missing."""
    if row["ready"]:
        return Text("yes", GOOD)
    size = "" if row["present"] else size_of(row["download"])
    extra = "" if row["installed"] else f"[{row['extra']}]"
    return Text(f"{size} {extra}".strip() or "no", "yellow")


_MEASURES = (
    ("success", "Success %", 100, 0), ("psnr", "PSNR", 1, 2), ("ssim", "SSIM", 1, 5),
    ("ssimulacra2", "SSIMULACRA2", 1, 2), ("butteraugli", "Butteraugli", 1, 3), ("rlpips", "R-LPIPS", 1, 6),
    ("passes", "Passes", 1, 0), ("seconds", "Seconds", 1, 2),
)  # fmt: skip
"""Columns of an evaluation: name, title, factor, digits."""
_FACES = (
    ("face_ssimulacra2", "Face SSIMULACRA2", 1, 2), ("face_butteraugli", "Features Butteraugli", 1, 2),
    ("face_iris", "Iris", 1, 1), ("face_strokes", "Strokes", 1, 1),
)  # fmt: skip
"""More of them, where faces were attacked."""


def show_evaluation(rows: Sequence[Mapping[str, Any]]) -> None:
    """The summary of an evaluation, a line an attack and target: means over the successes."""
    measures = (*_MEASURES, *(m for m in _FACES if any(row.get(m[0]) is not None for row in rows)))
    table = table_of("Target", "Attack", "Pictures", *(title for _, title, _, _ in measures))
    for row in rows:
        cells = (
            "-" if row.get(name) is None else f"{factor * float(row[name]):.{digits}f}"
            for name, _, factor, digits in measures
        )
        table.add_row(printable(row["target"]), printable(row["attack"]), f"{row['pictures']:.0f}", *cells)
    console().print(table)


def show_scores(scores: Sequence[Any]) -> None:
    """Mean opinion scores, 5: imperceptible, 1: very annoying; the hidden reference comes last."""
    table = table_of("Target", "Attack", "Grades", "MOS", "95 %", "DMOS")
    for score in scores:
        ends = "-" if score.low is None else f"{score.low:.2f} to {score.high:.2f}"
        dmos = "-" if score.dmos is None else f"{score.dmos:.2f}"
        names = printable(score.target), printable(score.attack)
        table.add_row(*names, str(score.n), f"{score.mos:.2f}", ends, dmos)
    console().print(table)


def show_faces(found: Mapping[str, Any], verbose: bool = False) -> None:
    """The faces of a photo by their numbers, what may be one, and the picture of both."""
    out = console()
    if found["size"] is None:
        return
    width, height = found["size"]
    several = {0: "no face", 1: "1 face"}.get(len(found["faces"]), f"{len(found['faces'])} faces")
    line(out, f"{printable(found['input'])}: {width}x{height} pixels, {several}")
    rows = [(str(face["number"]), face) for face in found["faces"]]
    rows += [("?", face) for face in found["suspects"]]
    if rows:
        table = table_of("Face", "Box", "Size", "Turn", "Sure")
        for number, face in rows:
            box = ",".join(map(str, face["box"]))
            turn = f"{face['turn']} degrees" if face["turn"] else "upright"
            table.add_row(number, box, f"{face['size']} pixels", turn, f"{face['probability']:.3f}")
        out.print(table)
    if verbose:
        say(out, found["searched"])
    if found["suspects"]:
        say(out, "? may be a face and is left alone: --box with its numbers cloaks it, too")
    if found["picture"]:
        line(out, f"{printable(found['picture'])}  private: it shows the clean face, do not share it")
