"""The subjects of a photo, and the people of a gallery."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from mnd.channel import half
from mnd.faces import Detector, FaceError
from mnd.photo import Photo
from mnd.settings import CloakSettings
from mnd.subjects import UPRIGHT, Gallery, find
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
    (subject,) = find(photo(FACE), CloakSettings(), [dlib], detector, None)
    (face,) = detector(FACE)
    assert subject.kind == "face"
    assert subject.found
    assert subject.box == face.box
    assert np.array_equal(subject.landmarks[0].numpy(), face.landmarks)
    assert subject.scores(FACE, detector)[0] < 0.05
    assert subject.judged[0].known.shape == (1, 1, 128)


def test_face_and_whole_picture(detector, dlib, classifier):
    subjects = find(photo(FACE), CloakSettings(), [classifier, dlib], detector, None)
    assert [s.kind for s in subjects] == ["face", "whole"]
    assert [[t.card.name for t in s.targets] for s in subjects] == [["dlib"], ["efficientnet-lite0"]]
    whole = subjects[1]
    assert whole.landmarks is None
    assert whole.again(FACE, detector) is None
    assert whole.area(237, 203) == (0, 0, 237, 203)
    assert whole.scores(FACE, detector)[0] > 0


def test_a_classifier_needs_no_face(detector, classifier):
    (subject,) = find(photo(NO_FACE), CloakSettings(), [classifier], detector, None)
    assert subject.kind == "whole"


def test_no_face(detector, dlib):
    with pytest.raises(FaceError, match=r"--box .* --whole"):
        find(photo(NO_FACE), CloakSettings(), [dlib], detector, None)


@pytest.mark.parametrize("options", [{"box": (100.0, 50.0, 300.0, 250.0)}, {"whole": True}])
def test_upright_landmarks_where_no_face_is(detector, dlib, options):
    (subject,) = find(photo(NO_FACE), CloakSettings(**options), [dlib], detector, None)
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
    (subject,) = find(photo(FACE), CloakSettings(), [dlib], detector, None)
    moved = np.roll(FACE, 5, axis=1)
    again = subject.again(moved, detector)
    assert torch.allclose(again - subject.landmarks, torch.tensor([5.0, 0.0]), atol=0.5)
    assert subject.scores(moved, detector)[0] < 0.2
    small = subject.again(half(FACE), detector, half(FACE).shape[1] / FACE.shape[1])
    assert torch.allclose(small * 2, subject.landmarks, atol=2.5)


def test_a_face_that_is_gone_is_looked_for_where_it_was(detector, dlib):
    (subject,) = find(photo(FACE), CloakSettings(), [dlib], detector, None)
    assert torch.equal(subject.again(np.zeros_like(FACE), detector), subject.landmarks)


def test_a_box_in_a_version_too_small_for_a_face(detector, dlib):
    (subject,) = find(photo(FACE), CloakSettings(), [dlib], detector, None)
    tiny = np.asarray(Image.fromarray(FACE).resize((12, 10)))
    again = subject.again(tiny, detector, 12 / 237)
    assert torch.allclose(again, (subject.landmarks + 0.5) * (12 / 237) - 0.5)


def test_area_is_inside_the_photo(detector, dlib):
    (subject,) = find(photo(FACE), CloakSettings(), [dlib], detector, None)
    x0, y0, x1, y1 = subject.area(100, 120)
    assert 0 <= x0 < x1 <= 100
    assert 0 <= y0 < y1 <= 120


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
        (subject,) = find(photo(FACE), CloakSettings(), [dlib], detector, gallery)
        assert torch.equal(subject.judged[0].known, gallery.references[0].known)
        assert subject.scores(FACE, detector)[0] < 0.05

    def test_only_the_person_of_the_gallery_is_judged_by_it(self, tmp_path, detector, dlib, shared):
        other = np.asarray(Image.open(shared("faces/lfw10/Tony_Blair/Tony_Blair_0001.jpg")))
        both = np.zeros((250, 487, 3), np.uint8)
        both[:203, :237], both[:, 237:] = FACE, other
        gallery = Gallery.read(self.folder(tmp_path, a=FACE), [dlib], detector)
        subjects = find(photo(both), CloakSettings(), [dlib], detector, gallery)
        assert len(subjects) >= 2
        by_gallery = [torch.equal(s.judged[0].known, gallery.references[0].known) for s in subjects]
        assert sum(by_gallery) == 1
        assert subjects[by_gallery.index(True)].box[2] < 240

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
            "bad.png: the file has 0 bytes, expected a photo", "b.png: no face found",
        ]  # fmt: skip
