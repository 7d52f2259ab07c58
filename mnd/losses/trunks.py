"""Trunks: the feature layers of trained networks, in which a learned metric measures a difference."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ..base.weights import LITE0, WeightsFile, load_state, read_state, torchvision_file

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""LPIPS's own shift and scale, of pictures in [-1, 1]."""
PEDESTAL = 2.0
"""Of the picture, which is from -1 to 1: its tap is then nearly the mean square error."""


class Trunk(nn.Module):
    """A network cut into stages; what leaves each stage is a tap.

    Args:
        name: of the trunk, for reports.
        stages: called one after the other.
        channels: of every tap.
        least: the smallest side of a picture that reaches the last tap.
        mean: subtracted from R, G and B in [0, 1].
        std: what is left is divided by it.
        raw: the scaled picture itself is the first tap.
        pedestal: a constant channel of that tap; without it the colour of a grey pixel has no direction.
    """

    def __init__(
        self,
        name: str,
        stages: Sequence[nn.Module],
        channels: tuple[int, ...],
        least: int,
        mean: Sequence[float],
        std: Sequence[float],
        raw: bool = False,
        pedestal: float = 0.0,
    ) -> None:
        super().__init__()
        self.name, self.channels, self.least = name, channels, least
        self.raw, self.pedestal = raw, pedestal
        self.stages = nn.ModuleList(stages)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def forward(self, x: Tensor) -> list[Tensor]:
        """The taps of pictures `(B, 3, H, W)` in [0, 1]: `(B, channels[k], H_k, W_k)` each."""
        x = ((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        taps = [self._picture(x)] if self.raw else []
        for stage in self.stages:
            x = stage(x)
            taps.append(x)
        return taps

    def _picture(self, x: Tensor) -> Tensor:
        return torch.cat([x, torch.full_like(x[:, :1], self.pedestal)], 1) if self.pedestal else x


@dataclass(frozen=True, slots=True)
class Cut:
    """How one of torchvision's networks is cut: the layers of `features` before which a new stage begins."""

    model: str
    ends: tuple[int, ...]
    channels: tuple[int, ...]
    least: int
    raw: bool = False
    pool: Callable[[Any], nn.Module] | None = None
    """What stands in the place of each max pooling."""


CUTS = {
    "alex": Cut("alexnet", (2, 5, 8, 10, 12), (64, 192, 384, 256, 256), 31),
    "vgg": Cut("vgg16", (4, 9, 16, 23, 30), (64, 128, 256, 512, 512), 16),
    "squeeze": Cut("squeezenet1_1", (2, 5, 8, 10, 11, 12, 13), (64, 128, 256, 384, 384, 512, 512), 17),
    # the two of E-LPIPS: every activation is a tap, and so is the picture
    "squeeze-full": Cut(
        "squeezenet1_1",
        (2, 4, 5, 7, 8, 10, 11, 12, 13),
        (3, 64, 128, 128, 256, 256, 384, 384, 512, 512),
        31,
        raw=True,
        # as in TensorFlow's "VALID": torchvision's own squeezenet rounds up
        pool=lambda pool: nn.MaxPool2d(pool.kernel_size, pool.stride),
    ),
    "vgg-full-avg": Cut(
        "vgg16",
        (2, 4, 7, 9, 12, 14, 16, 19, 21, 23, 26, 28, 30),
        (3, 64, 64, 128, 128, *(256,) * 3, *(512,) * 6),
        16,
        raw=True,
        pool=lambda pool: nn.AvgPool2d(pool.kernel_size, pool.stride),
    ),
}
NAMES = ("efficientnet-lite0", *CUTS)
"""All trunks; the first needs nothing but this package and what it depends on."""


def load_trunk(name: str, pretrained: bool = True) -> Trunk:
    """A frozen trunk, with its trained weights; nothing is downloaded.

    Args:
        name: one of `NAMES`.
        pretrained: False: random weights, for those who bring their own.

    Raises:
        ValueError: there is no such trunk, or the file holds other weights.
        FileNotFoundError: its weights are not on this machine; the message says how to get them.

    >>> [tuple(tap.shape[1:]) for tap in load_trunk("efficientnet-lite0")(torch.rand(1, 3, 64, 64))]
    [(4, 64, 64), (32, 32, 32), (24, 16, 16), (40, 8, 8), (80, 4, 4), (112, 4, 4)]
    """
    if name not in NAMES:
        raise ValueError(f"trunk is {name!r}, expected one of {', '.join(NAMES)}")
    if name in CUTS:
        trunk = _torchvision(name, pretrained)
    else:
        trunk = copy.deepcopy(_trained()) if pretrained else _lite0(pretrained)
    return trunk.requires_grad_(False).eval().to(memory_format=torch.channels_last)


def download(name: str, progress: Callable[[str, int, int], None] | None = None) -> None:
    """Get the weights of a trunk over https to where torch keeps its own, unless they are there.

    Raises:
        ValueError: there is no such trunk, or the file that came has another sha256.
        ConnectionError: the transfer failed.
    """
    if name not in NAMES:
        raise ValueError(f"trunk is {name!r}, expected one of {', '.join(NAMES)}")
    where = torchvision_file(CUTS[name].model) if name in CUTS else LITE0
    where.obtain(progress=progress)


def _torchvision(name: str, pretrained: bool) -> Trunk:
    import torchvision.models as models

    cut = CUTS[name]
    if pretrained:
        _found(name, torchvision_file(cut.model))
    net = models.get_model(cut.model, weights="IMAGENET1K_V1" if pretrained else None)
    layers = {
        str(index): cut.pool(layer) if cut.pool and isinstance(layer, nn.MaxPool2d) else layer
        for index, layer in enumerate(net.features)
    }
    names = list(layers)
    stages = [
        nn.Sequential(OrderedDict((key, layers[key]) for key in names[start:end]))
        for start, end in pairwise((0, *cut.ends))
    ]
    mean = [(1 + shift) / 2 for shift in SHIFT]
    return Trunk(name, stages, cut.channels, cut.least, mean, [scale / 2 for scale in SCALE], cut.raw)


def _found(name: str, file: WeightsFile) -> None:
    """Refuse weights that are missing, and say how to get them, or that are not merely tensors."""
    if (path := file.find()) is None:
        raise FileNotFoundError(
            f"weights {file.file} of the trunk {name!r} (about {file.size / 1e6:.0f} MB) are not in"
            f" {file.folder()}: `python -c \"from mnd.losses import trunks; trunks.download('{name}')\"` gets"
            f" them from {file.url}; the trunk {NAMES[0]!r} needs no download"
        )
    read_state(path)


@cache
def _trained() -> Trunk:
    """Read once: a run that measures needs several of them, each of which may be moved or tuned."""
    return _lite0(pretrained=True)


def _lite0(pretrained: bool) -> Trunk:
    """EfficientNet-Lite0 up to its eleventh block (1/16 of the size), tapped where the size or width grows.

    The last tap is the last of 112 channels: what comes later says what is seen, not how it looks. The first
    is the picture on a pedestal, where a small change is small whatever the network makes of it. The taps are
    the choice of this project.
    """
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0").eval()
    if pretrained:
        path = LITE0.obtain(offline=True)
        load_state(net, read_state(path), path)
    _fuse(net, "_conv_stem", "_bn0")
    for block in net._blocks:
        for conv, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
            if hasattr(block, conv):
                _fuse(block, conv, norm)
    stages = [
        nn.Sequential(net._conv_stem, nn.ReLU6()),
        *(nn.Sequential(*net._blocks[a:b]) for a, b in pairwise((0, 3, 5, 8, 11))),
    ]
    mean, std = (127 / 255,) * 3, (128 / 255,) * 3
    channels = (4, 32, 24, 40, 80, 112)
    return Trunk("efficientnet-lite0", stages, channels, 16, mean, std, raw=True, pedestal=PEDESTAL)


def _fuse(parent: Any, conv: str, norm: str) -> None:
    """Let a convolution do the work of the normalisation after it, and of an even padding before it."""
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    layer, bn = getattr(parent, conv), getattr(parent, norm)
    layer.weight, layer.bias = fuse_conv_bn_weights(
        layer.weight, None, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    setattr(parent, norm, nn.Identity())
    if isinstance(layer.static_padding, nn.ZeroPad2d):
        left, right, top, bottom = layer.static_padding.padding
        if left == right == top == bottom:
            layer.padding, layer.static_padding = (top, left), nn.Identity()
