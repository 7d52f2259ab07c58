"""dlib's landmarks, and the chips that are cut by them, against dlib itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mnd.targets import registry
from mnd.targets.dlib import chip
from mnd.targets.dlib.shape import FILES, predictor, rect_from_landmarks


@pytest.fixture(scope="module", params=[5, 68])
def both(request):
    """Our predictor and dlib's."""
    dlib = pytest.importorskip("dlib")
    return predictor(request.param), dlib.shape_predictor(str(FILES[request.param].find()))


def by_dlib(predict, pixels: np.ndarray, rects: np.ndarray) -> np.ndarray:
    dlib = pytest.importorskip("dlib")
    shapes = [predict(pixels, dlib.rectangle(*map(int, rect))) for rect in rects]
    return np.array([[(p.x, p.y) for p in shape.parts()] for shape in shapes], float)


def boxes(pixels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Squares of a face's size around the picture's middle, and some that no detector gives."""
    rng = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    side = rng.uniform(0.2, 0.6, (count, 1)) * min(height, width)
    corner = [0.5 * width, 0.45 * height] - side / 2 + rng.normal(0, 0.1, (count, 2)) * side
    squares = np.concatenate([corner, corner + side], 1).round().astype(int)
    return squares + rng.integers(-3, 4, squares.shape)


ODD = np.array(
    [
        [-200, -150, 120, 170],  # over the corner
        [400, 380, 700, 680],
        [100, 100, 102, 103],  # tiny
        [40, 40, 40, 40],
        [-5000, -5000, 9000, 9000],  # huge
        [3000, 3000, 3100, 3100],  # outside
        [150, 60, 280, 140],  # not square
        [260, 180, 160, 80],  # inside out
    ]
)


def test_points_are_dlibs_on_the_same_boxes(both, astronaut):
    ours, theirs = both
    rects = np.concatenate([boxes(astronaut, 40, 0), [[175, 76, 265, 166]], ODD])
    assert np.array_equal(ours(astronaut, rects), by_dlib(theirs, astronaut, rects))


def test_points_are_dlibs_in_a_grey_picture(both, astronaut):
    ours, theirs = both
    grey = np.ascontiguousarray(astronaut[..., 1])
    rects = np.concatenate([boxes(grey, 10, 1), ODD])
    want = by_dlib(theirs, grey, rects)
    assert np.array_equal(ours(grey, rects), want)
    assert np.array_equal(ours(np.stack([grey] * 3, 2), rects), want)


def test_points_are_dlibs_in_noise_and_in_an_enlarged_picture(both, astronaut):
    ours, theirs = both
    large = np.asarray(Image.fromarray(astronaut).resize((1700, 1500)))
    noise = np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)
    for pixels in (large, noise, np.zeros((30, 40, 3), np.uint8)):
        rects = boxes(pixels, 10, 2)
        assert np.array_equal(ours(pixels, rects), by_dlib(theirs, pixels, rects))


def test_points_are_dlibs_on_photos(both, shared):
    ours, theirs = both
    paths = sorted(shared("faces/lfw38").glob("*/*.jpg"))
    for seed, path in enumerate(paths[:: len(paths) // 50]):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        rects = boxes(pixels, 4, seed)
        assert np.array_equal(ours(pixels, rects), by_dlib(theirs, pixels, rects))


def test_unrounded_points_are_those_that_are_rounded(both, astronaut):
    ours, _ = both
    rects = boxes(astronaut, 5, 3)
    exact = ours(astronaut, rects, rounded=False)
    assert np.array_equal(np.floor(exact + 0.5), ours(astronaut, rects))
    assert np.any(exact != exact.round())


def test_many_faces_are_those_one_by_one(both, astronaut):
    ours, _ = both
    rects = boxes(astronaut, 70, 4)  # more than are worked on at once
    together = ours(astronaut, rects, rounded=False)
    one = np.concatenate([ours(astronaut, rect[None], rounded=False) for rect in rects[::9]])
    assert np.array_equal(together[::9], one)
    assert ours(astronaut, np.zeros((0, 4), int)).shape == (0, ours.points, 2)


def test_bad_input_is_named(both, astronaut):
    ours, _ = both
    rects = np.array([[1, 2, 3, 4]])
    for pixels in (astronaut / 255, astronaut[:0], astronaut[..., :2], astronaut[0, :, 0], astronaut[None]):
        with pytest.raises(ValueError, match="expected uint8"):
            ours(pixels, rects)
    for wrong in (rects / 2, rects[0], rects[:, :3]):
        with pytest.raises(ValueError, match="expected whole numbers"):
            ours(astronaut, wrong)
    with pytest.raises(ValueError, match="expected 5 or 68"):
        predictor(29)


@pytest.mark.parametrize("padding", [0.25, 0.2, 0.3, 0.0, 1.0])
def test_chips_are_dlibs_bit_by_bit(both, astronaut, padding):
    dlib = pytest.importorskip("dlib")
    ours, theirs = both
    plans_of = {5: chip.plans_from_dlib, 68: chip.plans_from_68}[ours.points]
    for scale, rects in ((1, np.array([[175, 76, 265, 166], ODD[0], ODD[6]])), (3, [[530, 230, 800, 500]])):
        size = (512 * scale, 512 * scale)
        pixels = np.asarray(Image.fromarray(astronaut).resize(size, Image.Resampling.BICUBIC))
        image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        plans = plans_of(torch.from_numpy(ours(pixels, rects)), padding)
        chips = chip.extract(image, plans, exact=True).permute(0, 2, 3, 1).numpy()
        shapes = [theirs(pixels, dlib.rectangle(*map(int, rect))) for rect in rects]
        want = [np.asarray(dlib.get_face_chip(pixels, shape, 150, padding)) for shape in shapes]
        assert np.array_equal(chips, want)


def test_chips_by_68_points_want_68(both):
    with pytest.raises(ValueError, match=r"expected \(K, 68, 2\)"):
        chip.plans_from_68(torch.rand(1, 5, 2))


# where dlib's detector would see the face


def test_rects_turn_up_where_the_face_is(face):
    points = face.numpy()
    rect = rect_from_landmarks(points)[0]
    assert rect.dtype.kind == "i"
    assert abs(rect - [175, 76, 265, 166]).max() <= 10
    step = np.array([40, -7])
    moved, larger = rect_from_landmarks(np.concatenate([points + step, points * 3 + 1]))
    assert np.array_equal(moved, rect + np.tile(step, 2))
    assert abs(larger - (rect * 3 + 1)).max() <= 2
    mirrored = (points * [-1, 1] + [511, 0])[:, [1, 0, 2, 4, 3]]
    assert abs(rect_from_landmarks(mirrored)[0] - [511 - rect[2], rect[1], 511 - rect[0], rect[3]]).max() <= 1
    for wrong in (points[0], points[:, :4], points * np.nan):
        with pytest.raises(ValueError, match="expected finite numbers"):
            rect_from_landmarks(wrong)


def test_chips_in_our_rects_are_about_dlibs(both, astronaut, face):
    ours, _ = both
    plans_of = {5: chip.plans_from_dlib, 68: chip.plans_from_68}[ours.points]
    target = registry.load("dlib", offline=True)
    image = torch.from_numpy(astronaut.copy()).permute(2, 0, 1)[None].float() / 255
    rects = np.concatenate([rect_from_landmarks(face), [[175, 76, 265, 166]]])
    chips = chip.extract(image, plans_of(torch.from_numpy(ours(astronaut, rects))), exact=True) / 255
    with torch.no_grad():
        one, other = target.net((chips - target._mean) / target._std)
    assert torch.linalg.vector_norm(one - other) < 0.1
