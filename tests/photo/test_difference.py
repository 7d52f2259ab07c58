"""The difference of two pictures is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.photo.difference import before_after_strip, difference_gain, difference_picture


def pictures(height: int = 48, width: int = 64, most: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    before = rng.integers(20, 230, (height, width, 3), dtype=np.uint8)
    after = (before + rng.integers(-most, most + 1, before.shape)).astype(np.uint8)
    return before, after


@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 64))
def test_difference_in_closed_form(a: int, b: int, gain: int) -> None:
    before, after = np.full((2, 3, 3), a, np.uint8), np.full((2, 3, 3), b, np.uint8)
    assert (difference_picture(before, after, gain) == max(0, min(255, 128 + gain * (b - a)))).all()


@given(st.integers(1, 120))
def test_the_gain_fills_half_the_range(largest: int) -> None:
    before = np.full((2, 2, 3), 125, np.uint8)
    after = before.copy()
    after[0, 0, 0] += largest
    gain = difference_gain(before, after)
    assert gain in {1, 2, 4, 8, 16, 32, 64}
    assert largest > 64 or 32 < gain * largest <= 64
    assert difference_gain(after, before) == gain


def test_no_difference_is_grey() -> None:
    before, _ = pictures()
    assert (difference_picture(before, before) == 128).all()


def test_the_gain_is_the_pictures_own_unless_given() -> None:
    before, after = pictures(most=3)
    assert np.array_equal(difference_picture(before, after), difference_picture(before, after, 16))


@pytest.mark.parametrize(
    "wrong", [np.zeros((48, 63, 3), np.uint8), np.zeros((48, 64, 3)), np.zeros((48, 64), np.uint8)]
)
def test_pictures_are_checked(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        difference_picture(pictures()[0], wrong)


def test_gain_is_checked() -> None:
    with pytest.raises(ValueError, match="gain is 0"):
        difference_picture(*pictures(), gain=0)


def test_strip_shows_the_three() -> None:
    before, after = np.full((40, 60, 3), 80, np.uint8), np.full((40, 60, 3), 82, np.uint8)
    strip = np.asarray(before_after_strip(before, after, (10, 0, 50, 40), height=100))
    assert strip.shape == (128, 324, 3)
    assert [strip[80, x].tolist() for x in (50, 162, 274)] == [[80] * 3, [82] * 3, [128 + 32 * 2] * 3]
    for left in (0, 112, 224):
        assert (strip[:28, left : left + 100] < 100).any()


def test_strip_refuses_an_empty_box() -> None:
    with pytest.raises(ValueError, match="0,0,64,48"):
        before_after_strip(*pictures(), (70, 0, 90, 40))
