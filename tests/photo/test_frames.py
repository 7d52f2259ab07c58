"""Numbered frames: where they are, and that they can be seen on every photo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.photo.frames import DARK, DOUBT, LIGHT, SHOWN, Frame, framed


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("doubtful", [False, True])
def test_a_frame_is_light_beside_dark(grey: int, doubtful: bool):
    photo = np.full((200, 300, 3), grey, np.uint8)
    drawn = np.asarray(framed(photo, [Frame((50, 60, 150, 160), "7", doubtful)]))
    assert tuple(drawn[110, 50]) == (DOUBT if doubtful else LIGHT)
    assert tuple(drawn[110, 49]) == DARK
    assert tuple(drawn[110, 100]) == (grey,) * 3  # the face itself is left
    assert tuple(photo[110, 50]) == (grey,) * 3  # and so is the photo


def test_a_large_photo_is_reduced_with_its_frames():
    photo = np.zeros((2 * SHOWN, SHOWN, 3), np.uint8)
    picture = framed(photo, [Frame((400, 400, 800, 800), "0")])
    assert picture.size == (SHOWN // 2, SHOWN)
    assert tuple(np.asarray(picture)[300, 200]) == LIGHT


EDGE = st.floats(-5, 90)


@given(st.tuples(EDGE, EDGE, EDGE, EDGE), st.integers(1, 80), st.integers(1, 80))
def test_any_box_on_any_photo_can_be_drawn(box, width: int, height: int):
    photo = np.zeros((height, width, 3), np.uint8)
    assert framed(photo, [Frame(box, "12")]).size == (width, height)
