#!/usr/bin/env bash
# face_recognition 1.3.0 (PyPI, with dlib-bin 20.0.1.post1): what `num_jitters` does to the code of one photo.
#
# Its help says "how many times to re-sample the face", "higher is more accurate". Expected: the code of a photo
# stays what it is, a little better founded. Observed on scikit-image's astronaut, distances of codes of the SAME
# photo, where .6 is the limit of "one person":
#   - 0 and 1 are the same code: the default does not jitter at all;
#   - 2 lies .11 to .22 from it, and every call draws anew: the codes of two calls lie up to .2 apart;
#   - half of what is drawn is mirrored: the photo and its mirror image, .19 apart with 1, are .05 to .07 apart
#     with 10.
# So a database made with one value must not be searched with another, and a photo that was changed so that one
# value misses it has to be tried in the mirror before anything is said about the other.
#
# Output seen:
#   1 against 0: 0.000
#   1 against 2, eight calls: 0.110 to 0.218
#   2 against 2, largest of eight calls: 0.195
#   mirrored, 1 jitter: 0.186    mirrored, 10 jitters: 0.066
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-deps --no-compile face-recognition==1.3.0 face_recognition_models==0.3.0 \
  dlib-bin==20.0.1.post1 click==8.5.1 "setuptools==65.5.0" numpy==2.4.6 pillow==13.0.0 scikit-image==0.26.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata
import itertools

import face_recognition
import numpy as np

photo = importlib.metadata.distribution("scikit-image").locate_file("skimage/data/astronaut.png")
image = face_recognition.load_image_file(str(photo))
mirror = np.ascontiguousarray(image[:, ::-1])
places = {id(picture): face_recognition.face_locations(picture) for picture in (image, mirror)}


def code(picture, jitters):
    return face_recognition.face_encodings(picture, places[id(picture)], num_jitters=jitters)[0]


def apart(one, other):
    return float(np.linalg.norm(one - other))


plain, drawn = code(image, 1), [code(image, 2) for _ in range(8)]
same = apart(plain, code(image, 0))
moved = [apart(plain, other) for other in drawn]
again = max(apart(a, b) for a, b in itertools.combinations(drawn, 2))
flat, mixed = apart(plain, code(mirror, 1)), apart(code(image, 10), code(mirror, 10))
print(f"1 against 0: {same:.3f}")
print(f"1 against 2, eight calls: {min(moved):.3f} to {max(moved):.3f}")
print(f"2 against 2, largest of eight calls: {again:.3f}")
print(f"mirrored, 1 jitter: {flat:.3f}    mirrored, 10 jitters: {mixed:.3f}")
assert same == 0, "the default jitters now"
assert max(moved) > 0.12 and again > 0.08, "two jitters stay near the plain code now"
assert flat > 0.15 and mixed < flat / 2, "jitters do not mirror any more"
PY
