"""The bytes of a file whose coefficients are these, laid out as the file that they come from."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .frame import Codes, Coefficients, Frame, Indices, Scan, segment
from .scans import Items, Whole, items

FLAT = (
    Codes((0,) * 4 + (16,) + (0,) * 11, bytes(range(16))),
    Codes((0,) * 7 + (254,) + (0,) * 8, bytes(symbol for symbol in range(256) if symbol not in (0x0F, 0xFF))),
)
"""Five bits for every symbol of DC, eight for those of AC: nothing has to be counted."""


_SOME = 1 << 20
"""So many numbers are put into bytes at once: that is what a photo takes in memory."""


def write(frame: Frame, found: Coefficients, quick: bool = False) -> bytes:
    """The file from its quantisation tables on, with its end; Huffman tables are the best for each scan.

    Args:
        frame: how it is laid out.
        found: what it holds.
        quick: with Huffman tables that fit everything, for a file that is read once.
    """
    parts = [part if isinstance(part, bytes) else _scan(frame, part, found, quick) for part in frame.parts]
    return b"".join([*parts, b"\xff\xd9"])


def _scan(frame: Frame, scan: Scan, found: Coefficients, quick: bool) -> bytes:
    order, slots = frame.order(scan)
    per = scan.restart * len(slots) or len(order)
    held = items(frame, scan, found, order, slots, per)
    codes = {
        table: FLAT[table >> 2]
        if quick
        else best(np.bincount(held.symbols[held.tables == table], minlength=256))
        for table in (np.flatnonzero(np.bincount(held.tables + 1)) - 1).tolist()
        if table >= 0
    }
    head = b"".join(
        segment(0xC4, bytes([table >> 2 << 4 | table & 3, *code.counts]) + code.symbols)
        for table, code in codes.items()
    )
    return head + scan.header(frame) + _coded(held, codes, held.blocks // per)


def best(counts: Indices) -> Codes:
    """The Huffman table by which symbols that come so often take the fewest bits (ITU-T T.81, K.2).

    No code is longer than 16 bits, and none has ones only.

    >>> best(np.bincount([0, 0, 0, 0, 5, 5, 9])).counts[:4], best(np.bincount([7])).symbols
    ((1, 1, 1, 0), b'\\x07')
    """
    # one symbol more, the rarest, for the code of ones
    heap = [(int(count), symbol, [symbol]) for symbol, count in enumerate(counts) if count] + [
        (0, 256, [256])
    ]
    heapq.heapify(heap)
    depth = dict.fromkeys(range(257), 0)
    while len(heap) > 1:
        (rare, _, some), (next_rare, tie, others) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in (members := some + others):
            depth[symbol] += 1
        heapq.heappush(heap, (rare + next_rare, tie, members))
    used = sorted((depth[symbol], symbol) for symbol in heap[0][2])
    lengths = [0] * (max(used)[0] + 17)
    for length, _ in used:
        lengths[length] += 1
    for length in range(len(lengths) - 1, 16, -1):
        while lengths[length]:
            shorter = next(one for one in range(length - 2, 0, -1) if lengths[one])
            lengths[length] -= 2
            lengths[length - 1] += 1
            lengths[shorter + 1] += 2
            lengths[shorter] -= 1
    longest = max(length for length in range(17) if lengths[length])
    lengths[longest] -= 1
    return Codes(tuple(lengths[1:17]), bytes(symbol for _, symbol in used if symbol < 256))


@lru_cache(maxsize=64)
def _words(codes: Codes) -> tuple[Indices, Indices]:
    """The code of each symbol and its length, `(256,)` each."""
    words, lengths = np.zeros(256, np.int64), np.zeros(256, np.int64)
    word, at = 0, 0
    for length, count in enumerate(codes.counts, 1):
        for symbol in codes.symbols[at : at + count]:
            words[symbol], lengths[symbol] = word, length
            word += 1
        word, at = word << 1, at + count
    return words, lengths


def _coded(held: Items, codes: Mapping[int, Codes], intervals: Whole) -> bytes:
    """The bits of a scan as bytes, with restart markers between intervals."""
    values, sizes = held.extras.astype(np.int64), held.sizes.copy()
    for table, code in codes.items():
        words, lengths = _words(code)
        mine = held.tables == table
        symbols = held.symbols[mine]
        values[mine] |= words[symbols] << sizes[mine]
        sizes[mine] += lengths.astype(sizes.dtype)[symbols]
    # each interval is filled up with ones to whole bytes
    total = np.bincount(intervals, weights=sizes).astype(np.int64)
    ends = np.cumsum(-(-total // 8))
    shift = 8 * ends - np.cumsum(total)
    at = np.cumsum(sizes) - sizes + np.concatenate([[0], shift[:-1]])[intervals]
    fill = -total % 8
    values, sizes = np.concatenate([values, (1 << fill) - 1]), np.concatenate([sizes, fill])
    packed = _packed(values, sizes, np.concatenate([at, 8 * ends - fill]), int(ends[-1]))
    stuffed = np.flatnonzero(packed == 0xFF) + 1
    marks = np.repeat(ends[:-1], 2)
    markers = np.full(len(marks), 0xFF)
    markers[1::2] = 0xD0 + np.arange(len(ends) - 1) % 8
    where = np.concatenate([stuffed, marks])
    what = np.concatenate([np.zeros(len(stuffed), np.int64), markers])
    order = np.argsort(where, kind="stable")
    return np.insert(packed, where[order], what[order].astype(np.uint8)).tobytes()


def _packed(values: Whole, sizes: Whole, at: Indices, count: int) -> npt.NDArray[np.uint8]:
    """So many bytes, in which numbers of at most 32 bits stand from given bits on."""
    most = int(count // 4 + 2)
    words = np.zeros(most)
    for some in range(0, len(values), _SOME):
        part = np.s_[some : some + _SOME]
        shifts = 64 - sizes[part].astype(np.int64) - (at[part] & 31)
        window = values[part].astype(np.uint64) << np.where(sizes[part] > 0, shifts, 0).astype(np.uint64)
        word = at[part] >> 5
        # none of them overlap: their sums are what they say together, and whole numbers below 2^53
        for place, half in ((word, window >> np.uint64(32)), (word + 1, window & np.uint64(0xFFFFFFFF))):
            words += np.bincount(place, weights=half.astype(np.float64), minlength=most)[:most]
    return words.astype(">u4").view(np.uint8)[:count]
