"""MobileFaceNet (Chen, Liu, Gao, Han 2018, arXiv 1804.07573), with ReLU6."""

from __future__ import annotations

from torch import Tensor, nn

BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""(expansion, channels, how many, stride of the first), table 1 of the paper."""


def _convolution(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)


def _activated(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = _convolution(inputs, outputs, size, stride, groups)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class Separable(nn.Module):
    """A convolution of each channel, then one across channels, both activated."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = _convolution(channels, channels, 3, groups=channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.pointwise = _convolution(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.depthwise(x)))
        out: Tensor = self.relu(self.bn2(self.pointwise(x)))
        return out


class GlobalDepthwise(nn.Module):
    """One 7 x 7 weight a channel instead of a mean: the paper's change for faces."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(self.depthwise(x))
        return out


class Bottleneck(nn.Module):
    """Inverted residual: wider, each channel by itself, narrow again."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            _activated(inputs, wide),
            _activated(wide, wide, 3, stride, wide),
            _convolution(wide, outputs),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileFaceNet(nn.Module):
    """Chips `(N, 3, 112, 112)` to embeddings `(N, dimensions)`, which are not normalised.

    >>> import torch
    >>> MobileFaceNet().eval()(torch.zeros(1, 3, 112, 112)).shape
    torch.Size([1, 128])
    """

    def __init__(self, dimensions: int = 128) -> None:
        super().__init__()
        self.conv1 = _activated(3, 64, 3, 2)
        self.dw_conv = Separable(64)
        blocks, inputs = [], 64
        for expansion, channels, count, stride in BOTTLENECKS:
            for i in range(count):
                blocks.append(Bottleneck(inputs, channels, expansion, stride if i == 0 else 1))
                inputs = channels
        self.features = nn.Sequential(*blocks)
        self.conv2 = _activated(inputs, 512)
        self.gdconv = GlobalDepthwise(512)
        self.conv3 = nn.Conv2d(512, dimensions, 1)
        self.bn = nn.BatchNorm1d(dimensions)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(self.dw_conv(self.conv1(x)))
        x = self.conv3(self.gdconv(self.conv2(x)))
        out: Tensor = self.bn(x.flatten(1))
        return out
