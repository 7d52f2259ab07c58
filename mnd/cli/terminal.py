"""What people see of the command: tables on standard output, progress and complaints on standard error."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from ..cloaking.record import without_person

if TYPE_CHECKING:
    from ..dataset.protect import Summary

PIPED_WIDTH = 200
"""Columns of a table that goes to a file or another program."""
BYTES = 100_000
"""A count that reaches this far is one of bytes, of a download."""
NARROW = 9
"""Columns of the terminal for each column of a table, at least."""
GOOD, BAD = "green", "red"
OTHERS = "without the person of the gallery: judged against themselves alone"


def printable(text: object) -> str:
    """A name as it can be shown: without the characters that would steer a terminal.

    >>> printable("a\\x1b[31mb.jpg")
    'a\\\\x1b[31mb.jpg'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def console(stderr: bool = False) -> Console:
    """A console on one of the standard streams as it is now."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else PIPED_WIDTH, highlight=False)


class Meter:
    """Called as `meter(stage, done, total)`: a bar on a terminal, a line for each new stage elsewhere."""

    def __init__(self) -> None:
        self.name = ""
        """What is being worked on."""
        self._console = console(stderr=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._last = ("", "")

    def __call__(self, stage: str, done: int, total: int) -> None:
        told = f"{printable(self.name)}: {stage}" if self.name else stage
        if self._console.is_terminal:
            self._draw(told, done, total)
        elif (self.name, stage) != self._last:
            size = f" ({_size(total)})" if total >= BYTES else ""
            self._console.print(Text(told + size), soft_wrap=True)
        self._last = (self.name, stage)

    def _draw(self, told: str, done: int, total: int) -> None:
        if self._bar is None:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[far]}"),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(told, far="")
            self._bar.start()
        far = f"{_size(done)} of {_size(total)}" if total >= BYTES else f"{done}/{total}" if total else ""
        self._bar.update(self._task, description=told, completed=done, total=total or None, far=far)

    def rest(self) -> None:
        """Take the bar away, so that something else can be printed."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._last = ("", "")


def complain(text: str) -> None:
    """One line on standard error."""
    console(stderr=True).print(Text(f"mnd: {text}"), soft_wrap=True)


def outcome(record: Mapping[str, Any]) -> str | None:
    """What went wrong with a photo, in one line that names it; None when it is protected.

    >>> outcome({"input": "a.jpg", "protected": False, "error": {"kind": "no-face", "message": "no face"}})
    'a.jpg: no face'
    """
    if record["protected"]:
        return None
    if error := record["error"]:
        message, name = printable(error["message"]), printable(record["input"])
        return message if message.startswith(name) else f"{name}: {message}"
    still = sorted({name for _, name, told in _judged(record) if not told["fooled"]})
    whom = f": {', '.join(still)} still recognises it" if still else ""
    return f"{printable(record['input'])}: not protected{whom}"


def show(record: Mapping[str, Any]) -> None:
    """The table of one cloaked photo."""
    out = console()
    head = Text.assemble(printable(record["input"]))
    if record["output"]:
        head.append(f" -> {printable(record['output'])}")
    head.append("  ")
    head.append(*(("protected", GOOD) if record["protected"] else (_status(record), BAD)))
    head.append(f"  ({record['level']}, seed {record['seed']}, {record['seconds']:.1f} s)")
    out.print(head, soft_wrap=True)
    if record["regions"]:
        out.print(_before_after(record))
    _print_notes(out, record)
    for line in (*gallery_told(record), *metadata_told(record)):
        out.print(Text(line), soft_wrap=True)


def _status(record: Mapping[str, Any]) -> str:
    """What became of a photo that is not protected."""
    status = str(record.get("status") or "not protected")
    return "not protected" if status in ("failed", "protected") else status


