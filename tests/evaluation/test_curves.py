"""Quality-success curves: closed forms, and what holds for every curve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.evaluation.curves import Curve, curve, dominates, least_lead, quality_at, share_at
from mnd.evaluation.results import MEASURES, Row

HIGHER = next(m for m in MEASURES if m.name == "psnr")
LOWER = next(m for m in MEASURES if m.name == "butteraugli")

outcomes = st.lists(
    st.tuples(st.booleans(), st.one_of(st.none(), st.floats(0.01, 100))), min_size=1, max_size=25
)
measures = st.sampled_from([HIGHER, LOWER])


def rows_of(told, measure, attack="pgd"):
    return [Row(attack, "dlib", str(i), ok, {measure.name: value}) for i, (ok, value) in enumerate(told)]


def made(values, pictures, measure=HIGHER, attack="pgd"):
    return Curve(attack, "dlib", measure, tuple(sorted(values, reverse=measure.higher)), pictures)


def test_uniform_qualities_give_a_straight_curve() -> None:
    found = made([float(v) for v in range(1, 101)], 200)
    for share in (0.005, 0.1, 0.25, 0.5):
        assert quality_at(found, share) == 101 - 200 * share
    assert quality_at(found, 0.51) is None
    assert share_at(found, 51) == 0.25
    assert share_at(found, 50.5) == 0.25
    assert found.success == 0.5


def test_lower_is_better_is_the_mirror() -> None:
    found = made([0.5, 1.0, 2.0], 4, LOWER)
    assert found.values == (0.5, 1.0, 2.0)
    assert [share_at(found, q) for q in (0.4, 0.5, 1.5, 9.0)] == [0.0, 0.25, 0.5, 0.75]
    assert quality_at(found, 0.75) == 2.0


def test_unknown_quality_does_not_count() -> None:
    told = [(True, 40.0), (True, None), (False, 30.0), (False, None)]
    found = curve(rows_of(told, HIGHER), HIGHER)
    assert (found.values, found.pictures) == ((40.0,), 3)


@given(outcomes, measures, st.lists(st.floats(0.01, 100), min_size=2, max_size=6))
def test_curves_fall_as_quality_rises(told, measure, qualities) -> None:
    found = curve(rows_of(told, measure), measure)
    ordered = sorted(qualities, key=lambda q: measure.sign * q)
    shares = [share_at(found, q) for q in ordered]
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= share <= found.success for share in shares)


@given(outcomes, measures)
def test_curves_end_at_the_success(told, measure) -> None:
    found = curve(rows_of(told, measure), measure)
    counted = [(ok, value) for ok, value in told if not (ok and value is None)]
    fooled = sum(ok for ok, _ in counted)
    assert found.success == pytest.approx(fooled / len(counted) if counted else 0.0)
    assert share_at(found, -measure.sign * 1e9) == found.success
    assert share_at(found, measure.sign * 1e9) == 0.0


@given(outcomes, measures, st.floats(0.001, 1))
def test_quality_and_share_are_inverse(told, measure, share) -> None:
    found = curve(rows_of(told, measure), measure)
    quality = quality_at(found, share)
    if quality is None:
        assert found.success < share
    else:
        assert share_at(found, quality) >= share - 1e-8
    for value, reached in found.points:
        assert quality_at(found, reached) == value


@given(outcomes, outcomes, measures)
def test_dominance_is_an_order(one, other, measure) -> None:
    a, b = curve(rows_of(one, measure), measure), curve(rows_of(other, measure, "mnd"), measure)
    assert dominates(a, a)
    if dominates(a, b) and dominates(b, a) and a.pictures == b.pictures:
        assert a.values == b.values
    if dominates(a, b, strict=True):
        assert dominates(a, b)
        assert not b.values or not dominates(b, a)


@given(st.lists(st.floats(1, 50), min_size=1, max_size=20), st.floats(0.1, 10), measures)
def test_a_shift_is_the_lead_everywhere(values, shift, measure) -> None:
    b = made(values, len(values) + 2, measure)
    a = made([v + measure.sign * shift for v in values], len(values) + 2, measure, "mnd")
    lead, loss = least_lead(a, b), least_lead(b, a)
    assert lead is not None
    assert loss is not None
    assert lead.least == pytest.approx(shift)
    assert loss.least == pytest.approx(-shift)
    assert (lead.ahead, loss.ahead) == (1.0, 0.0)
    assert dominates(a, b, strict=True)
    assert not dominates(b, a)


def test_the_least_lead_says_where() -> None:
    a, b = made([90.0, 70.0, 60.0], 4, attack="mnd"), made([80.0, 75.0, 50.0], 4)
    lead = least_lead(a, b)
    assert lead is not None
    assert (lead.least, lead.share) == (-5.0, 0.5)
    assert lead.ahead == pytest.approx(2 / 3)


def test_a_share_that_is_not_reached() -> None:
    a, b = made([90.0], 4, attack="mnd"), made([80.0, 75.0, 50.0], 4)
    lead = least_lead(a, b)
    assert lead is not None
    assert (lead.least, lead.share) == (None, 0.5)
    assert not dominates(a, b)
    assert least_lead(b, made([], 4)) is None
    assert dominates(made([], 4), made([], 4))


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="one measure and one target"):
        least_lead(made([1.0], 1), made([1.0], 1, LOWER))
    with pytest.raises(ValueError, match="expected above 0"):
        quality_at(made([1.0], 1), 0.0)
    with pytest.raises(ValueError, match="one attack and one target"):
        curve([], HIGHER)
    with pytest.raises(ValueError, match="one attack and one target"):
        curve([Row("a", "t", "1", True), Row("b", "t", "1", True)], HIGHER)
