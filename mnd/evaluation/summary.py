"""Means with their intervals, differences to MND, transfer and channel: a line an attack and target.

Every mean has a 95 % percentile bootstrap interval over pictures (Efron and Tibshirani 1993): `RESAMPLES`
draws of as many pictures with replacement, with a fixed seed, so that the same results give the same figures.
A share has Wilson's score interval (Wilson 1927), which keeps a width at 0 % and 100 %; a bootstrap does not.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.files import write_atomic
from .results import COSTS, MEASURES, OURS, Row, by_target

RESAMPLES = 2000
SEED = 0
LEVEL = 0.95
_NORMAL = 1.959963984540054
"""The normal distribution's quantile at (1 + LEVEL) / 2."""
_BLOCK = 2**22
"""So many draws at a time: memory stays small for many pictures."""
_TRIED = ("passes_tried", "seconds_tried")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean or a share with its 95 % interval.

    Attributes:
        mean: `None` where nothing is known.
        low, high: ends of the interval; `None` where fewer than two values are known.
        count: how many values are known.
    """

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    count: int = 0

    @property
    def side(self) -> int:
        """1 or -1 where the whole interval is above or below 0, else 0: the sign is not certain.

        >>> Estimate(2.0, 1.0, 3.0, 9).side, Estimate(2.0, -1.0, 5.0, 9).side
        (1, 0)
        """
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True)
class Shares:
    """How many saved pictures fool a judge, or still fool the target after a step of the channel.

    Attributes:
        successes: of the pictures whose saved file fools the target and that have a verdict.
        all: of all counted pictures; one without a saved file (the attack broke down) counts as not fooled,
            one without a verdict (the judge did not know the clean picture) does not count.
    """

    successes: Estimate
    all: Estimate


@dataclass(frozen=True)
class Outcome:
    """One attack on one target.

    Attributes:
        pictures: counted, errors among them.
        errors: pictures on which the attack broke down; they count as failures.
        success: share of `pictures` whose saved file fools the target.
        quality: by measure or cost, the mean over the successes.
        all: by measure or cost, the mean over all pictures with a saved file.
        difference: by measure, `this attack - mnd` over the pictures where both succeeded; empty for `mnd`.
        tried: mean passes and seconds of the whole sweep, over all pictures.
        peak_mb: the largest peak memory of any picture.
        judges, channel: by name.
    """

    attack: str
    target: str
    pictures: int
    successes: int
    errors: int
    success: Estimate
    quality: Mapping[str, Estimate]
    all: Mapping[str, Estimate]
    difference: Mapping[str, Estimate]
    tried: Mapping[str, Estimate]
    peak_mb: float | None
    judges: Mapping[str, Shares]
    channel: Mapping[str, Shares]


def bootstrap(values: Floats) -> list[Estimate]:
    """The mean of each column of `values`, `(pictures, columns)`, NaN where a value is not known.

        interval = 2.5 % and 97.5 % quantile of { mean over a draw of pictures with replacement }

    The same draws serve every column. In a draw only its known values count.

    Raises:
        ValueError: `values` has not two dimensions, or an infinite value.

    >>> [known, none] = bootstrap(np.array([[1.0, np.nan], [1.0, np.nan]]))
    >>> known, none.mean
    (Estimate(mean=1.0, low=1.0, high=1.0, count=2), None)
    """
    if values.ndim != 2 or np.isinf(values).any():
        raise ValueError(f"got values of shape {values.shape}, expected finite (pictures, columns) or NaN")
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    if not counts.any():
        return [Estimate() for _ in counts]
    # about the mean: so that equal values have an interval of width 0, to the last bit
    means = np.where(known, values, 0.0).sum(axis=0) / np.maximum(counts, 1)
    rest = np.where(known, values - means, 0.0)
    draws = np.concatenate([_draw_means(weights, rest, known) for weights in _weights(len(values))])
    found = []
    for column, count in enumerate(counts):
        drawn = draws[:, column][~np.isnan(draws[:, column])]
        mean = float(means[column]) if count else None
        if mean is None or count < 2:
            found.append(Estimate(mean, count=int(count)))
            continue
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        found.append(Estimate(mean, mean + float(low), mean + float(high), int(count)))
    return found


def _weights(pictures: int) -> Iterator[Floats]:
    """How often each draw has each picture, `(draws, pictures)`, block by block, `RESAMPLES` draws in all."""
    rng = np.random.default_rng(SEED)
    step = max(1, _BLOCK // pictures)
    for start in range(0, RESAMPLES, step):
        some = min(step, RESAMPLES - start)
        places = rng.integers(0, pictures, (some, pictures)) + pictures * np.arange(some)[:, None]
        yield np.bincount(places.ravel(), minlength=some * pictures).reshape(some, pictures).astype(float)


def _draw_means(weights: Floats, values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    share = weights @ known.astype(float)
    with np.errstate(invalid="ignore"):
        means: Floats = np.where(share > 0, (weights @ values) / share, np.nan)
    return means


def wilson(successes: int, pictures: int) -> Estimate:
    """The share `p = successes / pictures` with Wilson's 95 % score interval (Wilson 1927, JASA 22).

        (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n),  z = 1.96

    Raises:
        ValueError: a negative number, or more successes than pictures.

    >>> found = wilson(10, 10)
    >>> found.mean, round(found.low, 3), found.high
    (1.0, 0.722, 1.0)
    """
    if not 0 <= successes <= pictures:
        raise ValueError(f"got {successes} successes of {pictures} pictures, expected 0 to {pictures}")
    if pictures == 0:
        return Estimate()
    share, part = successes / pictures, _NORMAL**2 / pictures
    half = _NORMAL * math.sqrt(share * (1 - share) / pictures + part / (4 * pictures))
    low, high = ((share + part / 2 + way * half) / (1 + part) for way in (-1, 1))
    return Estimate(share, min(share, max(0.0, low)), max(share, min(1.0, high)), pictures)


def summarise(rows: Sequence[Row]) -> list[Outcome]:
    """Every attack and target of `rows`; targets by name, in each MND first and the others by name.

    The order of `rows` does not matter: an interrupted run that was resumed gives the same figures.

    >>> rows = [Row("mnd", "dlib", str(i), i > 0, {"psnr": 40.0 + i}) for i in range(3)]
    >>> [found] = summarise(rows)
    >>> found.pictures, found.successes, found.quality["psnr"].mean, found.all["psnr"].mean
    (3, 2, 41.5, 41.0)
    """
    return [
        _summary(attack, target, some, attacks.get(OURS, []))
        for target, attacks in by_target(rows).items()
        for attack, some in attacks.items()
    ]


def _summary(attack: str, target: str, rows: Sequence[Row], ours: Sequence[Row]) -> Outcome:
    successes = [row for row in rows if row.success]
    names = [measure.name for measure in (*MEASURES, *COSTS)]
    peaks = [peak for row in rows if (peak := row.value("peak_mb")) is not None]
    return Outcome(
        attack=attack,
        target=target,
        pictures=len(rows),
        successes=len(successes),
        errors=sum(row.error is not None for row in rows),
        success=wilson(len(successes), len(rows)),
        quality=_means(successes, names),
        all=_means([row for row in rows if row.error is None], names),
        difference={} if attack == OURS else paired(successes, [row for row in ours if row.success]),
        tried=_means(rows, _TRIED),
        peak_mb=max(peaks, default=None),
        judges=_shares(rows, lambda row: row.judges),
        channel=_shares(rows, lambda row: row.channel),
    )


def _means(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Estimate]:
    return dict(zip(names, bootstrap(_values(rows, names)), strict=True))


def _values(rows: Sequence[Row], names: Sequence[str]) -> Floats:
    known = [[row.value(name) for name in names] for row in rows]
    table: Floats = np.array(known, dtype=float).reshape(len(rows), len(names))  # None becomes NaN
    return table


def paired(rows: Sequence[Row], ours: Sequence[Row]) -> dict[str, Estimate]:
    """By measure and cost, the mean of `row - ours` over the pictures that both have, with its interval.

    >>> a = [Row("pgd", "dlib", "1", True, {"psnr": 40.0}), Row("pgd", "dlib", "2", True, {"psnr": 30.0})]
    >>> b = [Row("mnd", "dlib", "2", True, {"psnr": 33.0})]
    >>> paired(a, b)["psnr"]
    Estimate(mean=-3.0, low=None, high=None, count=1)
    """
    names = [measure.name for measure in (*MEASURES, *COSTS)]
    other = {row.picture: row for row in ours}
    both = sorted((row for row in rows if row.picture in other), key=lambda row: row.picture)
    differences = _values(both, names) - _values([other[row.picture] for row in both], names)
    return dict(zip(names, bootstrap(differences), strict=True))


def _shares(rows: Sequence[Row], verdicts: Callable[[Row], Mapping[str, bool]]) -> dict[str, Shares]:
    names = dict.fromkeys(name for row in rows for name in verdicts(row))
    found = {}
    for name in names:
        known = [row for row in rows if name in verdicts(row)]
        fooled = [row for row in known if verdicts(row)[name]]
        lost = sum(row.path is None and name not in verdicts(row) for row in rows)
        found[name] = Shares(
            wilson(sum(row.success for row in fooled), sum(row.success for row in known)),
            wilson(len(fooled), len(known) + lost),
        )
    return found


def write_summary(path: Path, summaries: Sequence[Outcome]) -> Path:
    """Write `summary.csv`: a line an attack and target, an empty cell where nothing is known.

    Raises:
        PhotoError: the file cannot be written.
    """
    head, lines = _table(summaries)
    text = io.StringIO()
    table = csv.DictWriter(text, head, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(lines)
    return write_atomic(path, text.getvalue().encode("utf-8"), overwrite=True)


def figures(summaries: Sequence[Outcome]) -> list[dict[str, float | str | None]]:
    """The lines of `summary.csv` as objects; `None` where nothing is known."""
    head, lines = _table(summaries)
    return [{name: _figure_of(line.get(name, "")) for name in head} for line in lines]


def _figure_of(cell: str) -> float | str | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell


def _table(summaries: Sequence[Outcome]) -> tuple[list[str], list[dict[str, str]]]:
    """Every line gets every column, also that of a judge which only one target has."""
    lines = [_cells(summary) for summary in summaries]
    return sorted({name for line in lines for name in line}, key=_column), lines


_FIRST = ("attack", "target", "pictures", "successes", "errors", "success", "success_low", "success_high")


def _column(name: str) -> tuple[int, int | str]:
    fixed = [*_FIRST, *(f"{m.name}{end}" for m in MEASURES for end in _ENDS), *_COST_COLUMNS]
    return (0, fixed.index(name)) if name in fixed else (1, name)


_ENDS = ("", "_low", "_high", "_all", "_minus_mnd", "_minus_mnd_low", "_minus_mnd_high")
_COST_COLUMNS = (*(f"{cost.name}{end}" for cost in COSTS for end in ("", "_all", "_tried")), "peak_mb")


def _cells(summary: Outcome) -> dict[str, str]:
    cells: dict[str, str] = {
        "attack": summary.attack,
        "target": summary.target,
        "pictures": str(summary.pictures),
        "successes": str(summary.successes),
        "errors": str(summary.errors),
        **_interval("success", summary.success),
    }
    for measure in MEASURES:
        name = measure.name
        cells |= _interval(name, summary.quality[name])
        cells[f"{name}_all"] = _figure(summary.all[name].mean)
        cells |= _interval(f"{name}_minus_mnd", summary.difference.get(name, Estimate()))
    for cost in COSTS:
        cells[cost.name] = _figure(summary.quality[cost.name].mean)
        cells[f"{cost.name}_all"] = _figure(summary.all[cost.name].mean)
        cells[f"{cost.name}_tried"] = _figure(summary.tried[f"{cost.name}_tried"].mean)
    cells["peak_mb"] = _figure(summary.peak_mb)
    for kind, shares in (("judge", summary.judges), ("channel", summary.channel)):
        for name, share in shares.items():
            cells |= _interval(f"{kind}_{name}", share.successes)
            cells[f"{kind}_{name}_all"] = _figure(share.all.mean)
    return cells


def _interval(name: str, found: Estimate) -> dict[str, str]:
    return {
        name: _figure(found.mean),
        f"{name}_low": _figure(found.low),
        f"{name}_high": _figure(found.high),
    }


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.7g}"