def gallery_told(record: Mapping[str, Any]) -> Iterable[str]:
    """A line on faces that are not the person of the gallery, and one on photos of it that were passed over.

    >>> list(gallery_told({"regions": [], "gallery": {"photos": 3, "passed": [], "faces": 2, "person": 1}}))
    ['1 of 2 faces is not the person of the gallery: judged against itself alone']
    """
    gallery = record.get("gallery")
    if not gallery:
        return
    passed = gallery.get("passed") or ()
    others = gallery["faces"] - gallery["person"]
    if others and not gallery["person"]:
        nearest = "; ".join(sorted(_likeness(record)))
        told = f"nobody in this photo is the person of the gallery ({nearest})"
        yield f"{told}: judged against {'itself' if others == 1 else 'themselves'} alone"
    elif others:
        one = others == 1
        yield (
            f"{others} of {gallery['faces']} faces {'is' if one else 'are'} not the person of the gallery: "
            f"judged against {'itself' if one else 'themselves'} alone"
        )
    if passed:
        more = f", and {len(passed) - 1} more" if len(passed) > 1 else ""
        yield f"passed over in the gallery: {printable(passed[0])}{more}"


def _likeness(record: Mapping[str, Any]) -> Iterable[str]:
    """How near the nearest face comes to the gallery, for each target."""
    values: dict[str, list[float]] = {}
    cards: dict[str, Mapping[str, Any]] = {}
    for region in record["regions"]:
        for name, value in (region.get("likeness") or {}).items():
            values.setdefault(name, []).append(value)
            cards[name] = region["targets"][name]
    for name, several in values.items():
        distance = cards[name]["unit"].endswith("distance")
        nearest, sign = (min(several), "below") if distance else (max(several), "above")
        yield f"{printable(name)}: nearest {nearest:.2f}, a match is {sign} {cards[name]['threshold']:g}"


def metadata_told(record: Mapping[str, Any]) -> Iterable[str]:
    """A line on what was left behind of the metadata, and one on people they name; names are not told.

    >>> names = {"people": 1, "fields": ["XMP mwg-rs:Regions"]}
    >>> list(metadata_told({"removed": ["EXIF thumbnail"], "names": names}))[1]
    'people named or shown in the metadata: 1 (XMP mwg-rs:Regions); --strip-names removes them'
    """
    removed, names = record.get("removed") or [], record.get("names") or {}
    if removed:
        yield f"left behind: {', '.join(map(printable, removed))}"
    left = [where for where in names.get("fields") or () if where not in removed]
    if left:
        told = f"{names['people']} ({', '.join(map(printable, left))})"
        yield f"people named or shown in the metadata: {told}; --strip-names removes them"
    if (record.get("metadata") or {}).get("location"):
        yield "the file says where it was taken; --strip-gps removes it"


def show_check(record: Mapping[str, Any]) -> None:
    """What every target says of the clean photo, of the saved file, and of it after each channel."""
    out = console()
    out.print(Text(f"{printable(record['input'])} against {printable(record['output'])}"), soft_wrap=True)
    channels = list(dict.fromkeys(c for _, _, told in _judged(record) for c in told.get("channel") or {}))
    table = _table("Region", "Target", "Clean", "Saved", *channels)
    for where, name, told in _judged(record):
        clean = _verdict(_fooled_at(told, told["before"]), told["before"])
        later = [
            _verdict((told.get("channel") or {}).get(c), (told.get("values") or {}).get(c)) for c in channels
        ]
        table.add_row(where, name, clean, _verdict(told["fooled"], told["after"]), *later)
    out.print(table)
    for where, name, told in _judged(record):
        out.print(_looks_told(where, name, told), soft_wrap=True)
    for line in gallery_told(record):
        out.print(Text(line), soft_wrap=True)
    _print_notes(out, record)


def _looks_told(where: str, name: str, told: Mapping[str, Any]) -> Text:
    """What each look at the saved file says; in brackets those that the level promises nothing of."""
    line = Text(f"{where}, {name}, by look: ")
    for place, (look, seen) in enumerate((told.get("looks") or {}).items()):
        line.append(", " if place else "")
        words = f"{printable(look)} {_number(seen['value'])}"
        line.append(words if seen["counts"] else f"({words})", GOOD if seen["fooled"] else BAD)
    return line


