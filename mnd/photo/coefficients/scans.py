"""What a scan holds: its symbols and bits, in their order (ITU-T T.81, F.1.2 and G.1.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .frame import Coefficients, Frame, Indices, Scan

Whole = npt.NDArray[np.signedinteger[Any]]
_KINDS = (np.int8, np.int16, np.int32, np.int8)
"""Of tables, symbols, extras and sizes: a photo of a phone has ten million of each."""
_SOME = 1 << 12
"""So many groups of blocks are looked at once: that is what a photo takes in memory."""
LONGEST = 0x7FFF
"""So many ends of blocks go into one symbol."""
_NONE = -1
_PLACES, _PARTS = 65, 5
"""Places of symbols in a block (DC, 63 of AC, its end), and parts of a place: up to three times 16 zeros,
and what follows them."""


@dataclass(frozen=True)
class Items:
    """Symbols with the bits that follow them, and bits alone."""

    blocks: Whole
    """The block of each, counted in the order of coding."""
    tables: Whole
    """The Huffman table of each, as class * 4 + number; -1: bits alone."""
    symbols: Whole
    extras: Whole
    """What follows a symbol."""
    sizes: Whole
    """In so many bits."""


def items(frame: Frame, scan: Scan, found: Coefficients, order: Indices, slots: list[int], per: int) -> Items:
    """What a scan of these coefficients holds.

    Args:
        frame: of the file.
        scan: which of them, and which bits.
        found: all coefficients.
        order: the blocks as they are coded.
        slots: the components of the blocks of a group.
        per: so many blocks later, everything begins anew.
    """
    means = _means(scan, found, order, slots, per) if scan.first == 0 else None
    # some blocks at a time, unless a symbol can be about many
    step = len(order) if frame.progressive else _SOME * len(slots)
    chunks = []
    for begin in range(0, len(order), step):
        parts = [] if means is None else [_from(means, begin, step)]
        if scan.last:
            parts += _bands(scan, found, order[begin : begin + step], slots, per, frame.progressive)
        chunks.append(_joined(parts, begin))
    return Items(*(np.concatenate(columns) for columns in zip(*chunks, strict=True)))


def _from(means: _Part, begin: int, count: int) -> _Part:
    """Of so many blocks, counted from the first of them."""
    keys, (tables, symbols, extras, sizes) = means
    some = np.s_[begin : begin + count]
    return keys[some] - _key(np.array(begin), 0), (tables[some], symbols[some], extras[some], sizes[some])


def _joined(parts: Sequence[_Part], begin: int) -> list[Whole]:
    """The columns of `Items` of blocks from `begin` on, in numbers that take little memory."""
    keys = np.concatenate([keys for keys, _ in parts])
    # each part is in order: sorting puts them into each other; of equals, a symbol comes before its bits
    rank = np.argsort(keys, kind="stable")
    columns = zip(_KINDS, *(rows for _, rows in parts), strict=True)
    blocks = (keys[rank] // (_PLACES * _PARTS) + begin).astype(np.int32)
    return [blocks, *(np.concatenate(own)[rank].astype(kind) for kind, *own in columns)]


_Part = tuple[Indices, tuple[Indices, Indices, Indices, Indices]]


def _key(blocks: Indices, places: Indices | int, parts: Indices | int = 0) -> Indices:
    return (blocks * _PLACES + places) * _PARTS + parts


def _sizes(values: Indices) -> Indices:
    """Bits of whole numbers."""
    return np.frexp(np.abs(values).astype(np.float64))[1].astype(np.int64)


def _means(scan: Scan, found: Coefficients, order: Indices, slots: list[int], per: int) -> _Part:
    """Differences of DC coefficients, or one more bit of each."""
    number, values = np.arange(len(order)), found[order, 0].astype(np.int64) >> scan.low
    if scan.high:
        none = np.full(len(order), _NONE)
        return _key(number, 0), (none, np.zeros_like(number), values & 1, np.ones_like(number))
    steps, pattern = values.copy(), np.array(slots)
    for slot in range(len(scan.components)):
        mine = np.flatnonzero(np.resize(pattern == slot, len(order)))
        follows = mine[1:] // per == mine[:-1] // per
        steps[mine[1:]] -= np.where(follows, values[mine[:-1]], 0)
    sizes = _sizes(steps)
    tables = np.resize(np.array([scan.tables[slot][0] for slot in slots]), len(order))
    return _key(number, 0), (tables, sizes, np.where(steps < 0, steps - 1, steps) & ((1 << sizes) - 1), sizes)


def _bands(
    scan: Scan, found: Coefficients, order: Indices, slots: list[int], per: int, runs: bool
) -> Iterator[_Part]:
    """AC coefficients that become something in this scan, ends of blocks, one more bit of earlier ones."""
    first, last = max(scan.first, 1), scan.last
    band = found[order, first : last + 1]
    left = np.abs(band) >> scan.low
    new = left == 1 if scan.high else left > 0
    tables = np.resize(np.array([4 + scan.tables[slot][1] for slot in slots]), len(order))
    width = last + 1 - first
    spots, olds = np.flatnonzero(new), np.flatnonzero(left > 1) if scan.high else np.zeros(0, np.int64)
    blocks = spots // width
    # where the coefficient before each stands, or the begin of its block
    before = np.maximum(np.concatenate([[-1], spots[:-1]]), blocks * width - 1) if len(spots) else spots
    passed = np.searchsorted(olds, spots) - np.searchsorted(olds, before + 1)
    zeros = spots - before - 1 - passed
    yield from _values(scan, band.reshape(-1)[spots], blocks, spots - blocks * width + first, zeros, tables)
    starts, lengths, ends = _ends(new, per, runs)
    sizes = _sizes(lengths) - 1
    yield _key(starts, 64), (tables[starts], sizes << 4, lengths - (1 << sizes), sizes)
    if len(olds):
        inside = olds // width
        host = np.searchsorted(spots, olds)
        held = np.zeros(len(olds), bool)
        held[host < len(spots)] = blocks[host[host < len(spots)]] == inside[host < len(spots)]
        keys = _key(ends[inside], 64)
        at = host[held]
        zeros = olds[held] - before[at] - 1 - (np.flatnonzero(held) - np.searchsorted(olds, before[at] + 1))
        keys[held] = _key(blocks[at], spots[at] - blocks[at] * width + first, zeros >> 4)
        bits = left.reshape(-1)[olds].astype(np.int64) & 1
        none = np.full(len(olds), _NONE)
        yield keys, (none, np.zeros_like(bits), bits, np.ones_like(bits))


def _values(
    scan: Scan,
    values: npt.NDArray[np.int16],
    blocks: Indices,
    places: Indices,
    zeros: Indices,
    tables: Indices,
) -> Iterator[_Part]:
    """The symbols of values that come for the first time; before each, one for every 16 zeros."""
    left = np.abs(values).astype(np.int64) >> scan.low
    sizes = _sizes(left)
    extras = np.where(values < 0, ~left & ((1 << sizes) - 1), left)
    yield _key(blocks, places, zeros >> 4), (tables[blocks], (zeros & 15) << 4 | sizes, extras, sizes)
    long = np.flatnonzero(zeros > 15)
    if len(long):
        times = zeros[long] >> 4
        which = np.repeat(long, times)
        part = np.arange(len(which)) - np.repeat(np.cumsum(times) - times, times)
        nothing = np.zeros_like(which)
        yield (
            _key(blocks[which], places[which], part),
            (tables[blocks[which]], nothing + 0xF0, nothing, nothing),
        )


def _ends(new: npt.NDArray[np.bool_], per: int, runs: bool) -> tuple[Indices, Indices, Indices]:
    """Blocks at which a symbol says that nothing more comes, of how many blocks it says so, and which of them
    says it of each block (where nothing more comes)."""
    ending = ~new[:, -1]
    number = np.arange(len(new))
    begins = ending.copy()
    if runs:
        begins[1:] &= new[1:].any(axis=1) | ~ending[:-1] | (number[1:] % per == 0)
        since = number - np.maximum.accumulate(np.where(begins, number, 0))
        begins |= ending & (since > 0) & (since % LONGEST == 0)
    host = np.maximum.accumulate(np.where(begins, number, 0))
    starts = np.flatnonzero(begins)
    return starts, np.bincount(host[ending], minlength=len(new))[starts], host
