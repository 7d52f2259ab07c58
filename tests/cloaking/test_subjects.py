"""The subjects of a photo, and the people of a gallery."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from mnd.channel import half
from mnd.cloaking.gallery import Gallery
from mnd.cloaking.settings import CloakSettings
from mnd.cloaking.subjects import find
from mnd.faces.detector import Detector, FaceError
from mnd.faces.landmarks import UPRIGHT
from mnd.photo.photo import Photo
from mnd.targets import registry

FACE = np.ascontiguousarray(data.astronaut()[:203, 120:357])
NO_FACE = data.coffee()


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.fixture(scope="module")
def dlib():
    return registry.load("dlib", offline=True)


@pytest.fixture(scope="module")
def classifier():
    return registry.load("efficientnet-lite0", offline=True)


def photo(pixels: np.ndarray) -> Photo:
    return Photo.from_image(Image.fromarray(pixels))


def test_a_face(detector, dlib):
    (subject,) = find(photo(FACE), [dlib], detector)
    (face,) = detector(FACE)
    assert subject.kind == "face"
    assert subject.found
    assert subject.box == face.box
    assert np.array_equal(subject.landmarks[0].numpy(), face.landmarks)
    assert subject.scores(FACE, detector)[0] < 0.05
    assert subject.judged[0].known.shape == (1, 1, 128)


def test_face_and_whole_picture(detector, dlib, classifier):
    subjects = find(photo(FACE), [classifier, dlib], detector)
    assert [s.kind for s in subjects] == ["face", "whole"]
    assert [[t.card.name for t in s.targets] for s in subjects] == [["dlib"], ["efficientnet-lite0"]]
    whole = subjects[1]
    assert whole.landmarks is None
    assert whole.again(FACE, detector) is None
    assert whole.area(237, 203) == (0, 0, 237, 203)
    assert whole.scores(FACE, detector)[0] > 0


def test_a_classifier_needs_no_face(detector, classifier):
    (subject,) = find(photo(NO_FACE), [classifier], detector)
    assert subject.kind == "whole"


def test_no_face(detector, dlib):
    with pytest.raises(FaceError, match=r"--box .* --whole"):
        find(photo(NO_FACE), [dlib], detector)


@pytest.mark.parametrize("options", [{"box": (100.0, 50.0, 300.0, 250.0)}, {"whole": True}])
def test_upright_landmarks_where_no_face_is(detector, dlib, options):
    (subject,) = find(photo(NO_FACE), [dlib], detector, CloakSettings(**options).where)
    box = np.array(options.get("box", (0, 0, 600, 400)))
    assert not subject.found
    assert subject.box == tuple(box)
    marks = subject.landmarks[0].numpy()
    assert np.allclose((marks + 0.5 - box[:2]) / (box[2:] - box[:2]), UPRIGHT, atol=1e-6)
    assert torch.equal(subject.again(NO_FACE, detector), subject.landmarks)
    again = subject.again(half(NO_FACE), detector, 0.5)[0].numpy()
    assert np.allclose(again + 0.5, (marks + 0.5) / 2)


def test_upright_face_is_one():
    """Eyes above the nose above the mouth, left of right, nearly symmetric."""
    left, right, nose, corner, other = UPRIGHT
    assert left[1] == right[1] < nose[1] < corner[1] == other[1]
    assert left[0] < corner[0] < nose[0] < other[0] < right[0]


def test_landmarks_are_found_anew(detector, dlib):
    """In a version that is shifted by a few pixels the face is where it is now."""
    (subject,) = find(photo(FACE), [dlib], detector)
    moved = np.roll(FACE, 5, axis=1)
    again = subject.again(moved, detector)
    assert torch.allclose(again - subject.landmarks, torch.tensor([5.0, 0.0]), atol=0.5)
    assert subject.scores(moved, detector)[0] < 0.2
    small = subject.again(half(FACE), detector, half(FACE).shape[1] / FACE.shape[1])
    assert torch.allclose(small * 2, subject.landmarks, atol=2.5)


def test_a_face_that_is_gone_is_looked_for_where_it_was(detector, dlib):
    (subject,) = find(photo(FACE), [dlib], detector)
    assert torch.equal(subject.again(np.zeros_like(FACE), detector), subject.landmarks)


def test_a_box_in_a_version_too_small_for_a_face(detector, dlib):
    (subject,) = find(photo(FACE), [dlib], detector)
    tiny = np.asarray(Image.fromarray(FACE).resize((12, 10)))
    again = subject.again(tiny, detector, 12 / 237)
    assert torch.allclose(again, (subject.landmarks + 0.5) * (12 / 237) - 0.5)


def test_area_is_inside_the_photo(detector, dlib):
    (subject,) = find(photo(FACE), [dlib], detector)
    x0, y0, x1, y1 = subject.area(100, 120)
    assert 0 <= x0 < x1 <= 100
    assert 0 <= y0 < y1 <= 120


class TestBoxes:
    away = (2.0, 120.0, 62.0, 200.0)
    """A place of the photo without a face."""

    def found(self, detector, dlib, **options) -> list[tuple[bool, tuple]]:
        subjects = find(photo(FACE), [dlib], detector, CloakSettings(**options).where)
        return [(s.found, s.box) for s in subjects]

    def test_a_box_is_added_to_what_is_found(self, detector, dlib):
        (face,) = self.found(detector, dlib)
        assert self.found(detector, dlib, box=self.away) == [face, (False, self.away)]
        other = (150.0, 2.0, 235.0, 60.0)
        assert self.found(detector, dlib, box=(self.away, other)) == [
            face, (False, self.away), (False, other)
        ]  # fmt: skip

    def test_a_box_on_a_face_that_is_found_is_that_face(self, detector, dlib):
        (face,) = self.found(detector, dlib)
        x0, y0, x1, y1 = face[1]
        generous = (x0 - 10, y0 - 5, x1 + 10, y1 + 10)
        assert self.found(detector, dlib, box=generous) == [face]
        assert self.found(detector, dlib, box=(generous, self.away)) == [face, (False, self.away)]

    def test_the_boxes_alone(self, detector, dlib):
        assert self.found(detector, dlib, box=self.away, faces="none") == [(False, self.away)]

    def test_two_boxes_on_one_face_are_one_face(self, detector, dlib):
        ((_, (x0, y0, x1, y1)),) = self.found(detector, dlib)
        two = ((x0 - 4, y0, x1, y1), (x0, y0 - 4, x1, y1))
        ((found, box),) = self.found(detector, dlib, box=two, faces="none")
        assert found
        assert np.abs(np.subtract(box, (x0, y0, x1, y1))).max() < 8


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_photo_is_judged_as_the_upright_one(detector, dlib, turn):
    """Clean, and changed: each look says about the same of both."""
    changed = np.clip(FACE.astype(int) + np.random.default_rng(0).normal(0, 12, FACE.shape), 0, 255)
    changed = changed.astype(np.uint8)
    (upright,) = find(photo(FACE), [dlib], detector)
    turned = np.ascontiguousarray(np.rot90(FACE, -turn // 90))
    (subject,) = find(photo(turned), [dlib], detector)
    assert (subject.turn, upright.turn) == (turn, 0)
    assert subject.found
    (want,) = upright.opinions(changed, detector)
    (got,) = subject.opinions(np.ascontiguousarray(np.rot90(changed, -turn // 90)), detector)
    assert max(want.values()) > 0.05
    assert got == pytest.approx(want, abs=0.08)


class TestGallery:
    def folder(self, tmp_path: Path, **pictures: np.ndarray) -> Path:
        for name, pixels in pictures.items():
            Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        return tmp_path

    def test_photos_with_a_face_but_the_one_to_be_cloaked(self, tmp_path, detector, dlib):
        mirrored = np.ascontiguousarray(FACE[:, ::-1])
        folder = self.folder(tmp_path, a=FACE, b=mirrored, c=FACE, d=NO_FACE)
        (folder / "notes.txt").write_text("no photo")
        (folder / "link.png").symlink_to("a.png")
        gallery = Gallery.read(folder, [dlib], detector, folder / "a.png")
        assert [p.name for p in gallery.files] == ["b.png", "c.png"]
        assert gallery.references[0].known.shape == (1, 2, 128)
        (subject,) = map(gallery.judging, find(photo(FACE), [dlib], detector))
        # the photo itself is always among the references, the last of them
        (alone,) = find(photo(FACE), [dlib], detector)
        known = torch.cat([gallery.references[0].known, alone.judged[0].known], 1)
        assert torch.equal(subject.judged[0].known, known)
        assert subject.judged[0].views.shape[1] == 3
        assert subject.scores(FACE, detector)[0] < 0.05
        assert subject.person is True
        assert subject.likeness[0] < 0.05
        assert (alone.person, alone.likeness) == (None, None)

    def test_only_the_person_of_the_gallery_is_judged_by_it(self, tmp_path, detector, dlib, shared):
        other = np.asarray(Image.open(shared("faces/lfw10/Tony_Blair/Tony_Blair_0001.jpg")))
        both = np.zeros((250, 487, 3), np.uint8)
        both[:203, :237], both[:, 237:] = FACE, other
        gallery = Gallery.read(self.folder(tmp_path, a=FACE), [dlib], detector)
        subjects = list(map(gallery.judging, find(photo(both), [dlib], detector)))
        assert len(subjects) >= 2
        by_gallery = [s.person for s in subjects]
        assert sum(by_gallery) == 1
        assert subjects[by_gallery.index(True)].box[2] < 240
        for subject in subjects:
            assert (subject.likeness[0] < 0.6) is subject.person
            assert subject.judged[0].known.shape[1] == 1 + subject.person
            assert subject.scores(both, detector)[0] < 0.05

    def test_of_several_faces_in_a_photo_the_person_is_who_the_others_show(
        self, tmp_path, detector, dlib, shared
    ):
        """Though the friend's face is the larger one."""
        friend = Image.open(shared("faces/lfw10/Tony_Blair/Tony_Blair_0001.jpg")).resize((600, 600))
        both = np.zeros((600, 837, 3), np.uint8)
        both[:203, :237], both[:, 237:] = FACE, np.asarray(friend)
        mirrored = np.ascontiguousarray(FACE[:, ::-1])
        gallery = Gallery.read(self.folder(tmp_path, a=both, b=mirrored), [dlib], detector)
        assert detector(both)[0].box[0] > 237
        first, second = gallery.references[0].known[0]
        assert torch.linalg.vector_norm(first - second) < 0.6
        (subject,) = map(gallery.judging, find(photo(FACE), [dlib], detector))
        assert subject.person

    def test_no_folder(self, tmp_path, detector, dlib):
        with pytest.raises(ValueError, match="there is no such folder"):
            Gallery.read(tmp_path / "none", [dlib], detector)

    def test_nobody_in_it(self, tmp_path, detector, dlib):
        with pytest.raises(ValueError, match="found no photo with a face"):
            Gallery.read(self.folder(tmp_path, a=NO_FACE), [dlib], detector)

    def test_a_photo_that_cannot_be_read(self, tmp_path, detector, dlib):
        (tmp_path / "bad.png").write_bytes(b"")
        with pytest.raises(ValueError, match=r"bad\.png: the file has 0 bytes"):
            Gallery.read(tmp_path, [dlib], detector)
        gallery = Gallery.read(self.folder(tmp_path, a=FACE, b=NO_FACE), [dlib], detector)
        assert [path.name for path in gallery.files] == ["a.png"]
        assert [line.rpartition("/")[2] for line in gallery.passed] == [
            "b.png: no face found", "bad.png: the file has 0 bytes, expected a photo",
        ]  # fmt: skip
