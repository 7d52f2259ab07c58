"""What HEIC and AVIF share: a picture coded anew among what its file may keep.

The bytes of the new file are this project's own (`heif_writer`): the pixels as a library codes them, the
alpha as it was, bit for bit, and of all else what is known to be harmless. What would show the clean picture
is not there: thumbnails, gain maps, depth maps, mattes, other pictures, films.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np
from PIL import Image

from ..base.files import PhotoError
from ..base.types import Box, Pixels
from .encoding import Usual
from .heif_boxes import Heif, Property, read
from .heif_items import Layer, Shown, cut_out, others, shown, texts, turning
from .heif_quality import Coder, Known, Levels, quality_by_size
from .heif_writer import Part, as_parts, referring, written
from .metadata.exif import clean_exif, shown_exif
from .metadata.icc import clean_icc
from .metadata.noted import Noted
from .metadata.xmp import clean_xmp

Chroma = Literal["400", "420", "422", "444"]
"""The resolution of the colours: none at all, half across and down, half across, full."""
SHARED: dict[str, tuple[int, int]] = {"400": (1, 1), "420": (2, 2), "422": (1, 2), "444": (1, 1)}
"""Rows and columns of pixels that share a colour."""
_SEQUENCES = (b"hevc", b"hevx", b"hevm", b"hevs", b"msf1", b"avis")
_TURNS = (b"irot", b"imir")
_OF_THE_CODER = (b"hvcC", b"av1C", b"ispe", b"pixi", b"clap")
_KEPT = {b"pasp": 8, b"clli": 4, b"mdcv": 24, b"cclv": 62, b"amve": 8, b"ndwt": 8}
"""Properties that stay true when pixels change, and how many bytes they have at most."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How pixels are coded, but for the quality."""

    chroma: Chroma
    depth: int
    """Bits of a channel."""
    tile: int | None
    """The side of the tiles that a picture is cut into."""
    matrix: int
    """From RGB to YCbCr, by its number in ITU-T H.273."""
    full: bool
    """Levels use the full range."""
    way: str = ""
    """One of the codec's."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A library that codes pixels."""

    kind: bytes
    """Of the coded pictures: `hvc1` or `av01`."""
    encode: Callable[[Levels, Coding, int], bytes]
    """Pixels, how, and the quality 0..100: a file that holds them and nothing else."""
    decode: Callable[[bytes, int], Levels]
    """The pixels of such a file, in so many bits."""
    step: float
    """By how much the logarithm of a file's size grows with the quality."""
    matrices: tuple[int, ...]
    """Those that it can code with; the first is used in place of others."""
    whole_below: int
    """Pictures of fewer pixels are coded whole for what a search sees."""
    ways: tuple[str, ...] = ("",)
    """Settings of the encoder that files are known to be made with, the usual one first."""


