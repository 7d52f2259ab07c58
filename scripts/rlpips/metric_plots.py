"""Tables and charts of `evaluate_metrics.py`; the charts are SVG that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from benchmarks.judging import table

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999999")
"""Okabe and Ito's, which all can tell apart."""
INK, FAINT = "#333333", "#dddddd"
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 760, 400, 70, 56, 56
ROW = 20
"""Of the legend, in pixels."""
Point = tuple[float, float, float, float]
"""Abscissa, ordinate, and both ends of its interval."""


@dataclass
class _Canvas:
    """A panel with a scale from the data to pixels, on which parts are put one after the other."""

    title: str
    low: float
    high: float
    log: bool
    rows: int
    parts: list[str] = field(default_factory=list)

    @property
    def bottom(self) -> float:
        return HEIGHT - BOTTOM

    def y(self, value: float) -> float:
        low, high, value = (
            (math.log10(max(v, 1e-12)) if self.log else v) for v in (self.low, self.high, value)
        )
        return self.bottom - (value - low) / (high - low) * (self.bottom - TOP)

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: str, width: float = 1.0) -> None:
        self.parts.append(
            f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
            f' stroke="{colour}" stroke-width="{width}"/>'
        )

    def text(self, x: float, y: float, words: str, anchor: str = "middle", more: str = "") -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}"{more}>{escape(words)}</text>'
        )

    def axis(self, label: str) -> None:
        ticks = _powers(self.low, self.high) if self.log else _round_ticks(self.low, self.high)
        for tick in ticks:
            self.line(LEFT, self.y(tick), WIDTH - 20, self.y(tick), FAINT)
            self.text(LEFT - 8, self.y(tick) + 4, f"{tick:g}", "end")
        middle = (TOP + self.bottom) / 2
        self.text(16, middle, label, more=f' transform="rotate(-90 16 {middle:.1f})"')

    def legend(self, names: Sequence[str]) -> None:
        for row, name in enumerate(names):
            y = HEIGHT + 4 + ROW * row
            self.parts.append(f'<rect x="{LEFT}" y="{y}" width="12" height="12" fill="{_colour(row)}"/>')
            self.text(LEFT + 20, y + 11, name, "start")

    def svg(self) -> str:
        height = HEIGHT + ROW * self.rows + 12
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
            f' height="{height}" role="img" aria-label={quoteattr(self.title)}'
            ' font-family="system-ui, sans-serif" font-size="13">'
        )
        heading = (
            f'<text x="{LEFT}" y="28" font-size="16" font-weight="600" fill="{INK}">'
            f"{escape(self.title)}</text>"
        )
        body = [f"<title>{escape(self.title)}</title>", '<rect width="100%" height="100%" fill="#ffffff"/>']
        return "\n".join([head, *body, heading, *self.parts, "</svg>"]) + "\n"


def lines(
    title: str, series: Mapping[str, Sequence[Point]], across: str, up: str, level: float | None = None
) -> str:
    """One line a series with its intervals, evenly spaced abscissae; `level` is drawn dashed.

    Raises:
        ValueError: there is nothing to draw, or a number is not finite.
    """
    _check(title, [v for points in series.values() for point in points for v in point])
    values = [v for points in series.values() for _, *rest in points for v in rest]
    canvas = _Canvas(title, *_room([*values, *([] if level is None else [level])]), False, len(series))
    canvas.axis(up)
    places = sorted({point[0] for points in series.values() for point in points})
    step = (WIDTH - 20 - LEFT) / len(places)
    x = {place: LEFT + step * (index + 0.5) for index, place in enumerate(places)}
    for place in places:
        canvas.text(x[place], canvas.bottom + 20, f"{place:g}")
    canvas.text((LEFT + WIDTH - 20) / 2, canvas.bottom + 42, across)
    if level is not None:
        y = canvas.y(level)
        canvas.parts.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 20}" y2="{y:.1f}" stroke="{INK}"'
            ' stroke-dasharray="5 4"/>'
        )
    for index, points in enumerate(series.values()):
        # beside each other, so that no interval hides another
        aside = (index - (len(series) - 1) / 2) * 7
        _line(canvas, [(x[p] + aside, v, low, high) for p, v, low, high in points], _colour(index))
    canvas.legend(list(series))
    return canvas.svg()


