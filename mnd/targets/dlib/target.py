"""dlib's face recogniser, as the library `face_recognition` uses it, in PyTorch.

The weights are read from dlib's own file in the PyPI package `face_recognition_models` (CC0). Architecture:
King, dlib 19.3 (2017), a ResNet of 29 layers after He et al. 2015, arXiv 1512.03385.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...base.weights import WeightsFile
from ..card import TargetCard
from ..face import Faces, FaceTarget, placed
from ..frozen import check_batch
from ..looks import DLIB, Look
from ..registry import register
from . import chip
from .file import FormatError, Layer, Network, parse
from .upright import Upright

LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""(channels, blocks, whether the first block halves the size)."""

WEIGHTS = WeightsFile(
    file="dlib_face_recognition_resnet_model_v1.dat",
    package="face_recognition_models",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
)

CARD = TargetCard(
    name="dlib",
    kind="face",
    unit="euclidean distance",
    threshold=0.6,
    size=(150, 150),
    source="dlib 19.3 (Davis King), used by the face_recognition library",
    licence="CC0-1.0",
    threshold_at="dlib's documentation: LFW accuracy 99.38 %",
    weights=WEIGHTS.file,
    sha256=WEIGHTS.sha256,
    template="dlib150",
    mean=(122.782 / 255, 117.001 / 255, 104.298 / 255),
    std=(256 / 255, 256 / 255, 256 / 255),
    judged_as=DLIB,
    code_licence="BSL-1.0",
    trained_on="face scrub, VGG-Face and photos from the web: about 3 million faces of 7,485 people",
    lfw=0.9938,
)


