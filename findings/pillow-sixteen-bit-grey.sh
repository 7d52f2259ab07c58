#!/usr/bin/env bash
# Pillow 13.0.0 against OpenCV 4.14.0 (PyPI): a PNG of 16-bit grey (X-rays, depth, scans) as a network gets to see it.
#
# Expected: `convert("RGB")`, which readers of data sets (torchvision's ImageFolder among them) ask for, gives eight
# bits of the sixteen, as it does of 16-bit colours. Observed: values are cut off at 255 instead of divided by 257, so that all but the darkest 1/257 of the range is white; OpenCV's imread divides by 256. A 16-bit
# colour PNG is divided by both. So one file is a face for one recogniser and a white sheet for another, and a classifier
# trained behind Pillow has learnt nothing from such pictures.
#
# Output seen:
#   grey:   stored 0 100 255 256 1000 32768 65535, Pillow 0 100 255 255 255 255 255, OpenCV 0 0 0 1 3 128 255
#   colour: stored 0 100 255 256 1000 32768 65535, Pillow 0 0 0 1 3 128 255, OpenCV 0 0 0 1 3 128 255
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-compile pillow==13.0.0 opencv-python-headless==4.14.0.94 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import io

import cv2
import numpy as np
from PIL import Image

STORED = np.array([[0, 100, 255, 256, 1000, 32768, 65535]], dtype=np.uint16)


def line(values):
    return " ".join(str(int(v)) for v in values)


for name, stored, expected in (
    ("grey", STORED, "0 100 255 255 255 255 255"),
    ("colour", np.dstack([STORED] * 3), "0 0 0 1 3 128 255"),
):
    data = cv2.imencode(".png", stored)[1].tobytes()
    pillow = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[0, :, 0]
    opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[0, :, 0]
    print(f"{name + ':':7} stored {line(STORED[0])}, Pillow {line(pillow)}, OpenCV {line(opencv)}")
    assert line(pillow) == expected, f"changed: Pillow's {name} was {expected}"
    assert line(opencv) == "0 0 0 1 3 128 255", "changed: OpenCV's eight bits"
PY
