"""Records: what is said of errors, and when a photo counts as protected."""

from __future__ import annotations

import errno
import types
from dataclasses import replace

import numpy as np
import pytest
import torch

from mnd.base.files import PhotoError
from mnd.cloaking.levels import PLANS
from mnd.cloaking.record import blank
from mnd.cloaking.settings import CloakSettings
from mnd.cloaking.verdict import (
    TROUBLE,
    all_fooled,
    conclude,
    failed,
    gallery_record,
    problem,
    regions,
    still_recognised,
    units_recognised,
    unseen,
)
from mnd.faces.detector import FaceError
from mnd.targets import registry
from mnd.targets.card import TargetCard
from mnd.targets.looks import LOOKS


def entry(*fooled: bool, channel: dict[str, bool] | None = None) -> dict:
    """A region: who is fooled by it as it was saved, and all of them after each channel."""
    later = channel or {}
    targets = {
        f"t{i}": {
            "unit": "euclidean distance",
            "threshold": 0.6,
            "before": 0.0,
            "after": 0.3 + f,
            "fooled": f,
            "channel": later,
            "values": {name: 0.25 + lost for name, lost in later.items()},
        }
        for i, f in enumerate(fooled)
    }
    return {"box": [1, 2, 3, 4], "kind": "face", "targets": targets}


@pytest.mark.parametrize(
    ("regions", "want"),
    [
        ([entry(True)], True),
        ([entry(True, True), entry(True)], True),
        ([entry(True, False)], False),
        ([entry(True), entry(False)], False),
        ([], False),
        ([entry()], False),
    ],
)
def test_all_fooled(regions, want):
    assert all_fooled({"regions": regions}) is want
    assert all_fooled({"regions": regions}, ()) is want


GOOD, BAD = {"jpeg75": True, "half": True}, {"jpeg75": True, "half": False}


@pytest.mark.parametrize(
    ("regions", "withstands", "want"),
    [
        ([entry(True, channel=BAD)], (), True),
        ([entry(True, channel=BAD)], ("jpeg75",), True),
        ([entry(True, channel=BAD)], ("half",), False),
        ([entry(True, channel=BAD)], ("jpeg75", "half"), False),
        ([entry(True, channel=GOOD)], ("jpeg75", "half"), True),
        ([entry(False, channel=GOOD)], ("jpeg75", "half"), False),
        ([entry(True, channel=GOOD), entry(True, channel=BAD)], ("half",), False),
        ([], ("half",), False),
        ([entry(channel=GOOD)], ("half",), False),
    ],
)
def test_all_fooled_also_after_what_has_to_be_withstood(regions, withstands, want):
    assert all_fooled({"regions": regions}, withstands) is want


def test_what_was_not_looked_at_is_not_withstood():
    """A check that a record does not have is a mistake of the program, and never taken for passed."""
    with pytest.raises(KeyError):
        all_fooled({"regions": [entry(True, channel=GOOD)]}, ("webp80",))


def test_units_of_those_that_recognise():
    record = {"regions": [entry(True, channel=BAD), entry(True, False, channel=GOOD)]}
    record["regions"][1]["targets"]["t1"]["unit"] = "cosine similarity"
    assert units_recognised(record) == {"cosine similarity"}
    assert units_recognised(record, ("jpeg75", "half")) == {"cosine similarity", "euclidean distance"}
    assert units_recognised({"regions": [entry(True, channel=GOOD)]}, ("half",)) == set()


def test_still_recognised_names_those_that_do():
    text = still_recognised({"regions": [entry(True, False), entry(True)]})
    assert text == "still recognised by t1 at face [1, 2, 3, 4] (euclidean distance 0.300, threshold 0.6)"


def test_still_recognised_after_a_channel_has_the_value_of_that_channel():
    record = {"regions": [entry(True, channel=GOOD), entry(False, True, channel=BAD)]}
    where = "face [1, 2, 3, 4]"
    assert still_recognised(record, ("half", "jpeg75")) == (
        f"still recognised by t0 at {where} (euclidean distance 0.300, threshold 0.6); "
        f"t0 at {where} after half (euclidean distance 0.250, threshold 0.6); "
        f"t1 at {where} after half (euclidean distance 0.250, threshold 0.6)"
    )
    # nothing is said of a channel that the level does not ask for
    assert "half" not in still_recognised(record, ("jpeg75",))
    assert "half" not in still_recognised(record)


