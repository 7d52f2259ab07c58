"""How a JPEG file is laid out: its components, their blocks, and its scans, as its markers say it."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""`(x0, y0, x1, y1)`, the last two not included."""
Coefficients = npt.NDArray[np.int16]
"""`(blocks, 64)`: the blocks of one component after the other, row by row; in a block, zigzag order."""

MOST_SCANS = 100
"""A file of more scans is none that a camera or a program makes."""
ZIGZAG = np.array(
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
        12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
        58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ]
)  # fmt: skip
"""Where each coefficient of the order of coding stands in a block, row by row."""
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_PROGRESSIVE, _DHT, _EOI, _SOS, _DQT, _DRI = 0xC2, 0xC4, 0xD9, 0xDA, 0xDB, 0xDD


class NotReadError(ValueError):
    """A file whose coefficients are not read here: another kind of coding, or damaged."""


@dataclass(frozen=True)
class Component:
    """One plane of a picture, at a resolution of its own."""

    name: int
    across: int
    """Blocks of it in a group (MCU), side by side."""
    down: int
    table: int
    """Number of its quantisation table."""
    start: int
    """Its first block among all blocks of the picture."""
    columns: int
    """Blocks in a row, filled up to whole groups."""
    rows: int
    real: tuple[int, int]
    """Columns and rows of blocks that hold pixels: a scan of this component alone codes no others."""

    @property
    def end(self) -> int:
        """The first block behind it."""
        return self.start + self.rows * self.columns


@dataclass(frozen=True)
class Codes:
    """A Huffman table: how many codes there are of each length 1..16, and their symbols in this order."""

    counts: tuple[int, ...]
    symbols: bytes


@dataclass(frozen=True)
class Scan:
    """One pass over some components."""

    components: tuple[int, ...]
    """Numbers of them, as the frame lists them."""
    tables: tuple[tuple[int, int], ...]
    """Numbers of the Huffman tables of each, for DC and for AC."""
    first: int
    """Of the coefficients in zigzag order that it codes."""
    last: int
    high: int
    """Bits of which earlier scans have left off; 0: there was none."""
    low: int
    """Bits that it leaves off itself."""
    restart: int = 0
    """Groups between restart markers; 0: there are none."""
    codes: Mapping[tuple[int, int], Codes] = field(default_factory=dict)
    """Huffman tables by class (0: DC, 1: AC) and number."""
    coded: bytes = b""

    def header(self, frame: Frame) -> bytes:
        """The segment that begins it (SOS)."""
        body = bytes([len(self.components)])
        for which, (dc, ac) in zip(self.components, self.tables, strict=True):
            body += bytes([frame.components[which].name, dc << 4 | ac])
        return segment(_SOS, body + bytes([self.first, self.last, self.high << 4 | self.low]))