def show_targets(rows: Iterable[Mapping[str, Any]]) -> None:
    """The table of `mnd targets`."""
    table = _table("Name", "Kind", "Ready", "Download", "Threshold", "Unit", "Licence")
    for row in rows:
        ready = Text("yes", GOOD) if row["ready"] else Text("no", "yellow")
        size = _size(row["download"]) if row["download"] and not row["ready"] else "-"
        words = (printable(row[key]) for key in ("unit", "licence"))
        table.add_row(printable(row["name"]), row["kind"], ready, size, f"{row['threshold']:g}", *words)
    console().print(table)


class Rows(Table):
    """A table that becomes a list where a terminal is too narrow for its columns."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width >= NARROW * len(self.columns):
            yield from super().__rich_console__(console, options)
            return
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            for column, cell in zip(self.columns, cells, strict=True):
                title = f"{column.header}: " if column.header else ""
                yield Text.assemble(title, cell if isinstance(cell, Text) else str(cell))


def _table(*names: str) -> Table:
    table = Rows(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _judged(record: Mapping[str, Any]) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Region, name of the target and what it said, for each."""
    for region in record["regions"]:
        where = f"{region['kind']} {','.join(f'{v:g}' for v in region['box'] or ())}".strip()
        for name, told in region["targets"].items():
            yield where, printable(name), told


def _before_after(record: Mapping[str, Any]) -> Table:
    table = _table("Region", "Target", "Before", "After", "Threshold", "Fooled", "Survives")
    for where, name, told in _judged(record):
        numbers = (_number(told[key]) for key in ("before", "after", "threshold"))
        channel = told.get("channel") or {}
        survived = ", ".join(name for name, fooled in channel.items() if fooled) or "nothing"
        table.add_row(where, name, *numbers, _yes(told["fooled"]), survived if channel else "-")
    return table


def _print_notes(out: Console, record: Mapping[str, Any]) -> None:
    """What the numbers of the targets mean, and the quality."""
    units = {f"{name}: {told['unit']}, threshold {told['threshold']:g}" for _, name, told in _judged(record)}
    if units:
        out.print(Text("; ".join(sorted(units))), soft_wrap=True)
    quality = record["quality"]
    if not quality:
        return
    parts = [f"{_fidelity(quality)}, {100 * quality['above_jnd']:.2f} % of the pixels above the JND"]
    parts += [
        f"{region['kind']}: {_fidelity(told)}"
        for region, told in zip(record["regions"], quality["regions"], strict=False)
    ]
    out.print(Text("; ".join(parts)), soft_wrap=True)


def _fidelity(quality: Mapping[str, Any]) -> str:
    psnr = "unchanged" if quality["psnr"] is None else f"PSNR {quality['psnr']:.1f} dB"
    parts = [psnr] if quality["ssim"] is None else [psnr, f"SSIM {quality['ssim']:.4f}"]
    return ", ".join(parts + [_learned(distance) for distance in quality.get("learned") or ()])


