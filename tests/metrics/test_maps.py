"""Maps: pixel by pixel what the measures are over the whole, and no picture of who is in it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage import color, data

from mnd.base.types import Pixels
from mnd.metrics import difference_map, maps, measure


@pytest.fixture(scope="module")
def photos() -> tuple[Pixels, Pixels]:
    a = np.ascontiguousarray(data.astronaut()[60:180, 100:230])
    b = a.copy()
    noise = np.random.default_rng(0).integers(-9, 10, (40, 50, 3))
    b[30:70, 20:70] = (a[30:70, 20:70] + noise).clip(0, 255)
    return a, b


def test_each_is_its_measure_in_every_pixel(photos: tuple[Pixels, Pixels]):
    a, b = photos
    whole = {name: it.value for name, it in measure(a, b, "ssim,ciede2000,ciede2000_worst,above_jnd").items()}
    colour = difference_map(a, b)
    wanted = color.deltaE_ciede2000(color.rgb2lab(a), color.rgb2lab(b))
    assert np.abs(colour.values - wanted).max() < 0.01
    assert colour.values.mean() == pytest.approx(whole["ciede2000"], rel=1e-4)
    assert colour.white == pytest.approx(whole["ciede2000_worst"], rel=1e-5)
    assert (difference_map(a, b, "jnd").values > 1).mean() == pytest.approx(whole["above_jnd"], abs=1e-4)
    inside = difference_map(a, b, "ssim").values[5:-5, 5:-5]
    assert 1 - inside.mean() == pytest.approx(whole["ssim"], abs=1e-5)


@pytest.mark.parametrize("kind", maps.KINDS)
def test_nothing_is_shown_where_nothing_was_changed(kind: maps.MapKind, photos: tuple[Pixels, Pixels]):
    a, b = photos
    found = difference_map(a, b, kind)
    reach = {"ciede2000": 0, "jnd": 0, "ssim": 5}[kind]
    outside = np.ones(found.values.shape, bool)
    outside[30 - reach : 70 + reach, 20 - reach : 70 + reach] = False
    assert not found.pixels[outside].any()
    assert found.pixels[30:70, 20:70].any()
    same = difference_map(a, a, kind)
    assert (same.white, same.pixels.max()) == (0, 0)


@pytest.mark.parametrize("kind", maps.KINDS)
def test_strips_change_nothing(kind: maps.MapKind, photos: tuple[Pixels, Pixels], monkeypatch):
    whole = difference_map(*photos, kind).values
    monkeypatch.setattr(maps, "STRIP", 130 * 7)
    assert np.abs(difference_map(*photos, kind).values - whole).max() < 1e-5


def test_the_picture_says_what_it_shows(photos: tuple[Pixels, Pixels]):
    found = difference_map(*photos, white=20.0)
    with Image.open(io.BytesIO(found.png())) as image:
        assert image.mode == "L"
        assert image.info["Description"] == "CIEDE2000 of each pixel; white is 20"
        assert np.array_equal(np.asarray(image), found.pixels)
    y, x = np.unravel_index(found.values.argmax(), found.values.shape)
    assert found.pixels[y, x] == round(min(found.values[y, x] / 20, 1) * 255)


def test_what_does_not_fit_is_refused(photos: tuple[Pixels, Pixels]):
    a, b = photos
    with pytest.raises(ValueError, match="map is 'heat', expected one of ciede2000, jnd, ssim"):
        difference_map(a, b, "heat")  # type: ignore[arg-type]
    for white in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"white is .*, expected a number above 0"):
            difference_map(a, b, white=white)
    with pytest.raises(ValueError, match="got pictures of 130x10 pixels, expected at least 11x11"):
        difference_map(a[:10], b[:10], "ssim")
    with pytest.raises(ValueError, match="b has 129x120 pixels"):
        difference_map(a, b[:, 1:])
