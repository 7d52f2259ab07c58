"""No test of a target touches the network; photos and landmarks that several tests share."""

from __future__ import annotations

import socket

import numpy as np
import pytest
import torch
from torch import Tensor


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def refuse(host):
        if host != "127.0.0.1":  # a server of the test's own
            raise AssertionError(f"a test reached for the network: {host}")

    def connected(self, address):
        refuse(address[0])
        return connect(self, address)

    def looked_up(host, *args, **kwargs):
        refuse(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", connected)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A photo of a face, 8-bit (512, 512, 3)."""
    from skimage import data

    return np.asarray(data.astronaut())


@pytest.fixture(scope="session")
def face() -> Tensor:
    """Landmarks `(1, 5, 2)` of the astronaut, as MTCNN finds them."""
    return torch.tensor([[[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.2], [245.3, 141.9]]])


@pytest.fixture
def noise():
    """A repeatable picture of noise: noise(height, width, ...) -> (1, 3, height, width)."""

    def make(height: int, width: int, seed: int = 0, dtype=torch.float32) -> Tensor:
        return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)

    return make