def _learned(distance: Mapping[str, Any]) -> str:
    """A learned distance is worth nothing without the metric, the trunk and the version that it is of.

    >>> _learned({"metric": "LPIPS", "trunk": "alex", "version": "0.1", "value": 0.01234})
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
    number = "" if value is None else f" {_number(value)}"
    return Text("fooled" + number, GOOD) if fooled else Text("recognised" + number, BAD)


def _yes(fooled: bool) -> Text:
    return Text("yes", GOOD) if fooled else Text("no", BAD)


def _number(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _size(count: int) -> str:
    """
    >>> _size(107_000_000)
    '107.0 MB'
    """
    return f"{count / 1e6:.1f} MB"


def advise_gallery(records: Sequence[Mapping[str, Any]]) -> None:
    """Say what is missing where a face was cloaked without other photos of the person."""
    if any(region["kind"] == "face" for record in records for region in record["regions"]):
        advice = "Only this photo stands for the person: --gallery, a folder of others, would protect better."
        console().print(Text(advice), soft_wrap=True)


def count(records: Sequence[Mapping[str, Any]]) -> None:
    """The last lines about several photos: how many are protected, and how many show somebody else.

    >>> gallery = {"photos": 3, "passed": [], "faces": 1, "person": 0}
    >>> count([{"protected": True, "gallery": gallery}, {"protected": True, "gallery": None}])
    2 of 2 photos protected
    1 of 2 photos without the person of the gallery: judged against themselves alone
    """
    if len(records) < 2:
        return
    done = sum(bool(record["protected"]) for record in records)
    console().print(f"{done} of {len(records)} photos protected")
    if others := sum(without_person(record) for record in records):
        console().print(f"{others} of {len(records)} photos {OTHERS}", soft_wrap=True)


_MEASURES = (
    ("success", "Success %", 100, 0), ("psnr", "PSNR", 1, 2), ("ssim", "SSIM", 1, 5),
    ("ssimulacra2", "SSIMULACRA2", 1, 2), ("butteraugli", "Butteraugli", 1, 3), ("rlpips", "R-LPIPS", 1, 6),
    ("passes", "Passes", 1, 0), ("seconds", "Seconds", 1, 2),
)  # fmt: skip
"""Columns of an evaluation: name, title, factor, digits."""


def show_evaluation(rows: Sequence[Mapping[str, Any]]) -> None:
    """The summary of an evaluation, a line an attack and target: means over the successes."""
    table = _table("Target", "Attack", "Pictures", *(title for _, title, _, _ in _MEASURES))
    for row in rows:
        cells = (
            "-" if row.get(name) is None else f"{factor * float(row[name]):.{digits}f}"
            for name, _, factor, digits in _MEASURES
        )
        table.add_row(printable(row["target"]), printable(row["attack"]), f"{row['pictures']:.0f}", *cells)
    console().print(table)


def show_summary(summary: Summary, total: int | None, quiet: bool) -> None:
    """What became of a data set; on standard error where standard output is for JSON."""
    out = console(stderr=quiet)
    table = _table("Photos", "")
    rows = (
        ("protected", summary.protected), ("protected as whole pictures, no face found", summary.whole),
        ("copied as they are, no face found", summary.copied), ("left out, no face found", summary.skipped),
        ("held back, may show a face", summary.held), ("failed", summary.failed),
        ("files that are no pictures", summary.others),
    )  # fmt: skip
    for what, number in rows:
        if number or what in ("protected", "failed"):
            table.add_row(what, f"{number:,}")
    out.print(table)
    reasons = ("new", "changed", "lost", "retried")
    told = [f"{getattr(summary, name):,} {name}" for name in reasons if getattr(summary, name)]
    told += [f"{summary.kept:,} of earlier runs"] if summary.kept else []
    told += [f"{summary.gone:,} not in the source any more"] if summary.gone else []
    out.print(Text(f"{summary.photos:,} photos: {', '.join(told) or 'none'}"), soft_wrap=True)
    if summary.ssim is not None and summary.psnr is not None:
        out.print(f"mean PSNR {summary.psnr:.1f} dB, SSIM {summary.ssim:.4f}")
    if summary.strangers:
        out.print(f"{summary.strangers:,} photos {OTHERS}", soft_wrap=True)
    if summary.held:
        out.print("what was held back has no result: --no-face copy copies it, --box says where a face is")
    if summary.failed > summary.retried + summary.new + summary.changed + summary.lost:
        out.print("failures of earlier runs are tried again with --retry")
    if not summary.finished:
        left = "" if total is None else f"; {max(total - summary.photos, 0):,} photos are left"
        out.print(Text(f"stopped after {summary.seconds:.0f} s{left}"), soft_wrap=True)
    for path in (summary.manifest, summary.report):
        if path is not None:
            out.print(Text(printable(path)), soft_wrap=True)


def show_scores(scores: Sequence[Any]) -> None:
    """Mean opinion scores, 5: imperceptible, 1: very annoying; the hidden reference comes last."""
    table = _table("Target", "Attack", "Grades", "MOS", "95 %", "DMOS")
    for score in scores:
        ends = "-" if score.low is None else f"{score.low:.2f} to {score.high:.2f}"
        dmos = "-" if score.dmos is None else f"{score.dmos:.2f}"
        names = printable(score.target), printable(score.attack)
        table.add_row(*names, str(score.n), f"{score.mos:.2f}", ends, dmos)
    console().print(table)
