"""The three networks of MTCNN with facenet-pytorch's weights, and two operators of torchvision.

Neither package is imported: both load torch's compiler, which takes as long as a search and is not used.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

WEIGHTS = {"propose": "pnet.pt", "check": "rnet.pt", "measure": "onet.pt"}
"""The files of facenet-pytorch, by what its network does."""


class Nets(NamedTuple):
    """The three networks: P-Net, R-Net and O-Net."""

    propose: nn.Module
    check: nn.Module
    measure: nn.Module


class PNet(nn.Module):
    """`(N, 3, H, W)` to the moves of boxes `(N, 4, h, w)` and the probability of a face `(N, 2, h, w)`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.pool1 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_2(x), self.conv4_1(x).softmax(1)


class RNet(nn.Module):
    """`(N, 3, 24, 24)` to the moves of boxes `(N, 4)` and the probability of a face `(N, 2)`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.pool(self.prelu2(self.conv2(x)))))
        x = self.prelu4(self.dense4(_flat(x)))
        return self.dense5_2(x), self.dense5_1(x).softmax(1)


class ONet(nn.Module):
    """`(N, 3, 48, 48)` to moves `(N, 4)`, landmarks `(N, 10)` (all x, all y), and probability `(N, 2)`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.pool, self.pool3 = nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2, 2, ceil_mode=True)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.pool(self.prelu2(self.conv2(x)))
        x = self.prelu4(self.conv4(self.pool3(self.prelu3(self.conv3(x)))))
        x = self.prelu5(self.dense5(_flat(x)))
        return self.dense6_2(x), self.dense6_3(x), self.dense6_1(x).softmax(1)


def _flat(x: Tensor) -> Tensor:
    """`(N, C, H, W)` to `(N, W H C)`: the weights come from a library that counts so."""
    return x.permute(0, 3, 2, 1).flatten(1)


def load(device: torch.device) -> Nets:
    """The networks on a device; nothing is downloaded.

    Raises:
        FileNotFoundError: the package facenet-pytorch, or a file of it, is not installed.
    """
    nets: dict[str, nn.Module] = {"propose": PNet(), "check": RNet(), "measure": ONet()}
    for name, net in nets.items():
        path = _folder("facenet_pytorch") / "data" / WEIGHTS[name]
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        net.eval().requires_grad_(False).to(device)
    return Nets(**nets)


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {package} is not installed, expected it beside mnd")
    return Path(spec.origin).parent


@functools.cache
def _operators() -> Any:
    """torchvision's compiled operators; by its own import where their file is not found."""
    files = sorted(file for end in ("so", "pyd") for file in _folder("torchvision").glob(f"_C*.{end}"))
    try:
        torch.ops.load_library(str(files[0]))  # type: ignore[no-untyped-call]
    except (IndexError, OSError):
        import torchvision.ops  # noqa: F401
    return torch.ops.torchvision


def nms(boxes: Tensor, scores: Tensor, most: float) -> Tensor:
    """Which boxes `(N, 4)` overlap no surer one by more than `most` (intersection over union)."""
    kept: Tensor = _operators().nms(boxes, scores, most)
    return kept


def roi_align(image: Tensor, boxes: Tensor, size: int) -> Tensor:
    """`(N, 3, size, size)`: boxes `(N, 4)` of `image` `(1, 3, H, W)` as area averages; outside is zero."""
    boxes = torch.cat([boxes.new_zeros(len(boxes), 1), boxes], 1)
    parts: Tensor = _operators().roi_align(image, boxes, 1.0, size, size, -1, True)
    return parts