def _line(canvas: _Canvas, points: Sequence[Point], colour: str) -> None:
    path = " ".join(f"{x:.1f},{canvas.y(v):.1f}" for x, v, _, _ in points)
    canvas.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    for x, v, low, high in points:
        canvas.line(x, canvas.y(low), x, canvas.y(high), colour, 1.5)
        canvas.parts.append(f'<circle cx="{x:.1f}" cy="{canvas.y(v):.1f}" r="4" fill="{colour}"/>')


def boxes(title: str, groups: Mapping[str, Sequence[float]], up: str, log: bool = False) -> str:
    """One box a group: quartiles, median, both extremes, and every value as a dot.

    Raises:
        ValueError: there is nothing to draw, or a number is not finite (or not above 0, for `log`).
    """
    values = [value for group in groups.values() for value in group]
    _check(title, values, log)
    canvas = _Canvas(title, *_room(values, log), log, len(groups))
    canvas.axis(up)
    step = (WIDTH - 20 - LEFT) / len(groups)
    for index, group in enumerate(groups.values()):
        _box(canvas, LEFT + step * (index + 0.5), min(step / 4, 40), group, _colour(index))
        canvas.text(LEFT + step * (index + 0.5), canvas.bottom + 20, f"{np.median(group):.3g}")
    canvas.text((LEFT + WIDTH - 20) / 2, canvas.bottom + 42, "median below each box")
    canvas.legend(list(groups))
    return canvas.svg()


def _box(canvas: _Canvas, x: float, half: float, group: Sequence[float], colour: str) -> None:
    least, first, middle, third, most = (
        canvas.y(float(v)) for v in np.percentile(group, (0, 25, 50, 75, 100))
    )
    canvas.line(x, least, x, most, colour, 1.5)
    canvas.parts.append(
        f'<rect x="{x - half:.1f}" y="{third:.1f}" width="{2 * half:.1f}"'
        f' height="{max(first - third, 0.5):.1f}" fill="#ffffff" stroke="{colour}" stroke-width="2"/>'
    )
    canvas.line(x - half, middle, x + half, middle, colour, 3)
    for value in group:
        canvas.parts.append(
            f'<circle cx="{x:.1f}" cy="{canvas.y(value):.1f}" r="2.5" fill="{colour}" fill-opacity="0.5"/>'
        )


def report(measured: Mapping[str, Any]) -> str:
    """Everything as Markdown, one table a part, one row a metric."""
    measures, settings = measured["metrics"], measured["settings"]
    triplets, count, side = (settings[name] for name in ("triplets", "photos", "pixels"))
    pictures = f"{count} photos of {side}x{side} pixels, median [quartiles]"
    words = [
        f"2AFC score in % [95 % interval], {triplets} triplets, higher is better",
        f"Inflation: distance under attack / of random changes of the same size, {pictures}, lower is better;"
        " the distances themselves have no unit in which two metrics could be compared",
        f"Collapse: pictures changed as far as can be while they stay as near as with {settings['mild']},"
        f" {pictures}, higher is better",
    ]
    parts = {"2afc": _score_row, "inflation": _inflation_row, "collapse": _collapse_row}
    text = []
    for heading, (part, row) in zip(words, parts.items(), strict=True):
        rows = {
            name: {**row(m[part]), "s": f"{m[part]['seconds']:.0f}"}
            for name, m in measures.items()
            if part in m
        }
        if rows:
            columns = dict.fromkeys((c for cells in rows.values() for c in cells if c != "s"), 0)
            text.append(f"\n{heading}\n\n{table(rows, columns | {'s': 0}, 'metric')}")
    return "\n".join([*text, f"\n{measured['seconds']:.0f} s in all"])


def _score_row(part: Mapping[str, Any]) -> dict[str, str]:
    flat = {"clean": part["clean"]}
    for move in (key for key in part if key not in ("clean", "seconds")):
        flat |= {f"{move}, {ball}": value for ball, value in part[move].items()}
    return {
        name: f"{100 * v['score']:.1f} [{100 * v['low']:.1f}, {100 * v['high']:.1f}]"
        for name, v in flat.items()
    }


