"""The tables of the report: what stands in each cell, how it sorts, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..curves import Curve, Lead, least_lead, quality_at, share_at
from ..results import COSTS, MEASURES, OURS, Measure, is_ours
from ..summary import Estimate, Outcome, Shares

Tone = Literal["", "best", "better", "worse", "soft"]
NEAR = 0.9
"""Only attacks that fool at least this share of what the best one fools compete for a column's best value."""

UNIT = "\N{NO-BREAK SPACE}"
"""Between a figure and its unit."""


@dataclass(frozen=True)
class Head:
    """A column: its title, and which way is better (an arrow, or nothing)."""

    title: str
    arrow: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """One cell, as plain text: the template escapes it.

    Attributes:
        small: below the figure, in small type: its interval.
        sort: what the column sorts by; `None` sorts last.
        mark: a sign behind the figure, told in the caption.
    """

    text: str
    small: str = ""
    sort: float | None = None
    tone: Tone = ""
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first cell of each is its name."""

    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]


Titles = Mapping[str, str]


def number(value: float | None, digits: int, plus: bool = False) -> str:
    """The figure with a true minus sign; a dash where nothing is known.

    >>> number(-1.25, 1), number(2.0, 1, plus=True), number(None, 1)
    ('−1.2', '+2.0', '–')
    """
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}" if plus else f"{value:.{digits}f}"
    return text.replace("-", "−")


def between(found: Estimate, digits: int, scale: float = 1.0) -> str:
    """The interval of an estimate, empty where it has none.

    >>> between(Estimate(1.0, 0.5, 1.5, 9), 1), between(Estimate(0.5, -0.5, 1.5, 9), 1)
    ('0.5–1.5', '−0.5 to 1.5')
    """
    if found.low is None or found.high is None:
        return ""
    # a dash beside a minus sign would be misread
    link = " to " if found.low < 0 else "–"
    return f"{number(scale * found.low, digits)}{link}{number(scale * found.high, digits)}"


def percent(share: float | None) -> str:
    """A share as people write it.

    >>> percent(0.875).split(), percent(None)
    (['88', '%'], '–')
    """
    return "–" if share is None else f"{100 * share:.0f}{UNIT}%"


def known_measures(summaries: Sequence[Outcome]) -> list[Measure]:
    """The measures of quality that any attack has a value of."""
    return [m for m in MEASURES if any(s.all[m.name].count for s in summaries)]


def ranked(summaries: Sequence[Outcome]) -> list[Outcome]:
    """The best quality first, by the first measure that is known; attacks without a success last."""
    measures = known_measures(summaries)
    if not measures:
        return list(summaries)
    measure = measures[0]

    def key(summary: Outcome) -> tuple[bool, float]:
        mean = summary.quality[measure.name].mean
        return (mean is None, 0.0 if mean is None else -measure.sign * mean)

    return sorted(summaries, key=key)


def quality_table(summaries: Sequence[Outcome], titles: Titles, everything: bool = False) -> Table:
    """A row an attack on one target: success, and the mean of every measure, over successes or over all."""
    measures = [*known_measures(summaries), *COSTS]

    def of(summary: Outcome) -> Mapping[str, Estimate]:
        return summary.all if everything else summary.quality

    best = {m.name: _best(summaries, m, of) for m in measures}
    rows = []
    for summary in ranked(summaries):
        cells = [_name(summary.attack, titles), _success(summary)]
        for measure in measures:
            found = of(summary)[measure.name]
            top = found.mean is not None and found.mean == best[measure.name]
            unsure = not everything and _undecided(summary, measure)
            small = between(found, measure.digits) if measure in MEASURES else ""
            text = number(found.mean, measure.digits)
            cells.append(Cell(text, small, found.mean, "best" if top else "", "≈" if unsure else ""))
        rows.append(tuple(cells))
    heads = [Head("Attack", numeric=False), Head("Success", "↑"), *(_head(measure) for measure in measures)]
    return Table(tuple(heads), tuple(rows))


def _best(
    summaries: Sequence[Outcome],
    measure: Measure,
    of: Callable[[Outcome], Mapping[str, Estimate]],
) -> float | None:
    """The best mean among the attacks that fool nearly as many pictures as the one that fools most."""
    most = max((summary.success.mean or 0.0 for summary in summaries), default=0.0)
    near = [s for s in summaries if (s.success.mean or 0.0) >= NEAR * most]
    means = [mean for s in near if (mean := of(s)[measure.name].mean) is not None]
    return max(means, key=lambda mean: measure.sign * mean, default=None)


def _undecided(summary: Outcome, measure: Measure) -> bool:
    found = summary.difference.get(measure.name)
    return found is not None and found.count > 1 and found.side == 0


def _success(summary: Outcome) -> Cell:
    interval = between(summary.success, 0, 100)
    return Cell(f"{summary.successes} / {summary.pictures}", f"{interval}{UNIT}%", summary.success.mean)


def _name(attack: str, titles: Titles) -> Cell:
    return Cell(titles.get(attack, attack), tone="best" if attack == OURS else "")


def _head(measure: Measure) -> Head:
    unit = f" ({measure.unit})" if measure.unit else ""
    return Head(f"{measure.title}{unit}", "↑" if measure.higher else "↓")


def paired_table(summaries: Sequence[Outcome], titles: Titles) -> Table | None:
    """A row an attack: the mean of `attack - MND` by measure, on the pictures where both succeeded."""
    others = [s for s in ranked(summaries) if s.difference]
    measures = [*known_measures(summaries), COSTS[0]]
    if not others:
        return None
    rows = []
    for summary in others:
        pairs = max((summary.difference[m.name].count for m in measures), default=0)
        cells = [_name(summary.attack, titles), Cell(str(pairs), sort=pairs)]
        cells += [_difference(summary.difference[m.name], m) for m in measures]
        rows.append(tuple(cells))
    heads = (Head("Attack", numeric=False), Head("Pairs"), *(_head(measure) for measure in measures))
    return Table(heads, tuple(rows))


def _difference(found: Estimate, measure: Measure) -> Cell:
    side = found.side * measure.sign
    tone: Tone = "" if found.mean is None else "better" if side < 0 else "worse" if side > 0 else "soft"
    mark = {"better": "▾", "worse": "▴", "soft": "≈", "": ""}[tone]
    if measure not in MEASURES:
        tone, mark = "", ""  # a search may take longer: that is told, not judged
    digits = _finer(measure)
    return Cell(number(found.mean, digits, plus=True), between(found, digits), found.mean, tone, mark)


def _finer(measure: Measure) -> int:
    """Digits of a difference: small ones must not all look like 0."""
    return max(2, measure.digits) if measure in MEASURES else measure.digits


Curves = Mapping[str, Mapping[str, Curve]]
"""Attack -> measure's name -> its curve, all on one target."""


