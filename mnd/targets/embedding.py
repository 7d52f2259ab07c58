"""What all face recognisers share: chips, embeddings, the nearest reference, the margin."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .alignment import boxes, fit, warp
from .card import TargetCard
from .target import Reference

SHARPNESS = 0.05
"""Temperature of the soft nearest reference, as a share of the unit's scale: the choice is ours."""


def check_images(images: Tensor) -> None:
    """Refuse what is no batch of pictures.

    Raises:
        ValueError: another shape than `(B, 3, H, W)`, or whole numbers.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        got = f"{images.dtype} {tuple(images.shape)}"
        raise ValueError(f"images are {got}, expected floating point (B, 3, H, W) in [0, 1]")


def frozen(net: nn.Module, device: torch.device | str = "cpu") -> nn.Module:
    """The network as targets use it: not training, no gradients of its own, the fastest layout of memory."""
    net = net.to(device).eval().requires_grad_(False)
    return net.to(memory_format=torch.channels_last)


class FaceTarget:
    """A face recogniser: aligned chip -> network -> embedding -> distance to the person's embeddings.

    Images are `(B, 3, H, W)` in [0, 1], faces `(K, 5, 2)`. B = K, or B = 1 (K views of one picture, for
    instance with jittered landmarks), or K = 1 (the same place in B pictures).
    """

    def __init__(self, card: TargetCard, net: nn.Module) -> None:
        if card.kind != "face" or card.unit == "logit margin":
            raise ValueError(
                f"card {card.name!r}: {card.kind} measured in {card.unit}, expected a face recogniser"
            )
        self.card = card
        self.net = frozen(net)
        self._mean = torch.tensor(card.mean).view(1, 3, 1, 1)
        self._std = torch.tensor(card.std).view(1, 3, 1, 1)

    @property
    def device(self) -> torch.device:
        """Where its network is."""
        return self._mean.device

    def to(self, device: torch.device | str) -> FaceTarget:
        """The same target on another device; this one stays where it is."""
        if torch.device(device) == self.device:
            return self
        other = copy.copy(self)
        other.net = frozen(copy.deepcopy(self.net), device)
        other._mean, other._std = self._mean.to(device), self._std.to(device)
        return other

    def chips(self, images: Tensor, faces: Tensor) -> Tensor:
        """Aligned faces `(max(B, K), 3, h, w)` in [0, 1]."""
        return warp(images, fit(faces, self.card.template, self.card.size), self.card.size)

    def support(self, faces: Tensor) -> Tensor:
        """`(K, 4)`: x0, y0, x1, y1 of the pixels that chips read, x0 <= x < x1; may leave the picture."""
        return boxes(fit(faces, self.card.template, self.card.size), self.card.size)

    def embed(self, images: Tensor, faces: Tensor) -> Tensor:
        """Embeddings `(max(B, K), D)`, as the network gives them; differentiable in `images`.

        Raises:
            ValueError: images or faces have another shape, or their numbers do not go together.
        """
        check_images(images)
        if len(images) != len(faces) and 1 not in (len(images), len(faces)):
            raise ValueError(
                f"got {len(images)} images and {len(faces)} faces, expected as many, or one of either"
            )
        if len(faces) < len(images):
            faces = faces.expand(len(images), -1, -1)
        x = (self.chips(images, faces) - self._mean) / self._std
        out: Tensor = self.net(x.contiguous(memory_format=torch.channels_last))
        return out

    @torch.no_grad()
    def refer(self, images: Tensor, faces: Tensor | None = None) -> Reference:
        """The embeddings `(B, 1, D)` of clean `images`, and where their `faces` are.

        Raises:
            ValueError: there are no faces.
        """
        if faces is None:
            raise ValueError(
                f"target {self.card.name!r} recognises faces: expected their landmarks, got none"
            )
        return Reference(self.embed(images, faces)[:, None], faces)

    def score(self, images: Tensor, reference: Reference) -> Tensor:
        """`(B,)`: distance, or similarity, to the nearest reference; its gradient is that of `margin`."""
        margin = self.margin(images, reference)
        return self.card.threshold - margin if self.card.lower_is_same else margin + self.card.threshold

    def margin(self, images: Tensor, reference: Reference) -> Tensor:
        """`(B,)`: threshold - distance, or similarity - threshold, to the nearest reference; > 0: recognised.

        The value is that of the nearest reference; the gradient is that of t log sum exp(m / t), t = .05 of
        the unit's scale: references that are about as near share it, and a search does not flip between them.
        """
        if reference.faces is None:
            raise ValueError(
                f"target {self.card.name!r}: the reference has no faces, expected their landmarks"
            )
        return self.compare(self.embed(images, reference.faces), reference.known)

    def compare(self, embeddings: Tensor, known: Tensor) -> Tensor:
        """`margin` of embeddings `(B, D)` that are there already, against `known` `(B or 1, R, D)`."""
        if (
            known.ndim != 3
            or known.shape[-1] != embeddings.shape[-1]
            or len(known) not in (1, len(embeddings))
        ):
            want = f"({len(embeddings)} or 1, R, {embeddings.shape[-1]})"
            raise ValueError(
                f"target {self.card.name!r}: references have shape {tuple(known.shape)}, expected {want}"
            )
        margins = self._margins(embeddings[:, None], known.to(embeddings))
        nearest = margins.amax(dim=1)
        if margins.shape[1] == 1:
            return margins[:, 0]
        scale = self.card.threshold if self.card.lower_is_same else 1.0
        t = SHARPNESS * scale
        soft = t * torch.logsumexp(margins / t, dim=1)
        return nearest.detach() + (soft - soft.detach())

    def _margins(self, embeddings: Tensor, known: Tensor) -> Tensor:
        if self.card.lower_is_same:
            distance: Tensor = torch.linalg.vector_norm(embeddings - known, dim=-1)
            return self.card.threshold - distance
        similarity = (F.normalize(embeddings, dim=-1) * F.normalize(known, dim=-1)).sum(-1)
        margins: Tensor = similarity - self.card.threshold
        return margins
