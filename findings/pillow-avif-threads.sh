#!/usr/bin/env bash
# Pillow 13.0.0 (libavif 1.4.2 with its AV1 encoder, PyPI): one picture as AVIF, coded by one thread and by two.
#
# Expected: the number of threads decides how long coding takes, as with Pillow's WebP and JPEG. Observed: it decides
# what is in the file. By default there are as many as the machine has cores, so that one program with one setting
# makes other bytes and other pixels on another machine: whoever verifies a saved file by coding it again, or promises
# the same bytes for the same seed, has to say max_threads=1.
#
# Output seen:
#   1 thread, twice: the same bytes
#   1 thread and 2: other bytes, pixels up to 12 grey levels apart
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
noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
picture = Image.fromarray(noise).resize((1200, 800))


def coded(threads):
    file = io.BytesIO()
    picture.save(file, "AVIF", quality=75, max_threads=threads)
    return file.getvalue()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


one, again, two = coded(1), coded(1), coded(2)
apart = np.abs(pixels(one) - pixels(two)).max()
print("1 thread, twice:", "the same bytes" if one == again else "other bytes")
print("1 thread and 2:", "the same bytes" if one == two else f"other bytes, pixels up to {apart} grey levels apart")
assert one == again, "changed: one thread makes other bytes each time"
assert one != two, "changed: threads make the same bytes now"
assert apart > 0, "changed: threads make the same pixels now"
PY
