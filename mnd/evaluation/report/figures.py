"""The plots of a comparison as SVG: quality-success curves, and means with their intervals.

matplotlib draws them without a screen. The same figures give the same bytes: no date, no random names.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.distribution import pip_install
from ..curves import Curve
from ..results import Measure, attack_order, is_ours
from ..summary import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, GRID = "#1c1c21", "#60606b", "#d9d9df"
OURS_COLOUR = "#d55e00"
COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195", "#8c8c8c")
"""After Okabe and Ito 2008, so that all can tell them apart; vermilion is kept for MND."""
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_MARKERS = "osD^vP*X<>hdp"
WORST = 0.05
"""A curve's axis leaves out this share of all values, the worst: one bad outlier would flatten all others."""
_LOG_SPAN = 30.0
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mnd",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "axes.formatter.useoffset": False,
}


@dataclass(frozen=True)
class Style:
    """How an attack looks in every plot: never by its colour alone."""

    colour: str
    dash: Any
    marker: str
    width: float

    @property
    def front(self) -> float:
        """What is drawn later lies above."""
        return 3.0 if self.colour == OURS_COLOUR else 2.0


def styles(attacks: Sequence[str]) -> dict[str, Style]:
    """A style for each attack, the same for the same set of names; MND and its variants stand out.

    >>> found = styles(["pgd", "mnd", "cw"])
    >>> found["mnd"].colour, found["cw"].colour, found["pgd"].marker != found["cw"].marker
    ('#d55e00', '#0072b2', True)
    """
    found = {}
    ours, others = count(), count()
    for name in attack_order(attacks):
        if is_ours(name):
            place = next(ours)
            found[name] = Style(OURS_COLOUR, _DASHES[place % 4], "o" if place == 0 else "s", 2.6)
        else:
            place = next(others)
            dash = _DASHES[place % len(_DASHES)]
            found[name] = Style(
                COLOURS[place % len(COLOURS)], dash, _MARKERS[(place + 1) % len(_MARKERS)], 1.4
            )
    return found


def curve_plot(curves: Sequence[Curve], titles: Mapping[str, str]) -> bytes:
    """The curves of one target and measure: right and up is better. SVG, in UTF-8.

    `titles` says how an attack is called; one that is not in it keeps its name.

    Raises:
        ValueError: no curve has a point, or they are of several measures.
        ModuleNotFoundError: matplotlib is not installed.
    """
    drawn = [curve for curve in curves if curve.values]
    measures = {curve.measure for curve in curves}
    if not drawn or len(measures) != 1:
        names = sorted(measure.name for measure in measures)
        raise ValueError(f"got {len(drawn)} curves with points of {names}, expected some of one measure")
    [measure] = measures
    with _figure(6.6, 3.7) as figure:
        axes = figure.add_subplot()
        look = styles([curve.attack for curve in curves])
        _limits(axes, measure, drawn)
        for curve in drawn:
            _curve(axes, curve, look[curve.attack], titles.get(curve.attack, curve.attack))
        unit = f" ({measure.unit})" if measure.unit else ""
        bound = "at least" if measure.higher else "at most"
        axes.set_xlabel(f"{measure.title} of the saved file {bound}{unit}   \N{RIGHTWARDS ARROW} better")
        axes.set_ylabel("pictures fooled")
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=2.6, fontsize=9)
        return _svg(figure)


def _limits(axes: Axes, measure: Measure, curves: Sequence[Curve]) -> None:
    """The axis from the worst value that is shown, on the left, to the best, on the right."""
    values = np.array([value for curve in curves for value in curve.values])
    best = measure.sign * float((measure.sign * values).max())
    worst = measure.sign * float(np.quantile(measure.sign * values, WORST))
    if not measure.higher and best > 0 and worst / best > _LOG_SPAN:
        _log(axes, worst, best)
        return
    room = 0.04 * abs(best - worst) or 0.02 * abs(best) or 1.0
    axes.set_xlim(worst - measure.sign * room, best + measure.sign * room)


def _log(axes: Axes, worst: float, best: float) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(worst * 1.1, best / 1.1)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if worst / best < 1000 else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _curve(axes: Axes, curve: Curve, style: Style, title: str) -> None:
    """Steps: from no picture at the best quality up to all that are fooled, and on to the left edge."""
    edge = axes.get_xlim()[0]
    worst = curve.values[-1]
    last = edge if curve.measure.sign * (edge - worst) < 0 else worst
    quality = np.array([curve.values[0], *curve.values, last])
    share = np.array([0.0, *(k / curve.pictures for k in range(1, len(curve.values) + 1)), curve.success])
    axes.plot(
        quality,
        share,
        drawstyle="steps-post",
        color=style.colour,
        linestyle=style.dash,
        linewidth=style.width,
        marker=style.marker,
        markersize=5.5 if style.front > 2 else 4.5,
        markevery=_places(len(quality)),
        label=title,
        zorder=style.front,
    )


def _places(points: int) -> list[int]:
    """About five markers, none at the ends."""
    return sorted({round(1 + part * (points - 3) / 6) for part in range(1, 6)}) if points > 3 else [1]


def means_plot(summaries: Sequence[Outcome], measures: Sequence[Measure], titles: Mapping[str, str]) -> bytes:
    """Means over the successes with their 95 % intervals on one target, a panel a measure. SVG, in UTF-8.

    Raises:
        ValueError: there is no measure or no summary.
        ModuleNotFoundError: matplotlib is not installed.
    """
    if not summaries or not measures:
        got = f"{len(summaries)} summaries and {len(measures)} measures"
        raise ValueError(f"got {got}, expected at least one of both")
    across = min(3, len(measures))
    down = math.ceil(len(measures) / across)
    with _figure(1.5 + 2.55 * across, down * (0.75 + 0.2 * len(summaries))) as figure:
        panels = figure.subplots(down, across, sharey=True, squeeze=False)
        for place, panel in enumerate(panels.flat):
            if place < len(measures):
                _panel(panel, summaries, measures[place], titles)
            else:
                panel.set_visible(False)
        return _svg(figure)


def _panel(axes: Axes, summaries: Sequence[Outcome], measure: Measure, titles: Mapping[str, str]) -> None:
    look = styles([summary.attack for summary in summaries])
    for row, summary in enumerate(summaries):
        found = summary.quality[measure.name]
        if found.mean is None:
            continue
        style = look[summary.attack]
        if found.low is not None and found.high is not None:
            axes.plot([found.low, found.high], [row, row], color=style.colour, linewidth=style.width)
        axes.plot([found.mean], [row], color=style.colour, marker=style.marker, markersize=5)
    axes.set_yticks(range(len(summaries)), [titles.get(s.attack, s.attack) for s in summaries])
    axes.set_ylim(len(summaries) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)
    if not measure.higher:
        axes.invert_xaxis()
    unit = f" ({measure.unit})" if measure.unit else ""
    axes.set_title(f"{measure.title}{unit} \N{RIGHTWARDS ARROW} better", fontsize=9, loc="left")


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of inches; matplotlib's own settings stay as they were."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"plots need matplotlib: {pip_install('[anchors]')}", name=error.name
        ) from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Figure) -> bytes:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    FigureCanvasSVG(figure)
    file = io.BytesIO()
    figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None, "Creator": "mnd"})
    return file.getvalue()
