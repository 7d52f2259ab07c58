"""Records in words: no sentence may say more than the record does."""

from __future__ import annotations

import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnd.cloaking import sentences
from mnd.cloaking.distances import distance_in_words
from mnd.cloaking.sentences import MESSENGER, State, Told, told, told_check
from mnd.cloaking.visible import in_words

DISTANCE, SIMILARITY = "euclidean distance", "cosine similarity"
HELD = dict.fromkeys(MESSENGER, True)


def target(fooled: bool = True, channel: dict[str, bool] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "unit": DISTANCE,
        "threshold": 0.6,
        "before": 0.0,
        "after": 0.7 if fooled else 0.3,
        "fooled": fooled,
        "channel": channel or {},
        "values": {},
    } | changes


def region(kind: str = "face", **targets: dict[str, Any]) -> dict[str, Any]:
    return {"box": [1, 2, 30, 40], "kind": kind, "seen": True, "targets": targets or {"dlib": target()}}


def record(*regions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "input": "a.jpg",
        "output": "out/a.cloaked.jpg",
        "protected": True,
        "level": "minimum",
        "regions": list(regions),
        "quality": None,
        "gallery": None,
        "error": None,
    } | changes


def failing(kind: str, message: str = "why") -> dict[str, Any]:
    return {"protected": False, "output": None, "error": {"kind": kind, "message": f"a.jpg: {message}"}}


