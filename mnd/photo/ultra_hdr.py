"""Ultra HDR: a JPEG with a gain map behind it, written again with a map in which no clean face is left.

The file that is written has what it had of the three ways in which readers find the map: Android's directory
in XMP, the version of ISO 21496-1, and the index of pictures.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, JpegImagePlugin

from ..base.types import Box, Pixels
from .behind import GAINS, pictures_behind
from .encoding import Encoding
from .gain_map import Rung, composed, eight_bits, recomputed
from .gain_numbers import HDRGM, GainNumbers
from .jpeg_segments import ISO, segment, walked
from .metadata.noted import Noted
from .mpf import MARK, index

HDR, MAP = "HDR", "gain map"
"""Names of what viewers show."""
Reader = Callable[[JpegImagePlugin.JpegImageFile, bytes, str, Noted], Encoding]
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_LARGEST = 65533
_DAMAGED = (ValueError, OSError, SyntaxError, TypeError, KeyError, IndexError, AttributeError, struct.error)
_END = b"</rdf:RDF>"
_CONTAINER = (
    f'<rdf:Description rdf:about="" xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    f'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:hdrgm="{HDRGM}" '
    'hdrgm:Version="1.0"><Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">'
    '<Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
    'Item:Length="{size}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>'
)
_EMPTY = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b"</rdf:RDF></x:xmpmeta>"
)


@dataclass(frozen=True, eq=False)
class UltraHdr:
    """The gain map of a photo, and how it was written."""

    gains: Pixels
    """`(h, w)` or `(h, w, 3)`, turned as the file has the photo."""
    encoding: Encoding
    """Of the map's own file, without any metadata."""
    numbers: GainNumbers
    xmp: bool
    """It was described in XMP."""
    iso: bytes
    """The metadata of ISO 21496-1, as they were; empty: there were none."""

    def beside(
        self, photo: bytes, before: Pixels, after: Pixels, boxes: Sequence[Box], rung: Rung = "curve"
    ) -> bytes:
        """A file with the map, made anew in the boxes, behind the JPEG file `photo`.

        Args:
            photo: the changed photo.
            before: `(H, W, 3)`, the clean picture, as the file has it turned.
            after: the same, changed.
            boxes: of these pictures.
            rung: how.

        Raises:
            ValueError: the photo's XMP leaves no room for the directory.
        """
        gains = recomputed(self.gains, before, after, boxes, rung)
        behind = _inserted(self.encoding.encode(Image.fromarray(gains)), self._segments())
        photo = _with_directory(photo, len(behind)) if self.xmp else photo
        photo = _inserted(photo, segment(0xE2, ISO + bytes(4))) if self.iso else photo
        # the index is as long whatever its numbers are; places are counted from the byte after its mark
        at, empty = _end_of_head(photo), segment(0xE2, index([0, 0], [0]))
        size = len(photo) + len(empty)
        start = size - (at + 4 + len(MARK))
        return _inserted(photo, segment(0xE2, index([size, len(behind)], [start]))) + behind

    def _segments(self) -> bytes:
        """What the map's own file says."""
        xmp = segment(0xE1, _XMP + self.numbers.xmp()) if self.xmp else b""
        return xmp + (segment(0xE2, ISO + self.iso) if self.iso else b"")

    def readings(self, pixels: Pixels) -> dict[str, Pixels]:
        """What else viewers show of a photo whose usual picture is `pixels`, `(H, W, 3)`: HDR, the map."""
        size = pixels.shape[1], pixels.shape[0]
        large = Image.fromarray(self.gains).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        return {
            HDR: eight_bits(composed(pixels, self.gains, self.numbers), pixels),
            MAP: np.asarray(large),
        }


def ultra_hdr(data: bytes, size: tuple[int, int], name: str, reader: Reader) -> UltraHdr | None:
    """The gain map behind the JPEG file `data`; `None`: it has none, or none that can be kept.

    Args:
        data: the file.
        size: width and height of its picture; a map of other proportions, or of more pixels, is not kept.
        name: for errors.
        reader: reads how the map is encoded.
    """
    found = next((it.data for it in pictures_behind(data) if it.kind == GAINS), None)
    if found is None:
        return None
    xmp, iso = b"", b""
    for marker, body, _ in walked(found):
        xmp = body[len(_XMP) :] if marker == 0xE1 and body.startswith(_XMP) else xmp
        iso = body[len(ISO) :] if marker == 0xE2 and body.startswith(ISO) else iso
    try:
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(found))
        if image.mode not in ("L", "RGB") or not _fits(image.size, size):
            return None
        by_iso = GainNumbers.of_iso(iso) if iso else None
        by_xmp = GainNumbers.of_xmp(xmp) if HDRGM.encode() in xmp else None
        numbers = by_iso or by_xmp
        if numbers is None:
            return None
        encoding = reader(image, found, name, Noted(strip=True))
        return UltraHdr(np.asarray(image), encoding, numbers, by_xmp is not None, iso)
    except _DAMAGED:  # of the map alone: the photo is whole
        return None


def _fits(gains: tuple[int, int], photo: tuple[int, int]) -> bool:
    """Whether a map has the proportions of its photo, but for rounding, and no more pixels."""
    (w, h), (width, height) = gains, photo
    return w * h <= width * height and abs(w * height - h * width) <= max(width, height) + min(w, h)


def _end_of_head(jpeg: bytes) -> int:
    """Where the first APP segments of a JPEG file end."""
    at = 2
    for marker, _, end in walked(jpeg):
        if not 0xE0 <= marker <= 0xEF:
            break
        at = end
    return at


def _inserted(jpeg: bytes, segments: bytes) -> bytes:
    at = _end_of_head(jpeg)
    return jpeg[:at] + segments + jpeg[at:]


def _with_directory(jpeg: bytes, size: int) -> bytes:
    """The file with Android's directory in its XMP: the photo, and a map of `size` bytes behind it."""
    told = _CONTAINER.replace("{size}", str(size)).encode()
    found = (it for it in walked(jpeg) if it[0] == 0xE1 and it[1].startswith(_XMP))
    place = next(((end - len(body) - 4, end) for _, body, end in found), None)
    packet = _EMPTY if place is None else jpeg[place[0] + 4 + len(_XMP) : place[1]]
    before, end, after = packet.rpartition(_END)
    whole = _XMP + before + told + end + after
    if not end or len(whole) > _LARGEST:
        raise ValueError(f"the photo's XMP has {len(packet)} bytes, expected room for a directory in it")
    if place is None:
        return _inserted(jpeg, segment(0xE1, whole))
    return jpeg[: place[0]] + segment(0xE1, whole) + jpeg[place[1] :]
