"""The coefficients of a file: its scans, decoded."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import numpy.typing as npt

from .bits import CHUNK, END, STEP, Stream, ac_steps, dc_steps, expanded, signed
from .frame import Codes, Coefficients, Frame, Indices, NotReadError, Scan
from .refining import refine_bands


def read(frame: Frame) -> Coefficients:
    """All quantised coefficients of a file.

    Raises:
        NotReadError: its data are damaged.
    """
    found = np.zeros((frame.blocks, 64), np.int16)
    for scan in frame.scans:
        order, slots = frame.order(scan)
        try:
            _read_scan(scan, order, slots, found, frame.progressive)
        except (IndexError, KeyError) as error:
            raise NotReadError(f"damaged data ({error!r})") from error
    return found


def _read_scan(scan: Scan, order: Indices, slots: list[int], found: Coefficients, runs: bool) -> None:
    stream = Stream(scan.coded)
    per = scan.restart * len(slots) or len(order)
    if len(stream.starts) != -(-len(order) // per):
        raise NotReadError(f"{len(stream.starts)} restart intervals, expected {-(-len(order) // per)}")
    if not scan.high:
        _first_pass(scan, stream, order, slots, per, found, runs)
    elif scan.first == 0:
        number = np.arange(len(order))
        bits = np.array(stream.starts)[number // per] * 8 + number % per
        found[order, 0] |= (stream.words(bits) >> 31 << scan.low).astype(np.int16)
    else:
        refine_bands(scan, stream, order, per, found)


_SOME = 1 << 20
"""So many values are decoded at once: that is what a photo takes in memory."""


class _Spots:
    """Where values were met: the coefficient, as block * 64 + place, and the bit its code begins at."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.bits: list[int] = []
        self.done: list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]] = []

    def flush(self, base: int) -> None:
        """Take in those met in a chunk that begins at this bit."""
        # in 32 bits, which a photo of a phone has ten million of
        self.done.append((np.array(self.places, np.uint32), np.array(self.bits, np.uint32) + np.uint32(base)))
        self.places.clear()
        self.bits.clear()

    def all(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        places, bits = (np.concatenate(column) for column in zip(*self.done, strict=True))
        self.done.clear()
        return places, bits


def _first_pass(
    scan: Scan, stream: Stream, order: Indices, slots: list[int], per: int, found: Coefficients, runs: bool
) -> None:
    """Decode what comes for the first time: DC differences, and values of AC coefficients."""
    dcs = [scan.codes[0, dc] for dc, _ in scan.tables] if scan.first == 0 else []
    acs = [scan.codes[1, ac] for _, ac in scan.tables] if scan.last else []
    spots, base = _Spots(), -1
    append, note = spots.places.append, spots.bits.append
    begin, last, limit = max(scan.first, 1) - 1, scan.last, 8 * CHUNK
    pos, blocks = 0, (order * 64).tolist()
    dc_looks: list[memoryview] = []
    ac_looks: list[memoryview] = []
    for interval, start in enumerate(stream.starts):
        pos, run = 8 * start - base, 0
        for place, slot in zip(blocks[interval * per : (interval + 1) * per], cycle(slots), strict=False):
            if base < 0 or not 0 <= pos <= limit:
                bit = pos + base
                if base >= 0:
                    spots.flush(base)
                base = bit & ~7
                pos, words = bit - base, stream.chunk(base >> 3)
                dc_looks = [dc_steps(codes)[words].data for codes in dcs]
                ac_looks = [ac_steps(codes, runs)[words].data for codes in acs]
            if dc_looks:
                append(place)
                note(pos)
                pos += dc_looks[slot][pos]
            if not ac_looks:
                continue
            if run:
                run -= 1
                continue
            look, k = ac_looks[slot], begin
            while k < last:
                step = look[pos]
                k += step >> STEP
                if k > last:
                    break
                append(place + k)
                note(pos)
                pos += step & 255
            else:
                continue
            size = (step >> STEP) - END
            if not 0 <= size < 15:
                raise NotReadError(
                    "damaged data: a code that there is not, or a block of too many coefficients"
                )
            pos += step & 255
            if size:
                run = (1 << size) - 1 + _number(stream, base + pos, size)
                pos += size
        end = stream.starts[interval + 1] * 8 if interval + 1 < len(stream.starts) else stream.size
        if base + pos > end:
            raise NotReadError("damaged data: an interval that is too short")
    spots.flush(base)
    places, bits = spots.all()
    starts = [order[slots.index(slot)] for slot in range(len(scan.components))]
    which = (np.searchsorted(starts, places >> 6, "right") - 1).astype(np.int8)
    for slot in range(len(scan.components)):
        for dc, codes in enumerate(acs[slot : slot + 1] + dcs[slot : slot + 1]):
            mine = (which == slot) & ((places & 63 == 0) == bool(dc or not acs))
            spot = np.flatnonzero(mine)
            for some in range(0, len(spot), _SOME):
                there = spot[some : some + _SOME]
                _put(
                    stream,
                    codes,
                    places[there].astype(np.int64),
                    bits[there].astype(np.int64),
                    scan.low,
                    found,
                )
        if dcs:
            alike = np.resize(np.array(slots) == slot, len(order))
            _sum_up(order[alike], per // len(slots) * slots.count(slot), found)


def _put(stream: Stream, codes: Codes, places: Indices, bits: Indices, low: int, found: Coefficients) -> None:
    """Decode the values whose codes begin at these bits."""
    symbols, lengths = (table[stream.words(bits) >> 16].astype(np.int64) for table in expanded(codes))
    if not lengths.all():
        raise NotReadError("damaged data: a code that there is not")
    values = signed(stream.words(bits + lengths), symbols & 15)
    found[places >> 6, places & 63] = values << low


def _sum_up(blocks: Indices, per: int, found: Coefficients) -> None:
    """DC coefficients from their differences, which begin anew in each interval of so many blocks."""
    steps = found[blocks, 0].astype(np.int64)
    sums = np.cumsum(steps)
    begins = np.arange(len(blocks)) // per * per
    values = sums - (sums - steps)[begins]
    if np.abs(values).max() > np.iinfo(np.int16).max >> 1:
        raise NotReadError("damaged data: a mean that there is not")
    found[blocks, 0] = values


def _number(stream: Stream, bit: int, size: int) -> int:
    """The number in so many bits."""
    word = int.from_bytes(stream.data[bit >> 3 : (bit >> 3) + 3].tobytes(), "big")
    return word >> (24 - (bit & 7) - size) & ((1 << size) - 1)
