"""TorchScript archives are read without running them."""

from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import nn

from mnd.base.torchscript import is_torchscript, read_torchscript
from mnd.base.weights import check_tensors, read_state

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.tail = nn.Linear(4, 2)
        self.sides = [1, 2]
        self.name = "net"
        shared = torch.arange(6.0)
        self.register_buffer("part", shared[2:].reshape(2, 2).t())
        self.register_buffer("short", torch.ones(2, dtype=torch.float16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tail(self.layers(x).mean((2, 3)))


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Net, Path]:
    net = Net().eval()
    torch.jit.save(torch.jit.script(net), tmp_path / "net.pt")
    return net, tmp_path / "net.pt"


def test_the_state_is_that_of_the_module(saved):
    net, path = saved
    want, got = net.state_dict(), read_state(path)
    assert got.keys() == want.keys()
    assert all(torch.equal(got[k], want[k]) and got[k].dtype == want[k].dtype for k in want)


def test_tensors_are_told_by_their_sum(saved):
    net, path = saved
    expected = hashlib.sha256(save({k: v.contiguous() for k, v in net.state_dict().items()})).hexdigest()
    check_tensors(path, expected)
    with pytest.raises(ValueError, match=f"sha256 of its tensors is {expected}, expected {'0' * 64}"):
        check_tensors(path, "0" * 64)


def test_other_files_are_none(tmp_path: Path):
    torch.save(Net().state_dict(), tmp_path / "state.pt")
    (tmp_path / "text.pt").write_text("text")
    assert not is_torchscript(tmp_path / "state.pt")
    assert not is_torchscript(tmp_path / "text.pt")
    assert read_state(tmp_path / "state.pt").keys() == Net().state_dict().keys()


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("ran",))


@pytest.mark.parametrize(
    "data", [pickle.dumps(Evil()), b"", b"\x80\x02junk", pickle.dumps([1]), pickle.dumps(b"x" * 9)[:9]]
)
def test_nothing_else_is_loaded(tmp_path: Path, monkeypatch, data: bytes):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(tmp_path / "evil.pt", "w") as archive:
        archive.writestr("evil/data.pkl", data)
        archive.writestr("evil/constants.pkl", b"")
    assert is_torchscript(tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="no readable weights"):
        read_state(tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="no TorchScript of tensors alone"):
        read_torchscript(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()
