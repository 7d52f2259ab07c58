"""Means, intervals and the screening of BT.500, against what was computed by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.study.screening import kurtosis, mean_of, screen

# Twelve observers. The grades 2 2 3 3 3 3 3 3 3 4 4 and the last one's 5 have the mean 19/6, S = 0.835 and
# beta2 = 3.26: taken as normal, and 5 is 1.83 off, which is more than 2 S = 1.67; nobody else is.
UP = [2, 2, 3, 3, 3, 3, 3, 3, 3, 4, 4, 5]
DOWN = [6 - grade for grade in UP]
SAME = [4] * 12


def observers(*presentations: list[int]) -> dict[str, dict[str, float]]:
    """The last column is always the last observer's."""
    count = len(presentations[0])
    return {f"o{i}": {f"p{at}": row[i] for at, row in enumerate(presentations)} for i in range(count)}


def last(*presentations: list[int]):
    verdicts = screen(observers(*presentations))
    assert not any(verdicts[f"o{i}"].rejected for i in range(len(presentations[0]) - 1))
    return verdicts[f"o{len(presentations[0]) - 1}"]


def test_the_interval_by_hand():
    # 1 2 3 4 5: mean 3, S = sqrt(10 / 4), half = 1.96 * 1.5811 / 2.2361
    made = mean_of([1, 2, 3, 4, 5])
    assert (made.n, made.mean) == (5, 3)
    assert made.high == pytest.approx(3 + 1.96 * math.sqrt(0.5))
    assert made.low == pytest.approx(3 - 1.96 * math.sqrt(0.5))


def test_one_grade_has_no_interval_and_equal_grades_have_an_empty_one():
    assert (mean_of([4]).low, mean_of([4]).high) == (None, None)
    assert (mean_of([4, 4]).low, mean_of([4, 4]).high) == (4, 4)
    with pytest.raises(ValueError, match="no grades"):
        mean_of([])


def test_kurtosis_in_closed_form():
    assert kurtosis([1, 5]) == pytest.approx(1)  # two values
    assert kurtosis([1, 2, 3, 4, 5]) == pytest.approx(1.7)  # (34 / 5) / 2 ** 2
    assert kurtosis([5] * 21 + [1]) == pytest.approx((21**3 + 1) / (22 * 21))  # one alone
    assert kurtosis([3, 3, 3]) is None


def test_the_example_by_hand():
    assert kurtosis(UP) == pytest.approx(3.2609, abs=1e-4)
    deviation = math.sqrt(sum((grade - 19 / 6) ** 2 for grade in UP) / 11)
    assert deviation == pytest.approx(0.83485, abs=1e-5)
    assert (last(UP).p, last(UP).q) == (1, 0)
    assert (last(DOWN).p, last(DOWN).q) == (0, 1)


def test_who_is_far_off_in_both_directions_is_rejected():
    verdict = last(UP, DOWN, UP, DOWN)
    assert (verdict.presentations, verdict.p, verdict.q, verdict.rejected) == (4, 2, 2, True)


def test_who_is_only_severe_is_not():
    verdict = last(DOWN, DOWN, DOWN, DOWN)
    assert (verdict.p, verdict.q, verdict.rejected) == (0, 4, False)


def test_more_than_five_percent():
    assert not last(UP, DOWN, *[SAME] * 38).rejected  # 2 of 40 are 5 %
    assert last(UP, DOWN, *[SAME] * 37).rejected


def test_less_than_thirty_percent():
    assert not last(UP, UP, DOWN).rejected  # 1 / 3
    assert last(UP, UP, UP, DOWN, DOWN).rejected  # 1 / 5
    assert not last(*[UP] * 13, *[DOWN] * 7).rejected  # 6 / 20 is not less than 0.3


def test_where_grades_are_not_normal_it_takes_the_root_of_twenty():
    # one against N - 1: (N - 1) / sqrt(N) deviations off: 4.36 for 21, 4.48 for 22, and sqrt(20) = 4.47
    assert last([5] * 20 + [1]).q == 0
    assert last([5] * 21 + [1]).q == 1


def test_presentations_on_which_all_agree_say_nothing():
    verdict = last(SAME, SAME)
    assert (verdict.p, verdict.q, verdict.rejected) == (0, 0, False)


def test_shares_are_of_what_an_observer_graded():
    grades = observers(UP, DOWN, *[SAME] * 60)
    assert not screen(grades)["o11"].rejected
    grades["o11"] = {"p0": 5, "p1": 1, "p2": 4}
    assert screen(grades)["o11"].presentations == 3
    assert screen(grades)["o11"].rejected


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(st.integers(1, 5), min_size=n, max_size=n), min_size=1, max_size=8)
    )
)
def test_fewer_than_six_observers_are_never_rejected(rows):
    assert not any(
        verdict.p or verdict.q or verdict.rejected for verdict in screen(observers(*rows)).values()
    )


@given(st.lists(st.lists(st.integers(1, 5), min_size=9, max_size=9), min_size=1, max_size=12))
def test_the_scale_may_be_turned_round(rows):
    """Grades mirrored: high and low change places, and the verdicts stay."""
    one, other = screen(observers(*rows)), screen(observers(*[[6 - g for g in row] for row in rows]))
    for name, verdict in one.items():
        assert (verdict.p, verdict.q, verdict.rejected) == (
            other[name].q,
            other[name].p,
            other[name].rejected,
        )
