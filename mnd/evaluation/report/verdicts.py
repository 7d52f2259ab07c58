"""The head of the report: who wins on what, as computed facts, also where MND loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..curves import dominates
from ..results import OURS, Measure
from ..summary import Outcome
from .tables import UNIT, Curves, Titles, anchors, between, known_measures, percent

JUDGED = ("ssimulacra2", "butteraugli", "ssim", "rlpips", "psnr")
"""The measures of the headline."""


@dataclass(frozen=True)
class Verdict:
    """MND against every anchor by one measure: titles of attacks in each list.

    Attributes:
        better, undecided, worse: by the paired difference on common successes; undecided where its 95 %
            interval has 0 in it.
        ahead, behind: at every success rate that the anchor reaches; behind where it is not ahead at each.
        apart: have no picture in common that both fooled, or one whose interval cannot be told.
    """

    measure: Measure
    better: tuple[str, ...]
    undecided: tuple[str, ...]
    worse: tuple[str, ...]
    ahead: tuple[str, ...]
    behind: tuple[str, ...]
    apart: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many anchors there are."""
        return len(self.better) + len(self.undecided) + len(self.worse) + len(self.apart)


def verdicts(summaries: Sequence[Outcome], curves: Curves, titles: Titles) -> list[Verdict]:
    """One for each measure of the headline that is known; none without MND or without an anchor."""
    others = anchors([summary.attack for summary in summaries])
    if OURS not in curves or not others:
        return []
    known = [measure for measure in known_measures(summaries) if measure.name in JUDGED]
    of = {summary.attack: summary for summary in summaries}
    return [_verdict([of[name] for name in others], curves, measure, titles) for measure in known]


def _verdict(others: Sequence[Outcome], curves: Curves, measure: Measure, titles: Titles) -> Verdict:
    lists: dict[str, list[str]] = {
        key: [] for key in ("better", "undecided", "worse", "ahead", "behind", "apart")
    }
    for summary in others:
        name = titles.get(summary.attack, summary.attack)
        found = summary.difference[measure.name]
        side = found.side * measure.sign
        paired = {-1: "better", 0: "undecided", 1: "worse"}[side]
        lists["apart" if found.count < 2 else paired].append(name)
        curve = curves[summary.attack][measure.name]
        if curve.values:
            first = dominates(curves[OURS][measure.name], curve, strict=True)
            lists["ahead" if first else "behind"].append(name)
    return Verdict(measure, **{key: tuple(names) for key, names in lists.items()})


def sentences(summaries: Sequence[Outcome], found: Sequence[Verdict], titles: Titles) -> list[str]:
    """The headline of one target in words."""
    ours = next((summary for summary in summaries if summary.attack == OURS), None)
    if ours is None:
        return ["MND was not run on this target: nothing can be said of it."]
    interval = between(ours.success, 0, 100)
    said = [
        f"MND fools {ours.successes} of {ours.pictures} pictures on the saved file "
        f"({percent(ours.success.mean)}, 95{UNIT}% interval {interval}{UNIT}%)."
    ]
    more = [s for s in summaries if s.successes > ours.successes]
    if more:
        names = _listed([titles.get(s.attack, s.attack) for s in more])
        said.append(f"More pictures than MND are fooled by {names}.")
    clear = [v.measure.title for v in found if len(v.better) == v.count]
    if clear:
        said.append(f"Clearly better than every anchor in {_listed(clear)}.")
    mixed = [v for v in found if v.measure.title not in clear]
    said += [_mixed(verdict) for verdict in mixed]
    return said


def _mixed(verdict: Verdict) -> str:
    parts = [f"better than {len(verdict.better)} of {verdict.count} anchors"]
    parts += [f"worse than {_listed(verdict.worse)}"] if verdict.worse else []
    parts += [f"undecided against {_listed(verdict.undecided)}"] if verdict.undecided else []
    parts += [f"too few common pictures with {_listed(verdict.apart)}"] if verdict.apart else []
    return f"{verdict.measure.title}: {'; '.join(parts)}."


def _listed(names: Sequence[str]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else last
