"""The bits of a scan, and Huffman codes over them: what stands at every bit, looked up at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .frame import Codes, NotReadError

CHUNK = 1 << 17
"""Bytes that are looked up at once."""
MARGIN = 1 << 12
"""A group of blocks has fewer bytes: 10 blocks of 64 coefficients of at most 32 bits."""
STEP, END = 8, 64
"""An entry of a look-up says in its lowest `STEP` bits how many bits a code takes with what follows it, and
above, by how many coefficients it moves on; from `END` on: the block ends, in a run of so many bits."""
INVALID = 127 << STEP

Lookup = npt.NDArray[np.uint16]


@lru_cache(maxsize=64)
def expanded(codes: Codes) -> tuple[Lookup, Lookup]:
    """Symbol and length of the code that 16 bits begin with, `(65536,)` each; length 0: there is none.

    Raises:
        NotReadError: more codes than there can be.
    """
    symbols, lengths = np.zeros(1 << 16, np.uint16), np.zeros(1 << 16, np.uint16)
    at, symbol = 0, 0
    for length, count in enumerate(codes.counts, 1):
        size = 1 << (16 - length)
        end = at + count * size
        if end > 1 << 16 or symbol + count > len(codes.symbols):
            raise NotReadError("a Huffman table of too many codes")
        found = np.frombuffer(codes.symbols[symbol : symbol + count], np.uint8)
        symbols[at:end], lengths[at:end] = np.repeat(found, size), length
        at, symbol = end, symbol + count
    return symbols, lengths


@lru_cache(maxsize=64)
def dc_steps(codes: Codes) -> Lookup:
    """The bits that a DC difference takes, by the 16 bits that it begins with."""
    symbols, lengths = expanded(codes)
    return np.where((lengths == 0) | (symbols > 15), INVALID, lengths + symbols).astype(np.uint16)


@lru_cache(maxsize=64)
def ac_steps(codes: Codes, runs: bool) -> Lookup:
    """Bits and coefficients that an AC symbol takes; `runs`: the end of a block may be that of several."""
    symbols, lengths = expanded(codes)
    zeros, size = symbols >> 4, symbols & 15
    ends = (size == 0) & (zeros < 15)
    moves = np.where(ends, END + (zeros if runs else 0), zeros + 1)
    return np.where(lengths == 0, INVALID, moves << STEP | lengths + size).astype(np.uint16)


class Stream:
    """The coded data of a scan without stuffed zeros and restart markers."""

    def __init__(self, coded: bytes) -> None:
        raw = np.frombuffer(coded, np.uint8)
        # what follows FF: a stuffed zero goes, a restart marker goes with it; FF alone only fills
        marks = np.flatnonzero(raw[:-1] == 0xFF)
        behind = raw[marks + 1]
        restarts = marks[(behind >= 0xD0) & (behind <= 0xD7)]
        keep = np.ones(len(raw), bool)
        keep[marks[behind == 0] + 1] = keep[restarts] = keep[restarts + 1] = False
        keep[marks[behind == 0xFF]] = False
        self.data = np.concatenate([raw[keep], np.zeros(8 + MARGIN, np.uint8)])
        self.starts = [0, *np.cumsum(keep)[restarts].tolist()]
        """The first byte of each interval between restart markers."""
        self.size = 8 * int(keep.sum())

    def words(self, bits: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
        """32 bits from each of these bits on."""
        at, shift = bits >> 3, (bits & 7).astype(np.uint64)
        word = np.zeros(len(bits), np.uint64)
        for i in range(5):
            word = word << np.uint64(8) | self.data[at + i]
        return (word >> (np.uint64(8) - shift) & np.uint64(0xFFFFFFFF)).astype(np.uint32)

    def chunk(self, byte: int) -> npt.NDArray[np.uint16]:
        """16 bits from each bit on, from this byte on."""
        part = self.data[byte : byte + CHUNK + MARGIN + 2].astype(np.uint32)
        three = part[:-2] << 16 | part[1:-1] << 8 | part[2:]
        return (three[:, None] >> np.arange(8, 0, -1, dtype=np.uint32) & 0xFFFF).astype(np.uint16).ravel()

    def single(self) -> npt.NDArray[np.uint8]:
        """Every bit."""
        return np.unpackbits(self.data)


def signed(words: npt.NDArray[np.uint32], size: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The numbers of `size` bits that words begin with, as JPEG codes them: a leading 0 is a negative one."""
    value = (words.astype(np.int64) >> (32 - size)) & ((1 << size) - 1)
    return np.where(value < (1 << size >> 1), value - (1 << size) + 1, value)
