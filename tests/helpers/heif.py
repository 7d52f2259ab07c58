"""HEIC and AVIF files as phones make them, and as nobody should."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mnd.photo import heif_boxes
from mnd.photo.heif_boxes import Heif, Property
from mnd.photo.heif_writer import Part, written
from tests.helpers.photos import FACE

EVEN = FACE[:200, :232]
FORMS = ("AVIF", "HEIF")
AUXILIARY = {
    "gain map": b"urn:com:apple:photo:2020:aux:hdrgainmap",
    "depth map": b"urn:mpeg:hevc:2015:auxid:2",
    "portrait matte": b"urn:com:apple:photo:2018:aux:portraiteffectsmatte",
    "matte": b"urn:com:apple:photo:2019:aux:semanticskinmatte",
    "auxiliary picture": b"urn:example:of-a-maker",
}


def pillow_heif():
    """The library, or the test is left out."""
    return pytest.importorskip("pillow_heif")


def coded(form: str, pixels: np.ndarray | Image.Image = EVEN, quality: int = 60, **options: object) -> bytes:
    """A file as Pillow (AVIF) or pillow-heif (HEIC) writes it."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    if form == "AVIF":
        image.save(buffer, "AVIF", quality=quality, **options)
    else:
        pillow_heif().from_pillow(image).save(buffer, quality=quality, **options)
    return buffer.getvalue()


def ten_bits(quality: int = 60, bits: int = 10) -> bytes:
    """A HEIC of ten bits (or so many), whose lower ones are not those of eight."""
    more = 1 << bits - 8
    low = np.arange(more, dtype="<u2")[np.arange(EVEN.shape[1]) % more][:, None]
    levels = (EVEN.astype("<u2") << bits - 8) + low
    buffer = io.BytesIO()
    size = EVEN.shape[1], EVEN.shape[0]
    pillow_heif().encode(f"RGB;{bits}", size, levels.tobytes(), buffer, quality=quality, bit_depth=bits)
    return buffer.getvalue()


def plainly(data: bytes) -> Image.Image:
    """As any program opens it."""
    if heif_boxes.brands(data)[0] == b"avif":
        return Image.open(io.BytesIO(data))
    return pillow_heif().HeifImageFile(io.BytesIO(data))


def parts_of(heif: Heif) -> list[Part]:
    """The items of a file, to be written again."""
    at = {number: place for place, number in enumerate(heif.items, 1)}
    return [
        Part(
            item.kind,
            item.data,
            tuple(item.properties),
            tuple((kind, tuple(at[number] for number in to)) for kind, to in item.refers.items()),
            item.hidden,
            item.content_type,
        )
        for item in heif.items.values()
    ]


def with_properties(data: bytes, *more: tuple[bytes, bytes], essential: bool = True) -> bytes:
    """The file, whose picture has these properties, too."""
    heif = heif_boxes.read(data)
    first, *rest = parts_of(heif)
    added = tuple(Property(kind, body, essential) for kind, body in more)
    return written(heif.brands, [replace(first, properties=(*first.properties, *added)), *rest])


def with_items(data: bytes, *more: Part) -> bytes:
    """The file with more items; their references are to the picture, item 1."""
    heif = heif_boxes.read(data)
    return written(heif.brands, [*parts_of(heif), *more])


def apples_hdr(pixels: np.ndarray) -> bytes:
    """A HEIC as iPhones write it: a gain map in tiles, half as wide, with an XMP of its own."""
    light = Image.fromarray(pixels[::2, ::2]).convert("L")
    heif = heif_boxes.read(coded("HEIF", light, tile_size=64))
    first = len(heif_boxes.read(coded("HEIF", pixels)).items) + 1
    grid, *tiles = parts_of(heif)
    tiles_at = tuple(range(first + 1, first + 1 + len(tiles)))
    about = Property(b"auxC", bytes(4) + AUXILIARY["gain map"] + b"\0", True)
    gains = replace(grid, properties=(*grid.properties, about), refers=((b"dimg", tiles_at), (b"auxl", (1,))))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    xmp += b'<rdf:Description xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" '
    xmp += b'HDRGainMap:HDRGainMapVersion="65536"/></rdf:RDF></x:xmpmeta>'
    told = Part(b"mime", xmp, refers=((b"cdsc", (first,)),), content_type="application/rdf+xml")
    return with_items(coded("HEIF", pixels), gains, *tiles, told)


def small(form: str, refers: Sequence[tuple[bytes, tuple[int, ...]]] = (), address: bytes = b"") -> Part:
    """Another, smaller copy of the picture, as an item."""
    item = heif_boxes.read(coded(form, EVEN[::2, ::2], quality=50)).items[1]
    about = (Property(b"auxC", bytes(4) + address + b"\0", True),) if address else ()
    return Part(item.kind, item.data, (*item.properties, *about), tuple(refers))
