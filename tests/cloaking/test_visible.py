"""How visible a cloak may be: which limits a record went past, and how that is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.cloaking.levels import PLANS, Level
from mnd.cloaking.record import PassedRecord
from mnd.cloaking.visible import in_words, too_visible

PLAN = replace(PLANS["robust", False], least_ssim=0.93, most_iris=5.0, most_stitches=4)


def record(*ssims: float | None, appearance: Any = None) -> dict[str, Any]:
    """What was seen in a file with these regions; the first of them looks so."""
    told: list[dict[str, Any]] = [{"psnr": 40.0, "ssim": ssim} for ssim in ssims]
    if appearance is not None:
        told[0]["appearance"] = appearance
    return {
        "regions": [{"box": [i, 0, 9, 9], "kind": "face"} for i in range(len(ssims))],
        "quality": {"ssim": 0.1, "regions": told},
    }


@pytest.mark.parametrize(
    ("ssims", "least", "which"),
    [
        ([0.95], 0.93, []),
        ([0.93], 0.93, []),
        ([0.929], 0.93, [0]),
        ([0.95, 0.92], 0.93, [1]),
        ([0.91, 0.92], 0.93, [0, 1]),
        ([None], 0.93, []),
        ([None, 0.5], 0.93, [1]),
        ([0.0], 0.0, []),
        ([], 0.93, []),
    ],
)
def test_structure(ssims, least, which):
    """Regions below the least SSIM; one too small to have an SSIM is not judged by it."""
    seen = record(*ssims)
    passed = too_visible(seen, replace(PLAN, least_ssim=least))
    assert passed == [{"limit": "ssim", "region": i, "got": ssims[i], "allowed": least} for i in which]
    assert in_words(seen, passed) == "; ".join(
        f"face [{i}, 0, 9, 9] has SSIM {ssims[i]:.4f}, expected at least {least:g}" for i in which
    )


@pytest.mark.parametrize(
    ("appearance", "limits"),
    [
        ({"iris": 5.0, "stitches": 4}, []),
        ({"iris": 5.01, "stitches": 4}, ["iris"]),
        ({"iris": 0.0, "stitches": 5}, ["stitches"]),
        ({"iris": 9.9, "stitches": 5}, ["iris", "stitches"]),
        (None, []),
    ],
)
def test_looks(appearance, limits):
    seen = record(0.95, appearance=appearance)
    passed = too_visible(seen, PLAN)
    assert [one["limit"] for one in passed] == limits
    for one in passed:
        assert (one["region"], one["got"]) == (0, appearance[one["limit"]])
        assert one["allowed"] == {"iris": 5.0, "stitches": 4}[one["limit"]]
    told = in_words(seen, passed)
    assert ("an iris whose colour moved by" in told) == ("iris" in limits)
    assert ("has 5 stitches along brows, lids, lips and nose, expected at most 4" in told) == (
        "stitches" in limits
    )


def test_features_that_are_not_found_are_not_judged():
    seen = record(0.95, 0.95)
    seen["quality"]["regions"][0]["appearance"] = None
    assert too_visible(seen, replace(PLAN, most_iris=0.0, most_stitches=0)) == []
    assert too_visible({"regions": [], "quality": None}, PLAN) == []


@given(st.floats(0, 1), st.floats(0, 50), st.integers(0, 20))
def test_what_robust_allows_strong_allows_too_and_minimum_as_much_as_strong(
    ssim: float, iris: float, stitches: int
):
    seen = record(ssim, appearance={"iris": iris, "stitches": stitches})
    levels = [{one["limit"] for one in too_visible(seen, PLANS[level, False])} for level in get_args(Level)]
    assert levels[0] == levels[2] <= levels[1]


def test_every_limit_can_be_told():
    for limit in get_args(get_type_hints(PassedRecord)["limit"]):
        told = in_words(record(0.9), [{"limit": limit, "region": 0, "got": 7.0, "allowed": 3.0}])
        assert told.startswith("face [0, 0, 9, 9] has ")
        assert told.endswith("3")
