"""The judge of looks: colours and strokes whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import color, data

from mnd.faces.features import Features
from mnd.metrics.appearance import LONG, STROKE, along, appearance, strokes
from mnd.targets.dlib.shape import predictor

PHOTO = data.astronaut()
LINE = np.array([[0.0, 4.0], [399.0, 4.0]])


@pytest.fixture(scope="module")
def features() -> Features:
    return Features.of(predictor(68)(PHOTO, [[175, 76, 265, 166]])[0], (512, 512))


def painted(features: Features, name: str, shift: tuple[float, float, float]) -> np.ndarray:
    """The photo with the colour of a feature moved in CIELAB."""
    x0, y0, x1, y1 = features.box
    lab = color.rgb2lab(PHOTO)
    lab[y0:y1, x0:x1] += features.masks[name][..., None] * np.array(shift)
    return np.rint(255 * color.lab2rgb(lab)).clip(0, 255).astype(np.uint8)


def test_an_eye_that_turns_green_is_seen(features) -> None:
    told = appearance(PHOTO, painted(features, "left iris", (0, -8, 0)), features)
    assert told.iris > 4
    assert told.iris_apart > 4
    assert told.lips < 0.5
    assert told.stitches == 0


def test_two_eyes_that_change_alike_stay_a_pair(features) -> None:
    x0, y0, x1, y1 = features.box
    lab = color.rgb2lab(PHOTO)
    both = features.masks["left iris"] + features.masks["right iris"]
    lab[y0:y1, x0:x1] += both[..., None] * np.array((0, -6, 0))
    changed = np.rint(255 * color.lab2rgb(lab)).clip(0, 255).astype(np.uint8)
    told = appearance(PHOTO, changed, features)
    assert told.iris > 3
    assert told.iris_apart < 1.5


def test_lips_and_skin_are_told_apart(features) -> None:
    lips = appearance(PHOTO, painted(features, "lips", (0, 10, 0)), features)
    skin = appearance(PHOTO, painted(features, "skin", (6, 0, 0)), features)
    assert lips.lips > 3 > lips.skin
    assert skin.skin > 3 > skin.lips


def test_noise_is_no_stitch(features) -> None:
    noise = np.random.default_rng(0).normal(0, 2, PHOTO.shape)
    told = appearance(PHOTO, np.rint(PHOTO + noise).clip(0, 255).astype(np.uint8), features)
    assert told.stitches == 0
    assert told.iris < 1


def stitches(change: np.ndarray, line: np.ndarray, scale: float) -> int:
    return strokes(along(change, line), scale)[1]


def wave(period: float, height: float) -> np.ndarray:
    return height * np.sin(2 * np.pi * np.arange(400) / period)[None].repeat(9, 0)


@given(st.integers(8, 40), st.floats(1.5 * STROKE, 40))
def test_a_seam_has_a_stitch_a_period(period: int, height: float) -> None:
    assert stitches(wave(period, height), LINE, 200.0) == pytest.approx(400 / period, abs=1.5)


def test_shading_grain_and_what_is_faint_are_none() -> None:
    assert stitches(wave(800 * LONG, 20), LINE, 200.0) == 0  # half a period is twice as long as a stroke
    assert stitches(wave(40, 0.9 * STROKE), LINE, 200.0) == 0
    assert stitches(wave(4, 20), LINE, 400.0) == 0  # two pixels, in a face of four hundred
    assert stitches(wave(4, 1.2 * STROKE), LINE, 40.0) == 0  # two pixels of what a file loses


def test_a_single_stroke_is_no_seam() -> None:
    one = np.zeros((9, 400))
    one[:, 100:115] = 20
    assert strokes(along(one, LINE), 200.0) == (1, 0)
    one[:, 160:175] = 20
    one[:, 220:235] = -20
    assert strokes(along(one, LINE), 200.0) == (3, 0)


def test_what_lies_outside_the_photo_has_no_strokes() -> None:
    assert stitches(wave(20, 20), LINE - 1000, 200.0) == 0
