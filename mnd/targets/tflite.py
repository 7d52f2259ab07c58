"""Networks in TensorFlow Lite's files (`.tflite`): the few operators that recognisers in floats need."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

FLOAT, INTEGER = 0, 2
"""Kinds of tensors in a file."""
ADD, CONV, DEPTHWISE, MUL, RELU, RESHAPE, SUB, ABS = 0, 3, 4, 18, 19, 22, 41, 101
TWO: dict[int, Callable[[Tensor, Tensor], Tensor]] = {ADD: torch.add, MUL: torch.mul, SUB: torch.sub}
ONE: dict[int, Callable[[Tensor], Tensor]] = {RELU: F.relu, ABS: torch.abs}
KNOWN = {*TWO, *ONE, CONV, DEPTHWISE, RESHAPE}
SAME = 0
ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {0: lambda x: x, 1: F.relu, 3: F.relu6}
"""What is fused behind an operator."""


class Table:
    """A table of a FlatBuffer: fields by number, each of which may be left out."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.fields = at - self._read("i", at)

    def _read(self, kind: str, at: int) -> int:
        if at < 0:
            raise struct.error("a place before the file")
        return int(struct.unpack_from(f"<{kind}", self.data, at)[0])

    def _place(self, field: int) -> int:
        """Where a field is; 0: it is left out."""
        entry = 4 + 2 * field
        offset = self._read("H", self.fields + entry) if entry < self._read("H", self.fields) else 0
        return self.at + offset if offset else 0

    def number(self, field: int, kind: str = "i") -> int:
        place = self._place(field)
        return self._read(kind, place) if place else 0

    def table(self, field: int) -> Table | None:
        place = self._place(field)
        return Table(self.data, place + self._read("I", place)) if place else None

    def _vector(self, field: int) -> tuple[int, int]:
        if not (place := self._place(field)):
            return 0, 0
        begin = place + self._read("I", place)
        return begin + 4, self._read("I", begin)

    def tables(self, field: int) -> list[Table]:
        begin, count = self._vector(field)
        places = range(begin, begin + 4 * min(count, len(self.data)), 4)
        return [Table(self.data, place + self._read("I", place)) for place in places]

    def bytes(self, field: int, width: int = 1) -> bytes:
        begin, count = self._vector(field)
        if begin + width * count > len(self.data):
            raise struct.error("a vector behind the end of the file")
        return self.data[begin : begin + width * count]

    def numbers(self, field: int) -> list[int]:
        return [int(n) for n in np.frombuffer(self.bytes(field, 4), "<i4")]


@dataclass(frozen=True)
class Step:
    """An operator, which tensors it takes and makes, and how."""

    code: int
    inputs: Sequence[int]
    output: int
    same: bool = True
    strides: tuple[int, int] = (1, 1)
    activation: int = 0


class Network(nn.Module):
    """The graph of a file: chips `(N, 3, H, W)` to what its one output is, `(N, D)`."""

    def __init__(self, steps: Sequence[Step], constants: dict[int, Tensor], first: int, last: int) -> None:
        super().__init__()
        self.steps, self.first, self.last = steps, first, last
        for place, tensor in constants.items():
            self.register_buffer(f"c{place}", tensor)

    def forward(self, x: Tensor) -> Tensor:
        seen = {self.first: x}
        for step in self.steps:
            inputs = [seen[i] if i in seen else self.get_buffer(f"c{i}") for i in step.inputs]
            seen[step.output] = ACTIVATIONS[step.activation](_done(step, inputs))
        return seen[self.last]


def _done(step: Step, inputs: list[Tensor]) -> Tensor:
    """One operator; NCHW here and NHWC there, so that what is one number a channel gets two sides."""
    if step.code in ONE:
        return ONE[step.code](inputs[0])
    if step.code in TWO:
        first, second = (x[:, None, None] if x.ndim == 1 else x for x in inputs)
        return TWO[step.code](first, second)
    if step.code == RESHAPE:
        return inputs[0].flatten(1)
    x, weight, bias = inputs
    if step.same:
        sides = zip(x.shape[2:], weight.shape[2:], step.strides, strict=True)
        (top, bottom), (left, right) = (_padding(*side) for side in sides)
        x = F.pad(x, (left, right, top, bottom))
    return F.conv2d(x, weight, bias, step.strides, groups=x.shape[1] if step.code == DEPTHWISE else 1)


def _padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME: as many places as stride and size say, the odd one at the end.

    >>> _padding(112, 3, 2), _padding(56, 3, 1)
    ((0, 1), (1, 1))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def read(path: Path) -> Network:
    """The network in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, or has operators or numbers that are not known here.
    """
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist")
    data = path.read_bytes()
    try:
        if data[4:8] != b"TFL3":
            raise ValueError("does not begin as TensorFlow Lite's files do")
        return _network(Table(data, struct.unpack_from("<I", data)[0]))
    except (struct.error, ValueError, IndexError, RecursionError) as error:
        raise ValueError(f"{path}: no readable network: {error}") from error


def _network(model: Table) -> Network:
    codes = [max(code.number(0, "b"), code.number(3)) for code in model.tables(1)]
    if strange := sorted({*codes} - KNOWN):
        raise ValueError(f"has operators {strange}, expected some of {sorted(KNOWN)}")
    buffers = model.tables(4)
    [graph] = model.tables(2)
    [first], [last] = graph.numbers(1), graph.numbers(2)
    steps = [_step(operator, codes[operator.number(0, "I")]) for operator in graph.tables(3)]
    constants = {}
    for place, told in enumerate(graph.tables(0)):
        if raw := buffers[told.number(2, "I")].bytes(0):
            constants[place] = _constant(told, raw)
    made = {first} | {step.output for step in steps}
    if missing := sorted({i for step in steps for i in step.inputs} - made - constants.keys()):
        raise ValueError(f"has no tensors {missing}")
    for step in steps:  # what a convolution multiplies by: NHWC, of a depthwise one 1HWC
        if step.code in (CONV, DEPTHWISE):
            weight = constants[step.inputs[1]]
            order = (3, 0, 1, 2) if step.code == DEPTHWISE else (0, 3, 1, 2)
            constants[step.inputs[1]] = weight.permute(order).contiguous()
    return Network(steps, constants, first, last)


def _step(operator: Table, code: int) -> Step:
    inputs, [output] = operator.numbers(1), operator.numbers(2)
    how = operator.table(4)
    if how is None or code in ONE or code == RESHAPE:
        return Step(code, inputs, output)
    if code in TWO:
        return Step(code, inputs, output, activation=how.number(0, "b"))
    strides = how.number(2), how.number(1)
    multiplied = how.number(3) if code == DEPTHWISE else 1
    activation = how.number(4 if code == DEPTHWISE else 3, "b")
    if activation not in ACTIVATIONS or min(strides) < 1 or multiplied != 1:
        raise ValueError(
            f"has a convolution of strides {strides}, activation {activation}, times {multiplied}"
        )
    return Step(code, inputs, output, how.number(0, "b") == SAME, strides, activation)


def _constant(told: Table, raw: bytes) -> Tensor:
    kind, shape = told.number(1, "b"), told.numbers(0)
    if kind not in (FLOAT, INTEGER):
        raise ValueError(f"has numbers of kind {kind}, expected floats: a network in 8 bits has no gradient")
    return torch.from_numpy(np.frombuffer(raw, "<f4" if kind == FLOAT else "<i4").reshape(shape).copy())
