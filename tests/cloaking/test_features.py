"""Where the features of a crop's faces are, and what a search may do to them: on a real face."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from mnd.channel import to_tensor
from mnd.cloaking import features as module
from mnd.cloaking.features import FaceFeatures, add_appearances, features, found, limits
from mnd.cloaking.subjects import Subject
from mnd.metrics.fidelity import quality
from mnd.targets.dlib.upright import landmarks

PHOTO = data.astronaut()
FACE = torch.tensor([[[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.2], [245.3, 141.9]]])
BOX = (175.0, 76.0, 266.0, 167.0)
CROP = (120, 20, 320, 230)


def subject(**other) -> Subject:
    return Subject(**{"kind": "face", "box": BOX, "landmarks": FACE, "targets": (), "judged": ()} | other)


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    x0, y0, x1, y1 = CROP
    return to_tensor(np.ascontiguousarray(PHOTO[y0:y1, x0:x1]))


@pytest.fixture(scope="module")
def drawn(x) -> FaceFeatures:
    [face] = features([subject()], CROP, x)
    return face


def test_eyes_and_mouth_are_features_and_cheeks_are_none(drawn, x):
    face = drawn
    where = torch.zeros(x.shape[2:])
    face.part.of(where).copy_(face.part.values)
    own = FACE[0] - torch.tensor(CROP[:2])
    for i in (0, 1, 3, 4):
        across, down = own[i].round().long().tolist()
        assert where[down, across] > 0.8
    cheek = ((own[0] + own[3]) / 2).round().long().tolist()
    assert where[cheek[1], cheek[0]] == 0
    assert face.seen
    assert len(face.held) == 3


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_face_on_its_side_has_the_same_features(quarters):
    """The photo is turned; the landmarks come out where they were turned to, but for a pixel."""
    photo = to_tensor(PHOTO)
    upright = landmarks(photo, FACE)
    turned, face, points = photo, FACE, upright
    for _ in range(quarters):
        width = turned.shape[3]
        turned = turned.rot90(1, (2, 3))
        face, points = (torch.stack([p[..., 1], width - 1 - p[..., 0]], -1) for p in (face, points))
    assert (landmarks(turned, face) - points).abs().max() <= 3  # the rectangle is rounded otherwise


@pytest.mark.parametrize("factor", [4, 10])
def test_features_of_a_large_face_are_those_of_a_small_one(factor, drawn, x, monkeypatch):
    large = torch.nn.functional.interpolate(x, scale_factor=factor, mode="nearest")
    corner = torch.tensor(CROP[:2])
    monkeypatch.setattr(module, "landmarks", lambda *_: (landmarks(x, FACE - corner) + 0.5) * factor - 0.5)
    box = tuple(factor * edge for edge in CROP)
    [face] = features([subject(landmarks=(FACE + 0.5) * factor - 0.5)], box, large)
    for one, other in zip((face.part, *face.held), (drawn.part, *drawn.held), strict=True):
        grown, known = torch.zeros(large.shape[2:]), torch.zeros(x.shape[2:])
        one.of(grown).copy_(one.values)
        other.of(known).copy_(other.values)
        back = torch.nn.functional.avg_pool2d(grown[None], factor)[0]
        assert (back - known).abs().sum() / known.sum() < 0.12


def test_the_cap_fades_beside_a_feature(drawn, x):
    [cap] = limits([subject()], CROP, x, 5.0).caps
    face = drawn
    on = face.part.values == 1
    assert on.any()
    torch.testing.assert_close(cap.values[on], torch.full_like(cap.values[on], 5 / 255))
    beside = (face.part.values > 0.3) & (face.part.values < 0.6)
    assert (cap.values[beside] > 8 / 255).all()
    assert cap.values[face.part.values == 0].isinf().all()
    free = limits([subject()], CROP, x, None)
    assert free.caps == ()
    for one, other in zip(free.means, face.held, strict=True):
        assert (one.rows, one.columns) == (other.rows, other.columns)
        assert torch.equal(one.values, other.values)


@pytest.mark.parametrize("why", ["landmarks elsewhere", "no predictor"])
def test_without_features_all_of_the_face_is_one(why, x, monkeypatch):
    if why == "landmarks elsewhere":  # those of a profile or a mask: dlib's mouth is not the detector's
        monkeypatch.setattr(module, "OFF", 0.0)
    if why == "no predictor":

        def missing(*_args):
            raise FileNotFoundError("shape_predictor_68_face_landmarks.dat")

        monkeypatch.setattr(module, "landmarks", missing)
    [face] = features([subject()], CROP, x)
    assert not face.seen
    assert (face.part.rows, face.part.columns) == (slice(56, 147), slice(55, 146))
    assert (face.part.values == 1).all()
    assert face.held == ()


def test_a_whole_picture_and_a_face_that_nobody_saw_have_no_features(x):
    assert features([subject(found=False)], CROP, x) == []
    assert features([subject(kind="whole", landmarks=None)], CROP, x) == []


def test_a_face_at_the_border_and_one_outside_have_a_part_of_the_crop(x, monkeypatch):
    monkeypatch.setattr(module, "OFF", 0.0)
    for box in ((-40.0, -40.0, 30.0, 30.0), (500.0, 500.0, 600.0, 600.0)):
        [face] = features([subject(box=box)], CROP, x)
        assert face.part.of(x).numel() > 0
        assert face.part.values.shape == face.part.of(x).shape[2:]


def test_scaled_to_nothing_there_are_no_features(x):
    assert found(x, torch.zeros(1, 5, 2)) is None


@pytest.mark.parametrize("scale", [1, 2])
def test_appearances_of_faces_stand_in_the_record(scale):
    eye = slice(97 * scale, 107 * scale), slice(200 * scale, 210 * scale)
    photo = PHOTO.repeat(scale, 0).repeat(scale, 1)
    changed = photo.copy()
    changed[eye][..., 1] += 20
    whole = subject(kind="whole", landmarks=None)
    subjects = [subject(), subject(found=False), whole]
    told = quality(photo, changed, [(0, 0, 64, 64)] * 3).as_json()
    add_appearances(told, subjects, photo, changed, scale)
    first, unseen, other = told["regions"]
    assert first["appearance"]["iris"] > 3
    assert first["appearance"]["iris_apart"] > 3
    assert first["appearance"]["lips"] == 0
    assert unseen["appearance"] is None
    assert "appearance" not in other
