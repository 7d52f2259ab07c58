"""Galleries of several people: whose face it is, and by whose photos it is judged."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.gallery import Gallery
from mnd.cloaking.people import People
from mnd.cloaking.settings import CloakSettings
from mnd.cloaking.subjects import Subject
from mnd.cloaking.verdict import gallery_record
from mnd.photo.walking import people
from mnd.targets.target import Reference
from tests.helpers.cloaks import FACE, NO_FACE

THRESHOLD = 0.6


def compare(one: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The margin of the nearest of `known` `(1, R, 1)`."""
    return THRESHOLD - (one[:, None] - known).abs().amin(dim=(1, 2))


LINE = types.SimpleNamespace(
    card=types.SimpleNamespace(
        name="line", unit="euclidean distance", threshold=THRESHOLD, lower_is_same=True
    ),
    compare=compare,
    value=lambda margin: float(THRESHOLD - margin),
)  # fmt: skip
"""A recogniser whose embeddings are points on a line."""
points = st.floats(-3, 3).map(lambda x: round(x, 2))


def reference(*at: float) -> Reference:
    return Reference(torch.tensor(at, dtype=torch.float64).reshape(1, -1, 1))


def gallery(*at: float, name: str = "x") -> Gallery:
    rows = tuple((reference(x),) for x in at)
    files = tuple(Path(f"/{name}/{n}.jpg") for n in range(len(at)))
    references = tuple(Reference.person(column) for column in zip(*rows, strict=True))
    return Gallery((LINE,), references, files, rows=rows)  # type: ignore[arg-type]


def subject(at: float) -> Subject:
    return Subject("face", (0, 0, 9, 9), None, (LINE,), (reference(at),))  # type: ignore[arg-type]


@given(st.lists(st.lists(points, min_size=1, max_size=3), min_size=1, max_size=4), points)
def test_a_face_is_the_nearest_person_whom_a_target_matches(galleries: list[list[float]], at: float):
    known = {f"p{n}": gallery(*own) for n, own in enumerate(galleries)}
    judged = People(known).judging(subject(at))
    far = {name: min(abs(at - x) for x in own) for name, own in zip(known, galleries, strict=True)}
    nearest = min(far.values())
    if abs(nearest - THRESHOLD) < 1e-9:
        return
    assert judged.person is (nearest < THRESHOLD)
    assert judged.likeness == pytest.approx((nearest,))
    if judged.person:
        assert judged.who is not None
        assert far[judged.who] == pytest.approx(nearest)
        # the photo itself is always the last of those that it is judged against
        assert judged.judged[0].known.flatten().tolist() == [*galleries[int(judged.who[1:])], at]
    else:
        assert judged.who == ""
        assert judged.judged[0].known.flatten().tolist() == [at]


def test_a_photo_of_a_gallery_is_left_out_of_it_and_of_no_other():
    both = People.of({"alice": gallery(0.0, 1.0, name="alice"), "bob": gallery(2.0, name="bob")})
    without = both.without(Path("/alice/0.jpg"))
    assert [str(path) for path in without.files] == ["/alice/1.jpg", "/bob/0.jpg"]
    assert without.galleries["alice"].references[0].known.flatten().tolist() == [1.0]
    assert without.galleries["bob"] is both.galleries["bob"]
    assert both.without(Path("/elsewhere/0.jpg")) is both
    nobody = both.without(Path("/bob/0.jpg"))
    judged = nobody.judging(subject(2.0))
    assert (judged.person, judged.who) == (False, "")
    assert People({"bob": gallery(name="bob")}).judging(subject(2.0)).likeness is None


def test_the_record_counts_people_and_their_faces():
    both = People({"alice": gallery(0.0), "bob": gallery(2.0)}, ("x: no face found",))
    faces = [both.judging(subject(at)) for at in (0.1, 5.0, 2.1)]
    assert gallery_record(both, faces) == {
        "photos": 2, "passed": ["x: no face found"], "faces": 3, "person": 2, "people": 2,
    }  # fmt: skip


def test_folders_are_people(tmp_path: Path):
    for name in ("bob", "alice", ".git", "@eaDir"):
        (tmp_path / name).mkdir()
    (tmp_path / "a.jpg").touch()
    (tmp_path / "notes.txt").touch()
    found = people(tmp_path)
    assert list(found.folders.items()) == [("alice", tmp_path / "alice"), ("bob", tmp_path / "bob")]
    assert found.passed == (f"1 photo in {tmp_path}, in no person's folder, was passed over",)


def test_no_folders(tmp_path: Path):
    with pytest.raises(ValueError, match="there is no such folder"):
        people(tmp_path / "gone")
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ValueError, match=r"found no folders, .* 1 photo .*--gallery"):
        people(tmp_path)


def test_a_gallery_and_galleries_exclude_each_other():
    with pytest.raises(ValueError, match="expected one of them"):
        CloakSettings(gallery=Path("a"), galleries=Path("b"))
    of_several = CloakSettings.of(None, {"galleries": "b"})
    assert of_several.galleries == Path("b")
    assert of_several.plan == CloakSettings(gallery=Path("b")).plan


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def cloaker(folder: Path, **options: Any) -> Cloaker:
    settings = {"targets": ("dlib",), "offline": True, "level": "minimum", "steps": 12, "keep_best": True}
    return Cloaker(CloakSettings(galleries=folder, **settings | options))


def test_who_has_no_photo_with_a_face_is_named(tmp_path: Path):
    write(tmp_path / "alice/a.png", FACE)
    write(tmp_path / "coffee/a.png", NO_FACE)
    (tmp_path / "nobody").mkdir()
    with pytest.raises(ValueError, match=r"coffee: found no photo with a face.*nobody: found no photo"):
        cloaker(tmp_path).panel.gallery(None)


@pytest.mark.slow
def test_who_is_in_a_photo(tmp_path: Path):
    """Alice is who her gallery shows; the same photo alone in a gallery says nothing of itself."""
    galleries = tmp_path / "galleries"
    own = write(galleries / "alice/own.png", FACE)
    write(galleries / "alice/other.png", FACE[:, ::-1].copy())
    several = cloaker(galleries)
    record = several.photo(write(tmp_path / "photo.png", FACE), tmp_path / "out.png")
    assert [(r["person"], r["who"]) for r in record["regions"]] == [(True, "alice")]
    assert record["gallery"] == {"photos": 2, "passed": [], "faces": 1, "person": 1, "people": 1}
    again = several.photo(own, tmp_path / "own.png")
    assert again["gallery"] is not None
    assert again["gallery"]["photos"] == 1
    assert again["regions"][0]["likeness"]["dlib"] > record["regions"][0]["likeness"]["dlib"]


@pytest.mark.slow
def test_of_two_people_each_is_judged_by_the_own_photos(tmp_path: Path, shared):
    blair = np.asarray(Image.open(shared("faces/lfw10/Tony_Blair/Tony_Blair_0001.jpg")))
    other = np.asarray(Image.open(shared("faces/lfw10/Tony_Blair/Tony_Blair_0002.jpg")))
    both = np.zeros((250, 487, 3), np.uint8)
    both[:203, :237], both[:, 237:] = FACE, blair
    write(tmp_path / "galleries/alice/a.png", FACE[:, ::-1].copy())
    write(tmp_path / "galleries/tony/a.png", other)
    record = cloaker(tmp_path / "galleries").photo(write(tmp_path / "both.png", both), tmp_path / "out.png")
    where = {region["who"]: region["box"] for region in record["regions"]}
    assert where["alice"][2] < 237 < where["tony"][0]
    assert set(where) <= {"alice", "tony", None}  # somebody stands behind him
