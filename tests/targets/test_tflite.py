"""TensorFlow Lite's files, written here byte by byte, against the same operators in torch."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mnd.targets import tflite

Fields = dict[int, Any]
"""A table by field: a number, bytes, a list of numbers or of tables, or a table."""


def flatbuffer(root: Fields) -> bytes:
    """The bytes of a table and of all below it."""
    out = bytearray(b"\0\0\0\0TFL3")

    def put(place: int, at: int) -> None:
        out[place : place + 4] = struct.pack("<I", at - place)

    def vector(value: list[Any] | bytes) -> int:
        out.extend(b"\0" * (-len(out) % 4))
        at = len(out)
        out.extend(struct.pack("<I", len(value)))
        if isinstance(value, bytes):
            out.extend(value)
        elif value and isinstance(value[0], dict):
            out.extend(b"\0" * 4 * len(value))
            for i, child in enumerate(value):
                put(at + 4 + 4 * i, table(child))
        else:
            out.extend(struct.pack(f"<{len(value)}i", *value))
        return at

    def table(fields: Fields) -> int:
        out.extend(b"\0" * (-len(out) % 4))
        begin, count = len(out), max(fields, default=-1) + 1
        places = {field: 4 + 4 * i for i, field in enumerate(fields)}
        out.extend(struct.pack("<HH", 4 + 2 * count, 4 + 4 * len(fields)))
        out.extend(struct.pack(f"<{count}H", *(places.get(i, 0) for i in range(count))))
        out.extend(b"\0" * (-len(out) % 4))
        at = len(out)
        out.extend(struct.pack("<i", at - begin) + b"\0" * 4 * len(fields))
        for field, value in fields.items():
            place = at + places[field]
            if isinstance(value, int):
                out[place : place + 4] = struct.pack("<i", value)
            else:
                put(place, table(value) if isinstance(value, dict) else vector(value))
        return at

    put(0, table(root))
    return bytes(out)


def tensor(shape: list[int], buffer: int = 0, kind: int = 0) -> Fields:
    return {0: shape, 1: kind, 2: buffer}


WEIGHT = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0))
DEPTH = torch.randn(8, 1, 3, 3, generator=torch.Generator().manual_seed(1))
BIAS = torch.randn(8, generator=torch.Generator().manual_seed(2))
SLOPE = torch.rand(8, generator=torch.Generator().manual_seed(3))


def graph(**changes: Any) -> Fields:
    """Convolution, PReLU in five operators, depthwise convolution, reshape: as the recognisers have them."""
    arrays = [
        WEIGHT.permute(0, 2, 3, 1),
        BIAS,
        SLOPE / 2,
        DEPTH.permute(1, 2, 3, 0),
        torch.tensor([2, 8], dtype=torch.int32),
    ]
    buffers = [{0: b""}, *({0: np.ascontiguousarray(a.numpy()).tobytes()} for a in arrays)]
    tensors = [
        tensor([2, 12, 12, 3]),
        tensor([8, 3, 3, 3], 1),
        tensor([8], 2),
        tensor([8], 3),
        tensor([1, 3, 3, 8], 4),
        tensor([2], 5, kind=2),
        *(tensor([2, 6, 6, 8]) for _ in range(6)),
        tensor([2, 2, 2, 8]),
        tensor([2, 32]),
    ]
    codes = [3, 19, 101, 41, 18, 0, 4, 22]
    operators = [
        {0: 0, 1: [0, 1, 2], 2: [6], 4: {0: 0, 1: 2, 2: 2, 3: 0}},
        {0: 1, 1: [6], 2: [7]},
        {0: 2, 1: [6], 2: [8]},
        {0: 3, 1: [6, 8], 2: [9], 4: {0: 0}},
        {0: 4, 1: [3, 9], 2: [10], 4: {0: 0}},
        {0: 5, 1: [7, 10], 2: [11], 4: {0: 0}},
        {0: 6, 1: [11, 4, 2], 2: [12], 4: {0: 1, 1: 2, 2: 2, 3: 1, 4: 3}},
        {0: 7, 1: [12, 5], 2: [13], 4: {0: [2, 32]}},
    ]
    subgraph = {0: tensors, 1: [0], 2: [13], 3: operators} | changes.get("subgraph", {})
    model = {0: 3, 1: [{0: code} for code in codes], 2: [subgraph], 4: buffers}
    return model | changes.get("model", {})


def written(tmp_path: Path, model: Fields) -> Path:
    (tmp_path / "net.tflite").write_bytes(flatbuffer(model))
    return tmp_path / "net.tflite"


def test_it_is_what_torch_says(tmp_path: Path):
    net = tflite.read(written(tmp_path, graph())).eval()
    x = torch.randn(3, 3, 12, 12, requires_grad=True)
    y = F.conv2d(F.pad(x, (0, 1, 0, 1)), WEIGHT, BIAS, 2)
    y = F.relu(y) + (y - y.abs()) * (SLOPE / 2)[:, None, None]
    y = F.relu6(F.conv2d(y, DEPTH, BIAS, 2, groups=8))
    got = net(x)
    assert got.shape == (3, 32)
    assert torch.allclose(got, y.flatten(1), atol=1e-5)
    [slope] = torch.autograd.grad(got.sum(), x)
    assert slope.abs().max() > 0
    assert net.state_dict().keys() == {"c1", "c2", "c3", "c4", "c5"}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (graph(model={1: [{0: 25}]}), r"has operators \[25\]"),
        (graph(model={2: []}), "not enough values"),
        (graph(subgraph={1: [0, 1]}), "too many values"),
        (graph(subgraph={0: [tensor([1], 1, kind=9)]}), "8 bits has no gradient"),
        (graph(subgraph={0: [tensor([7], 1)]}), "cannot reshape"),
        (graph(subgraph={3: [{0: 1, 1: [99], 2: [13]}]}), r"has no tensors \[99\]"),
        (graph(subgraph={3: [{0: 0, 1: [0, 1, 2], 2: [13], 4: {0: 0, 1: 0, 2: 0}}]}), "strides"),
        (graph(subgraph={3: [{0: 77, 1: [0], 2: [13]}]}), "index out of range"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, model: Fields, message: str):
    with pytest.raises(ValueError, match=rf"net\.tflite: no readable network.*{message}"):
        tflite.read(written(tmp_path, model))


def test_damaged_files(tmp_path: Path):
    good, path = flatbuffer(graph()), tmp_path / "net.tflite"
    with pytest.raises(FileNotFoundError, match="does not exist"):
        tflite.read(path)
    for length in (*range(0, 64, 4), 300, 800, len(good) // 2):
        path.write_bytes(good[:length])
        with pytest.raises(ValueError, match="no readable network"):
            tflite.read(path)
    for place in range(8, 600, 4):
        path.write_bytes(good[:place] + b"\xff\xff\xff\x7f" + good[place + 4 :])
        try:
            tflite.read(path)
        except ValueError:
            continue
