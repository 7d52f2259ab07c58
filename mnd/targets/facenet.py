"""FaceNet (arXiv 1503.03832) of the package facenet-pytorch, InceptionResnetV1, by its own loading code."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..base.weights import WeightsFile, load_state, read_state
from .card import TargetCard
from .face import FaceTarget
from .registry import register

RELEASE = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
MEAN = 127.5 / 255
STD = 128 / 255
"""The package's fixed_image_standardization: (grey level - 127.5) / 128."""


def checkpoints() -> Path:
    """Where facenet-pytorch looks for its weights."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", Path(cache) / "torch")).expanduser() / "checkpoints"


@dataclass(frozen=True, slots=True)
class Release:
    """One of the two sets of weights that facenet-pytorch offers."""

    pretrained: str
    file: str
    classes: int
    size: int
    threshold: float
    threshold_at: str
    trained_on: str
    lfw: float

    @property
    def weights(self) -> WeightsFile:
        # The publisher gives no sha256 and none could be confirmed, so none is checked: the transfer is https
        # from the publisher, and a file is refused unless it holds only tensors of right names and shapes.
        return WeightsFile(self.file, folder=checkpoints, url=RELEASE + self.file, size=self.size)

    @property
    def card(self) -> TargetCard:
        return TargetCard(
            name="facenet-" + self.pretrained.split("-")[0],
            kind="face",
            unit="cosine similarity",
            threshold=self.threshold,
            size=(160, 160),
            source="facenet-pytorch (Tim Esler), after David Sandberg's facenet",
            licence="MIT",
            threshold_at=self.threshold_at,
            weights=RELEASE + self.file,
            download=self.size,
            template="box160",
            mean=(MEAN, MEAN, MEAN),
            std=(STD, STD, STD),
            code_licence="MIT",
            trained_on=self.trained_on,
            lfw=self.lfw,
        )


VGGFACE2 = Release(
    "vggface2",
    "20180402-114759-vggface2.pt",
    8631,
    107_000_000,
    0.4091,
    "FAR .01, as the AMT-GAN family of papers",
    "VGGFace2",
    0.9965,
)
CASIA = Release(
    "casia-webface",
    "20180408-102900-casia-webface.pt",
    10575,
    111_000_000,
    0.429,
    "best accuracy on LFW, TIP-IM",
    "CASIA-WebFace",
    0.9905,
)


def _load(release: Release, card: TargetCard, path: Path) -> FaceTarget:
    from facenet_pytorch import InceptionResnetV1

    # The package calls torch.load as older torch defaults: any pickle. So the file is read here first, where
    # only tensors are accepted, and handed to the package once it is known to be harmless and complete.
    bare = InceptionResnetV1(classify=True, num_classes=release.classes)
    load_state(bare, read_state(path), path)
    net = InceptionResnetV1(pretrained=release.pretrained)
    return FaceTarget(card, net)


@register(VGGFACE2.card, VGGFACE2.weights)
def load_vggface2(card: TargetCard, path: Path) -> FaceTarget:
    """FaceNet trained on VGGFace2."""
    return _load(VGGFACE2, card, path)


@register(CASIA.card, CASIA.weights)
def load_casia(card: TargetCard, path: Path) -> FaceTarget:
    """FaceNet trained on CASIA-WebFace."""
    return _load(CASIA, card, path)
