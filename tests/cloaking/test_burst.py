"""Where a face has moved from one frame to the next, and what it takes along."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from mnd.cloaking import burst
from mnd.cloaking.burst import ALIKE, CARRIED, Frame, begun_in, corrected
from mnd.cloaking.subjects import Subject, marks
from mnd.faces.detector import Detector

PHOTO = data.astronaut()
AREA = (40, 40, 200, 200)


def moved(matrix: np.ndarray, seed: int = 0) -> np.ndarray:
    """`(240, 240, 3)`: the pixel p is that of the photo at `matrix @ (p, 1)`, with a camera's noise."""
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # Pillow counts from corners
    there = shift @ np.vstack([matrix, [0, 0, 1]]) @ np.linalg.inv(shift)
    image = Image.fromarray(PHOTO).transform(
        (240, 240), Image.Transform.AFFINE, tuple(there[:2].ravel()), Image.Resampling.BICUBIC
    )
    noise = np.random.default_rng(seed).normal(0, 2, (240, 240, 3))
    return np.rint(np.asarray(image) + noise).clip(0, 255).astype(np.uint8)


def turned(degrees: float, scale: float, right: float, down: float) -> np.ndarray:
    cos, sin = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    return np.array([[cos, -sin, 100 + right], [sin, cos, down]])


FIRST = turned(0, 1, 0, 0)


@pytest.mark.parametrize("step", [(0, 1, 0, 0), (0, 1, 3.4, -2.2), (2, 1.02, 1, 1), (-1.5, 0.985, -2, 1.5)])
@pytest.mark.parametrize("light", [(1.0, 0.0), (0.8, 15.0)])
def test_the_place_is_found_to_a_tenth_of_a_pixel(step: tuple[float, ...], light: tuple[float, float]):
    second = turned(*step)
    truth = np.linalg.inv(np.vstack([FIRST, [0, 0, 1]])) @ np.vstack([second, [0, 0, 1]])
    now = (moved(second, 1) * light[0] + light[1]).clip(0, 255).astype(np.uint8)
    start = torch.tensor(truth[:2] + np.array([[0, 0, 1.3], [0, 0, -1.1]]))[None]
    found = corrected(moved(FIRST), now, start, AREA)
    assert found is not None
    corners = np.array([[x, y, 1] for x in AREA[::2] for y in AREA[1::2]]).T
    assert np.abs(found[0].numpy() @ corners - truth[:2] @ corners).max() < 0.1


def test_another_picture_has_no_place():
    start = torch.eye(2, 3, dtype=torch.float64)[None]
    other = np.ascontiguousarray(moved(FIRST)[:, ::-1])
    assert corrected(moved(FIRST), other, start, AREA) is None
    flat = np.full_like(other, 90)
    assert corrected(moved(FIRST), flat, start, AREA) is None
    assert corrected(flat, moved(FIRST), start, AREA) is None
    assert 0 < ALIKE < 1


def test_a_face_takes_its_change_along(monkeypatch: pytest.MonkeyPatch):
    """Five pixels to the right, three down: what was there is there, and a fifth less."""
    detector, clean = Detector(), np.ascontiguousarray(PHOTO[:240, 100:340])
    now = np.ascontiguousarray(PHOTO[3:243, 105:345])
    change = np.random.default_rng(0).integers(-9, 10, clean.shape)
    shown = (clean.astype(int) + change).clip(0, 255).astype(np.uint8)
    frame = Frame.of(clean, shown, detector)
    assert frame is not None
    [face] = detector(now)
    subject = Subject("face", face.box, marks(face), (), ())
    monkeypatch.setattr(burst, "support", lambda subject, size: subject.area(*size[::-1]))
    begun = frame.moved(now, [subject])
    assert begun is not None
    x0, y0, x1, y1 = (round(v) for v in face.box)
    took = begun[0, :, y0:y1, x0:x1].permute(1, 2, 0).numpy() * 255 / CARRIED
    there = frame.change[y0 + 3 : y1 + 3, x0 + 5 : x1 + 5]
    # the corrected place is off by some hundredths of a pixel, and noise is all detail
    assert np.corrcoef(took.ravel(), there.ravel())[0, 1] > 0.97
    assert float(begun[..., :4, :].abs().max()) == 0  # nobody looks there


def test_nothing_is_taken_from_a_frame_that_was_not_changed_or_has_another_size():
    detector = Detector()
    clean = np.ascontiguousarray(PHOTO[:240, 100:340])
    assert Frame.of(clean, clean, detector) is None
    assert Frame.of(clean, clean[:200], detector) is None
    frame = Frame(clean, np.ones(clean.shape, np.int16), ())
    subject = Subject("whole", (0.0, 0.0, 240.0, 240.0), None, (), ())
    assert frame.moved(clean[:, :200], [subject]) is None
    begun = frame.moved(clean, [subject])
    assert begun is not None
    assert torch.allclose(begun[..., 2:-2, 2:-2], torch.tensor(CARRIED / 255))


def test_a_crop_begins_with_its_part_where_it_may_change():
    begun = torch.rand(1, 3, 8, 8)
    mask = torch.ones(1, 1, 4, 5)
    mask[..., 0] = 0
    part = begun_in(begun, (2, 3, 7, 7), mask, grey=False)
    assert torch.equal(part, begun[..., 3:7, 2:7] * mask)
    grey = begun_in(begun, (2, 3, 7, 7), mask, grey=True)
    assert torch.allclose(grey[:, 0], part.mean(1))
    assert torch.equal(grey[:, 0], grey[:, 2])
