"""How large a picture the bytes of HEVC and AV1 say to be: asked before a decoder makes room for it."""

from __future__ import annotations

from dataclasses import dataclass

_SPS = 33
"""The kind of HEVC's unit that has the size."""
_SEQUENCE = 1
"""The kind of AV1's unit that has the size."""


@dataclass(slots=True)
class _Bits:
    data: bytes
    at: int = 0

    def take(self, count: int) -> int:
        if self.at + count > 8 * len(self.data):
            raise ValueError("the header of the coded picture is cut short")
        value = 0
        for place in range(self.at, self.at + count):
            value = value << 1 | self.data[place >> 3] >> (7 - place % 8) & 1
        self.at += count
        return value

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number (ITU-T H.265, 9.2)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("the header of the coded picture has a number of more than 32 bits")
        return (1 << zeros) - 1 + self.take(zeros)


def hevc_sizes(config: bytes) -> list[tuple[int, int]]:
    """Width and height in each sequence parameter set of a `hvcC` (ISO/IEC 14496-15, 8.3.3; H.265, 7.3.2.2).

    Raises:
        ValueError: it is cut short.
    """
    sizes = []
    at, arrays = 23, config[22] if len(config) > 22 else 0
    for _ in range(arrays):
        head = config[at : at + 3]
        count, at = int.from_bytes(head[1:], "big"), at + 3
        for _ in range(count):
            length = int.from_bytes(config[at : at + 2], "big")
            unit = config[at + 2 : at + 2 + length]
            at += 2 + length
            if at > len(config) or len(head) < 3:
                raise ValueError("the settings of the HEVC decoder are cut short")
            if head[0] & 63 == _SPS:
                sizes.append(_sps_size(unit))
    return sizes


def _sps_size(unit: bytes) -> tuple[int, int]:
    bits = _Bits(unit.replace(b"\0\0\3", b"\0\0"), 16 + 4)
    layers = bits.take(3)
    bits.take(1)
    bits.at += 96  # the general profile and level
    there = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    bits.at += 2 * (8 - layers) if layers else 0
    bits.at += sum(88 * profile + 8 * level for profile, level in there)
    bits.golomb()
    if bits.golomb() == 3:
        bits.take(1)
    return bits.golomb(), bits.golomb()


def av1_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in the sequence header of an AV1 picture (5.5.1 of its specification).

    `None` where there is none at the start, or one with times, which no still picture has.

    Raises:
        ValueError: it is cut short.
    """
    at = 0
    while at < len(data):
        head = data[at]
        at += 2 if head & 4 else 1
        size, shift = len(data) - at, 0
        if head & 2:
            size = 0
            while at < len(data) and shift < 56:
                size |= (data[at] & 127) << shift
                at, shift = at + 1, shift + 7
                if not data[at - 1] & 128:
                    break
        if head >> 3 & 15 == _SEQUENCE:
            return _sequence_size(data[at : at + size])
        at += size
    return None


def _sequence_size(unit: bytes) -> tuple[int, int] | None:
    bits = _Bits(unit, 4)
    if bits.take(1):
        bits.take(5)
    else:
        if bits.take(1):
            return None
        delayed = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if delayed and bits.take(1):
                bits.take(4)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1
