#!/usr/bin/env bash
# Pillow 13.0.0 (libavif 1.4.2, PyPI): a picture saved as AVIF of quality 100 in full colours, eight times over.
#
# Expected: rounding errors that average out, as in Pillow's JPEG of quality 100. Observed: colour differences are cut
# off where they should be rounded, half a level of each a time. Red and blue fall, green rises, and every generation
# adds to it; greys stay exactly as they are, and so no test with a grey picture sees it. Whoever codes a decoded
# photo again has to add half a level to its colour differences first.
#
# Output seen (mean change of red, green and blue, grey levels):
#   AVIF: after 1: -0.7 +0.6 -0.9, after 8: -2.4 +1.8 -3.1
#   JPEG: after 8: +0.0 +0.0 +0.0
#   AVIF of greys: the same pixels
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-compile pillow==13.0.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import io

import numpy as np
from PIL import Image, features

print("libavif", features.version("avif"))
draw = np.random.default_rng(0)
patches = draw.normal(128, 20, (16, 16, 3)).clip(50, 205).astype(np.uint8).repeat(8, 0).repeat(8, 1)
greys = np.repeat(draw.integers(0, 256, (128, 128, 1), dtype=np.uint8), 3, axis=2)


def again(pixels, form, times=1):
    for _ in range(times):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, form, quality=100, subsampling="4:4:4")
        pixels = np.asarray(Image.open(file).convert("RGB"))
    return pixels


def moved(form, times):
    return (again(patches, form, times).astype(float) - patches).mean((0, 1))


def told(change):
    return " ".join(f"{value:+.1f}" for value in change)


one, eight, jpeg = moved("AVIF", 1), moved("AVIF", 8), moved("JPEG", 8)
print(f"AVIF: after 1: {told(one)}, after 8: {told(eight)}")
print(f"JPEG: after 8: {told(jpeg)}")
print("AVIF of greys:", "the same pixels" if (again(greys, "AVIF") == greys).all() else "other pixels")
assert abs(jpeg).max() < 0.5, "changed: JPEG moves colours, too"
assert one[1] > 0.3 and one[0] < -0.3 and one[2] < -0.3, "changed: colours are rounded"
assert eight[1] > 1.2 and eight[0] < -1.5 and eight[2] < -1.5, "changed: it no longer adds up"
assert (again(greys, "AVIF") == greys).all(), "changed: greys change, too"
PY