def equal_success_table(curves: Curves, measures: Sequence[Measure], titles: Titles) -> Table | None:
    """A row an anchor: where MND is least ahead of it, over all success rates that the anchor reaches."""
    if OURS not in curves:
        return None
    rows = []
    for attack, found in curves.items():
        if attack == OURS:
            continue
        leads = [least_lead(curves[OURS][m.name], found[m.name]) for m in measures]
        cells = [_lead(lead, m) for lead, m in zip(leads, measures, strict=True)]
        rows.append((_name(attack, titles), *cells))
    return Table((Head("Attack", numeric=False), *(_head(m) for m in measures)), tuple(rows))


def _lead(lead: Lead | None, measure: Measure) -> Cell:
    if lead is None:
        return Cell("–")
    if lead.least is None:
        return Cell("not reached", f"from {percent(lead.share)} on", None, "worse", "▴")
    ahead = "" if lead.ahead == 1 else f", ahead on {percent(lead.ahead)}"
    tone: Tone = "better" if lead.least > 0 else "worse" if lead.least < 0 else "soft"
    mark = {"better": "▾", "worse": "▴", "soft": "="}[tone]
    text = number(lead.least, _finer(measure), plus=True)
    return Cell(text, f"at {percent(lead.share)}{ahead}", lead.least, tone, mark)


def equal_quality_table(curves: Curves, measures: Sequence[Measure], titles: Titles) -> Table | None:
    """A row an attack: the share that it fools with the quality at which MND fools most of its pictures."""
    if OURS not in curves:
        return None
    levels = {m.name: _level(curves[OURS][m.name]) for m in measures}
    heads = [
        Head(f"{m.title} {number(levels[m.name], m.digits)}", "")
        for m in measures
        if levels[m.name] is not None
    ]
    rows = []
    for attack, found in curves.items():
        cells = [_name(attack, titles)]
        for measure in measures:
            level = levels[measure.name]
            if level is not None:
                share = share_at(found[measure.name], level)
                cells.append(Cell(percent(share), sort=share))
        rows.append(tuple(cells))
    return Table((Head("Attack", numeric=False), *heads), tuple(rows)) if heads else None


def _level(curve: Curve) -> float | None:
    """The quality at which nine tenths of the pictures that the attack fools are fooled."""
    return quality_at(curve, NEAR * curve.success) if curve.values else None


def shares_table(
    summaries: Sequence[Outcome], titles: Titles, of: Callable[[Outcome], Mapping[str, Shares]]
) -> Table | None:
    """A row an attack, a column a judge or a step of the channel: the share over successes, and over all."""
    names = list(dict.fromkeys(name for summary in summaries for name in of(summary)))
    if not names:
        return None
    rows = []
    for summary in ranked(summaries):
        cells = [_name(summary.attack, titles), _success(summary)]
        for name in names:
            found = of(summary).get(name)
            cells.append(Cell("–") if found is None else _share(found))
        rows.append(tuple(cells))
    heads = (Head("Attack", numeric=False), Head("Success", "↑"), *(Head(name, "↑") for name in names))
    return Table(heads, tuple(rows))


def _share(found: Shares) -> Cell:
    interval = between(found.successes, 0, 100)
    small = f"{interval + UNIT + '%; ' if interval else ''}of all {percent(found.all.mean)}"
    return Cell(percent(found.successes.mean), small, found.successes.mean)


Opinions = Mapping[tuple[str, str], tuple[float, float | None, float | None]]
"""By attack and target: a mean opinion score and its interval, which one observer alone has not."""


def mos_table(scores: Opinions, target: str, titles: Titles) -> Table | None:
    """A row an attack: its mean opinion score on the target, the best first; `None` where there is none."""
    here = sorted(
        ((attack, score) for (attack, where), score in scores.items() if where == target),
        key=lambda found: -found[1][0],
    )
    if not here:
        return None
    rows = []
    for attack, (mean, low, high) in here:
        small = between(Estimate(mean, low, high), 2)
        rows.append((_name(attack, titles), Cell(number(mean, 2), small, mean)))
    return Table((Head("Attack", numeric=False), Head("MOS, 1 to 5", "↑")), tuple(rows))


def anchors(attacks: Sequence[str]) -> list[str]:
    """Those that are neither MND nor one of its variants."""
    return [attack for attack in attacks if not is_ours(attack)]
