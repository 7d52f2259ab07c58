#!/usr/bin/env bash
# Pillow 13.0.0 against OpenCV 4.14.0 (PyPI): who turns a photo whose EXIF says nothing of its orientation.
#
# Expected: `ImageOps.exif_transpose` turns a photo by EXIF's orientation, and a photo without EXIF is left as it
# is. Observed: where EXIF has none, Pillow searches the bytes of the XMP packet for the words, and `getexif()` then
# has a tag 274 that is in no EXIF of the file:
#   - a property tiff:Orientation="6" in XMP turns the photo for Pillow; OpenCV shows it as it is stored;
#   - so do the same words in a caption (dc:description), where they are text that somebody wrote.
# Detectors behind the two readers (face_recognition, torchvision: Pillow; deepface: OpenCV) see one file upright and
# on its side, so that what was proven by one of them need not hold in the other.
#
# Output seen:
#   no XMP:           Pillow 40x20, tags []; OpenCV 40x20
#   XMP property 6:   Pillow 20x40, tags [274]; OpenCV 40x20
#   words in caption: Pillow 20x40, tags [274]; OpenCV 40x20
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-compile pillow==13.0.0 opencv-python-headless==4.14.0.94 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import io

import cv2
import numpy as np
from PIL import Image, ImageOps

WORDS = 'tiff:Orientation="6"'
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"{}>{}</rdf:Description></rdf:RDF></x:xmpmeta>'
)
CAPTION = (
    f"<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>why {WORDS} did not help</rdf:li></rdf:Alt>"
    "</dc:description>"
)


def seen(xmp: str | None) -> tuple[str, list[int], str]:
    file = io.BytesIO()
    Image.new("RGB", (40, 20), "teal").save(file, "JPEG", **({} if xmp is None else {"xmp": xmp.encode()}))
    image = Image.open(io.BytesIO(file.getvalue()))
    tags = [int(tag) for tag in image.getexif()]
    width, height = ImageOps.exif_transpose(image).size
    rows, columns = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR).shape[:2]
    return f"{width}x{height}", tags, f"{columns}x{rows}"


wanted = {
    "no XMP": (None, ("40x20", [], "40x20")),
    "XMP property 6": (PACKET.format(" " + WORDS, ""), ("20x40", [274], "40x20")),
    "words in caption": (PACKET.format("", CAPTION), ("20x40", [274], "40x20")),
}
for name, (xmp, expected) in wanted.items():
    pillow, tags, opencv = found = seen(xmp)
    print(f"{name + ':':17} Pillow {pillow}, tags {tags}; OpenCV {opencv}")
    assert found == expected, f"changed: {name} was {expected}"
PY
