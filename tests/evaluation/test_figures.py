"""Plots are SVG with text as text, show every attack, and are the same bytes each time."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest

from tests.helpers.evaluations import STRENGTH

pytest.importorskip("matplotlib")

from mnd.evaluation.curves import Curve
from mnd.evaluation.report.figures import OURS_COLOUR, curve_plot, means_plot, styles
from mnd.evaluation.results import MEASURES, Row
from mnd.evaluation.summary import summarise

SVG = "{http://www.w3.org/2000/svg}"
BY_NAME = {measure.name: measure for measure in MEASURES}


def curves(measure="ssimulacra2", **values):
    found = BY_NAME[measure]
    ordered = {name: tuple(sorted(some, reverse=found.higher)) for name, some in values.items()}
    return [Curve(name, "dlib", found, some, 4) for name, some in ordered.items()]


def texts(svg: bytes) -> list[str]:
    return [(element.text or "").strip() for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_curve_has_its_name_as_text() -> None:
    svg = curve_plot(curves(mnd=[90.0, 80.0], pgd=[70.0], cw=[]), {"mnd": "MND", "pgd": "PGD"})
    assert {"MND", "PGD", "pictures fooled", "100 %"} <= set(texts(svg))
    assert "cw" not in texts(svg), "a curve without a point has no line to name"


def test_the_same_figures_give_the_same_bytes() -> None:
    made = curves(mnd=[90.0, 80.0], pgd=[70.0, 60.0, 50.0])
    assert curve_plot(made, {}) == curve_plot(made, {})
    assert b"dc:date" not in curve_plot(made, {})


def test_settings_of_the_caller_neither_count_nor_change() -> None:
    import matplotlib

    made = curves(mnd=[90.0, 80.0])
    plain = curve_plot(made, {})
    with matplotlib.rc_context({"font.size": 30.0, "axes.grid": False}):
        assert curve_plot(made, {}) == plain
        assert matplotlib.rcParams["font.size"] == 30.0


def test_lower_is_better_runs_to_the_right() -> None:
    svg = curve_plot(curves("butteraugli", mnd=[0.5, 1.0], pgd=[2.0, 3.0]), {})
    places = {}
    for element in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        if re.fullmatch(r"\d\.\d", element.text or ""):
            places[float(element.text or "")] = float(element.attrib["x"])
    ordered = sorted(places)
    assert len(ordered) > 2
    assert [places[v] for v in ordered] == sorted(places.values(), reverse=True)


def test_wide_spans_are_logarithmic_with_plain_numbers() -> None:
    svg = curve_plot(curves("rlpips", mnd=[0.0001, 0.001], pgd=[0.01, 0.1]), {})
    assert "0.001" in texts(svg)
    assert not any("$" in text for text in texts(svg))


def test_names_are_not_read_as_formulas_or_markup() -> None:
    name = "$x^2$ <b>&"
    svg = curve_plot(curves(mnd=[90.0, 80.0]), {"mnd": name})
    assert name in texts(svg)
    assert b"<b>" not in svg


def test_no_two_of_fourteen_look_the_same() -> None:
    look = styles(list(STRENGTH))
    assert len(look) == 14
    for one, other in itertools.combinations(look, 2):
        a, b = look[one], look[other]
        assert (a.colour, str(a.dash)) != (b.colour, str(b.dash))
        assert (a.colour, a.marker) != (b.colour, b.marker)
    assert {name for name in look if look[name].colour == OURS_COLOUR} == {"mnd", "mnd-plain"}
    assert look["mnd"].width > look["pgd"].width


def test_means_have_a_panel_a_measure() -> None:
    rows = [
        Row(attack, "dlib", str(i), True, {"psnr": 40.0 + i, "ssim": 0.9})
        for attack in ("mnd", "pgd")
        for i in range(3)
    ]
    svg = means_plot(summarise(rows), [BY_NAME["psnr"], BY_NAME["ssim"]], {"mnd": "MND"})
    found = texts(svg)
    assert sum("better" in text for text in found) == 2
    assert {"MND", "pgd"} <= set(found)
    assert svg == means_plot(summarise(rows), [BY_NAME["psnr"], BY_NAME["ssim"]], {"mnd": "MND"})


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected some of one measure"):
        curve_plot(curves(mnd=[]), {})
    with pytest.raises(ValueError, match="expected some of one measure"):
        curve_plot(curves(mnd=[1.0]) + curves("butteraugli", pgd=[1.0]), {})
    with pytest.raises(ValueError, match="at least one of both"):
        means_plot([], MEASURES, {})
