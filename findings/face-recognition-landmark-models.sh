#!/usr/bin/env bash
# face_recognition 1.3.0 (PyPI, with dlib-bin 20.0.1.post1): `model="small"` and `model="large"` of face_encodings.
#
# The help calls them "which model to use", small being the default. Expected: two ways to the same code, one slower.
# Observed on scikit-image's astronaut, distances of codes of the SAME photo, where .6 is the limit of "one person":
#   - small (5 landmarks) and large (68) lie more than .15 apart, a quarter of the limit: the chips differ in place and size;
#   - the photo turned by 10 degrees moves either by less than a third of that;
#   - face_landmarks and face_encodings disagree about the default: the first takes 68 points, the second 5, so that
#     landmarks that a program drew are not those by which its codes were made.
# So codes of the two must not be compared at the same limit, and what small misses has to be tried with large.
#
# Output seen:
#   small against large: 0.161
#   turned by 10 degrees: small 0.036, large 0.047
#   landmarks by default: 68 points
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-deps --no-compile face-recognition==1.3.0 face_recognition_models==0.3.0 \
  dlib-bin==20.0.1.post1 click==8.5.1 "setuptools==65.5.0" numpy==2.4.6 pillow==13.0.0 scikit-image==0.26.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata

import face_recognition as fr
import numpy as np
from PIL import Image

# read by its path: to import skimage would need scipy and more
file = importlib.metadata.distribution("scikit-image").locate_file("skimage/data/astronaut.png")
photo = np.ascontiguousarray(np.asarray(Image.open(file).convert("RGB"))[:300, 80:380])
turned = np.asarray(Image.fromarray(photo).rotate(10, Image.Resampling.BICUBIC))


def code(pixels, model):
    (found,) = fr.face_encodings(pixels, model=model)
    return found


small, large = code(photo, "small"), code(photo, "large")
apart = np.linalg.norm(small - large)
moved = {m: np.linalg.norm(code(turned, m) - c) for m, c in (("small", small), ("large", large))}
(marks,) = fr.face_landmarks(photo)
# lips share points: the outer ones are counted once
points = len({point for places in marks.values() for point in places})
print(f"small against large: {apart:.3f}")
print(f"turned by 10 degrees: small {moved['small']:.3f}, large {moved['large']:.3f}")
print(f"landmarks by default: {points} points")
assert apart > 0.1, "changed: the two models nearly agree"
assert apart > 2 * max(moved.values()), "changed: a turn moves more than the other model"
assert points > 60, "changed: face_landmarks takes five points by default"
PY