def _inflation_row(part: Mapping[str, Any]) -> dict[str, str]:
    row: dict[str, str] = {}
    for ball in (key for key in part if key not in ("half width", "seconds")):
        row |= {f"{ball} {name}": _quartiles(values, ".1f") for name, values in part[ball].items()}
    if "half width" in part:
        row["half width, %"] = _quartiles([100 * v for v in part["half width"]["relative"]], ".1f")
    return row


def _collapse_row(part: Mapping[str, Any]) -> dict[str, str]:
    digits = {"PSNR": ".1f", "SSIM": ".3f", "SSIMULACRA2": ".0f"}
    return {
        f"{name} (for {change})": _quartiles(values, digits[name])
        for change in (key for key in part if key != "seconds")
        for name, values in part[change].items()
    }


def _quartiles(values: Sequence[float], digits: str) -> str:
    first, middle, third = (format(float(v), digits) for v in np.percentile(values, (25, 50, 75)))
    return f"{middle} [{first}, {third}]"


def write(measures: Mapping[str, Mapping[str, Any]], folder: Path) -> list[Path]:
    """The charts of all that was measured, as files; `measures` by the metric's name, then by the part."""
    drawn: dict[str, str] = {}
    for move in _keys(measures, "2afc"):
        if move != "clean":
            series = {name: _curve(m["2afc"], move) for name, m in measures.items() if "2afc" in m}
            title = f"2AFC score under attack on: {move}"
            drawn[f"2afc-{move}"] = lines(
                title, series, "radius of the Linf ball, / 255", "2AFC score, %", 50
            )
    for ball in _keys(measures, "inflation"):
        groups = {name: m["inflation"][ball]["over sign noise"] for name, m in measures.items()}
        title = f"Distance reached by attack / by sign noise, {ball}"
        drawn[f"inflation-{_slug(ball)}"] = boxes(title, groups, "ratio", log=True)
    for change in _keys(measures, "collapse"):
        groups = {name: m["collapse"][change]["PSNR"] for name, m in measures.items()}
        title = f"Pictures changed for {change} at the distance of a mild distortion"
        drawn[f"collapse-{_slug(change)}"] = boxes(title, groups, "PSNR, dB (higher is better)")
    paths = []
    for name, svg in drawn.items():
        paths.append(folder / f"{name}.svg")
        paths[-1].write_text(svg)
    return paths


def _curve(measured: Mapping[str, Any], move: str) -> list[Point]:
    """The score by the radius, the clean one first."""
    points = [(0.0, measured["clean"])]
    points += [(value["eps"] * 255, value) for value in measured[move].values() if value["norm"] == "linf"]
    return [(eps, 100 * v["score"], 100 * v["low"], 100 * v["high"]) for eps, v in points]


def _keys(measures: Mapping[str, Mapping[str, Any]], part: str) -> list[str]:
    found = dict.fromkeys(key for m in measures.values() for key in m.get(part, {}))
    return [key for key in found if key not in ("seconds", "half width")]


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _check(title: str, values: Sequence[float], log: bool = False) -> None:
    if not values:
        raise ValueError(f"{title!r}: nothing to draw, expected at least one number")
    wrong = [v for v in values if not math.isfinite(v) or (log and v <= 0)]
    if wrong:
        raise ValueError(f"{title!r}: got {wrong[:3]}, expected finite numbers{' above 0' if log else ''}")


def _room(values: Sequence[float], log: bool = False) -> tuple[float, float]:
    """The ends of an axis: what is drawn and a margin."""
    low, high = min(values), max(values)
    if log:
        return low / 1.3, high * 1.3
    margin = (high - low) * 0.08 or 1.0
    return low - margin, high + margin


def _round_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 6
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _powers(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high > 20 * low else (1, 1.5, 2, 3, 5, 7)
    return [m * 10.0**e for e in exponents for m in steps if low <= m * 10.0**e <= high]
