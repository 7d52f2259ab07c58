"""The numbers of a gain map: how the grey levels of it make an HDR picture of the usual one.

They stand in the gain map's own file, as XMP (Adobe's `hdrgm`, Android's Ultra HDR) or as the bytes of ISO
21496-1, or both; they say nothing of what the picture shows.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

Triple = tuple[float, float, float]
HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_CHANNELS, _COMMON, _BACKWARD = 0x80, 0x08, 0x04
"""Flags of ISO 21496-1: three channels, one denominator for all, the file's own picture is the HDR one."""


@dataclass(frozen=True)
class GainNumbers:
    """One number a channel (R, G, B) where there are three."""

    minimum: Triple
    """log2 of the boost where the map is 0."""
    maximum: Triple
    """log2 of the boost where it is full."""
    gamma: Triple
    offset_sdr: Triple
    offset_hdr: Triple
    capacity: tuple[float, float]
    """log2 of a display's headroom at which the map begins to count, and from which on it counts wholly."""

    def __post_init__(self) -> None:
        rows = (self.minimum, self.maximum, self.gamma, self.offset_sdr, self.offset_hdr, self.capacity)
        every = [number for row in rows for number in row]
        fits = all(math.isfinite(v) and abs(v) < 64 for v in every) and min(self.gamma) > 0
        if not fits or self.capacity[0] >= self.capacity[1]:
            raise ValueError(
                f"the gain map has the numbers {every}, expected finite ones and rising capacities"
            )

    @classmethod
    def of_xmp(cls, packet: bytes) -> GainNumbers:
        """By an XMP packet.

        Raises:
            ValueError: it has no such numbers, or is that of a picture which is HDR in itself.

        >>> numbers = GainNumbers.of_xmp(GainNumbers.of_xmp(b'''<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
        ... xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
        ... xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" hdrgm:GainMapMax="2"
        ... hdrgm:HDRCapacityMax="2.5"/></rdf:RDF></x:xmpmeta>''').xmp())
        >>> numbers.maximum, numbers.minimum, numbers.capacity, numbers.offset_sdr[0]
        ((2.0, 2.0, 2.0), (0.0, 0.0, 0.0), (0.0, 2.5), 0.015625)
        """
        if b"<!" in packet:
            raise ValueError("the gain map's XMP has declarations, expected none")
        try:
            root = ElementTree.fromstring(packet.strip(b"\0 \r\n\t"))
        except ElementTree.ParseError as error:
            raise ValueError(f"the gain map's XMP cannot be read ({error})") from error
        told: dict[str, list[str]] = {}
        for element in root.iter():
            for name, value in element.attrib.items():
                if name.startswith(f"{{{HDRGM}}}"):
                    told[name.rpartition("}")[2]] = [value]
            if element.tag.startswith(f"{{{HDRGM}}}"):
                items = [it.text or "" for it in element.iter(f"{{{_RDF}}}li")]
                told[element.tag.rpartition("}")[2]] = items or [element.text or ""]
        if "GainMapMax" not in told or "HDRCapacityMax" not in told:
            raise ValueError(
                f"the gain map's XMP says {sorted(told)}, expected GainMapMax and HDRCapacityMax"
            )
        if told.get("BaseRenditionIsHDR", ["False"])[0].strip().lower() == "true":
            raise ValueError("the file's own picture is the HDR one, expected that the gain map makes it")

        def triple(name: str, default: float) -> Triple:
            return _triple([float(value) for value in told.get(name, [str(default)])])

        small = 1 / 64
        return cls(
            triple("GainMapMin", 0), triple("GainMapMax", 0), triple("Gamma", 1), triple("OffsetSDR", small),
            triple("OffsetHDR", small), (triple("HDRCapacityMin", 0)[0], triple("HDRCapacityMax", 0)[0]),
        )  # fmt: skip

    @classmethod
    def of_iso(cls, block: bytes) -> GainNumbers:
        """By the metadata of ISO 21496-1, in big-endian fractions.

        Raises:
            ValueError: another version, another length than its flags say, or the direction from HDR to SDR.
        """
        if len(block) < 5 or block[:2] != b"\0\0":
            raise ValueError(f"the gain map's metadata start with {block[:5].hex()}, expected version 0")
        flags, count = block[4], 3 if block[4] & _CHANNELS else 1
        if flags & _BACKWARD:
            raise ValueError("the file's own picture is the HDR one, expected that the gain map makes it")
        common = bool(flags & _COMMON)
        # base and alternate headroom, then five numbers a channel: minimum, maximum, gamma, two offsets
        form = "II" + "iiIii" * count
        layout = ">I" + form if common else ">" + "".join(f"{letter}I" for letter in form)
        if len(block) != 5 + struct.calcsize(layout):
            wanted = 5 + struct.calcsize(layout)
            raise ValueError(f"the gain map's metadata are of {len(block)} bytes, expected {wanted}")
        got = struct.unpack_from(layout, block, 5)
        pairs = [(n, got[0]) for n in got[1:]] if common else list(zip(got[::2], got[1::2], strict=True))
        if any(below == 0 for _, below in pairs):
            raise ValueError("the gain map's metadata divide by 0")
        low, high, *rest = [above / below for above, below in pairs]
        rows = [_triple(rest[k::5]) for k in range(5)]
        return cls(rows[0], rows[1], rows[2], rows[3], rows[4], (low, high))

    def xmp(self) -> bytes:
        """The packet of a gain map's file that says these numbers and nothing else."""
        rows = {
            "GainMapMin": self.minimum, "GainMapMax": self.maximum, "Gamma": self.gamma,
            "OffsetSDR": self.offset_sdr, "OffsetHDR": self.offset_hdr,
        }  # fmt: skip
        item = "<rdf:li>{!r}</rdf:li>".format
        lists = "".join(
            f"<hdrgm:{name}><rdf:Seq>{''.join(map(item, row))}</rdf:Seq></hdrgm:{name}>"
            for name, row in rows.items()
            if len(set(row)) > 1
        )
        flat = "".join(f' hdrgm:{name}="{row[0]!r}"' for name, row in rows.items() if len(set(row)) == 1)
        low, high = self.capacity
        return (
            f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
            f'<rdf:Description rdf:about="" xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0"{flat} '
            f'hdrgm:HDRCapacityMin="{low!r}" hdrgm:HDRCapacityMax="{high!r}" '
            f'hdrgm:BaseRenditionIsHDR="False">{lists}</rdf:Description></rdf:RDF></x:xmpmeta>'
        ).encode()


def _triple(values: Sequence[float]) -> Triple:
    if len(values) not in (1, 3):
        raise ValueError(f"the gain map has {len(values)} numbers in a row, expected one or three")
    return (values[0], values[0], values[0]) if len(values) == 1 else (values[0], values[1], values[2])
