"""Ultra HDR photos, written and composed by what shares nothing with the package, from public texts.

Android, "Ultra HDR Image Format v1.1"; CIPA DC-007 for the index of pictures; ISO 21496-1 as libultrahdr
serialises it.
"""

from __future__ import annotations

import io
import re
import struct

import numpy as np
from PIL import Image

from tests.helpers.photos import save, segment

XMP = b"http://ns.adobe.com/xap/1.0/\0"
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
LOW, HIGH, GAMMA, OFFSET, HEADROOM = -0.25, 2.25, 1.5, 1 / 64, 2.25


def described() -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description '
        'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
        f'hdrgm:GainMapMin="{LOW}" hdrgm:GainMapMax="{HIGH}" hdrgm:Gamma="{GAMMA}" '
        f'hdrgm:OffsetSDR="{OFFSET}" '
        f'hdrgm:OffsetHDR="{OFFSET}" hdrgm:HDRCapacityMin="0" hdrgm:HDRCapacityMax="{HEADROOM}" '
        'hdrgm:BaseRenditionIsHDR="False"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def iso_block(channels: int = 1) -> bytes:
    """Version 0, flags, the headrooms, and five fractions a channel over 64."""
    flags = 0x40 | (0x80 if channels == 3 else 0)
    row = struct.pack(">iIiIIIiIiI", int(LOW * 64), 64, int(HIGH * 64), 64, int(GAMMA * 64), 64, 1, 64, 1, 64)
    return struct.pack(">HHBIIII", 0, 0, flags, 0, 1, int(HEADROOM * 64), 64) + row * channels


def container(size: int) -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description '
        'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" '
        'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" hdrgm:Version="1.0"><dc:rights>mine</dc:rights>'
        '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item '
        'Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li><rdf:li rdf:parseType="Resource">'
        f'<Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{size}"/></rdf:li>'
        "</rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def mpf(size: int, start: int, behind: int, kind: int = 0) -> bytes:
    rows = struct.pack(">IIIHHIIIHH", 0x030000, size, 0, 0, 0, kind, behind, start, 0, 0)
    table = struct.pack(">H", 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    table += struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(">HHII", 0xB002, 7, 32, 50) + bytes(4)
    return b"MPF\0MM\0*\0\0\0\x08" + table + rows


def with_second(photo: bytes, behind: bytes, kind: int = 0, extra: bytes = b"") -> bytes:
    """A photo with segments, the index of pictures after its first segment, and another file behind it."""
    at = 4 + struct.unpack_from(">H", photo, 4)[0]
    empty = segment(0xE2, mpf(0, 0, 0))
    size = len(photo) + len(extra) + len(empty)
    mark = at + len(extra) + 8
    return photo[:at] + extra + segment(0xE2, mpf(size, size - mark, len(behind), kind)) + photo[at:] + behind


def gain_map(hdr: np.ndarray, sdr: np.ndarray, reduce: int) -> np.ndarray:
    """The map of linear pictures `(h, w, 3)`, in their luminance, reduced."""
    boost = np.log2((hdr.mean(axis=2) + OFFSET) / (sdr.mean(axis=2) + OFFSET))
    coded = np.clip((boost - LOW) / (HIGH - LOW), 0, 1) ** GAMMA
    image = Image.fromarray(np.round(255 * coded).astype(np.uint8))
    return np.asarray(image.resize((hdr.shape[1] // reduce, hdr.shape[0] // reduce), Image.Resampling.BOX))


def linear(pixels: np.ndarray) -> np.ndarray:
    s = pixels / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def boosted(pixels: np.ndarray) -> np.ndarray:
    """A scene of which `pixels` are the usual picture: its bright parts are up to four times as bright."""
    light = linear(pixels)
    return light * (1 + 3 * light.mean(axis=2, keepdims=True) ** 2)


def ultra(
    pixels: np.ndarray,
    *,
    xmp: bool = True,
    iso: bool = True,
    reduce: int = 2,
    colour: bool = False,
    **options: object,
) -> bytes:
    """An Ultra HDR file of the pixels."""
    gains = gain_map(boosted(pixels), linear(pixels), reduce)
    gains = np.repeat(gains[..., None], 3, axis=2) if colour else gains
    told = segment(0xE1, XMP + described()) if xmp else b""
    told += segment(0xE2, ISO + iso_block(3 if colour else 1)) if iso else b""
    behind = save(gains, "JPEG", quality=90)
    behind = behind[:20] + told + behind[20:]
    extra = segment(0xE1, XMP + container(len(behind))) if xmp else b""
    extra += segment(0xE2, ISO + bytes(4)) if iso else b""
    return with_second(
        save(pixels, "JPEG", **({"quality": 92, "subsampling": 0} | options)), behind, extra=extra
    )


def parts(data: bytes) -> tuple[bytes, bytes]:
    """The photo and the map of a file, by its index of pictures."""
    at = data.index(b"MPF\0") + 4
    order = ">" if data[at : at + 2] == b"MM" else "<"
    first = at + struct.unpack_from(order + "I", data, at + 4)[0]
    for k in range(struct.unpack_from(order + "H", data, first)[0]):
        tag, _, _, place = struct.unpack_from(order + "HHII", data, first + 2 + 12 * k)
        if tag == 0xB002:
            size, start = struct.unpack_from(order + "II", data, at + place + 16 + 4)
            whole = struct.unpack_from(order + "I", data, at + place + 4)[0]
            return data[:whole], data[at + start : at + start + size]
    raise AssertionError("no entries")


def hdr(data: bytes, weight: float = 1.0) -> np.ndarray:
    """The HDR picture `(h, w, 3)` in linear light that a viewer makes of a file."""
    photo, behind = parts(data)
    sdr = linear(np.asarray(Image.open(io.BytesIO(photo)).convert("RGB")).astype(float))
    image = Image.open(io.BytesIO(behind)).convert("RGB")
    gain = np.asarray(image.resize((sdr.shape[1], sdr.shape[0]), Image.Resampling.BILINEAR)) / 255
    if b"hdrgm:GainMapMax" in behind:
        said = {k: float(v) for k, v in re.findall(rb'hdrgm:(\w+)="([-\d.e]+)"', behind)}
        low, high, gamma = said[b"GainMapMin"], said[b"GainMapMax"], said[b"Gamma"]
        before, after = said[b"OffsetSDR"], said[b"OffsetHDR"]
    else:
        block = behind[behind.index(ISO) + len(ISO) :]
        n = struct.unpack_from(">iIiIIIiIiI", block, 21)
        low, high, gamma, before, after = (n[k] / n[k + 1] for k in range(0, 10, 2))
    boost = low + (high - low) * gain ** (1 / gamma)
    return (sdr + before) * 2 ** (weight * boost) - after
