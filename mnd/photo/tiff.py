"""TIFF, written with all the tags of the source that describe the photo, as they were read, bit for bit."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Self

import numpy as np
from PIL import Image, TiffImagePlugin

from ..base.files import PhotoError
from ..base.types import Box, Pixels
from .deep import Deep, read_deep
from .encoding import Lossless
from .format import Format
from .inks import ADVICE, Inks, inks_of
from .metadata.directories import (
    EXIF_IFD,
    GPS_IFD,
    INTEROP_IFD,
    ORIENTATION,
    Directory,
    Entry,
    Field,
    directory,
    first_directory,
    reordered,
    written,
)
from .metadata.exif import ICC_TAG, XMP_TAG, gps_goes, kept_value, tag_name
from .metadata.noted import Noted
from .metadata.xmp import clean_xmp
from .tiff_strips import bytes_as_tiff, layout, predicted

_COMPRESSION = {
    1: "raw",
    5: "tiff_lzw",
    8: "tiff_adobe_deflate",
    32773: "packbits",
    32946: "tiff_adobe_deflate",
}
_LAYOUT = {
    *range(254, 260), 262, *range(263, 267), 273, 274, *range(277, 282), 284, *range(288, 294), 317, 320, 321,
    *range(322, 329), *range(330, 335), 336, *range(338, 348), *range(512, 522), *range(529, 533),
}  # fmt: skip
"""TIFF tags that say how pixels are laid out: the writer makes them anew."""
_SUB = {EXIF_IFD: "EXIF", GPS_IFD: "GPS", INTEROP_IFD: "Interoperability"}
_UNREADABLE = {
    34712: "JPEG 2000", 34892: "lossy JPEG of raw files", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
    34887: "LERC", 34661: "JBIG", 34933: "PNG", 34934: "JPEG XR", 22610: "JPEG XR", 50013: "Pixtiff",
}  # fmt: skip
"""Compressions that Pillow's reader does not have, though the file may be whole."""
_KIND, _STRIPS, _SIZES, _BELOW, _EXTRA, _THUMBNAIL = 254, 273, 279, 330, 338, 513
_CMYK = 5
"""Of `_PHOTOMETRIC`."""
_DEEP = 16
"""Bits a channel that Pillow would reduce to eight."""
_COLOURS = {ICC_TAG, 301, 318, 319}
"""Tags without which the picture would look otherwise: profile, transfer function, white, primaries."""
_RAW_TAGS = {50706: "a camera's raw file (DNG)", 33422: "a camera's raw file (colour filter array)"}
_PHOTOMETRIC = {
    0: "grey", 1: "grey", 2: "RGB", 3: "palette", 4: "a mask", 5: "CMYK", 6: "YCbCr", 8: "CIE Lab",
    9: "ICC Lab", 10: "ITU Lab", 32803: "colour filter array", 32844: "LogL", 32845: "LogLuv",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class TiffEncoding(Lossless):
    """The tags and compression of a TIFF file; lossy compression becomes deflate, which loses no more."""

    exif: bytes
    compression: str
    predictor: int
    orientation: int
    turned: bool
    """The source says how it is turned; what it does not say is not written."""
    order: str
    """`<` or `>`, as the source has it."""
    fields: tuple[Field, ...]
    """Every tag that describes the photo."""
    premultiplied: bool = False
    stored: Deep | Inks | None = None
    """Of 16 bits a channel, or in CMYK."""

    @property
    def grid(self) -> int | None:  # type: ignore[override]
        """Inks do not show every colour exactly; all else is exact."""
        return 1 if isinstance(self.stored, Inks) else None

    @property
    def read_as(self) -> tuple[str, ...]:  # type: ignore[override]
        """Inks without their profile."""
        return self.stored.read_as if isinstance(self.stored, Inks) else ()

    def readings(self, pixels: Pixels) -> dict[str, Pixels]:  # noqa: ARG002
        """The same, as pictures."""
        return self.stored.readings(self.stored.samples) if isinstance(self.stored, Inks) else {}

    def part(self, box: Box) -> Self:
        """With the inks of the part."""
        return replace(self, stored=self.stored.part(box)) if isinstance(self.stored, Inks) else self

    def seen(self, picture: Image.Image) -> Pixels:
        """What the inks show."""
        pixels = np.asarray(picture)
        if isinstance(self.stored, Inks):
            return self.stored.shown(self.stored.merged(pixels))
        return pixels[..., :3]

    def encode(self, picture: Image.Image) -> bytes:
        """The new file: strips as Pillow compresses them, under one directory of old and new tags."""
        predicts = self.predictor == 2 and self.compression in ("tiff_lzw", "tiff_adobe_deflate")
        more: Sequence[Field] = ()
        if self.stored is None:
            buffer = io.BytesIO()
            picture.save(buffer, "TIFF", compression=self.compression, tiffinfo={317: 2} if predicts else {})
            data = buffer.getvalue()
        else:
            samples = self.stored.merged(np.asarray(picture))
            data = bytes_as_tiff(predicted(samples) if predicts else samples, self.order, self.compression)
            kind = _CMYK if isinstance(self.stored, Inks) else None
            more = layout(samples, self.order, predicts, kind)
        return self._around(data, more)

    def _around(self, data: bytes, more: Sequence[Field]) -> bytes:
        """The strips of a TIFF that Pillow wrote, under its own layout but for what `more` says."""
        plain = first_directory(data)
        starts, sizes = plain.numbers(_STRIPS), plain.numbers(_SIZES)
        strips = [data[start : start + size] for start, size in zip(starts, sizes, strict=True)]
        tags = {entry.tag: self._layout(plain, entry) for entry in plain.entries}
        tags |= {field.tag: field for field in more}
        tags.pop(ORIENTATION, None)
        if self.turned:
            tags[ORIENTATION] = Field.of(ORIENTATION, 3, [self.orientation], self.order)
        tags[_SIZES] = Field.of(_SIZES, 4, sizes, self.order)
        at = list(accumulate(map(len, strips[:-1]), initial=8))
        tags[_STRIPS] = Field.of(_STRIPS, 4, at, self.order)
        fields = {**tags, **{field.tag: field for field in self.fields}}
        behind = b"".join(strips)
        behind += bytes(len(behind) & 1)
        mark = b"II*\0" if self.order == "<" else b"MM\0*"
        table = written(list(fields.values()), self.order, 8 + len(behind))
        return mark + struct.pack(self.order + "I", 8 + len(behind)) + behind + table

    def _layout(self, plain: Directory, entry: Entry) -> Field:
        return Field(
            entry.tag, entry.type, reordered(plain.value(entry), entry.type, plain.order, self.order)
        )


def check_tiff(data: bytes, name: str) -> None:
    """Refuse, by the first directory alone, a TIFF that Pillow would quietly flatten.

    Raises:
        PhotoError: unsupported, naming what was got.
        ValueError: the directory cannot be read.
    """
    if data[:4] in (b"II+\0", b"MM\0+"):
        raise PhotoError("unsupported", f"{name}: a BigTIFF, expected a classic TIFF")
    first = first_directory(data)
    pages = 1 + sum(not _is_copy(page) for page in _following(first))
    kind, packed = first.number(262, 1), first.number(259, 1)
    bits = set(first.numbers(258)) or {1}
    extra = set(first.numbers(_EXTRA))
    # white is zero, grey with alpha and planes one after the other are what Pillow's reader does not have
    plain = kind == (1 if (count := first.number(277, 1)) == 1 else 2) and count != 2
    if kind == _CMYK:
        plain = count == 4 and bits == {8} and first.number(332, 1) == 1
    plain &= first.number(284, 1) == 1
    raw = next((text for entry in first.entries if (text := _RAW_TAGS.get(entry.tag))), "")
    wrong = {
        f"a TIFF of {pages} pages (`magick IN page-%d.tif` makes a file of each)": pages > 1,
        raw: bool(raw),
        f"a TIFF compressed with {_UNREADABLE.get(packed)}": packed in _UNREADABLE,
        "a reduced copy (thumbnail) of some other picture": bool(first.number(_KIND, 0) & 1),
        f"a TIFF of {max(bits)} bits a channel": not (bits <= {1, 2, 4, 8} or bits == {_DEEP}),
        "a TIFF of signed or floating-point numbers": not set(first.numbers(339)) <= {1},
        f"a TIFF in {_PHOTOMETRIC.get(kind, f'colour scheme {kind}')}": kind not in (0, 1, 2, 3, 5, 6),
        f"a TIFF of inks that are no plain CMYK of 8 bits; {ADVICE}": kind == _CMYK and not plain,
        "a TIFF of 16 bits a channel that is no plain grey, RGB or RGBA": bits == {_DEEP} and not plain,
        "a TIFF with channels that are neither colour nor alpha": not extra <= {1, 2} or len(extra) > 1,
    }
    if got := next((text for text, found in wrong.items() if found), ""):
        raise PhotoError("unsupported", f"{name}: {got}, expected one page of grey, RGB or CMYK")


def _following(first: Directory) -> Iterator[Directory]:
    """The pages behind the first."""
    page, seen = first, {first.at}
    while page.next and page.next not in seen:
        page = directory(first.data, first.order, page.next)
        seen.add(page.at)
        yield page


def _is_copy(page: Directory) -> bool:
    """Whether a page is a reduced copy of another, by its own word or as cameras write thumbnails."""
    tags = {entry.tag for entry in page.entries}
    return bool(page.number(_KIND, 0) & 1) or (_THUMBNAIL in tags and _STRIPS not in tags)


def tiff_unturned(data: bytes) -> bytes:
    """The file with its orientation set to 1 and without XMP, so that no reader turns it."""
    first = first_directory(data)
    changed = bytearray(data)
    for entry in first.entries:
        if entry.tag == ORIENTATION:
            struct.pack_into(first.order + "HHIHH", changed, entry.at, ORIENTATION, 3, 1, 1, 0)
        elif entry.tag == XMP_TAG:
            changed[entry.value_at : entry.value_at + entry.size] = bytes(entry.size)
    return bytes(changed)


def tiff_encoding(image: Image.Image, data: bytes, name: str, noted: Noted) -> TiffEncoding:
    """What the TIFF file `data` carries; `noted` is told what it does not."""
    first = first_directory(data)
    fields = _fields(first, "TIFF", {first.at}, noted)
    if first.next:
        noted.cut("TIFF thumbnail")
    if first.numbers(_BELOW):
        noted.cut("TIFF pictures below the first (SubIFDs)")
    if noted.strip:
        for it in fields:
            if it.tag not in _COLOURS:
                noted.cut({XMP_TAG: "XMP"}.get(it.tag) or tag_name(it.tag, "TIFF"))
        fields = [it for it in fields if it.tag in _COLOURS]
    compression = _COMPRESSION.get(first.number(259, 1), "tiff_adobe_deflate")
    predictor, turned = first.number(317, 1), first.turning is not None
    premultiplied = 1 in first.numbers(_EXTRA)
    stored: Deep | Inks | None = None
    if _DEEP in first.numbers(258):
        stored = Deep(read_deep(TiffImagePlugin.TiffImageFile, tiff_unturned(data)))
    elif image.mode == "CMYK":
        profile = next((it.value for it in fields if it.tag == ICC_TAG), b"")
        assert isinstance(profile, bytes), "only directories below are fields of fields"
        stored = inks_of(image, profile, name)
    return TiffEncoding(
        b"",
        compression,
        predictor,
        first.orientation,
        turned,
        first.order,
        tuple(fields),
        premultiplied,
        stored,
    )


def _fields(source: Directory, kind: str, seen: set[int], noted: Noted) -> list[Field]:
    """The fields of a directory that describe the photo, cleaned, with those of the directories below."""
    fields: dict[int, Field] = {}
    top = len(seen) == 1
    for entry in source.entries:
        if entry.tag in fields or (top and entry.tag in _LAYOUT):
            continue
        if entry.tag in _SUB:
            at = source.number(entry.tag, 0)
            if at in seen:
                continue
            seen.add(at)
            try:
                below = directory(source.data, source.order, at)
            except ValueError:
                continue
            if entry.tag == GPS_IFD and gps_goes(below, noted):
                continue
            if inner := _fields(below, _SUB[entry.tag], seen, noted):
                fields[entry.tag] = Field(entry.tag, 4, tuple(inner))
        elif entry.tag == XMP_TAG:
            if xmp := clean_xmp(source.value(entry), noted, source.orientation):
                fields[entry.tag] = Field(entry.tag, 1, xmp)
        elif (value := kept_value(source, entry, kind, noted)) is not None:
            fields[entry.tag] = Field(entry.tag, entry.type, value)
    return list(fields.values())


TIFF = Format(
    name="TIFF",
    suffixes=(".tif", ".tiff"),
    starts=lambda data: data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    open=TiffImagePlugin.TiffImageFile,
    encoding=tiff_encoding,
    check=check_tiff,
    unturned=tiff_unturned,
    prints=True,
)
