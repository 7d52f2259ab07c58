"""Reads dlib's shape predictors: forests of regression trees that move landmarks towards a face's.

dlib writes every number as integers of variable length, so the file has no fixed places: 16 million numbers
one by one take a minute in Python. Nearly all of them have the same form of six bytes, though: runs of these
are found by a regular expression, the rest (zero bytes at a mantissa's low end are left out, 1 in 256) is
brought into that form, and all are turned into numbers at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .file import Floats, FormatError, Reader

Indices = NDArray[np.uint16]

MOST = 65535
"""The largest count of anything that is believed: what is more comes of a damaged file."""

RUN = re.compile(rb"(?:[\x03\x83].{3}[\x01\x81].)*+", re.DOTALL)
"""Numbers whose mantissa has three bytes and whose exponent has one."""

SPLIT = re.compile(rb"(\x01.|\x02..)(\x01.|\x02..)([\x03\x83].{3}[\x01\x81].)", re.DOTALL)
"""Two indices and such a number."""


@dataclass(frozen=True, slots=True)
class Forests:
    """A predictor: L levels of T trees, each with S splits and S + 1 leaves, that read F pixels of a face.

    Coordinates are shares of the face's rectangle. Of split s the next ones are 2 s + 1, if the first pixel
    is brighter than the second by more than the threshold, and 2 s + 2; S and more are leaves.
    """

    mean: Floats
    """`(2 P,)`: the shape that the search begins with, x and y of each point in turn."""
    first: Indices
    """`(L, T, S)`: a split's brighter pixel, of F."""
    second: Indices
    """`(L, T, S)`: its darker one."""
    thresholds: Floats
    """`(L, T, S)`: grey levels."""
    leaves: Floats
    """`(L, T, S + 1, 2 P)`: what a leaf adds to the shape."""
    anchors: Indices
    """`(L, F)`: the point that a pixel is seen from, of P."""
    deltas: Floats
    """`(L, F, 2)`: where the pixel lies from there, in the mean shape."""

    def check(self) -> None:
        """Refuse arrays that are not one predictor.

        Raises:
            FormatError: shapes do not belong together, an index leads nowhere, or a number is not finite.
        """
        levels, trees, splits = self.first.shape
        features, size = self.anchors.shape[1], self.mean.size
        shapes = {
            "second": (levels, trees, splits),
            "thresholds": (levels, trees, splits),
            "leaves": (levels, trees, splits + 1, size),
            "anchors": (levels, features),
            "deltas": (levels, features, 2),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise FormatError(f"{name} have shape {getattr(self, name).shape}, expected {shape}")
        if splits & (splits + 1) or not splits or size % 2 or not size:
            raise FormatError(f"trees have {splits} splits and shapes {size} numbers: no predictor has these")
        if max(np.max(self.first), np.max(self.second)) >= features or np.max(self.anchors) >= size // 2:
            raise FormatError("an index leads to a pixel or a point that is not there")
        if not all(np.isfinite(a).all() for a in (self.mean, self.thresholds, self.leaves, self.deltas)):
            raise FormatError("a number is infinite or not a number")


class _Reader(Reader):
    """Reads ahead: the numbers' bytes are gathered, and turned into numbers by `gathered`."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.pieces: list[bytes] = []

    def count(self, what: str) -> int:
        value = self.integer()
        if not 0 < value <= MOST:
            raise FormatError(f"{value} {what} before byte {self.position}, expected 1 to {MOST}")
        return value

    def same(self, what: str, before: int) -> int:
        """A count that is the same wherever it stands; `before` is 0 the first time."""
        value = self.count(what)
        self.expect(f"number of {what}", value, before or value)
        return value

    def gather(self, count: int) -> None:
        """Read `count` numbers, six bytes each into `pieces`."""
        while count:
            run = RUN.match(self.data, self.position, self.position + 6 * count)
            assert run is not None  # it may be empty
            if length := run.end() - self.position:
                self.pieces.append(run[0])
                self.position += length
                count -= length // 6
            if count:
                self.pieces.append(self.regular())
                count -= 1

    def regular(self) -> bytes:
        """One number of any form, in the six bytes that nearly all have."""
        mantissa, exponent = self.integer(), self.integer()
        size = abs(mantissa)
        if size:
            while size < 1 << 16:
                size, exponent = size << 8, exponent - 8
        if size >= 1 << 24 or abs(exponent) > 255:
            raise FormatError(f"number {mantissa} * 2^{exponent} before byte {self.position} is no float32")
        signs = 0x83 if mantissa < 0 else 3, 0x81 if exponent < 0 else 1
        return bytes([signs[0], *size.to_bytes(3, "little"), signs[1], abs(exponent)])

    def gathered(self) -> Floats:
        """All numbers since the last call."""
        words = np.frombuffer(b"".join(self.pieces), "<u2").reshape(-1, 3)
        self.pieces.clear()
        mantissa = words[:, 1].astype(np.int32) << 8
        mantissa |= words[:, 0] >> 8
        exponent = (words[:, 2] >> 8).astype(np.int32)
        np.negative(mantissa, out=mantissa, where=(words[:, 0] & 0x80) > 0)
        np.negative(exponent, out=exponent, where=(words[:, 2] & 0x80) > 0)
        with np.errstate(over="ignore"):  # what is infinite is refused later
            return np.ldexp(mantissa.astype(np.float32), exponent)


def _tree(r: _Reader, splits: int, header: bytes, size: int) -> list[int]:
    """A tree's pixels, two a split; its thresholds and then its leaves are gathered."""
    pixels = []
    for _ in range(splits):
        if split := SPLIT.match(r.data, r.position):
            first, second, number = split.groups()
            pixels += [int.from_bytes(first[1:], "little"), int.from_bytes(second[1:], "little")]
            r.pieces.append(number)
            r.position = split.end()
        else:
            pixels += r.integers(2)
            r.gather(1)
    r.expect("number of leaves", r.integer(), splits + 1)
    for _ in range(splits + 1):
        if not r.data.startswith(header, r.position):
            raise FormatError(f"a leaf has another shape than the mean at byte {r.position}")
        r.position += len(header)
        r.gather(size)
    return pixels


def _numbered(pixels: list[list[int]]) -> Indices:
    """Whole numbers of 0 to 65535 as an array.

    Raises:
        FormatError: there are others, or lists of different lengths.
    """
    if len({len(row) for row in pixels}) != 1 or not all(0 <= min(row) <= max(row) <= MOST for row in pixels):
        raise FormatError("indices are out of range, or levels differ in their size")
    return np.array(pixels, np.uint16)


def _mean(r: _Reader) -> tuple[Floats, bytes]:
    """The shape that the search begins with, and the bytes of its size, which every leaf begins with too."""
    start = r.position
    size = -r.integer()  # dlib writes a matrix's rows and columns as negative numbers
    r.expect("columns of a shape", -r.integer(), 1)
    if not 0 < size <= MOST:
        raise FormatError(f"shape of {size} numbers before byte {r.position}")
    header = r.data[start : r.position]
    r.gather(size)
    return r.gathered(), header


def _trees(r: _Reader, header: bytes, size: int) -> tuple[Indices, Floats, Floats]:
    """All levels' splits `(L, T, S, 2)`, thresholds `(L, T, S)` and leaves `(L, T, S + 1, size)`."""
    levels, trees, splits = r.count("levels"), 0, 0
    pixels, numbers = [], []
    for _ in range(levels):
        trees = r.same("trees", trees)
        rows: list[int] = []
        for _ in range(trees):
            splits = r.same("splits", splits)
            rows += _tree(r, splits, header, size)
        pixels.append(rows)
        numbers.append(r.gathered().reshape(trees, -1))
    leaves = np.empty((levels, trees, splits + 1, size), np.float32)
    for out, values in zip(leaves, numbers, strict=True):
        out[:] = values[:, splits:].reshape(out.shape)
    thresholds = np.stack([values[:, :splits] for values in numbers])
    return _numbered(pixels).reshape(levels, trees, splits, 2), thresholds, leaves


def parse(data: bytes) -> Forests:
    """The predictor in a file's bytes.

    Raises:
        FormatError: it is cut off, has bytes left over, or holds anything unknown; the message has the byte.
    """
    r = _Reader(data)
    r.expect("version of a shape predictor", r.integer(), 1)
    mean, header = _mean(r)
    pixels, thresholds, leaves = _trees(r, header, mean.size)
    levels = len(leaves)
    r.expect("levels of anchors", r.integer(), levels)
    anchors = _numbered([list(r.integers(r.count("anchors"))) for _ in range(levels)])
    r.expect("levels of deltas", r.integer(), levels)
    for _ in range(levels):
        r.expect("number of deltas", r.integer(), anchors.shape[1])
        r.gather(2 * anchors.shape[1])
    deltas = r.gathered().reshape(levels, -1, 2)
    if r.position != len(data):
        raise FormatError(f"{len(data) - r.position} bytes are left over")
    first, second = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
    forests = Forests(mean, first, second, thresholds, leaves, anchors, deltas)
    forests.check()
    return forests