def test_a_problem_names_the_photo():
    assert problem({"input": "a.jpg"}, "too-visible", "why") == {
        "kind": "too-visible",
        "message": "a.jpg: why",
    }
    assert problem({"input": None}, "not-protected", "why")["message"] == "the photo: why"


class Told:
    """Stands for a subject: what its target says depends on the brightness of the pixels alone."""

    kind = "face"

    def __init__(self, card: TargetCard) -> None:
        self.targets = (types.SimpleNamespace(card=card),)
        self.scales: list[float] = []

    found, turn, person, likeness, who = True, 90, False, (0.7,), None

    def area(self, width: int, height: int, scale: float = 1.0) -> tuple[int, int, int, int]:
        return 0, 0, width, height

    def opinions(
        self, pixels: np.ndarray, detector: object, scale: float = 1.0, which=lambda look: True
    ) -> list[dict[str, float]]:
        self.scales.append(scale)
        value = float(pixels.mean()) / 255 * scale
        offsets = {"aligned": 0.0, "mean": 0.05, "box .80": -9.0}
        return [{name: value + more for name, more in offsets.items() if which(LOOKS[name])}]


@pytest.mark.parametrize(
    ("unit", "fooled"), [("euclidean distance", (True, False)), ("cosine similarity", (False, True))]
)
def test_regions_have_a_value_for_each_channel(unit, fooled):
    card = TargetCard(
        name="t", kind="face", unit=unit, threshold=0.4, size=(8, 8), source="this test", licence="none"
    )
    subject, shown = Told(card), np.full((20, 30, 3), 128, np.uint8)
    before = {"aligned": 0.9, "mean": 0.9, "box .80": 0.9}
    (region,) = regions([subject], [[before]], shown, None, ("half", "jpeg90"))
    assert region["box"] == [0, 0, 30, 20]
    assert (region["seen"], region["turn"], region["person"]) == (True, 90, False)
    assert region["likeness"] == {"t": 0.7}
    told = region["targets"]["t"]
    assert told["before"] == 0.9
    # the worst of the looks that count: of distances the least, of similarities the largest
    worse = 0.0 if card.lower_is_same else 0.05
    assert told["look"] == ("aligned" if card.lower_is_same else "mean")
    assert told["after"] == pytest.approx(0.502 + worse, abs=1e-3)
    assert told["values"] == pytest.approx({"half": 0.251 + worse, "jpeg90": 0.502 + worse}, abs=5e-3)
    assert list(told["values"]) == list(told["channel"]) == ["half", "jpeg90"]
    assert (told["fooled"], told["channel"]["jpeg90"], told["channel"]["half"]) == (fooled[0], *fooled)
    assert subject.scales == [1.0, 0.5, 1.0]


def test_regions_look_at_two_channels_unless_asked_otherwise():
    subject, shown = Told(registry.find("dlib").card), np.full((20, 30, 3), 128, np.uint8)
    before = [[dict.fromkeys(("aligned", "mean", "box .80"), 0.0)]]
    (region,) = regions([subject], before, shown, None)
    assert list(region["targets"]["dlib"]["values"]) == ["jpeg75", "half"]
    (region,) = regions([subject], before, shown, None, ())
    assert region["targets"]["dlib"]["values"] == region["targets"]["dlib"]["channel"] == {}


def test_a_target_is_fooled_where_all_looks_are_that_the_level_promises():
    card = TargetCard(
        name="t", kind="face", unit="euclidean distance", threshold=0.4, size=(8, 8), source="this test",
        licence="none",
    )  # fmt: skip
    before, shown = (
        [[dict.fromkeys(("aligned", "mean", "box .80"), 0.0)]],
        np.full((20, 30, 3), 128, np.uint8),
    )
    for level, fooled, look in (("minimum", True, "aligned"), ("strong", False, "box .80")):
        (region,) = regions([Told(card)], before, shown, None, (), level)
        told = region["targets"]["t"]
        assert (told["fooled"], told["look"]) == (fooled, look)
        assert told["looks"]["box .80"] == {
            "value": pytest.approx(-8.498, abs=1e-3), "fooled": False, "counts": level == "strong"
        }  # fmt: skip
        assert [seen["counts"] for seen in told["looks"].values()] == [True, True, level == "strong"]
        assert told["after"] == told["looks"][look]["value"]
    assert "seen as box .80" in still_recognised({"regions": [region]})


