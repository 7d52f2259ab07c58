"""MXNet's files of parameters (`.params`): a list of arrays, then their names."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

LIST = 0x112
"""What such a file begins with."""
OLD, V1, V2, V3 = 0, 0xF993FAC8, 0xF993FAC9, 0xF993FACA
"""How one array begins: its shape in 32 bits, in 64, after its storage, shapes as NumPy has them."""
KINDS = ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8")
DENSE = 0
MOST = 32
"""Dimensions of an array."""


def read_params(path: Path) -> dict[str, Tensor]:
    """The arrays of a file by name, such as `arg:conv1_weight` and `aux:bn1_moving_mean`.

    After MXNet's `NDArray::Load`: a 64-bit mark and a reserved word, the number of arrays, each array (mark,
    storage, shape, device, kind, values), the number of names, each name with its length before it.

    Raises:
        ValueError: it is no such file, it is cut off, or an array is sparse or of an unknown kind.
    """
    file = _File(path.read_bytes())
    try:
        if file.number("Q") != LIST:
            raise ValueError("does not begin as MXNet's files do")
        file.number("Q")
        arrays = [file.array() for _ in range(file.count())]
        names = [file.take(file.count()).decode() for _ in range(file.count())]
    except struct.error as error:
        raise ValueError(f"ends too early: {error}") from error
    if len(names) != len(arrays) or len(set(names)) != len(names):
        raise ValueError(f"has {len(arrays)} arrays and {len(set(names))} names, expected as many")
    return dict(zip(names, arrays, strict=True))


class _File:
    """Bytes that are read from the first to the last."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, length: int) -> bytes:
        if length > len(self.data) - self.at:
            raise struct.error(f"{length:,} bytes expected, {len(self.data) - self.at:,} left")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, kind: str) -> int:
        [value] = struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))
        return int(value)

    def count(self) -> int:
        """A number of things of which each has a byte at least."""
        if (count := self.number("Q")) > len(self.data):
            raise struct.error(f"{count:,} entries expected")
        return count

    def array(self) -> Tensor:
        mark = self.number("I")
        if mark not in (V1, V2, V3):
            mark, dimensions = OLD, mark
        else:
            if mark != V1 and (storage := self.number("i")) != DENSE:
                raise ValueError(f"has an array of storage {storage}, expected {DENSE}: dense")
            dimensions = self.number("i")
        if not (0 <= dimensions <= MOST) or (dimensions == 0 and mark != V3):
            raise ValueError(f"has an array of {dimensions} dimensions, expected 1 to {MOST}")
        shape = [self.number("I" if mark == OLD else "q") for _ in range(dimensions)]
        self.take(8)  # the device it was on
        if not 0 <= (kind := self.number("i")) < len(KINDS):
            raise ValueError(f"has an array of kind {kind}, expected 0 to {len(KINDS) - 1}")
        size = 1
        for side in shape:  # as Python's numbers, which do not overflow
            size *= max(side, 0)
        values = np.frombuffer(self.take(size * np.dtype(KINDS[kind]).itemsize), KINDS[kind])
        return torch.from_numpy(values.reshape(shape).copy())
