"""Every value that exiftool reads before is read after, but for what is listed as removed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mnd.photo.photo import Photo
from tests.helpers.photos import FACE, save
from tests.helpers.planted import ALL

pytestmark = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="needs exiftool, which is not installed"
)
OWN = (
    "File:", "System:", "ExifTool:", "SourceFile", "Composite:", "Adobe:", "JFIF:", "RIFF:", "PNG:",
    *(f"IFD0:{name}" for name in ("StripOffsets", "StripByteCounts", "RowsPerStrip", "Compression")),
    "QuickTime:MediaData",
)  # fmt: skip
"""What describes the file and its pixels, not the photo."""
TAGS = {
    "IFD0:Make": "Camera works", "IFD0:Model": "One", "IFD0:Artist": "Änne Müller",
    "IFD0:Copyright": "© Änne",
    "IFD0:ImageDescription": "A day at the sea", "IFD0:XPKeywords": "sea;Änne", "IFD0:XPComment": "Ein Tag",
    "ExifIFD:ExposureTime": "1/125", "ExifIFD:FNumber": "2.8", "ExifIFD:ISO": "200",
    "ExifIFD:DateTimeOriginal": "2020:01:02 03:04:05", "ExifIFD:OffsetTime": "+01:00",
    "ExifIFD:UserComment": "Grüße vom Meer", "ExifIFD:LensModel": "35mm",
    "ExifIFD:SubjectArea": "10 20 30 40",
    "GPS:GPSLatitude": "12.5", "GPS:GPSLatitudeRef": "N", "GPS:GPSAltitude": "8.5",
    "GPS:GPSDateStamp": "2020:01:02",
    "XMP-dc:Title": "A day", "XMP-dc:Subject": "sea", "XMP-dc:Creator": "Änne", "XMP-dc:Rights": "(c) Änne",
    "XMP-xmp:Rating": "5", "XMP-xmpRights:UsageTerms": "no use", "XMP-photoshop:City": "Rome",
    "XMP-crs:ToneCurve": "0, 0", "XMP-crs:Version": "15.0", "XMP-lr:HierarchicalSubject": "Places|Rome",
    "XMP-photoshop:DocumentAncestors": "0123456789ABCDEF0123456789ABCDEF",
    "XMP-exif:UserComment": "A comment",
    "XMP-iptcCore:Location": "the beach",
}  # fmt: skip
IPTC = {"IPTC:Caption-Abstract": "A caption", "IPTC:Keywords": "sea", "IPTC:CopyrightNotice": "(c) somebody"}


def values(path: Path) -> dict[str, Any]:
    words = ["exiftool", "-j", "-G1", "-a", "-u", str(path)]
    told = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)[0]
    return {key: value for key, value in told.items() if not key.startswith(OWN)}


def described(form: str, folder: Path, *more: str) -> Path:
    """A photo that exiftool has described."""
    path = folder / f"photo.{form.lower()}"
    path.write_bytes(save(FACE, form))
    tags = TAGS | ({} if form == "WEBP" else IPTC)
    words = [
        "exiftool",
        "-q",
        "-m",
        "-overwrite_original",
        "-codedcharacterset=utf8" if form != "WEBP" else "-q",
    ]
    subprocess.run([*words, *(f"-{k}={v}" for k, v in tags.items()), *more, str(path)], check=True)
    return path


@pytest.mark.parametrize("form", ALL)
def test_all_that_exiftool_writes_is_read_after(form: str, tmp_path: Path) -> None:
    source = described(form, tmp_path)
    before = values(source)
    assert len(before) >= len(TAGS) - 3
    photo = Photo.read(source)
    assert photo.removed == ()
    out = tmp_path / f"out.{form.lower()}"
    photo.save(photo.pixels, out)
    assert values(out) == before


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_what_goes_is_listed_and_the_rest_is_read_after(form: str, tmp_path: Path) -> None:
    thumbnail = tmp_path / "thumbnail.jpg"
    Image.fromarray(FACE).resize((64, 55)).save(thumbnail)
    planted = {
        "IFD1:ThumbnailImage": thumbnail, "Photoshop:PhotoshopThumbnail": thumbnail,
        "IPTC:ObjectPreviewData": thumbnail, "XMP-xmp:ThumbnailImage": thumbnail,
    }  # fmt: skip
    if form == "TIFF":
        planted.pop("IFD1:ThumbnailImage")  # a second page, which is refused
    more = [f"-{tag}<={path}" for tag, path in planted.items()]
    more += ["-XMP-xmp:ThumbnailFormat=JPEG", "-XMP-xmp:ThumbnailWidth=64"]
    source = described(form, tmp_path, *more)
    photo = Photo.read(source)
    out = tmp_path / f"out.{form.lower()}"
    photo.save(photo.pixels, out)
    before, after = values(source), values(out)
    gone = {key for key in before if after.get(key) != before[key]}
    words = ("Thumbnail", "IFD1", "ObjectPreview", "IPTCDigest")
    assert gone
    assert all(any(word in key for word in words) for key in gone)
    told = {"Photoshop thumbnail", "IPTC 2:202", "XMP xmpGImg:image"}
    assert set(photo.removed) == told | ({"EXIF thumbnail"} if form == "JPEG" else set())
