"""Every kind of photo comes out as it was but for a face: by Pillow, and by exiftool and ImageMagick."""

from __future__ import annotations

import functools
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from mnd.photo import heif_boxes
from mnd.photo.orientation import stored_box
from mnd.photo.photo import Photo
from mnd.photo.second_reader import disagreement
from tests.helpers import deep
from tests.helpers.heif import plainly
from tests.helpers.photos import no_trace, scan
from tests.photo.kinds import KINDS, PICTURE, THUMBNAIL

BOX = 80, 48, 144, 112
"""Of the upright photo."""
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
needs_magick = pytest.mark.skipif(shutil.which("identify") is None, reason="needs ImageMagick")
GONE = re.compile(
    r"Thumbnail|IFD1|StripOffsets|StripByteCounts|RowsPerStrip|Tile|PlanarConf|MPImage|GainMapImage|MediaData|AuxiliaryImage"
)
"""What describes places in the file, or the thumbnail that is taken out."""
GROWS = {"palette PNG", *(f"grey PNG of {k} bits" for k in (1, 2, 4))}
"""What cannot hold a changed pixel as it is."""
OWN = ("File:", "System:", "ExifTool:", "SourceFile", "Composite:")


@functools.cache
def made(kind: str) -> tuple[bytes, Photo, np.ndarray, bytes]:
    """The file, the photo, its pixels with a face changed as a cloak does, and the new file."""
    data = KINDS[kind]()
    photo = Photo.from_bytes(data)
    x0, y0, x1, y1 = BOX
    pixels = photo.pixels.copy()
    wave = np.round(4 * np.sin(np.indices((y1 - y0, x1 - x0)).sum(axis=0) / 3))[..., None]
    pixels[y0:y1, x0:x1] = np.clip(pixels[y0:y1, x0:x1] + wave, 0, 255)
    return data, photo, pixels, photo.encode(pixels, [BOX])


def opened(data: bytes) -> Any:
    """As Pillow has it, with pillow-heif for HEIC."""
    image: Any = plainly(data) if heif_boxes.brands(data) else Image.open(io.BytesIO(data))
    image.load()
    return image


def test_there_are_enough() -> None:
    assert len(KINDS) >= 90


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_out_as_it_was(kind: str) -> None:
    data, photo, pixels, out = made(kind)
    before, after = opened(data), opened(out)
    same_mode = {"P": "RGB", "1": "L"}.get(before.mode, before.mode)
    assert (after.format, after.size, after.mode) == (before.format, before.size, same_mode)
    for what in ("icc_profile", "progressive", "adobe_transform", "dpi", "comment", "compression"):
        assert after.info.get(what) == before.info.get(what), what
    if isinstance(before, JpegImagePlugin.JpegImageFile):
        assert after.quantization == before.quantization
        assert after.layer == before.layer
    assert after.getexif().get(274) == before.getexif().get(274)
    data = KINDS[kind.replace("with other pictures", "4:2:0")]()  # those go
    size = len(out) / (len(data) - len(THUMBNAIL) * (scan(THUMBNAIL) in data))
    assert 0.75 < size < 1.25 or kind in GROWS, size
    shown = photo.decode(out)
    if photo.lossless:
        np.testing.assert_array_equal(shown, pixels)
    full = (0, 0, *photo.pixels.shape[1::-1])
    assert disagreement(out, photo.pixels, photo.roundtrip(pixels, full), [BOX]) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_changed_is_identical(kind: str) -> None:
    data, photo, _, out = made(kind)
    if photo.format in ("WEBP", "HEIF", "AVIF") and not photo.lossless:
        pytest.skip("lossy WebP, HEIC and AVIF are coded anew")
    turned = 1 if photo.format == "TIFF" and "16 bits" not in kind else photo.orientation  # Pillow turns it
    x0, y0, x1, y1 = stored_box(BOX, photo.pixels.shape[1::-1], turned)
    if "16 bits" in kind:
        read = deep.read_png if photo.format == "PNG" else deep.read_tiff
        before, after = read(data), read(out)
    else:
        before, after = (np.asarray(opened(it)) for it in (data, out))
        if opened(data).mode in ("P", "1"):
            before = np.asarray(opened(data).convert(opened(out).mode))
    room = 24 if photo.format == "JPEG" else 0  # blocks that the box touches, and what decoders spread
    outside = np.ones(before.shape[:2], bool)
    outside[max(y0 - room, 0) : y1 + room, max(x0 - room, 0) : x1 + room] = False
    np.testing.assert_array_equal(after[outside], before[outside])
    assert (after != before).any()


@pytest.mark.parametrize("kind", KINDS)
def test_no_clean_face_is_anywhere_in_the_bytes(kind: str) -> None:
    data, photo, _, out = made(kind)
    assert no_trace(scan(THUMBNAIL), out)
    if scan(THUMBNAIL) in data:
        assert out.count(b"\xff\xd8\xff") == data.count(b"\xff\xd8\xff") - 1
    x0, y0, x1, y1 = stored_box(BOX, photo.pixels.shape[1::-1], photo.orientation)
    rows = [PICTURE[y, x0:x1].tobytes() for y in range(y0 + 2, y1, 7)]
    assert not any(row in out for row in rows)


def told(data: bytes, folder: Path) -> dict[str, Any]:
    path = folder / "photo"
    path.write_bytes(data)
    words = ["exiftool", "-j", "-G1", "-a", "-u", str(path)]
    found = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)[0]
    return {key: value for key, value in found.items() if not key.startswith(OWN) and not GONE.search(key)}


@needs_exiftool
@pytest.mark.parametrize("kind", KINDS)
def test_exiftool_reads_what_it_read(kind: str, tmp_path: Path) -> None:
    data, _, _, out = made(kind)
    before, after = told(data, tmp_path), told(out, tmp_path)
    layout = ("PNG:", "IFD0:", "RIFF:", "APP14:", "JFIF:", "XMP-Container:", "MPF", "Adobe:")
    changed = {key for key in before if after.get(key) != before[key]}
    if "AVIF turned" in kind:  # one way to turn and mirror for another, which is tested by pixels
        changed -= {"QuickTime:Rotation", "QuickTime:Unknown_imir"}
    if "with other pictures" in kind:  # whose colours these were
        changed -= {"QuickTime:ColorPrimaries", "QuickTime:TransferCharacteristics"}
    # a palette, few bits and a reduced number of samples are written as what they stand for
    assert all(key.startswith(layout) for key in changed), {k: (before[k], after.get(k)) for k in changed}
    kept = {key for key in changed if not key.startswith(("PNG:", "IFD0:", "XMP-Container:", "MPF"))}
    assert not kept, kept
    if kind not in GROWS:
        assert before.get("PNG:BitDepth") == after.get("PNG:BitDepth")
        assert before.get("PNG:ColorType") == after.get("PNG:ColorType")


@needs_magick
@pytest.mark.parametrize("kind", KINDS)
def test_imagemagick_sees_the_same_kind(kind: str, tmp_path: Path) -> None:
    data, photo, _, out = made(kind)
    asked = "%m %w %h %[colorspace] %A %[orientation]" + (
        "" if "bits" in kind and "16" not in kind else " %z"
    )
    lines = []
    for name, content in (("a", data), ("b", out)):
        path = tmp_path / name
        path.write_bytes(content)
        words = ["identify", "-quiet", "-format", asked + "\n", f"{path}[0]"]
        lines.append(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    if "palette" not in kind and photo.format != "BMP":
        assert lines[0] == lines[1]
