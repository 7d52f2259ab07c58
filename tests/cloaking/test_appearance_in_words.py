"""How a checked face looks, in a line."""

from __future__ import annotations

from typing import Any

import pytest

from mnd.cloaking.appearance_in_words import (
    FAINT,
    FAINT_LEARNED,
    PLAIN,
    REDRAWN,
    TURNED,
    appearance_in_words,
    warning_in_words,
)


def line(*faces: dict[str, Any] | None) -> str:
    usual = {"ssimulacra2": 90.0, "elpips": 0.001, "iris": 0.0, "strokes": 0}
    regions = [{"psnr": 40.0, "appearance": None if face is None else usual | face} for face in faces]
    return appearance_in_words({"quality": {"regions": regions}})


FAINTLY = "Looks: hardly to be seen beside the original, even enlarged"
SEEN = "Looks: to be seen beside the original when enlarged"


@pytest.mark.parametrize(
    ("face", "told"),
    [
        ({}, f"{FAINTLY} (SSIMULACRA2 of the face 90)."),
        ({"ssimulacra2": FAINT - 1}, f"{SEEN} (SSIMULACRA2 of the face 72)."),
        ({"ssimulacra2": PLAIN - 1}, "Looks: plain to see (SSIMULACRA2 of the face 36)."),
        ({"ssimulacra2": None}, f"{FAINTLY}."),
        ({"ssimulacra2": None, "elpips": 2 * FAINT_LEARNED}, f"{SEEN}."),
        ({"ssimulacra2": None, "elpips": None}, f"{SEEN}."),
    ],
)
def test_a_change_is_hardly_seen_or_seen(face, told):
    assert line(face) == told


@pytest.mark.parametrize(
    ("face", "said"),
    [
        ({"strokes": REDRAWN}, "Looks: the face is drawn over; 10 strokes"),
        ({"iris": TURNED}, "an iris has another colour"),
        ({"strokes": REDRAWN - 1}, ""),
        (None, ""),
    ],
)
def test_after_a_search_only_what_is_disfigured_is_said(face, said):
    known = {"ssimulacra2": None, "elpips": None, "iris": 0.0, "strokes": 0}
    regions = [{"psnr": 40.0, "appearance": None if face is None else known | face}, {"psnr": 40.0}]
    told = warning_in_words({"output": "a.cloaked.jpg", "quality": {"regions": regions}})
    assert said in told
    assert bool(said) == ("before you share it" in told)
    assert warning_in_words({"output": None, "quality": {"regions": regions}}) == ""


def test_what_stands_out_is_named():
    told = line({"ssimulacra2": 30.0, "iris": TURNED, "strokes": REDRAWN})
    assert told.startswith("Looks: the face is drawn over (SSIMULACRA2 of the face 30)")
    assert "an iris has another colour" in told
    assert "10 strokes drawn on brows, eyes, nose or lips." in told


def test_the_worst_face_is_told():
    told = line({}, {"ssimulacra2": 60.0}, {"ssimulacra2": 80.0, "strokes": REDRAWN}, None)
    assert told.startswith("Looks, the worst of 4 faces: the face is drawn over (SSIMULACRA2 of the face 80)")


def test_where_nothing_can_be_said():
    assert line(None) == "Looks: not judged, the features of the face were not found."
    assert line() == ""
    assert appearance_in_words({"quality": None}) == ""
    assert appearance_in_words({"quality": {"regions": [{"psnr": 40.0}]}}) == ""
    assert appearance_in_words({"quality": {"regions": [{"psnr": None, "appearance": None}]}}) == ""
