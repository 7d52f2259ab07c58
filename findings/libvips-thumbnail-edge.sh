#!/usr/bin/env bash
# libvips 8.18.7 (pyvips 3.2.0 and pyvips-binary, PyPI): thumbnails of one photo, read from a JPEG and from a PNG.
#
# Expected: the PNG holds the very pixels that the JPEG decodes to, so both thumbnails show the same picture but for
# rounding. Observed, thumbnails of a tenth of the width: so it is for 400 x 400 pixels, and not for 407 x 407. A JPEG
# is decoded at a half, a quarter or an eighth of its size, and pixels at the right and the bottom that fill no whole
# block of that are left out; the rest is drawn out to the full thumbnail. For 407 x 407 that is what Pillow's Lanczos
# makes of the first 404 pixels, not of all of them. Pillow's own `thumbnail` has a JPEG decoded small as well, and
# keeps the edge.
# So the small version of a photo depends on the kind of its file as soon as a side is no multiple of the block, and
# what holds in the small version of the PNG, or in Pillow's, has to be tried in libvips' of the JPEG.
#
# Output seen (largest difference in grey levels):
#   400 to 40, libvips on the JPEG against libvips on the PNG 2, Pillow's thumbnail 7,
#     Lanczos of all 3, Lanczos of the first 400 3; Pillow's thumbnail against Lanczos of all 6
#   407 to 40, libvips on the JPEG against libvips on the PNG 38, Pillow's thumbnail 37,
#     Lanczos of all 38, Lanczos of the first 404 5; Pillow's thumbnail against Lanczos of all 7
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-deps --no-compile pyvips==3.2.0 pyvips-binary==8.18.7 cffi==2.1.1 \
  pycparser==3.12 numpy==2.4.6 pillow==13.0.0
"$dir/venv/bin/python" - <<'PY'
import io

import numpy as np
import pyvips
from PIL import Image

print("libvips", ".".join(str(pyvips.version(i)) for i in range(3)))


def saved(image, kind, **how):
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def by_vips(data, width):
    return pyvips.Image.thumbnail_buffer(data, width).numpy()


def apart(one, other):
    return int(np.abs(np.asarray(one, int) - np.asarray(other, int)).max())


for side in (400, 407):
    y, x = np.mgrid[:side, :side]
    waves = (127 + 80 * np.sin(x / 9) + 40 * np.cos(y / 7)).astype(np.uint8)
    jpeg = saved(Image.fromarray(np.dstack([waves] * 3)), "JPEG", quality=95, subsampling=0)
    decoded = Image.open(io.BytesIO(jpeg)).convert("RGB")
    small = by_vips(jpeg, side // 10)
    size = small.shape[1::-1]
    pillow = Image.open(io.BytesIO(jpeg))
    pillow.thumbnail(size)
    kept = side // 4 * 4
    png = apart(small, by_vips(saved(decoded, "PNG"), side // 10))
    whole = apart(small, decoded.resize(size, Image.Resampling.LANCZOS))
    first = apart(small, decoded.resize(size, Image.Resampling.LANCZOS, (0, 0, kept, kept)))
    theirs = apart(small, pillow)
    own = apart(pillow, decoded.resize(size, Image.Resampling.LANCZOS))
    print(f"{side} to {size[0]}, libvips on the JPEG against libvips on the PNG {png}, Pillow's thumbnail {theirs},")
    print(f"  Lanczos of all {whole}, Lanczos of the first {kept} {first};", end=" ")
    print(f"Pillow's thumbnail against Lanczos of all {own}")
    assert own < 12, "changed: Pillow's thumbnail does not keep the edge"
    assert first < 10, "changed: libvips shows something other than the first whole blocks"
    if side == 400:
        assert max(png, whole, theirs) < 12, "changed: whole blocks differ, too"
    else:
        assert min(png, whole, theirs) > 20, "changed: libvips keeps the edge now"
PY
