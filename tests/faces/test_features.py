"""Where the features of a face are: masks with known areas, and nothing where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from mnd.faces.features import IRIS, NAMES, Features
from mnd.targets.dlib.shape import predictor


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return predictor(68)(data.astronaut(), [[175, 76, 265, 166]])[0]


@pytest.fixture(scope="module")
def features(points) -> Features:
    return Features.of(points, (512, 512))


def test_every_feature_has_a_mask_of_the_part(features) -> None:
    x0, y0, x1, y1 = features.box
    assert tuple(features.masks) == NAMES
    for mask in features.masks.values():
        assert mask.shape == (y1 - y0, x1 - x0)
        assert mask.dtype == np.float32
        assert 0 <= mask.min() <= mask.max() <= 1
        assert mask.sum() > 5


def test_irises_are_dark_spots_between_their_lids(features) -> None:
    x0, y0, x1, y1 = features.box
    grey = data.astronaut()[y0:y1, x0:x1].mean(2)
    for side in ("left", "right"):
        iris, eye = features.masks[f"{side} iris"], features.masks[f"{side} eye"]
        assert (iris <= eye).all()
        white = eye - iris
        assert (grey * iris).sum() / iris.sum() < (grey * white).sum() / white.sum()


def test_left_is_left_as_seen(features) -> None:
    columns = np.arange(features.masks["lips"].shape[1])

    def place(name: str) -> float:
        mask = features.masks[name]
        return float((mask * columns).sum() / mask.sum())

    assert place("left iris") < place("nose") < place("right iris")
    assert place("left brow") < place("right brow")


def test_skin_is_none_of_the_others(features) -> None:
    others = np.max([mask for name, mask in features.masks.items() if name != "skin"], axis=0)
    assert (features.masks["skin"] + others <= 1 + 1e-6).all()


def test_an_iris_has_the_area_of_a_disc_where_no_lid_covers_it(points) -> None:
    opened = points.copy()
    for lid, up in ((slice(37, 39), -30), (slice(40, 42), 30)):  # the left eye, wide open
        opened[lid, 1] = opened[36, 1] + up
    width = np.linalg.norm(opened[39] - opened[36])
    features = Features.of(opened, (512, 512))
    assert features.masks["left iris"].sum() == pytest.approx(np.pi * (IRIS * width) ** 2, rel=0.1)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_masks_grow_with_the_photo(points, features, factor) -> None:
    size = int(512 * factor)
    other = Features.of(points * factor, (size, size))
    assert other.scale == pytest.approx(features.scale * factor)
    for name in ("lips", "left eye", "skin"):
        grown = other.masks[name].sum() / factor**2
        assert grown == pytest.approx(features.masks[name].sum(), rel=0.12)


def test_a_face_at_the_border_is_cut(points) -> None:
    moved = points - points.min(0) - 20
    features = Features.of(moved, (512, 512))
    assert features.box[:2] == (0, 0)
    assert features.masks["skin"].shape == (features.box[3], features.box[2])


def test_five_landmarks_are_refused(points) -> None:
    with pytest.raises(ValueError, match=r"got landmarks of \(5, 2\), expected \(68, 2\)"):
        Features.of(points[:5], (512, 512))
