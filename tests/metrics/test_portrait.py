"""The judge of portraits: what is blind to what, what is missing, and which size is looked at."""

from __future__ import annotations

import shutil
import tempfile

import numpy as np
import pytest
from skimage import data

from mnd.faces.features import Features
from mnd.metrics import portrait as module
from mnd.metrics.fidelity import ssimulacra2
from mnd.metrics.portrait import ENLARGED, PHONE, Portrait, on_a_phone, portrait
from mnd.targets.dlib.shape import predictor

PHOTO = data.astronaut()


@pytest.fixture(scope="module")
def features() -> Features:
    return Features.of(predictor(68)(PHOTO, [[175, 76, 265, 166]])[0], (512, 512))


def noisy(where: tuple[slice, slice]) -> np.ndarray:
    changed = PHOTO.copy()
    noise = np.random.default_rng(0).normal(0, 12, changed[where].shape)
    changed[where] = np.rint(changed[where] + noise).clip(0, 255)
    return changed


def test_an_unchanged_face_is_perfect(features):
    told = portrait(PHOTO, PHOTO.copy(), features)
    assert told.elpips == 0
    assert told.ssimulacra2 == pytest.approx(100)


def test_butteraugli_sees_features_alone(features):
    if shutil.which("butteraugli_main") is None:
        pytest.skip("needs the program butteraugli_main")
    x0, y0, _, _ = features.box
    eyes = portrait(PHOTO, noisy((slice(102, 112), slice(195, 255))), features)
    forehead = portrait(PHOTO, noisy((slice(y0, y0 + 12), slice(x0 + 20, x0 + 60))), features)
    assert eyes.butteraugli > 2 > forehead.butteraugli
    assert eyes.butteraugli > eyes.butteraugli_norm > 0
    assert forehead.ssimulacra2 < 99  # this one looks at all of the face


def test_no_face_is_written_to_a_disk(features, monkeypatch):
    def never(*_args, **_kwargs):
        raise AssertionError("a file on a disk")

    for name in ("TemporaryDirectory", "NamedTemporaryFile", "mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, name, never)
    told = portrait(PHOTO, noisy((slice(102, 112), slice(195, 255))), features)
    assert told.ssimulacra2 is not None
    assert (told.butteraugli is None) == (shutil.which("butteraugli_main") is None)


def test_a_program_that_does_not_work_decides_about_nothing(features, monkeypatch):
    def broken(*_pictures):
        raise OSError("butteraugli_main gave status 127")

    monkeypatch.setattr(module, "butteraugli_norms", broken)
    assert portrait(PHOTO, PHOTO, features).butteraugli is None


def test_what_is_not_installed_is_none(features, monkeypatch):
    def missing(*_pictures):
        raise ModuleNotFoundError("no such judge")

    monkeypatch.setattr(module, "ssimulacra2", missing)
    monkeypatch.setattr(module, "butteraugli_norms", missing)
    told = portrait(PHOTO, PHOTO, features)
    assert (told.butteraugli, told.butteraugli_norm, told.ssimulacra2) == (None, None, None)
    assert on_a_phone(PHOTO, PHOTO) is None


def test_a_small_face_is_enlarged_for_ssimulacra2(features, monkeypatch):
    sizes = []

    def judge(original, _changed):
        sizes.append(original.shape[:2])
        return 90.0

    monkeypatch.setattr(module, "ssimulacra2", judge)
    portrait(PHOTO, PHOTO, features)
    assert min(sizes[0]) == ENLARGED
    assert on_a_phone(PHOTO, PHOTO) == 90
    assert sizes[1] == (PHONE, PHONE)
    assert on_a_phone(PHOTO[:300, :400], PHOTO[:300, :400]) == 90
    assert sizes[2] == (300, 400)
    assert on_a_phone(PHOTO[:224], PHOTO[:224]) is None
    assert len(sizes) == 3


def test_a_change_that_a_phone_does_not_show_costs_less_there():
    changed = noisy((slice(0, 512), slice(0, 512)))
    assert on_a_phone(PHOTO, changed) > ssimulacra2(PHOTO, changed)


def test_what_was_not_asked_is_null():
    assert set(Portrait().as_json().values()) == {None}
