"""Learned distances in reports: named with trunk and version, and right on large regions."""

from __future__ import annotations

import numpy as np
import pytest

from mnd.channel import to_tensor
from mnd.losses.lpips import LPIPS
from mnd.losses.rlpips import RLPIPS
from mnd.metrics.fidelity import quality
from mnd.metrics.learned import learned_distances


@pytest.fixture(scope="module")
def pair():
    from skimage import data

    photo = data.astronaut()[:200, :230]
    noise = np.random.default_rng(0).integers(-6, 7, photo.shape)
    return photo, (photo + noise).clip(0, 255).astype(np.uint8)


def test_values_are_those_of_the_metrics_and_are_named(pair):
    robust, plain = learned_distances(*pair)
    x, y = map(to_tensor, pair)
    assert robust.value == pytest.approx(float(RLPIPS()(x, y)), rel=1e-5)
    assert plain.value == pytest.approx(float(LPIPS()(x, y)), rel=1e-5)
    for found, title in ((robust, "R-LPIPS"), (plain, "LPIPS")):
        assert (found.metric, found.trunk) == (title, "efficientnet-lite0")
        assert found.version


def test_pieces_of_a_large_region_give_about_the_whole(pair, monkeypatch):
    whole = [d.value for d in learned_distances(*pair)]
    monkeypatch.setattr("mnd.metrics.learned.TILE", 100)
    pieces = [d.value for d in learned_distances(*pair)]
    assert pieces != whole
    assert pieces == pytest.approx(whole, rel=0.2), "borders of pieces count, and so many are rare"


def test_reports_name_metric_trunk_and_version(pair):
    [region] = quality(*pair, [(10, 10, 120, 120)]).as_json()["regions"]
    assert [sorted(d) for d in region["learned"]] == [["metric", "trunk", "value", "version"]] * 2
    [small] = quality(*pair, [(0, 0, 15, 15)]).as_json()["regions"]
    assert small["learned"] == []


def test_they_stand_in_the_page_and_on_the_terminal(pair):
    from mnd.cli import tables
    from mnd.cloaking import page as pages

    told = quality(*pair, [(10, 10, 120, 120)]).as_json()
    page = pages.page([pages.PhotoRow({"input": "a.jpg", "quality": told})], "x")
    line = tables.fidelity(told["regions"][0])
    for distance in told["regions"][0]["learned"]:
        named = f"({distance['trunk']}, version {distance['version']})"
        assert f"{distance['metric']} {distance['value']:.3g} {named}" in line
        assert f"{distance['metric']}<br><small>{distance['trunk']}, version {distance['version']}" in page
