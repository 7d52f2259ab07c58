"""Mean colours that a file moved, brought back: closed forms, a real JPEG, and grey."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from mnd.cloaking.colours import ROUNDS, brought_back
from mnd.optimizer.limits import Part

PHOTO = data.astronaut()[60:160, 170:270]


def part(rows: slice, columns: slice, value: float = 1.0) -> Part:
    return Part(rows, columns, torch.full((rows.stop - rows.start, columns.stop - columns.start), value))


def mean(pixels, region: Part):
    weights = region.values.numpy()[..., None]
    return (weights * pixels[region.rows, region.columns].astype(float)).sum((0, 1)) / weights.sum()


def jpeg(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80, subsampling="4:2:0")
    return np.asarray(Image.open(file))


@settings(max_examples=30, deadline=None)
@given(moved=st.tuples(*[st.integers(-40, 40)] * 3), top=st.integers(0, 90), size=st.integers(1, 9))
def test_what_a_file_adds_everywhere_is_taken_from_the_regions_alone(moved, top, size):
    clean = PHOTO.clip(50, 200)
    region = part(slice(top, top + size), slice(top, top + size))
    add = np.array(moved, np.int16)
    made = brought_back(clean, clean, [region], lambda crop: (crop + add).astype(np.uint8))
    inside = np.zeros(clean.shape[:2], bool)
    inside[region.rows, region.columns] = True
    assert np.array_equal(made[~inside], clean[~inside])
    assert np.array_equal(made[inside].astype(int), clean[inside].astype(int) - add)


def test_a_jpeg_that_mixes_an_iris_with_what_is_beside_it():
    """A small region beside one whose colours were changed: its mean moves, and comes back."""
    region, beside = part(slice(40, 46), slice(40, 46)), part(slice(40, 46), slice(46, 56))
    changed = PHOTO.astype(np.int16)
    changed[beside.rows, beside.columns] += np.array([-30, 25, -20], np.int16)
    changed = changed.clip(0, 255).astype(np.uint8)
    before = np.abs(mean(jpeg(changed), region) - mean(PHOTO, region)).max()
    made = brought_back(changed, PHOTO, [region], jpeg)
    after = np.abs(mean(jpeg(made), region) - mean(PHOTO, region)).max()
    assert before > 3
    assert after < 1.5
    outside = np.ones(PHOTO.shape[:2], bool)
    outside[region.rows, region.columns] = False
    assert np.array_equal(made[outside], changed[outside])


def test_grey_stays_grey():
    clean = np.repeat(PHOTO[..., :1], 3, 2)
    add = np.uint8([3, 6, 9])
    made = brought_back(clean, clean, [part(slice(0, 9), slice(0, 9))], lambda crop: crop + add, grey=True)
    assert (made[..., 0] == made[..., 1]).all()
    assert (made[..., 0] == made[..., 2]).all()


@pytest.mark.parametrize("regions", [[], [part(slice(0, 4), slice(0, 4), 0.0)]], ids=["none", "no weight"])
def test_without_regions_nothing_is_changed(regions):
    assert np.array_equal(brought_back(PHOTO, PHOTO, regions, jpeg), PHOTO)


def test_a_file_that_needs_no_mending_is_read_and_left():
    asked = []

    def read(crop):
        asked.append(1)
        return crop

    assert np.array_equal(brought_back(PHOTO, PHOTO, [part(slice(0, 9), slice(0, 9))], read), PHOTO)
    assert len(asked) == ROUNDS
