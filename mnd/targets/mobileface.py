"""MobileFace V2 (becauseofAI/MobileFace): MobileNetV2's blocks, a matrix instead of a mean at the end."""

from __future__ import annotations

from torch import Tensor, nn

from .mobilefacenet import Bottleneck

STAGES = ((32, 3), (32, 3), (64, 3), (128, 3))
"""(channels, blocks), each stage half the size of the one before."""
EXPANSION = 3
EPSILON = 1e-3
"""MXNet's default in normalisations, which the graph leaves as it is."""
PARTS = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"}
"""A normalisation's tensors, and what MXNet calls them."""


class MobileFaceV2(nn.Module):
    """Chips `(N, 3, 112, 112)`, (value of 0 to 255 - 127.5) / 128, to embeddings `(N, dimensions)`.

    After the published graph `MobileFace_Identification_V2-symbol.json`: a 3 x 3 convolution of stride 2,
    four stages of three inverted residuals with ReLU6, one matrix over places and channels, a normalisation.

    >>> import torch
    >>> MobileFaceV2().eval()(torch.zeros(1, 3, 112, 112)).shape
    torch.Size([1, 256])
    """

    def __init__(self, dimensions: int = 256) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, 2, 1)
        self.bn1 = nn.BatchNorm2d(32)
        self.relu = nn.ReLU6(inplace=True)
        blocks, inputs = [], 32
        for channels, count in STAGES:
            for i in range(count):
                blocks.append(Bottleneck(inputs, channels, EXPANSION, 2 if i == 0 else 1))
                inputs = channels
        self.features = nn.Sequential(*blocks)
        self.fc5 = nn.Linear(inputs * 4 * 4, dimensions, bias=False)
        self.fc5_bn = nn.BatchNorm1d(dimensions)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.eps = EPSILON

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(self.relu(self.bn1(self.conv1(x))))
        out: Tensor = self.fc5_bn(self.fc5(x.flatten(1)))
        return out


def renamed(net: MobileFaceV2, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """MXNet's tensors under the names of `net`; what the graph does not have keeps its name.

    MXNet numbers what has no name of its own by its place in the graph: `convolution0`, `batchnorm0`.
    """
    theirs, convolutions, normalisations = {}, -1, -1  # conv1 and bn1, the first, have names
    for name, module in net.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            layer = f"batchnorm{normalisations}" if normalisations >= 0 else name
            normalisations += 1
        elif isinstance(module, nn.Conv2d):
            layer = f"convolution{convolutions}" if convolutions >= 0 else name
            convolutions += 1
        elif isinstance(module, nn.Linear | nn.BatchNorm1d):
            layer = name
        else:
            continue
        normalises = isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
        for part in module.state_dict():
            group = "aux" if part.startswith("running") else "arg"
            theirs[f"{group}:{layer}_{PARTS[part] if normalises and part in PARTS else part}"] = (
                f"{name}.{part}"
            )
    return {theirs.get(name, name): tensor for name, tensor in state.items()}