class Convolution(nn.Module):
    """dlib's con_ and affine_ in one: y = gamma * (conv(x) + bias) + beta; no padding with stride 2."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int) -> None:
        super().__init__()
        self.stride, self.padding = stride, size // 2 if stride == 1 else 0
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class Block(nn.Module):
    """Two convolutions and a short cut."""

    def __init__(self, inputs: int, width: int, down: bool) -> None:
        super().__init__()
        self.down = down
        self.a = Convolution(inputs, width, 3, 2 if down else 1)
        self.b = Convolution(width, width, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.b(F.relu(self.a(x)))
        if self.down:
            x = F.avg_pool2d(x, 2, 2)
            # add_prev_ fills both up with zeros to the larger size, at the far end of each axis
            channels, h, w = (max(x.shape[i], y.shape[i]) for i in (1, 2, 3))
            x = F.pad(x, (0, w - x.shape[3], 0, h - x.shape[2], 0, channels - x.shape[1]))
            y = F.pad(y, (0, w - y.shape[3], 0, h - y.shape[2], 0, channels - y.shape[1]))
        return F.relu(x + y)


class DlibResNet(nn.Module):
    """Chips `(N, 3, 150, 150)`, normalised as the card says, to embeddings `(N, 128)` of any length."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, 32, 7, 2)
        self.blocks = nn.Sequential()
        inputs = 32
        for width, count, down in LEVELS:
            for i in range(count):
                self.blocks.append(Block(inputs, width, down and i == 0))
                inputs = width
        self.head = nn.Linear(256, 128, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        out: Tensor = self.head(self.blocks(x).mean((2, 3)))
        return out

    def convolutions(self) -> list[Convolution]:
        """All of them in the order of the file."""
        return [m for m in self.modules() if isinstance(m, Convolution)]

    def kinds(self) -> list[str]:
        """The kinds of layers that dlib's file of this network has."""
        kinds = ["convolution", "affine", "relu", "max_pool"]
        for block in self.blocks:
            kinds += ["convolution", "affine", "relu", "convolution", "affine"]
            kinds += ["avg_pool"] * bool(block.down) + ["add", "relu"]
        return [*kinds, "avg_pool", "dense"]


def build(network: Network) -> DlibResNet:
    """The network with the file's weights.

    Raises:
        FormatError: the file holds another network.
    """
    net, layers = DlibResNet(), network.layers
    if [layer.kind for layer in layers] != net.kinds() or network.size != (150, 150):
        raise FormatError("the layers are not those of dlib's face recognition network")
    halving = (2, 2, 2, 2, 0, 0)
    pools = [layer.settings for layer in layers if layer.kind.endswith("pool")]
    if pools != [(3, 3, 2, 2, 0, 0), *[halving] * 4, (0, 0, 1, 1, 0, 0)]:
        raise FormatError(f"pooling layers are {pools}")
    pairs = [(c, a) for c, a in pairwise(layers) if c.kind == "convolution"]
    for module, (convolution, affine) in zip(net.convolutions(), pairs, strict=True):
        _fold(module, convolution, affine)
    dense = torch.tensor(layers[-1].weight).T
    if dense.shape != net.head.weight.shape:
        raise FormatError(
            f"dense layer has shape {tuple(dense.shape)}, expected {tuple(net.head.weight.shape)}"
        )
    net.head.weight = nn.Parameter(dense.contiguous())
    return net


def _fold(module: Convolution, convolution: Layer, affine: Layer) -> None:
    weight, bias, gamma, beta = (
        torch.tensor(v).double() for v in (convolution.weight, convolution.bias, affine.weight, affine.bias)
    )
    height, width = module.weight.shape[2:]
    settings = (height, width, module.stride, module.stride, module.padding, module.padding)
    if weight.shape != module.weight.shape or gamma.shape != bias.shape or convolution.settings != settings:
        raise FormatError(
            f"convolution {tuple(weight.shape)} {convolution.settings},"
            f" expected {tuple(module.weight.shape)} {settings}"
        )
    module.weight = nn.Parameter((weight * gamma[:, None, None, None]).float())
    module.bias = nn.Parameter((bias * gamma + beta).float())


class DlibTarget(FaceTarget):
    """dlib's recogniser, or another network, behind our landmarks, with chips that are cut as dlib cuts them.

    Verdicts (`judged`) go by dlib's own landmarks.
    """

    def chips(self, images: Tensor, faces: Tensor) -> Tensor:
        """Aligned faces `(K, 3, 150, 150)` in [0, 1], on whole grey levels as dlib's."""
        return chip.extract(images, chip.plans_from_faces(faces)) / 255

    def support(self, faces: Tensor) -> Tensor:
        """`(K, 4)`: x0, y0, x1, y1 of the pixels that chips read, x0 <= x < x1; may leave the picture."""
        return chip.support(chip.plans_from_faces(faces))

    def cut(self, image: Tensor, faces: Faces, looks: Sequence[Look]) -> list[Tensor]:
        """The chip `(1, 3, 150, 150)` of each look."""
        plans = [chip.plans_from_faces(placed(faces, look.landmarks))[0].looked(look) for look in looks]
        return [chip[None] for chip in chip.extract(image, plans) / 255]

    @torch.no_grad()
    def anchors(self, image: Tensor, faces: Tensor) -> dict[int, Tensor]:
        """Our landmarks moved to where they place the very chips that dlib's own, 5 and 68, place here."""
        face = Upright.of(image, faces)
        plans = {count: _PLANNED[count](face.points(count))[0] for count in (5, 68)}
        return {count: face.back(chip.faces_of(plan)).to(faces.dtype) for count, plan in plans.items()}

    @torch.no_grad()
    def judged(self, image: Tensor, faces: Tensor, looks: Sequence[Look]) -> Tensor:
        """Embeddings `(V, D)` of one face, cut out by the landmarks that dlib's own predictors find.

        The predictors know upright faces only, so that they see a turned one as it is upright.
        """
        face = Upright.of(image, faces)
        counts = {chip.landmarks for look in looks for chip in look.chips}
        usual = {count: _PLANNED[count](face.points(count))[0] for count in counts}

        def cut(chips: Sequence[Look]) -> list[Tensor]:
            plans = [usual[look.landmarks].looked(look) for look in chips]
            return [chip[None] for chip in chip.extract(face.part, plans) / 255]

        return self._seen(cut, looks)

    def embed_as_dlib(self, images: Tensor, points: Tensor) -> Tensor:
        """Embeddings `(K, 128)` for `points` `(K, 5, 2)` of dlib's own five-point predictor, as dlib's.

        `images` `(K or 1, 3, H, W)` are 8-bit pictures in [0, 1].
        """
        check_batch(images)
        chips = chip.extract(images, chip.plans_from_dlib(points), exact=True) / 255
        out: Tensor = self.net((chips - self._mean) / self._std)
        return out


def aligned(card: TargetCard, net: nn.Module) -> FaceTarget:
    """The face recogniser of a network whose chips are cut as the card's template says.

    With the template `dlib150` and chips of that size they are dlib's own (`DlibTarget`); of any other size
    they are a similarity by our landmarks, as all other templates are.
    """
    own = card.template == "dlib150" and card.size == (chip.SIZE, chip.SIZE)
    return DlibTarget(card, net) if own else FaceTarget(card, net)


_PLANNED = {5: chip.plans_from_dlib, 68: chip.plans_from_68}


@register(CARD, WEIGHTS)
def load(card: TargetCard, path: Path) -> DlibTarget:
    """dlib's recogniser from its file.

    Raises:
        FormatError: the file is damaged or another one.
    """
    network = parse(path.read_bytes())
    try:
        net = build(network)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    if max(abs(a - b * 255) for a, b in zip(network.mean, card.mean, strict=True)) > 1e-3:
        raise FormatError(f"{path}: mean colour is {network.mean}, expected {[m * 255 for m in card.mean]}")
    return DlibTarget(card, net)