@dataclass(frozen=True, eq=False)
class HeifEncoding(Usual):
    """HEIC or AVIF; neither tells its quality, which is found by size."""

    codec: Codec
    coding: Coding
    exif: bytes
    xmp: bytes
    colours: tuple[Property, ...]
    """Colour profile and numbers of the colour space (nclx), of which the matrix is that of `coding`."""
    kept: tuple[Property, ...]
    alpha: Layer | None
    source: Pixels
    """The picture as it was read, grey or colours, in the eight bits that other readers show of it."""
    deep: Levels | None
    """The same at its full depth, where that is more."""
    known: Known
    """What the size of the source says of its quality."""
    orientation: int = 1
    premultiplied: bool = False

    slack = 1

    @property
    def whole_below(self) -> int:  # type: ignore[override]
        """Coders look at what lies around a block; tiles are coded each for itself."""
        return 0 if self.coding.tile else self.codec.whole_below

    @property
    def grid(self) -> int:
        """Tiles, or the largest blocks."""
        return self.coding.tile or 64

    @property
    def apart(self) -> bool:  # type: ignore[override]
        """Tiles know nothing of each other."""
        return self.coding.tile is not None

    @property
    def shared(self) -> tuple[int, int]:
        """By the resolution of its colours."""
        return SHARED[self.coding.chroma]

    @property
    def unusual(self) -> str:
        """What is told of a colour space that is not sRGB's, in numbers of ITU-T H.273; empty of sRGB's."""
        primaries, transfer = struct.unpack_from(">HH", self.colours[-1].body, 4)
        usual = primaries in (1, 2) and transfer in (1, 2, 6, 13)
        return "" if usual else f"primaries {primaries}, transfer {transfer}"

    @cached_property
    def found(self) -> tuple[int, int]:
        """Which of the codec's ways, and the quality whose pixels are nearest in size to the source's, or a
        truer one beside it; found once."""
        whole = replace(self.coding, tile=None) if self.coding.tile else self.coding
        coders = [
            Coder(
                coded=partial(_coded, self.codec, replace(whole, way=way)),
                decoded=lambda data: self.codec.decode(data, self.coding.depth),
                length=lambda data: self._layer(read(data)).length,
                step=self.codec.step,
            )
            for way in self.codec.ways
        ]
        way, quality = quality_by_size(self.source if self.deep is None else self.deep, self.known, coders)
        return way, quality

    @property
    def quality(self) -> int:
        """See `found`."""
        return self.found[1]

    def _file(self, picture: Image.Image) -> bytes:
        """The library's own file of these pixels."""
        coding = replace(self.coding, way=self.codec.ways[self.found[0]])
        return self.codec.encode(self._levels(picture), coding, self.quality)

    def encode(self, picture: Image.Image) -> bytes:
        """The new file."""
        heif = read(self._file(picture))
        main = self._layer(heif)
        own = [it for it in main.item.properties if it.kind in _OF_THE_CODER]
        turns = [Property(*one, essential=True) for one in turning(self.orientation)]
        parts = as_parts(main.item, main.tiles, 1, [*own, *self.colours, *self.kept, *turns])
        if self.alpha is not None:
            item = self.alpha.item
            place = len(parts) + 1
            alpha = as_parts(item, self.alpha.tiles, place, item.properties)
            parts += [referring(alpha[0], b"auxl", 1), *alpha[1:]]
        about = ((b"cdsc", (1,)),)
        if self.exif:
            body = struct.pack(">I", 6) + b"Exif\0\0" + self.exif
            parts.append(Part(b"Exif", body, refers=about))
        if self.xmp:
            parts.append(Part(b"mime", self.xmp, refers=about, content_type="application/rdf+xml"))
        return written(heif.brands, parts)

    def part(self, box: Box) -> HeifEncoding:
        """Of more than eight bits the window of the source, which has more to say than the picture."""
        if self.deep is None:
            return self
        x0, y0, x1, y1 = box
        there = np.s_[y0:y1, x0:x1]
        part = replace(self, source=self.source[there], deep=self.deep[there])
        vars(part)["found"] = self.found
        return part

    def seen(self, picture: Image.Image) -> Pixels:
        """What decoding gives; exact for whole pictures and for tiles."""
        return self.codec.decode(self._file(picture), 8).astype(np.uint8, copy=False)

    def _layer(self, heif: Heif) -> Layer:
        return shown(heif, self.codec.kind, "the new file").main

    def _levels(self, picture: Image.Image) -> Levels:
        """The pixels to code: of more than 8 bits the source, and to it the change that 8 bits show."""
        plain = np.asarray(picture)
        if plain.ndim == 3:
            plain = plain[..., 0] if picture.mode == "LA" else plain[..., :3]
        if self.deep is None:
            return np.ascontiguousarray(plain)
        change = plain.astype(np.int32) - self.source
        deep = self.deep.astype(np.int32) + (change << self.coding.depth - 8)
        return deep.clip(0, (1 << self.coding.depth) - 1).astype(np.uint16)


def _coded(codec: Codec, coding: Coding, levels: Levels, quality: int) -> bytes:
    return codec.encode(levels, coding, quality)


def checked(data: bytes, kind: bytes, name: str) -> tuple[Heif, Shown]:
    """A file and what of it is seen, judged before it is decoded.

    Raises:
        PhotoError: unsupported: a film, or a picture that is put together in other ways.
        ValueError: it is damaged.
    """
    heif = read(data)
    if heif.brands[0] in _SEQUENCES:
        got = f"a sequence of pictures (brand {heif.brands[0].decode('latin-1')!r})"
        raise PhotoError("unsupported", f"{name}: {got}, expected one picture")
    seen = shown(heif, kind, name)
    cut_out(seen.main.item, seen.main.size)
    return heif, seen


