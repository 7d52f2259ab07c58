"""Classifiers: the picture as the network wants it, logits, and the margin of the true class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..losses.adversarial import logit_margin
from .card import TargetCard
from .frozen import FrozenNetwork, check_batch
from .target import Reference

Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """What stands between a photo and a classifier: resize the shorter side, keep the middle.

    A picture that has the network's size already is left as it is.
    """

    resize: int
    """The shorter side in pixels, before the middle is kept."""
    crop: tuple[int, int]
    """Height and width of the middle: the input of the network."""
    interpolation: Interpolation = "bilinear"

    def __call__(self, images: Tensor) -> Tensor:
        """`(B, 3, H, W)` to `(B, 3, h, w)`, antialiased, differentiable; both in [0, 1].

        >>> Preprocess(64, (56, 56))(torch.zeros(1, 3, 100, 200)).shape
        torch.Size([1, 3, 56, 56])
        """
        height, width = images.shape[-2:]
        if (height, width) == self.crop:
            return images
        short = min(height, width)
        # whole pixels are cut off, not rounded, as torchvision does
        size = (self.resize * height // short, self.resize * width // short)
        if size != (height, width):
            images = F.interpolate(
                images, size=size, mode=self.interpolation, align_corners=False, antialias=True
            )
            images = (
                images.clamp(0, 1) if self.interpolation == "bicubic" else images
            )  # it overshoots at edges
        return self._middle(images)

    def _middle(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        h, w = self.crop
        pad = (max(w - width, 0), max(h - height, 0))
        if any(pad):
            images = F.pad(images, (pad[0] // 2, (pad[0] + 1) // 2, pad[1] // 2, (pad[1] + 1) // 2))
            height, width = images.shape[-2:]
        top, left = round((height - h) / 2), round((width - w) / 2)
        return images[..., top : top + h, left : left + w]


class Classifier(FrozenNetwork):
    """A classifier as a target: fooled when another class has a larger logit than the reference's."""

    def __init__(self, card: TargetCard, net: nn.Module, preprocess: Preprocess) -> None:
        if card.kind != "classifier" or card.unit != "logit margin":
            raise ValueError(
                f"card {card.name!r}: {card.kind} measured in {card.unit}, expected a classifier"
            )
        super().__init__(card, net)
        self.preprocess = preprocess

    def logits(self, images: Tensor) -> Tensor:
        """`(B, classes)`, differentiable in `images` `(B, 3, H, W)` of any size.

        Raises:
            ValueError: images have another shape.
        """
        check_batch(images)
        return self._out(self.preprocess(images))

    @torch.no_grad()
    def refer(self, images: Tensor, faces: Tensor | None = None) -> Reference:
        """The class `(B,)` that the target sees in clean `images`; `faces` are of no use to it.

        Whoever knows the true classes says `Reference(labels)` instead.
        """
        del faces
        return Reference(self.logits(images).argmax(dim=1))

    def score(self, images: Tensor, reference: Reference) -> Tensor:
        """`(B,)`: z_y - max over j != y of z_j, for logits z and the reference's class y.

        Raises:
            ValueError: the reference's classes are no `(B,)` of int64 in range.
        """
        z, y = self.logits(images), reference.known
        if y.dtype != torch.int64 or y.ndim != 1 or len(y) not in (1, len(z)):
            raise ValueError(f"classes are {y.dtype} {tuple(y.shape)}, expected int64 ({len(z)},)")
        return logit_margin(z, y.to(z.device).expand(len(z)))

    def margin(self, images: Tensor, reference: Reference) -> Tensor:
        """`(B,)`: the score against the card's threshold; > 0: still the reference's class."""
        return self.score(images, reference) - self.card.threshold