def judged(*regions: dict, least: float = 0.0, ssim: float = 0.99) -> dict:
    quality = {"regions": [{"ssim": ssim} for _ in regions]}
    record = blank("a.jpg", CloakSettings()) | {"regions": list(regions), "quality": quality}
    conclude(record, (), replace(PLANS["robust", True], least_ssim=least))
    return record


class TestConclude:
    def test_protected(self):
        record = judged(entry(True) | {"seen": True}, entry(True))
        assert (record["status"], record["protected"], record["error"]) == ("protected", True, None)

    def test_not_protected(self):
        record = judged(entry(False) | {"seen": True}, entry(True) | {"seen": False})
        assert (record["status"], record["protected"]) == ("not protected", False)
        assert record["error"]["kind"] == "not-protected"
        record = judged(entry(True), least=0.995)
        assert (record["status"], record["protected"]) == ("not protected", False)
        assert record["error"]["kind"] == "too-visible"
        assert record["error"]["passed"] == [{"limit": "ssim", "region": 0, "got": 0.99, "allowed": 0.995}]

    def test_without_a_plan_it_may_be_as_visible_as_it_is(self):
        record = judged(entry(True), ssim=0.1)
        conclude(record, ())
        assert record["protected"]

    def test_changed_not_proven_where_one_face_was_not_seen(self):
        record = judged(entry(True) | {"seen": True}, entry(True) | {"seen": False, "box": [5, 6, 7, 8]})
        assert (record["status"], record["protected"]) == ("changed, not proven", False)
        assert record["error"]["kind"] == "not-proven"
        assert record["error"]["message"].startswith(
            "a.jpg: changed, not proven: no face was seen in face [5, 6, 7, 8], so no recogniser could be"
        )

    def test_what_is_said_of_a_face_that_nobody_saw_does_not_count(self):
        record = judged(entry(True) | {"seen": True}, entry(False) | {"seen": False})
        assert (record["status"], record["protected"]) == ("changed, not proven", False)

    def test_failed_until_something_is_known(self):
        record = blank("a.jpg", CloakSettings())
        assert (record["status"], record["protected"], record["gallery"]) == ("failed", False, None)
        record = judged(entry(True))
        failed(record, ValueError("x"))
        assert (record["status"], record["protected"]) == ("failed", False)

    def test_a_whole_picture_has_no_face_to_be_seen(self):
        region = entry(True) | {"kind": "whole"}
        assert unseen({"regions": [region]}) == ""
        assert judged(region)["status"] == "protected"


def test_a_gallery_and_its_person_are_counted():
    gallery = types.SimpleNamespace(files=("a", "b"), passed=("c: no face found",), cloaks=())
    faces = [
        types.SimpleNamespace(kind=k, person=p) for k, p in (("face", True), ("face", False), ("whole", None))
    ]
    assert gallery_record(None, faces) is None
    assert gallery_record(gallery, faces) == {
        "photos": 2, "passed": ["c: no face found"], "faces": 2, "person": 1
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PhotoError("truncated", "x"), "truncated"),
        (FaceError.none_found((3, 4)), "no-face"),
        (ValueError("x"), "value"),
        (MemoryError(), "memory"),
        (torch.cuda.OutOfMemoryError("no room"), "memory"),
        (OSError(errno.ENOSPC, "full"), "disk-full"),
        (PermissionError(errno.EACCES, "no"), "file"),
    ],
)
def test_kinds_of_errors(error, kind):
    assert isinstance(error, TROUBLE)
    record = {"input": "a.jpg", "output": "b.jpg", "protected": True, "error": None}
    failed(record, error)
    assert record["output"] is None
    assert record["protected"] is False
    assert record["error"]["kind"] == kind
    assert record["error"]["message"].startswith("a.jpg: ")


def test_the_file_is_named_once():
    record = {"input": "a.jpg"}
    failed(record, PhotoError("empty", "a.jpg: the file has 0 bytes"))
    assert record["error"]["message"] == "a.jpg: the file has 0 bytes"


def test_an_error_without_text_has_its_name():
    record = {"input": None}
    failed(record, MemoryError())
    assert record["error"]["message"] == "MemoryError"


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("x"), AssertionError()])
def test_faults_of_the_program_are_not_hidden(error):
    record = {"input": "a.jpg"}
    with pytest.raises(type(error)):
        failed(record, error)
