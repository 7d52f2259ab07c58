#!/usr/bin/env bash
# pillow-heif 1.8.1 (libheif 1.23.6, PyPI): a HEIC with colours at half the resolution that says it is to be turned.
#
# Expected: the turned picture is the decoded picture, turned by the viewer. Observed: so it is where both sides are
# even. Where the side that a turn makes the first one is odd, colours are shifted: the planes of the colours, which
# have half the pixels and one more for the odd rest, are turned by themselves, and the one that stood for the rest is
# then at the other end. Lightness is right, so that it is hardly seen; a program that compares colours, or an attack
# that knows what a viewer will show, is off by up to 25 grey levels all over the picture.
#
# Output seen (mean and largest difference to the untagged file's pixels, turned):
#   64 x 96, 180 degrees to the left: 0.00, 0
#   64 x 96, 270 degrees to the left: 0.00, 0
#   64 x 96, 90 degrees to the left: 0.00, 0
#   64 x 97, 180 degrees to the left: 5.41, 25
#   64 x 97, 270 degrees to the left: 0.00, 0
#   64 x 97, 90 degrees to the left: 5.41, 25
#   65 x 96, 180 degrees to the left: 5.39, 25
#   65 x 96, 270 degrees to the left: 5.39, 25
#   65 x 96, 90 degrees to the left: 0.00, 0
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-compile pillow-heif==1.8.1 pillow==13.0.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import io

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()
print("libheif", pillow_heif.libheif_version())
QUARTERS = {3: 2, 6: 3, 8: 1}
"""EXIF's orientation, and the quarter turns to the left that it asks for."""


def shown(pixels, orientation=None):
    extra = {}
    if orientation is not None:
        exif = Image.Exif()
        exif[274] = orientation
        extra["exif"] = exif.tobytes()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "HEIF", quality=90, chroma=420, **extra)
    assert (b"irot" in file.getvalue()) == (orientation is not None), "changed: how a turn is stored"
    return np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("RGB")).astype(int)


for height, width in ((64, 96), (64, 97), (65, 96)):
    y, x = np.mgrid[:height, :width]
    waves = [127 + 120 * np.sin(x / 5), 127 + 120 * np.sin(y / 6), 127 + 120 * np.cos((x + y) / 7)]
    pixels = np.dstack(waves).astype(np.uint8)
    plain = shown(pixels)
    for orientation, quarters in QUARTERS.items():
        apart = np.abs(shown(pixels, orientation) - np.rot90(plain, quarters))
        print(f"{height} x {width}, {90 * quarters} degrees to the left: {apart.mean():.2f}, {apart.max()}")
        # the first column after the turn is the last one before it, or the last row
        odd = {1: width, 2: width * height, 3: height}[quarters] % 2
        odd = odd or (quarters == 2 and (width % 2 or height % 2))
        if odd:
            assert apart.mean() > 3, "changed: an odd side shifts no colours now"
        else:
            assert apart.max() == 0, "changed: even sides are turned otherwise, too"
PY