def segment(marker: int, body: bytes) -> bytes:
    """A whole segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def coded_alone(pixels: int, factor: int, most: int) -> int:
    """Blocks of a component in a row or column of so many pixels, not filled up to groups."""
    samples = -(-pixels * factor // most)
    return -(-samples // 8)


@dataclass(frozen=True)
class Frame:
    """The picture of a file, and how it is coded.

    >>> import io
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> Image.new("RGB", (20, 9)).save(buffer, "JPEG", subsampling="4:2:0")
    >>> frame = Frame.of(buffer.getvalue())
    >>> [(c.across, c.down, c.columns, c.rows, c.real) for c in frame.components]
    [(2, 2, 4, 2, (3, 2)), (1, 1, 2, 1, (2, 1)), (1, 1, 2, 1, (2, 1))]
    """

    width: int
    height: int
    progressive: bool
    components: tuple[Component, ...]
    steps: tuple[tuple[int, ...], ...]
    """The quantisation table of each component, row by row."""
    parts: tuple[bytes | Scan, ...]
    """The file behind its metadata, in its order: tables, restart intervals and the frame's header as whole
    segments, and scans; without Huffman tables, which are made for each scan."""

    @classmethod
    def of(cls, data: bytes) -> Frame:
        """The frame of a file.

        Raises:
            NotReadError: it is coded in another way than by Huffman codes of 8 bits a channel, or damaged.
        """
        try:
            return _Parser(data).frame()
        except (IndexError, struct.error, KeyError, ZeroDivisionError) as error:
            raise NotReadError(f"damaged markers ({error!r})") from error

    @property
    def most(self) -> tuple[int, int]:
        """The largest number of blocks in a group, across and down."""
        return max(c.across for c in self.components), max(c.down for c in self.components)

    @property
    def groups(self) -> tuple[int, int]:
        """Columns and rows of groups (MCU)."""
        across, down = self.most
        return -(-self.width // (8 * across)), -(-self.height // (8 * down))

    @property
    def blocks(self) -> int:
        """Of all components."""
        return self.components[-1].end

    @property
    def scans(self) -> list[Scan]:
        """In the order of the file."""
        return [part for part in self.parts if isinstance(part, Scan)]

    @cached_property
    def shares(self) -> tuple[tuple[int, int], ...]:
        """How many rows and columns of pixels share a value of each component.

        Raises:
            NotReadError: not a whole number.
        """
        across, down = self.most
        if any(across % c.across or down % c.down for c in self.components):
            raise NotReadError("components whose resolutions are no multiples of each other")
        return tuple((down // c.down, across // c.across) for c in self.components)

    def order(self, scan: Scan) -> tuple[Indices, list[int]]:
        """The blocks of a scan as it codes them, and to which of its components those of a group belong."""
        chosen = [self.components[which] for which in scan.components]
        if len(chosen) == 1:
            one, (columns, rows) = chosen[0], chosen[0].real
            grid = np.arange(rows)[:, None] * one.columns + np.arange(columns)
            return one.start + grid.ravel(), [0]
        wide, high = self.groups
        parts, slots = [], []
        for slot, one in enumerate(chosen):
            down = np.arange(high)[:, None, None, None] * one.down + np.arange(one.down)[:, None]
            across = np.arange(wide)[:, None, None] * one.across + np.arange(one.across)
            blocks = one.start + down * one.columns + across
            parts.append(blocks.reshape(high * wide, -1))
            slots += [slot] * (one.down * one.across)
        return np.concatenate(parts, axis=1).ravel(), slots


class _Parser:
    """Walks through the markers of a file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.tables: dict[int, tuple[int, ...]] = {}
        self.codes: dict[tuple[int, int], Codes] = {}
        self.restart = 0
        self.size = (0, 0)
        self.progressive = False
        self.components: tuple[Component, ...] = ()
        self.steps: dict[int, tuple[int, ...]] = {}
        self.parts: list[bytes | Scan] = []

    def frame(self) -> Frame:
        at = 2
        while True:
            at = self._marker(at)
            marker = self.data[at + 1]
            if marker == _EOI:
                break
            size = struct.unpack_from(">H", self.data, at + 2)[0]
            body, end = self.data[at + 4 : at + 2 + size], at + 2 + size
            at = self._scan(body, end) if marker == _SOS else end
            if marker != _SOS:
                self._segment(marker, body)
        if not self.components or len(self.steps) != len(self.components):
            raise NotReadError("a component without a scan")
        scans = [part for part in self.parts if isinstance(part, Scan)]
        _check_complete(len(self.components), scans)
        steps = tuple(self.steps[which] for which in range(len(self.components)))
        frame = Frame(*self.size, self.progressive, self.components, steps, tuple(self.parts))
        assert frame.shares
        return frame

    def _marker(self, at: int) -> int:
        """Where the next marker stands: in coded data, FF is followed by a zero or a restart marker."""
        while not (self.data[at] == 0xFF and self.data[at + 1] not in (0x00, 0xFF, 0x01)):
            if self.data[at] != 0xFF:
                raise NotReadError("bytes between segments")
            at += 1
        return at

    def _segment(self, marker: int, body: bytes) -> None:
        if marker == _DQT:
            self._quantisation(body)
            self.parts.append(segment(marker, body))
        elif marker == _DHT:
            self._huffman(body)
        elif marker == _DRI:
            self.restart = struct.unpack(">H", body)[0]
            self.parts.append(segment(marker, body))
        elif 0xC0 <= marker <= 0xCF:
            if marker > _PROGRESSIVE or self.components:
                raise NotReadError("arithmetic coding" if marker in (0xC9, 0xCA, 0xCC) else "another coding")
            self._header(body)
            self.progressive = marker == _PROGRESSIVE
            self.parts.append(segment(marker, body))
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            raise NotReadError(f"marker {marker:#x}")

    def _quantisation(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            wide, which = body[at] >> 4, body[at] & 15
            row = np.zeros(64, int)
            row[ZIGZAG] = struct.unpack_from(">64H" if wide else ">64B", body, at + 1)
            if not row.all():
                raise NotReadError("a quantisation table with a zero")
            self.tables[which] = tuple(row.tolist())
            at += 129 if wide else 65

    def _huffman(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            counts = tuple(body[at + 1 : at + 17])
            self.codes[body[at] >> 4, body[at] & 15] = Codes(counts, body[at + 17 : at + 17 + sum(counts)])
            at += 17 + sum(counts)

    def _header(self, body: bytes) -> None:
        depth, height, width, count = struct.unpack_from(">BHHB", body)
        factors = [
            (body[at], body[at + 1] >> 4, body[at + 1] & 15, body[at + 2])
            for at in range(6, 6 + 3 * count, 3)
        ]
        if depth != 8 or not width or not height or not 1 <= count <= 4:
            raise NotReadError(f"{depth} bits, {width} x {height}, {count} components")
        most = [max(factor[i] for factor in factors) for i in (1, 2)]
        wide, high = -(-width // (8 * most[0])), -(-height // (8 * most[1]))
        start, found = 0, []
        for name, across, down, table in factors:
            real = coded_alone(width, across, most[0]), coded_alone(height, down, most[1])
            found.append(Component(name, across, down, table, start, wide * across, high * down, real))
            start = found[-1].end
        self.size, self.components = (width, height), tuple(found)

    def _scan(self, body: bytes, end: int) -> int:
        """Take in a scan whose header is this; where the next marker stands."""
        names = [one.name for one in self.components]
        count = body[0]
        chosen = tuple(names.index(name) if name in names else -1 for name in body[1 : 1 + 2 * count : 2])
        tables = tuple((both >> 4, both & 15) for both in body[2 : 2 + 2 * count : 2])
        first, last, both = body[1 + 2 * count : 4 + 2 * count]
        band = (0, 63) if not self.progressive else (first, last)
        high, low = (both >> 4, both & 15) if self.progressive else (0, 0)
        wrong = (
            -1 in chosen or len(set(chosen)) != len(chosen) or not chosen or list(chosen) != sorted(chosen)
        )
        wrong = wrong or not 0 <= band[0] <= band[1] <= 63 or (high and high != low + 1) or low > 13
        if self.progressive:
            wrong = wrong or (band[0] == 0) != (band[1] == 0) or (band[0] > 0 and count > 1)
        if wrong or len(self.parts) > 4 * MOST_SCANS:
            raise NotReadError("a scan of another kind")
        for which in chosen:
            self.steps.setdefault(which, self.tables[self.components[which].table])
        stop = _end_of_scan(self.data, end)
        coded = self.data[end:stop]
        self.parts.append(Scan(chosen, tables, *band, high, low, self.restart, dict(self.codes), coded))
        return stop


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the first marker stands that is no restart marker."""
    if (found := _MARKER.search(data, at)) is None:
        raise NotReadError("no end")
    return found.start()


def _check_complete(components: int, scans: list[Scan]) -> None:
    """Refuse a file that does not give each bit of each coefficient once: decoders fill in what they miss."""
    left = np.full((components, 64), -1)
    for scan in scans:
        for which in scan.components:
            band = left[which, scan.first : scan.last + 1]
            if (band != (scan.high if scan.high else -1)).any():
                raise NotReadError("scans in a wrong order")
            band[:] = scan.low
    if left.any():
        raise NotReadError("a progressive file without its last scans")