EIGHT = [region(dlib=target(channel=HELD)) for _ in range(8)]
CASES: dict[str, tuple[dict[str, Any], State, str, str]] = {
    "shared": (
        record(*EIGHT, level="robust"),
        "shared",
        "No longer matched by dlib, also after a messenger",
        "8 faces changed; dlib no longer matches any in the saved file, also after a messenger "
        "(JPEG, WebP, half size).",
    ),
    "lost": (
        record(region(dlib=target(channel={"jpeg75": True, "half": False}))),
        "as-saved",
        "As saved only: do not send it through a messenger",
        "1 face changed; dlib no longer matches it in the saved file, but dlib matches again after half "
        "size.",
    ),
    "lost, in a whole look": (
        record(region(dlib=target(channel=HELD | {"half": False}))),
        "as-saved",
        "As saved only: do not send it through a messenger",
        "1 face changed; dlib no longer matches it in the saved file, also after JPEG 90, JPEG 75, WebP 80 "
        "and half size as JPEG 75, but dlib matches again after half size.",
    ),
    "a quick look": (
        record(region(dlib=target(channel={"jpeg75": True, "half": True}))),
        "as-saved",
        "As saved only: do not send it through a messenger",
        "1 face changed; dlib no longer matches it in the saved file, also after JPEG 75 and half size "
        "(a quick look: this level promises nothing of it).",
    ),
    "asked for, and a quick look": (
        record(region(dlib=target(channel={"jpeg75": True, "half": True, "signal": True}))),
        "as-saved",
        "As saved only: do not send it through a messenger",
        "1 face changed; dlib no longer matches it in the saved file, also after signal, also after "
        "JPEG 75 and half size (a quick look: this level promises nothing of it).",
    ),
    "one of two recognisers": (
        record(
            region(dlib=target(), other=target(False)),
            region(dlib=target(), other=target()),
            **failing("not-protected"),
        ),
        "recognised",
        "Still matched by other",
        "Tried on 2 faces; other still matches 1 of the 2 faces and dlib no longer matches any of the 2 "
        "faces in the file as made.",
    ),
    "after sharing": (
        record(region(dlib=target(channel=HELD | {"half": False})), **failing("not-protected")),
        "recognised",
        "Matched again after sharing",
        "Tried on 1 face; dlib no longer matches it in the file as made, also after JPEG 90, JPEG 75, WebP "
        "80 and half size as JPEG 75, but dlib matches again after half size.",
    ),
    "too visible": (
        record(
            region(), **failing("too-visible", "face [1, 2, 30, 40] has SSIM 0.82, expected at least 0.93")
        ),
        "too-visible",
        "Too visible at this level",
        "Tried on 1 face; dlib no longer matches it in the file as made; but face [1, 2, 30, 40] has SSIM "
        "0.82, expected at least 0.93.",
    ),
    "not proven": (
        record(region(), region() | {"seen": False}, **failing("not-proven")),
        "not-proven",
        "Changed, not proven",
        "2 faces changed; no face was seen in 1 of the 2 places, so no recogniser could be asked; dlib no "
        "longer matches the other in the file as made.",
    ),
    "nobody": (
        record(
            region() | {"likeness": {"dlib": 0.853}},
            gallery={"photos": 3, "faces": 1, "person": 0},
        ),
        "nobody",
        "Nobody here looks like the photos of you",
        "Nobody here looks like the photos of you (nearest 0.85, a match is below 0.6), so faces were judged "
        "against this photo alone; 1 face changed; dlib no longer matches it in the saved file.",
    ),
    "no face": (record(**failing("no-face", "found no face")), "no-face", "No face found", "Found no face."),
    "no sure face": (
        record(**failing("suspected-face", "found no face for sure")),
        "no-face",
        "No face found for sure",
        "Found no face for sure.",
    ),
    "failed": (record(**failing("empty", "0 bytes")), "failed", "Could not be done", "0 bytes."),
    "whole": (
        record(region("whole", net=target(unit="logit margin", channel=HELD))),
        "shared",
        "No longer matched by net, also after a messenger",
        "the whole picture changed; net no longer matches it in the saved file, also after a messenger "
        "(JPEG, WebP, half size).",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_in_words(name: str):
    given, state, headline, sentence = CASES[name]
    assert told(given).state == state
    assert told(given).headline == headline
    assert told(given).sentence == sentence
    assert told(given).good is given["protected"]


def test_of_a_file_that_came_back():
    came_back = record(
        region(), region(), compared={"how": "other size", "size": [160, 120]}, output="/home/x/wa.jpg"
    )
    assert told_check(came_back).sentence == (
        "In wa.jpg (160x120 pixels) dlib no longer matches any of the 2 faces."
    )
    # it has been through a messenger: that is no warning any more, and nothing has to be done
    assert told_check(came_back).state == "came-back"
    assert told_check(came_back).headline == "No longer matched by dlib in this file"
    assert (
        told_check(came_back).limits
        == "Not tried: any other recogniser; most will still match at this level."
    )
    assert told_check(came_back).advice == ""
    assert told(came_back).state == "as-saved"


def test_of_a_file_that_may_be_another_photo():
    framed = record(region(), compared={"how": "other framing", "size": [160, 120]}, output="cut.jpg")
    assert told_check(framed).sentence.startswith(
        "In cut.jpg (160x120 pixels, framed differently: is it the same photo?) dlib no longer matches"
    )
    nobody = record(compared={"how": "other size", "size": [160, 120]}, **failing("no-face"))
    assert told_check(nobody).advice == "It may be another photo: look at both."


def test_no_stronger_level_is_advised_than_there_is():
    matched = {level: record(region(dlib=target(False)), level=level, **failing("not-protected"))
               for level in ("robust", "strong")}  # fmt: skip
    assert "at a stronger level" in told_check(matched["robust"]).advice
    assert "at a stronger level" not in told_check(matched["strong"]).advice


@pytest.mark.parametrize(
    ("level", "advice"),
    [
        ("strong", "Choose the level robust, which changes less but goes less far against other recognisers"),
        ("robust", "Choose the level minimum, which changes less but holds in the very file alone"),
        ("minimum", "Allow a larger change, or leave this photo out."),
    ],
)
def test_what_is_too_visible_says_what_the_next_level_does(level: str, advice: str):
    passed = [{"limit": "iris", "region": 0, "got": 9.04, "allowed": 5.0}]
    seen = record(region(dlib=target(channel=HELD)), level=level)
    seen |= failing("too-visible", in_words(seen, passed))
    assert told(seen).sentence == (
        "Tried on 1 face; dlib no longer matches it in the file as made, also after a messenger (JPEG, WebP, "
        "half size); but face [1, 2, 30, 40] has an iris whose colour moved by 9.0 (CIEDE2000), expected at "
        "most 5."
    )
    assert told(seen).advice.startswith(advice)


def test_check_of_a_file_that_fails_only_after_sharing_names_what_is_left():
    lost = record(
        region(dlib=target(channel=HELD | {"half-jpeg75": False})),
        level="robust",
        **failing("not-protected") | {"output": "a.cloaked.jpg"},
    )
    assert told_check(lost).state == "as-saved"
    assert told_check(lost).headline == "As saved only: do not send it through a messenger"
    assert not told_check(lost).good


@pytest.mark.parametrize(
    ("value", "threshold", "unit", "words"),
    [
        (0.7, 0.6, DISTANCE, "farther than the threshold, no match (0.700; a match is below 0.6)"),
        (0.6, 0.6, DISTANCE, "farther than the threshold, no match (0.600; a match is below 0.6)"),
        (0.5, 0.6, DISTANCE, "nearer than the threshold, a match (0.500; a match is below 0.6)"),
        (0.2, 0.33, SIMILARITY, "less alike than the threshold, no match (0.200; a match is above 0.33)"),
        (0.33, 0.33, SIMILARITY, "less alike than the threshold, no match (0.330; a match is above 0.33)"),
        (0.9, 0.33, SIMILARITY, "more alike than the threshold, a match (0.900; a match is above 0.33)"),
        (1.5, 0, "logit margin", "named as before, a match (1.500; a match is above 0)"),
        (None, 0.6, DISTANCE, "not known"),
        (float("nan"), 0.6, DISTANCE, "not known"),
    ],
)
def test_distances_in_words(value: float | None, threshold: float, unit: str, words: str):
    assert distance_in_words(value, threshold, unit) == words


@given(st.floats(0, 2), st.floats(0.01, 2), st.sampled_from([DISTANCE, SIMILARITY]))
def test_words_of_a_distance_are_its_margin(value: float, threshold: float, unit: str):
    from mnd.targets.margin import Margin

    lower = unit == DISTANCE
    card = SimpleNamespace(name="x", unit=unit, threshold=threshold, lower_is_same=lower)
    assert ("no match" in distance_in_words(value, threshold, unit)) is Margin.of(card, value).fooled  # type: ignore[arg-type]


NAMES = st.sampled_from(["dlib", "facenet-casia", "card"])
CHANNELS = st.dictionaries(st.sampled_from(MESSENGER), st.booleans())
TARGETS = st.builds(target, st.booleans(), CHANNELS, unit=st.sampled_from([DISTANCE, SIMILARITY]))
REGIONS = st.builds(
    lambda kind, seen, targets: region(kind, **targets) | ({"seen": seen} if kind == "face" else {}),
    st.sampled_from(["face", "whole"]),
    st.booleans(),
    st.dictionaries(NAMES, TARGETS, min_size=1, max_size=3),
)
KINDS = st.sampled_from(["not-protected", "too-visible", "not-proven", "no-face", "empty", "unexpected"])
ERRORS = st.none() | KINDS.map(lambda kind: {"kind": kind, "message": "a.jpg: why"})
GALLERIES = st.none() | st.integers(0, 2).map(lambda n: {"photos": 3, "faces": 2, "person": n})
RECORDS = st.builds(
    lambda regions, error, gallery, output, level: record(
        *regions, error=error, protected=error is None, gallery=gallery, output=output, level=level
    ),
    st.lists(REGIONS, max_size=4),
    ERRORS,
    GALLERIES,
    st.sampled_from([None, "a.cloaked.jpg"]),
    st.sampled_from(["minimum", "robust", "strong"]),
)


def texts(it: Told) -> str:
    return " ".join((it.headline, it.sentence, it.limits, it.advice))


@given(RECORDS, st.sampled_from([told, told_check]))
def test_every_record_has_words_and_none_that_say_too_much(given: dict[str, Any], words: Any):
    it = words(given)
    assert it.state in get_args(State)
    assert it.headline
    assert it.sentence.endswith((".", "!", "?"))
    assert "\0" not in texts(it)
    assert not re.search(r"protected|safe|secure|shield|%|\n", texts(it))
    seen = [r for r in given["regions"] if r.get("seen", True)]
    asked = [t for r in seen for t in r["targets"].values()]
    if any(not t["fooled"] for t in asked) and it.state not in ("failed", "no-face"):
        assert it.state == "recognised"
        assert "still matches" in it.sentence
    if it.state == "shared":
        assert all(t["fooled"] and t["channel"] == HELD for t in asked)
    if it.state in ("shared", "as-saved", "nobody"):
        assert asked
        assert len(seen) == len(given["regions"])
    if "also after a messenger" in texts(it):
        assert all(t["channel"] == HELD for t in asked)
    if given["regions"] and it.state not in ("failed", "no-face"):
        assert it.limits.startswith("Not tried: ")
    if it.state not in ("shared", "came-back", "failed"):
        assert it.advice


def test_nothing_heavy_is_loaded():
    code = "import mnd.cloaking.sentences, sys; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_services_that_were_asked_for_are_named_beside_a_messenger():
    held = dict.fromkeys((*MESSENGER, "signal", "thumbnail-5"), True)
    seen = sentences._Seen({"regions": [region(dlib=target(True, held))]})
    assert sentences._after(seen) == (
        ", also after a messenger (JPEG, WebP, half size) and after signal and thumbnail-5"
    )
    lost = sentences._Seen({"regions": [region(dlib=target(True, held | {"signal": False}))]})
    assert sentences._after(lost).endswith("but dlib matches again after signal")


def test_a_messenger_is_what_the_level_for_sharing_withstands():
    from mnd.channel import VERIFICATION

    assert set(sentences.WAYS) == set(VERIFICATION) >= set(MESSENGER)
