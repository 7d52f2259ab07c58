"""What all face recognisers share: chips, embeddings, the nearest reference, the margin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from ..losses.adversarial import distance_margin, similarity_margin
from .alignment import boxes, fit, warp
from .card import TargetCard
from .frozen import FrozenNetwork, check_batch
from .looks import ALIGNED, LOOKS, USUAL, Look, seen
from .target import Reference

Faces = Tensor | Mapping[int, Tensor]
"""Landmarks `(1, 5, 2)` of a face: ours, or by the number of those that place the chip (see `anchors`)."""
SHARPNESS = 0.05
"""Temperature of the soft nearest reference, as a share of the unit's scale: the choice is ours."""


def placed(faces: Faces, count: int) -> Tensor:
    """The landmarks that place a chip by `count` landmarks."""
    return faces if isinstance(faces, Tensor) else faces[count]


class FaceTarget(FrozenNetwork):
    """A face recogniser: aligned chip -> network -> embedding -> distance to the person's embeddings.

    Images are `(B, 3, H, W)` in [0, 1], faces `(K, 5, 2)`. B = K, or B = 1 (K views of one picture, for
    instance with jittered landmarks), or K = 1 (the same place in B pictures).
    """

    def __init__(self, card: TargetCard, net: nn.Module) -> None:
        if card.kind != "face" or card.unit == "logit margin":
            raise ValueError(
                f"card {card.name!r}: {card.kind} measured in {card.unit}, expected a face recogniser"
            )
        super().__init__(card, net)

    def chips(self, images: Tensor, faces: Tensor) -> Tensor:
        """Aligned faces `(max(B, K), 3, h, w)` in [0, 1]."""
        return warp(images, self._fit(faces), self.card.size)

    def support(self, faces: Tensor) -> Tensor:
        """`(K, 4)`: x0, y0, x1, y1 of the pixels that chips read, x0 <= x < x1; may leave the picture."""
        return boxes(self._fit(faces), self.card.size)

    def spacing(self, faces: Tensor) -> float:
        """How many pixels of the picture lie between two of a chip's, in the finest of its own alignments."""
        return float(torch.linalg.vector_norm(self._fit(faces)[:, :, :2], dim=1).amin())

    def _fit(self, faces: Tensor) -> Tensor:
        return fit(faces, self.card.template, self.card.size, self.card.padding)

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """The looks that judge, as the card names them.

        Raises:
            ValueError: the card names one that there is not, or leaves out the recogniser's own alignment.
        """
        names = self.card.judged_as or USUAL
        if unknown := [name for name in names if name not in LOOKS]:
            raise ValueError(
                f"card {self.card.name!r}: judged_as names {', '.join(unknown)}, expected {', '.join(LOOKS)}"
            )
        if ALIGNED.name not in names:
            told = f"card {self.card.name!r}: judged_as is {', '.join(names)}"
            raise ValueError(f"{told}, expected {ALIGNED.name} among them")
        return tuple(LOOKS[name] for name in names)

    def anchors(self, image: Tensor, faces: Tensor) -> dict[int, Tensor]:  # noqa: ARG002
        """The landmarks `(1, 5, 2)` that place the chips of each kind of look in a clean picture: our own."""
        return {look.landmarks: faces for look in self.looks}

    def cut(self, image: Tensor, faces: Faces, looks: Sequence[Look]) -> list[Tensor]:
        """The chip `(1, 3, h, w)` of each look, not mirrored, at the face `(1, 5, 2)` of `(1, 3, H, W)`."""
        usual = self._fit(placed(faces, 5))
        return [warp(image, look.adjusted(usual, self.card.size), self.card.size) for look in looks]

    def looked(self, image: Tensor, faces: Faces, looks: Sequence[Look]) -> Tensor:
        """Embeddings `(V, D)` of one face as V looks see it; differentiable in `image` `(1, 3, H, W)`."""
        return self.looked_in([(image, faces)], looks)[0]

    def looked_in(self, pictures: Sequence[tuple[Tensor, Faces]], looks: Sequence[Look]) -> Tensor:
        """`(P, V, D)`: `looked` of the face in each of P pictures, which the network sees together."""
        shown = [seen(partial(self.cut, image, faces), looks) for image, faces in pictures]
        said = self.embed_chips(torch.cat([batch for batch, _ in shown]))
        # rows are those of the looks, in each picture
        return _means(said.reshape(len(shown), -1, said.shape[-1]), shown[0][1])

    def judged(self, image: Tensor, faces: Tensor, looks: Sequence[Look]) -> Tensor:
        """The same as the programs themselves would have it, of 8-bit pictures: what verdicts rest on."""
        with torch.no_grad():
            return self.looked(image, faces, looks)

    def _seen(self, cut: Callable[[Sequence[Look]], Sequence[Tensor]], looks: Sequence[Look]) -> Tensor:
        batch, rows = seen(cut, looks)
        return _means(self.embed_chips(batch), rows)

    def embed(self, images: Tensor, faces: Tensor) -> Tensor:
        """Embeddings `(max(B, K), D)`, as the network gives them; differentiable in `images`.

        Raises:
            ValueError: images or faces have another shape, or their numbers do not go together.
        """
        check_batch(images)
        if len(images) != len(faces) and 1 not in (len(images), len(faces)):
            raise ValueError(
                f"got {len(images)} images and {len(faces)} faces, expected as many, or one of either"
            )
        if len(faces) < len(images):
            faces = faces.expand(len(images), -1, -1)
        return self.embed_chips(self.chips(images, faces))

    def embed_chips(self, chips: Tensor) -> Tensor:
        """Embeddings `(B, D)` of aligned faces `(B, 3, h, w)` in [0, 1], as `chips` makes them."""
        return self._out(chips)

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

    @torch.no_grad()
    def known(self, image: Tensor, face: Tensor) -> Reference:
        """`refer` of one clean picture `(1, 3, H, W)`, and what each look of the card sees in it."""
        return replace(self.refer(image, face), views=self.judged(image, face, self.looks)[:, None])

    @torch.no_grad()
    def opinion(
        self, image: Tensor, reference: Reference, looks: Sequence[Look] | None = None
    ) -> dict[str, float]:
        """What each look says of one picture `(1, 3, H, W)`, in the card's unit, by its name.

        Each look compares with what it saw in the reference's pictures itself.

        Args:
            image: the picture.
            reference: one of `known`, with the place of the face in this picture.
            looks: some of the target's; all by default.

        Raises:
            ValueError: the reference has no faces, or was made without looks.
        """
        if reference.faces is None or reference.views is None:
            name = self.card.name
            raise ValueError(f"target {name!r}: the reference has no looks, expected one of `known`")
        looks = self.looks if looks is None else looks
        places = [self.looks.index(look) for look in looks]
        margins = self.compare(self.judged(image, reference.faces, looks), reference.views[places])
        return {look.name: self.value(margin) for look, margin in zip(looks, margins, strict=True)}

    def value(self, margin: Tensor) -> float:
        """A margin of one picture as the distance or similarity that it is of."""
        return float(
            self.card.threshold - margin if self.card.lower_is_same else margin + self.card.threshold
        )

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
        known = known.to(embeddings).expand(len(embeddings), -1, -1)
        if self.card.lower_is_same:
            shared = SHARPNESS * self.card.threshold
            return distance_margin(embeddings, known, self.card.threshold, shared)
        return similarity_margin(embeddings, known, self.card.threshold, SHARPNESS)


def _means(embeddings: Tensor, rows: Sequence[Sequence[int]]) -> Tensor:
    """`(..., V, D)`: of each look the mean of its rows of `(..., N, D)`."""
    return torch.stack([embeddings[..., row, :].mean(-2) for row in rows], -2)
