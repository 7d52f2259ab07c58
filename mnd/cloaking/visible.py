"""How visible a cloak may be: where a file went past what its level allows, for programs and in words.

The limits are numbers of the plan (`levels.py`), the figures are those of the record. Imported at once,
without torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .levels import Plan

if TYPE_CHECKING:
    from .record import PassedRecord


def too_visible(record: Mapping[str, Any], plan: Plan) -> list[PassedRecord]:
    """Which limits of what may be seen the regions of a record went past; none: all is as the level allows.

    A region too small to have an SSIM is not judged by it, nor a face by features that are not found.

    >>> from .levels import PLANS
    >>> face = {"ssim": 0.95, "appearance": {"iris": 9.0, "stitches": 0}}
    >>> too_visible({"quality": {"regions": [face]}}, PLANS["robust", False])
    [{'limit': 'iris', 'region': 0, 'got': 9.0, 'allowed': 5.0}]
    """
    return [passed for at, told in enumerate(_qualities(record)) for passed in _passed(at, told, plan)]


def lost(record: Mapping[str, Any]) -> float:
    """How much of its structure the worst region has lost: 1 - SSIM; 0 where no region has one.

    >>> faces = [{"ssim": 0.75}, {"ssim": 0.5}, {"ssim": None}]
    >>> lost({"quality": {"regions": faces}}), lost({"quality": {"regions": faces[2:]}})
    (0.5, 0.0)
    """
    return max((1 - told["ssim"] for told in _qualities(record) if told["ssim"] is not None), default=0.0)


def badness(record: Mapping[str, Any], plan: Plan, recognised: float) -> tuple[bool, bool, float, float]:
    """What makes one attempt worse than another, in the order in which it counts.

    Too visible; a region that lost more than twice the structure that it may; how surely it is still
    recognised; and of attempts that are alike in that, what they lost.

    >>> from .levels import PLANS
    >>> def file(ssim, recognised):
    ...     record = {"quality": {"regions": [{"ssim": ssim}]}}
    ...     return badness(record, PLANS["robust", False], recognised)
    >>> file(0.95, 0.3) < file(0.9, 0.1) < file(0.9, 0.2) < file(0.8, 0.0) < file(0.7, 0.0)
    True
    """
    gone = lost(record)
    return bool(too_visible(record, plan)), gone > 2 * (1 - plan.least_ssim), recognised, gone


def _qualities(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    regions: Sequence[Mapping[str, Any]] = (record.get("quality") or {}).get("regions") or ()
    return regions


def _passed(region: int, told: Mapping[str, Any], plan: Plan) -> Iterator[PassedRecord]:
    ssim, face = told["ssim"], told.get("appearance") or {}
    if ssim is not None and ssim < plan.least_ssim:
        yield {"limit": "ssim", "region": region, "got": ssim, "allowed": plan.least_ssim}
    if face.get("iris", 0.0) > plan.most_iris:
        yield {"limit": "iris", "region": region, "got": face["iris"], "allowed": plan.most_iris}
    if face.get("stitches", 0) > plan.most_stitches:
        yield {"limit": "stitches", "region": region, "got": face["stitches"], "allowed": plan.most_stitches}


def in_words(record: Mapping[str, Any], passed: Sequence[PassedRecord]) -> str:
    """What went past which limit, one clause a limit.

    >>> record = {"regions": [{"kind": "face", "box": [1, 2, 30, 40]}]}
    >>> in_words(record, [{"limit": "iris", "region": 0, "got": 9.04, "allowed": 5.0}])
    'face [1, 2, 30, 40] has an iris whose colour moved by 9.0 (CIEDE2000), expected at most 5'
    """
    return "; ".join(
        f"{record['regions'][one['region']]['kind']} {record['regions'][one['region']]['box']} {_told(one)}"
        for one in passed
    )


def _told(passed: PassedRecord) -> str:
    got, allowed = passed["got"], f"{passed['allowed']:g}"
    if passed["limit"] == "ssim":
        return f"has SSIM {got:.4f}, expected at least {allowed}"
    if passed["limit"] == "iris":
        return f"has an iris whose colour moved by {got:.1f} (CIEDE2000), expected at most {allowed}"
    return f"has {got:g} stitches along brows, lids, lips and nose, expected at most {allowed}"