def bare(data: bytes, kind: bytes) -> bytes:
    """A file with the picture and its alpha alone, as they are stored: all that a decoder gets to see."""
    heif, seen = checked(data, kind, "the photo")
    parts: list[Part] = []
    for layer in (seen.main, seen.alpha):
        if layer is None:
            continue
        properties = [it for it in layer.item.properties if it.kind not in _TURNS]
        made = as_parts(layer.item, layer.tiles, len(parts) + 1, properties)
        parts += [referring(made[0], b"auxl", 1) if parts else made[0], *made[1:]]
    return written(heif.brands, parts)


def heif_size(data: bytes, kind: bytes) -> tuple[int, int]:
    """Width and height of the picture as it is coded."""
    return checked(data, kind, "the photo")[1].main.size


def heif_encoding(
    image: Image.Image, data: bytes, name: str, noted: Noted, codec: Codec, chroma: Chroma, depth: int
) -> HeifEncoding:
    """How a file, whose picture was opened as `image`, was made; `noted` is told what is not carried."""
    heif, seen = checked(data, codec.kind, name)
    for what in others(heif, seen):
        noted.cut(what)
    exifs, xmps = texts(heif)
    for found, what in ((exifs, "EXIF"), (xmps, "XMP")):
        if len(found) > 1:
            noted.cut(f"second {what}")
    exif = shown_exif(clean_exif(exifs[0], noted), 1, noted) if exifs else b""
    xmp = clean_xmp(xmps[0], noted, seen.orientation) if xmps else b""
    if noted.strip and xmp:
        noted.cut("XMP")
    profiles, numbers = _colours(seen.main, codec, noted)
    tile = seen.main.tile
    coding = Coding(
        chroma=chroma,
        depth=depth,
        tile=tile[0] if tile and tile[0] == tile[1] else None,
        matrix=numbers[2],
        full=bool(numbers[3]),
    )
    source = _without_alpha(image)
    nclx = Property(b"colr", b"nclx" + struct.pack(">HHHB", *numbers[:3], numbers[3] << 7))
    return HeifEncoding(
        codec=codec,
        coding=coding,
        exif=exif,
        xmp=b"" if noted.strip else xmp,
        colours=(*profiles, nclx),
        kept=tuple(it for it in seen.main.item.properties if len(it.body) <= _KEPT.get(it.kind, -1)),
        alpha=seen.alpha,
        source=source,
        deep=codec.decode(bare(data, codec.kind), depth) if depth > 8 else None,
        known=Known.of(seen.main, coding.tile, source.shape[1::-1]),
        orientation=seen.orientation,
        premultiplied=seen.premultiplied,
    )


def _without_alpha(image: Image.Image) -> Pixels:
    stored = np.asarray(image)
    return stored if stored.ndim == 2 else stored[..., 0] if image.mode == "LA" else stored[..., :3]


def _colours(main: Layer, codec: Codec, noted: Noted) -> tuple[list[Property], tuple[int, int, int, int]]:
    """The colour profile, cleaned; primaries, transfer, matrix and range in numbers of ITU-T H.273."""
    told = [it.body for item in (main.item, *main.coded[:1]) for it in item.properties if it.kind == b"colr"]
    profile = next((body for body in told if body[:4] in (b"prof", b"rICC")), b"")
    clean = clean_icc(profile[4:], noted)
    profiles = [Property(b"colr", profile[:4] + clean)] if clean else []
    nclx = next((body for body in told if body[:4] == b"nclx" and len(body) >= 11), b"")
    if nclx:
        primaries, transfer, matrix, full = struct.unpack_from(">HHHB", nclx, 4)
        full >>= 7
    else:  # 2: not specified, which the profile does; else sRGB, as readers take it
        primaries, transfer, matrix, full = (2, 2, 2, 1) if clean else (1, 13, 2, 1)
    if matrix not in codec.matrices:
        matrix = codec.matrices[0]
    return profiles, (primaries, transfer, matrix, full)


def settings_of(data: bytes, kind: bytes) -> bytes:
    """The settings of the decoder of the picture (`hvcC` or `av1C`)."""
    return checked(data, kind, "the photo")[1].main.settings
