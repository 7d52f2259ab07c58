"""Quality against success: how many pictures an attack fools at a given quality, and who is ahead where.

For one attack, target and measure each fooled picture has the quality of the setting that fooled it, and

    F(q) = share of the counted pictures that are fooled with a quality of at least q

(at most q where lower is better): the field's robustness curve with quality in the place of the budget. "At
equal success s" compares the q at which F(q) = s; "at equal quality q" compares F(q).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from .results import Measure, Row

_TINY = 1e-9
"""A share that is so little above k / n is k / n."""


@dataclass(frozen=True)
class Curve:
    """The steps of `F` for one attack, target and measure.

    Attributes:
        values: the quality of every fooled picture, the best first.
        pictures: how many count; a fooled picture whose quality is not known does not.
    """

    attack: str
    target: str
    measure: Measure
    values: tuple[float, ...]
    pictures: int

    @property
    def success(self) -> float:
        """The share at which the curve ends, 0..1: all that are fooled, at whatever quality."""
        return len(self.values) / self.pictures if self.pictures else 0.0

    @property
    def points(self) -> list[tuple[float, float]]:
        """`(q, F(q))` at every step, the best quality first."""
        return [(value, share_at(self, value)) for value in self.values]


def curve(rows: Sequence[Row], measure: Measure) -> Curve:
    """The curve of the rows of one attack and one target.

    Raises:
        ValueError: no row, or rows of several attacks or targets.

    >>> from mnd.evaluation.results import MEASURES
    >>> psnr = next(measure for measure in MEASURES if measure.name == "psnr")
    >>> rows = [Row("pgd", "dlib", str(v), v > 30, {"psnr": float(v)}) for v in (30, 40, 44, 38)]
    >>> found = curve(rows, psnr)
    >>> found.values, found.success
    ((44.0, 40.0, 38.0), 0.75)
    """
    names = sorted({(row.attack, row.target) for row in rows})
    if len(names) != 1:
        raise ValueError(f"got rows of {names}, expected those of one attack and one target")
    [(attack, target)] = names
    fooled = [row.value(measure.name) for row in rows if row.success]
    known = [value for value in fooled if value is not None]
    values = sorted(known, reverse=measure.higher)
    return Curve(attack, target, measure, tuple(values), len(rows) - (len(fooled) - len(known)))


def share_at(curve: Curve, quality: float) -> float:
    """`F(quality)`, 0..1: the share that is fooled with this quality or a better one.

    >>> from mnd.evaluation.results import MEASURES
    >>> found = Curve("pgd", "dlib", MEASURES[0], (90.0, 80.0), 4)
    >>> share_at(found, 95.0), share_at(found, 90.0), share_at(found, 10.0)
    (0.0, 0.25, 0.5)
    """
    if not curve.pictures:
        return 0.0
    sign = curve.measure.sign
    reached = bisect_right(curve.values, -sign * quality, key=lambda value: -sign * value)
    return reached / curve.pictures


def quality_at(curve: Curve, share: float) -> float | None:
    """The best `q` with `F(q) >= share`; `None` where the attack never fools so many.

    Raises:
        ValueError: `share` is not above 0 and at most 1.

    >>> from mnd.evaluation.results import MEASURES
    >>> found = Curve("pgd", "dlib", MEASURES[0], (90.0, 80.0), 4)
    >>> quality_at(found, 0.25), quality_at(found, 0.3), quality_at(found, 0.75)
    (90.0, 80.0, None)
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share!r}, expected above 0 and at most 1")
    place = max(1, math.ceil(share * curve.pictures - _TINY))
    return curve.values[place - 1] if place <= len(curve.values) else None


@dataclass(frozen=True)
class Lead:
    """Where one curve is least ahead of another, over all shares that the other reaches.

    Attributes:
        measure: whose units `least` has.
        least: how much better the first is there, in the measure's units: below 0 it is worse. `None` where
            it never fools as many pictures as the other.
        share: at which success that is; the first share that is not reached where `least` is `None`.
        ahead: the share of the other's steps at which the first is better, 0..1.
    """

    measure: Measure
    least: float | None
    share: float
    ahead: float


def least_lead(a: Curve, b: Curve) -> Lead | None:
    """Compare `a` with `b` at every success that `b` reaches; `None` where `b` fools nobody.

        least = min over s of sign * (q_a(s) - q_b(s)),   sign = 1 where higher is better, else -1

    Raises:
        ValueError: the curves are of two measures or two targets.

    >>> from mnd.evaluation.results import MEASURES
    >>> a = Curve("mnd", "dlib", MEASURES[0], (95.0, 85.0), 2)
    >>> b = Curve("pgd", "dlib", MEASURES[0], (91.0, 84.0), 2)
    >>> found = least_lead(a, b)
    >>> found.least, found.share, found.ahead
    (1.0, 1.0, 1.0)
    """
    if (a.measure, a.target) != (b.measure, b.target):
        got = f"{a.measure.name} on {a.target} and {b.measure.name} on {b.target}"
        raise ValueError(f"got curves of {got}, expected one measure and one target")
    leads = []
    for place, other in enumerate(b.values, start=1):
        share = place / b.pictures
        mine = quality_at(a, share)
        leads.append((None if mine is None else a.measure.sign * (mine - other), share))
    if not leads:
        return None
    ahead = sum(lead is not None and lead > 0 for lead, _ in leads) / len(leads)
    missed = next((share for lead, share in leads if lead is None), None)
    if missed is not None:
        return Lead(a.measure, None, missed, ahead)
    least, share = min((lead, share) for lead, share in leads if lead is not None)
    return Lead(a.measure, least, share, ahead)


def dominates(a: Curve, b: Curve, strict: bool = False) -> bool:
    """Whether `a` is nowhere worse than `b` (`strict`: everywhere better) at the success that `b` reaches.

    >>> from mnd.evaluation.results import MEASURES
    >>> a = Curve("mnd", "dlib", MEASURES[0], (95.0, 85.0), 2)
    >>> dominates(a, a), dominates(a, a, strict=True)
    (True, False)
    """
    lead = least_lead(a, b)
    if lead is None:
        return True
    return lead.least is not None and (lead.least > 0 if strict else lead.least >= 0)
