"""Reads dlib's serialised networks: every byte is accounted for, every shape checked, nothing executed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class FormatError(ValueError):
    """The file is not the network this module knows."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the file: `kind`, its numbers, and its settings as dlib wrote them."""

    kind: str
    weight: Floats | None = None
    bias: Floats | None = None
    settings: tuple[int, ...] = ()
    """(rows, columns, stride y, stride x, padding y, padding x) of a convolution or a pooling."""


@dataclass(frozen=True, slots=True)
class Network:
    """A file's content: the input's mean colour and size, and the layers from input to output."""

    mean: tuple[float, float, float]
    size: tuple[int, int]
    layers: list[Layer] = field(default_factory=list)


class Reader:
    """dlib's portable encoding, read in order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def take(self, count: int) -> bytes:
        out = self.data[self.position : self.position + count]
        if count < 0 or len(out) != count:
            raise FormatError(f"the file ends inside a field at byte {self.position}")
        self.position += count
        return out

    def integer(self) -> int:
        """A control byte (low nibble: bytes that follow, 0x80: negative), then the size, little end first."""
        head = self.take(1)[0]
        size = head & 0x0F
        if head & 0x70 or not 1 <= size <= 8:
            raise FormatError(f"integer begins with 0x{head:02x} at byte {self.position - 1}")
        value = int.from_bytes(self.take(size), "little")
        return -value if head & 0x80 else value

    def number(self) -> float:
        """mantissa * 2^exponent; exponents from 32000 on stand for infinity and not a number."""
        mantissa, exponent = self.integer(), self.integer()
        if exponent >= 32000:
            return {32000: math.inf, 32001: -math.inf}.get(exponent, math.nan)
        if abs(exponent) > 512:
            raise FormatError(f"float with exponent {exponent} before byte {self.position}")
        return float(mantissa * 2.0**exponent)

    def flag(self) -> bool:
        byte = self.take(1)
        if byte not in (b"0", b"1"):
            raise FormatError(f"flag is {byte!r} at byte {self.position - 1}")
        return byte == b"1"

    def text(self) -> str:
        size = self.integer()
        if not 0 <= size <= 64:
            raise FormatError(f"text of {size} characters at byte {self.position}")
        return self.take(size).decode("ascii", "replace")

    def integers(self, count: int) -> tuple[int, ...]:
        return tuple(self.integer() for _ in range(count))

    def expect(self, what: str, got: Any, *allowed: Any) -> None:
        if got not in allowed:
            wanted = " or ".join(map(str, allowed))
            raise FormatError(f"{what} is {got!r}, expected {wanted}, before byte {self.position}")

    def tensor(self) -> Floats:
        """Version 2, four dimensions, then float32, little end first."""
        self.expect("version of a tensor", self.integer(), 2)
        shape = self.integers(4)
        if not all(0 <= n <= 1 << 24 for n in shape):
            raise FormatError(f"tensor of shape {shape} before byte {self.position}")
        return np.frombuffer(self.take(4 * math.prod(shape)), "<f4").reshape(shape)

    def alias(self) -> tuple[int, ...]:
        """The shape of a part of a layer's parameters: version 1, four dimensions."""
        self.expect("version of an alias", self.integer(), 1)
        return self.integers(4)


def _convolution(r: Reader, name: str) -> Layer:
    params = r.tensor().ravel()
    filters, *window = r.integers(7)
    rows, columns, stride_y, stride_x, pad_y, pad_x = window
    shape, bias_shape = r.alias(), r.alias()
    for _ in range(4):  # learning rate and decay
        r.number()
    biased = r.flag() if name != "con_4" else True
    r.expect("relu inside a convolution", r.flag() if name == "con_6" else False, False)
    r.expect("shape of a convolution", (shape[0], *shape[2:]), (filters, rows, columns))
    size = math.prod(shape)
    r.expect("size of a convolution", params.size, size + filters * biased)
    if biased:
        r.expect("size of a bias", math.prod(bias_shape), filters)
    bias = params[size:] if biased else np.zeros(filters, np.float32)
    settings = (rows, columns, stride_y, stride_x, pad_y, pad_x)
    return Layer("convolution", params[:size].reshape(shape), bias, settings)


def _affine(r: Reader, name: str) -> Layer:
    params = r.tensor().ravel()
    gamma, beta = r.alias(), r.alias()
    mode = r.integer()  # 0: a pair of numbers for each channel
    disabled = r.flag() if name == "affine_2" else False
    r.expect("mode of an affine layer", (mode, disabled), (0, False))
    count = math.prod(gamma)
    r.expect("shape of an affine layer", beta, gamma)
    r.expect("size of an affine layer", params.size, 2 * count)
    return Layer("affine", params[:count], params[count:])


def _dense(r: Reader, name: str) -> Layer:
    outputs, inputs = r.integers(2)
    params = r.tensor()
    shape, _ = r.alias(), r.alias()
    r.expect("bias mode of a dense layer", r.integer(), 1)  # FC_NO_BIAS
    for _ in range(4):
        r.number()
    if name == "fc_3":
        r.flag()
    r.expect("shape of a dense layer", shape[:2], (inputs, outputs))
    r.expect("size of a dense layer", params.size, inputs * outputs)
    return Layer("dense", params.reshape(inputs, outputs))


def _layer(r: Reader) -> Layer:
    """One layer's own record, which begins with its name and version."""
    name = r.text()
    match name:
        case "con_4" | "con_5" | "con_6":
            return _convolution(r, name)
        case "affine_" | "affine_2":
            return _affine(r, name)
        case "fc_2" | "fc_3":
            return _dense(r, name)
        case "relu_" | "relu_2":
            r.expect("relu disabled", r.flag() if name == "relu_2" else False, False)
            return Layer("relu")
        case "max_pool_2" | "avg_pool_2":
            return Layer(name[:8], settings=r.integers(6))
        case "add_prev_":
            return Layer("add")
    raise FormatError(f"unknown layer {name!r} before byte {r.position}")


def _running_state(r: Reader) -> None:
    """What dlib keeps of a layer beside its record: three flags and three tensors of its last run."""
    for _ in range(3):
        r.flag()
    for _ in range(3):
        r.tensor()


def parse(data: bytes) -> Network:
    """The network in a file's bytes.

    Raises:
        FormatError: it is cut off, has bytes left over, or holds anything unknown; the message has the byte.
    """
    r = Reader(data)
    r.expect("version of the loss layer", r.integer(), 1)
    r.expect("loss", r.text(), "loss_metric_2")
    r.number(), r.number()  # margin and threshold of the training
    # The outermost layer comes first, and so do the versions of all: 2 is a layer that computes, 1 a tag
    # or a skip without a record of its own, 3 the innermost.
    versions = []
    while (version := r.integer()) != 3:
        r.expect("version of a layer", version, 1, 2)
        versions.append(version)
    r.expect("input", r.text(), "input_rgb_image_sized")
    red, green, blue = r.number(), r.number(), r.number()
    rows, columns = r.integers(2)
    layers = [_layer(r)]
    _running_state(r)
    r.integer()  # sample expansion factor
    for version in reversed(versions):
        if version == 2:
            layers.append(_layer(r))
            _running_state(r)
    if r.position != len(data):
        raise FormatError(f"{len(data) - r.position} bytes are left over")
    return Network((red, green, blue), (rows, columns), layers)
