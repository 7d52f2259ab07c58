"""What stands behind the first picture of a JPEG file: gain maps, previews, depth, further frames, films."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..base.files import PhotoError
from .jpeg_segments import BEHIND, INDEX, ISO, PADDING, end_of_picture, walked
from .metadata.noted import Noted
from .mpf import FRAMES, MARK, listed

GAINS = "gain map (HDR)"
APPLE = "gain map (Apple's HDR)"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_KNOWN = {
    b"http://ns.adobe.com/hdr-gain-map/": GAINS,
    b"http://ns.apple.com/HDRGainMap/": APPLE,
    b"http://ns.apple.com/pixeldatainfo/": "depth or matte (Apple)",
    b"http://ns.apple.com/depthData/": "depth map",
    b"http://ns.google.com/photos/dd/1.0/": "depth map",
}
"""Name spaces of the XMP in a picture that is no photo."""
_ANEW = ("XMP hdrgm:", "XMP Container:", "XMP Item:")
"""What is written anew where a gain map is kept."""


@dataclass(frozen=True, eq=False)
class Behind:
    """A picture behind the first."""

    kind: str
    """For people; empty where nothing says what it is."""
    data: bytes
    """Its file."""


def pictures_behind(data: bytes) -> list[Behind]:
    """The further pictures of a JPEG file, by its index, or else the one that follows the first at once."""
    found = []
    for marker, body, end in walked(data):
        if marker == 0xE2 and body.startswith(MARK):
            found += listed(body[len(MARK) :], end - len(body) + len(MARK))
    files = [(it.kind, data[it.start : it.start + it.size]) for it in found]
    files = [(kind, file) for kind, file in files if file.startswith(b"\xff\xd8\xff")]
    first = end_of_picture(data)
    if not files and data[first : first + 3] == b"\xff\xd8\xff":
        files = [("", data[first:])]
    return [Behind(next(_kinds(file), kind), file) for kind, file in files]


def _kinds(file: bytes) -> Iterator[str]:
    """What a picture is, by its own segments."""
    for marker, body, _ in walked(file):
        if marker == 0xE2 and body.startswith(ISO) and len(body) > len(ISO) + 4:
            yield GAINS
        if marker == 0xE1 and body.startswith(_XMP):
            yield from (kind for space, kind in _KNOWN.items() if space in body)


def check_frames(data: bytes, name: str) -> None:
    """Refuse a file of several pictures that belong together, of which one alone would be cloaked.

    Raises:
        PhotoError: unsupported: a stereo picture, a panorama or several angles (MPO).
    """
    frames = [it.kind for it in pictures_behind(data) if it.kind in FRAMES]
    if frames:
        got = f"{name}: a JPEG of {1 + len(frames)} pictures ({frames[0]}, MPO)"
        raise PhotoError(
            "unsupported",
            f"{got}, expected one picture; `exiftool -MPF:all= -trailer:all= FILE` leaves the first alone, "
            "`exiftool -b -MPImage2 FILE` gives the second",
        )


def note_behind(data: bytes, kept: bool, noted: Noted) -> None:
    """Note which further pictures do not come out; `kept`: a gain map does."""
    pictures = pictures_behind(data)
    gains = next((it for it in pictures if kept and it.kind == GAINS), None)
    if gains is not None and len(pictures) == 1:
        # what the readers of segments have noted is true of what stands behind the map alone
        alone = not data.partition(gains.data)[2].strip(PADDING)
        told = {INDEX, BEHIND} if alone else {INDEX}
        noted.removed[:] = [it for it in noted.removed if it not in told and not it.startswith(_ANEW)]
    for it in pictures:
        if it is not gains and it.kind:
            noted.cut(it.kind)
