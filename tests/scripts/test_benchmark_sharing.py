"""`scripts/benchmark.py sharing` and `countermeasures`: photos as large as a phone's, filters, a denoiser."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import countermeasures, sharing
from skimage import data

from mnd.channel import scales, services

FACE = np.ascontiguousarray(data.astronaut()[:203, 120:357])


def test_ways_are_known():
    assert all(services(way) or way in sharing.VERIFICATION for way in sharing.WAYS)
    for _, withstand in sharing.LEVELS.values():
        assert all(map(services, withstand))


def test_a_photo_of_a_phone_has_the_face_twice_as_large():
    photo = sharing.phone(FACE)
    assert photo.shape == (3000, 4000, 3)
    small = (
        photo[(3000 - 406) // 3 :, (4000 - 474) // 2 :][:406, :474].reshape(203, 2, 237, 2, 3).mean((1, 3))
    )
    assert np.abs(small - FACE).mean() < 2
    assert scales(["signal"], (3000, 4000)) == [0.4]


@pytest.mark.parametrize("name", list(countermeasures.FILTERS))
def test_a_filter_keeps_the_picture(name):
    seen = countermeasures.FILTERS[name](FACE)
    assert (seen.shape, seen.dtype) == (FACE.shape, np.uint8)
    away = np.abs(seen.astype(int) - FACE).mean()
    assert away == 0 if name == "as saved" else 0 < away < 12


def test_the_denoiser_learns_what_a_cloak_adds():
    random = np.random.default_rng(0)
    wave = np.round(8 * np.sin(np.arange(FACE.shape[1])[None, :, None] * 1.5)).astype(int)
    cloaked = np.clip(FACE + wave * (random.random(FACE.shape[:2]) < 0.9)[..., None], 0, 255).astype(np.uint8)
    net = countermeasures.trained([(cloaked, FACE)], steps=60)
    cleaned = countermeasures._by(net, cloaked)
    errors = [np.square(it.astype(float) - FACE).mean() for it in (cloaked, cleaned)]
    assert errors[1] < 0.8 * errors[0]
