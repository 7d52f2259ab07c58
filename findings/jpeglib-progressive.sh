#!/usr/bin/env bash
# jpeglib 1.0.2 (PyPI): the coefficients of a JPEG, read and written again without a change.
#
# Expected: the coefficients of a photo are what such a library keeps, and the file around them stays what it was.
# Observed: the coefficients and tables do stay, while a progressive photo comes back as a baseline one, and restart
# markers go. An image that was hidden in, or protected by, a few coefficients can be told from its original by the
# first bytes of its frame, which neither steganalysis sets nor attacks on coefficients that are made with it expect.
#
# Output seen:
#   baseline:               SOF0, restart interval none -> SOF0, restart interval none; coefficients the same
#   progressive:            SOF2, restart interval none -> SOF0, restart interval none; coefficients the same
#   with restart markers:   SOF0, restart interval 4 -> SOF0, restart interval none; coefficients the same
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-compile jpeglib==1.0.2 pillow==13.0.0 numpy==2.4.6
cd "$dir" && "$dir/venv/bin/python" - <<'PY'
import jpeglib
import numpy as np
from PIL import Image

y, x = np.mgrid[:64, :96]
picture = Image.fromarray(np.dstack([127 + 80 * np.sin(x / 9)] * 3).astype(np.uint8))


def told(path):
    data, at, frame, interval = open(path, "rb").read(), 2, "", "none"
    while data[at + 1] != 0xDA:
        kind, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        frame = f"SOF{kind - 0xC0}" if kind in (0xC0, 0xC1, 0xC2) else frame
        interval = int.from_bytes(data[at + 4 : at + 6], "big") if kind == 0xDD else interval
        at += 2 + size
    return f"{frame}, restart interval {interval}"


for name, how, before, after in (
    ("baseline", {}, "SOF0, restart interval none", "SOF0, restart interval none"),
    ("progressive", {"progressive": True}, "SOF2, restart interval none", "SOF0, restart interval none"),
    ("with restart markers", {"restart_marker_blocks": 4}, "SOF0, restart interval 4", "SOF0, restart interval none"),
):
    picture.save("in.jpg", quality=90, **how)
    one = jpeglib.read_dct("in.jpg")
    one.write_dct("out.jpg")
    other = jpeglib.read_dct("out.jpg")
    same = all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("Y", "Cb", "Cr", "qt"))
    print(f"{name + ':':23} {told('in.jpg')} -> {told('out.jpg')}; coefficients {'the same' if same else 'others'}")
    assert same, "changed: coefficients or tables are others"
    assert (told("in.jpg"), told("out.jpg")) == (before, after), f"changed: it was {before} -> {after}"
PY
