"""MXNet's files of parameters, written here byte by byte, in each of its versions."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from mnd.base.mxnet import KINDS, OLD, V1, V2, V3, read_params
from mnd.base.weights import read_state


def array(values: np.ndarray, version: int) -> bytes:
    """One array as MXNet's NDArray::Save writes it."""
    head = b"" if version == OLD else struct.pack("<I", version)
    head += struct.pack("<i", 0) if version in (V2, V3) else b""
    head += struct.pack("<i", values.ndim)
    head += struct.pack(f"<{values.ndim}{'I' if version == OLD else 'q'}", *values.shape)
    kind = KINDS.index(values.dtype.str.removeprefix("|"))
    return head + struct.pack("<iii", 1, 0, kind) + values.tobytes()


def params(arrays: list[bytes], names: list[str]) -> bytes:
    told = struct.pack("<QQQ", 0x112, 0, len(arrays)) + b"".join(arrays) + struct.pack("<Q", len(names))
    return told + b"".join(struct.pack("<Q", len(name.encode())) + name.encode() for name in names)


WEIGHT = np.arange(24, dtype="<f4").reshape(2, 3, 2, 2)
NAMES = ["arg:conv_weight", "aux:bn_mean"]


@pytest.mark.parametrize("version", [OLD, V1, V2, V3])
def test_every_version(tmp_path: Path, version: int):
    mean = np.asarray([1.5, -2.0], "<f4")
    (tmp_path / "a.params").write_bytes(params([array(WEIGHT, version), array(mean, version)], NAMES))
    got = read_state(tmp_path / "a.params")
    assert list(got) == NAMES
    assert torch.equal(got["arg:conv_weight"], torch.from_numpy(WEIGHT))
    assert torch.equal(got["aux:bn_mean"], torch.from_numpy(mean))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(tmp_path: Path, kind: str):
    values = np.asarray([[1, 2, 3]], kind)
    (tmp_path / "a.params").write_bytes(params([array(values, V2)], ["x"]))
    got = read_params(tmp_path / "a.params")["x"]
    assert got.numpy().dtype == values.dtype
    assert got.tolist() == values.tolist()


def test_a_number_alone_has_no_dimensions(tmp_path: Path):
    (tmp_path / "a.params").write_bytes(params([array(np.asarray(7.0, "<f4"), V3)], ["x"]))
    assert read_params(tmp_path / "a.params")["x"].item() == 7


GOOD = params([array(WEIGHT, V2)], NAMES[:1])
SPARSE = struct.pack("<Iii", V2, 1, 1)
HUGE = struct.pack("<Iii4q", V2, 0, 4, *[1 << 40] * 4) + struct.pack("<iii", 1, 0, 0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends too early"),
        (b"not MXNet's at all", "does not begin"),
        *((GOOD[:length], "ends too early") for length in (8, 23, 30, 60, 100, len(GOOD) - 1)),
        (params([array(WEIGHT, V2)], NAMES), "1 arrays and 2 names"),
        (params([array(WEIGHT, V2)] * 2, NAMES[:1] * 2), "2 arrays and 1 names"),
        (params([SPARSE], NAMES[:1]), "storage 1, expected 0: dense"),
        (params([array(WEIGHT, V2)[:-108] + struct.pack("<iii", 1, 0, 99)], NAMES[:1]), "kind 99"),
        (params([struct.pack("<Iii", V2, 0, 33)], NAMES[:1]), "33 dimensions"),
        (params([struct.pack("<Iii", V2, 0, 0)], NAMES[:1]), "0 dimensions"),
        (params([HUGE], NAMES[:1]), "ends too early"),
        (struct.pack("<QQQ", 0x112, 0, 1 << 60), "ends too early"),
    ],
)
def test_what_is_none(tmp_path: Path, data: bytes, message: str):
    (tmp_path / "a.params").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_params(tmp_path / "a.params")
    with pytest.raises(ValueError, match=r"a\.params: no readable weights"):
        read_state(tmp_path / "a.params")
