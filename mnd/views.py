"""What a search sees of its subjects: the saved file and ways through the channel, shaken and mirrored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .areas import Area
from .channel import Channel, Draw
from .levels import Plan
from .losses.adversarial import nearest
from .subjects import Subject
from .targets.alignment import shaken
from .targets.embedding import FaceTarget
from .targets.target import Reference, Target

LOGIT = 1.0
"""What stands for the threshold of a classifier, which is zero."""
SHARPNESS = 0.05
"""Temperature of the soft worst of several looks, as a share of the threshold: the choice is ours."""
MIRRORED = [1, 0, 2, 4, 3]
"""Landmarks change their places in a mirror: the left eye is the right one."""
LOOKS = 8
"""So many shaken and mirrored looks at the clean face stand for other photos of the person."""


@dataclass(frozen=True)
class Look:
    """The crop as somebody gets it."""

    image: Tensor
    """`(1, 3, h, w)`."""
    place: Callable[[Tensor], Tensor]
    """Where points of the crop lie in it."""


class Views:
    """The margins of a group of subjects, as a function of their crop; every call looks anew.

    Args:
        subjects: whom to protect.
        box: where the crop lies in the photo.
        plan: what is drawn.
        clean: `(1, 3, h, w)`, the clean crop.
        seed: of shaking, mirroring and the channel.
        saved: the crop as the photo's own file will show it, with a gradient.
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        box: Area,
        plan: Plan,
        clean: Tensor,
        saved: Callable[[Tensor], Tensor],
        seed: int = 0,
    ) -> None:
        self.saved, self.draws = saved, _draws(plan, seed)
        self.step = 0
        self.views = [view for subject in subjects for view in _of(subject, box, plan, clean, seed)]

    def __call__(self, y: Tensor) -> Tensor:
        """`(K, 1)`: a margin for each target of each subject, the soft worst of its looks."""
        seen = self.saved(y)
        size = (seen.shape[2], seen.shape[3])
        looks = [Look(seen, lambda points: points)]
        for draw in self.draws[self.step]:
            looks.append(Look(draw(seen), lambda points, draw=draw: draw.place(points, size)))  # type: ignore[misc]
        self.step = (self.step + 1) % len(self.draws)
        return torch.stack([view.margin(looks) for view in self.views])


def _draws(plan: Plan, seed: int) -> list[tuple[Draw, ...]]:
    """The ways through the channel of each step: stratified over the steps, so that their average is calm."""
    if not plan.draws:
        return [()] * plan.steps
    drawn = Channel(jpeg=plan.jpeg, scale=plan.scale).draw(seed, plan.steps * plan.draws)
    return [drawn[i * plan.draws : (i + 1) * plan.draws] for i in range(plan.steps)]


@dataclass
class _View:
    """What one target says of one subject during a search."""

    target: Target
    reference: Reference
    headroom: float
    generator: torch.Generator
    shake: float
    flips: float
    looks: int

    def margin(self, looks: Sequence[Look]) -> Tensor:
        """`(1,)`."""
        if isinstance(self.target, FaceTarget):
            faces = [self._face(look) for look in looks for _ in range(self.looks)]
            chips = [self.target.chips(image, landmarks) for image, landmarks in faces]
            margins = self.target.compare(self.target.embed_chips(torch.cat(chips)), self.reference.known)
        else:
            margins = torch.cat([self.target.margin(look.image, self.reference) for look in looks])
        scale = abs(self.target.card.threshold) or LOGIT
        return nearest(margins[None], largest=True, temperature=SHARPNESS * scale) + self.headroom

    def _face(self, look: Look) -> tuple[Tensor, Tensor]:
        """An image, and where the landmarks are in it: shaken, and mirrored now and then."""
        assert self.reference.faces is not None
        faces = shaken(self.reference.faces, self.shake, self.generator)
        image, points = look.image, look.place(faces)
        if self.flips and float(torch.rand((), generator=self.generator)) < self.flips:
            return mirrored(image, points)
        return image, points


def mirrored(image: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """An image `(B, 3, H, W)` and its landmarks `(K, 5, 2)` in a mirror.

    >>> image, points = mirrored(torch.zeros(1, 3, 8, 8), torch.zeros(1, 5, 2))
    >>> points[0, 0].tolist()
    [7.0, 0.0]
    """
    x = image.shape[3] - 1 - points[..., 0]
    return image.flip(3), torch.stack([x, points[..., 1]], -1)[:, MIRRORED]


def _of(subject: Subject, box: Area, plan: Plan, clean: Tensor, seed: int) -> list[_View]:
    views = []
    for target, judged in zip(subject.targets, subject.judged, strict=True):
        room = _room(target, plan, alone=len(subject.targets) == 1)
        generator = torch.Generator().manual_seed(seed)
        view = _View(target, judged, room, generator, plan.jitter, plan.flips, plan.looks)
        if subject.landmarks is not None and isinstance(target, FaceTarget):
            landmarks = subject.landmarks - torch.tensor(box[:2], dtype=torch.float32)
            view.reference = _person(target, judged.at(landmarks), view, clean, plan)
        views.append(view)
    return views


def _room(target: Target, plan: Plan, alone: bool) -> float:
    """How far past its threshold a target is driven, in its own unit."""
    if target.card.kind == "classifier":
        return plan.logits
    share = plan.headroom if target.card.lower_is_same else plan.similarity
    return share * (plan.alone if alone else 1.0) * abs(target.card.threshold)


@torch.no_grad()
def _person(target: FaceTarget, judged: Reference, view: _View, clean: Tensor, plan: Plan) -> Reference:
    """What the search moves away from: the photos that it is judged against, their mean, or both.

    The mean of several photos is nearer to photos that nobody has seen than any one of them. The clean
    face belongs to it as it is seen shaken and mirrored; without a gallery there is nothing else.
    """
    if plan.reference == "nearest":
        return judged
    shaken = replace(view, generator=torch.Generator().manual_seed(LOOKS), flips=0.5, reference=judged)
    faces = [shaken._face(Look(clean, lambda points: points)) for _ in range(LOOKS)]
    own = target.embed_chips(torch.cat([target.chips(image, points) for image, points in faces]))
    own = _unit(target, _unit(target, own).mean(0, keepdim=True))[None]
    mean = torch.cat([_unit(target, judged.known), own], 1).mean(1, keepdim=True)
    known = mean if plan.reference == "mean" else torch.cat([judged.known, mean], 1)
    return Reference(known, judged.faces)


def _unit(target: FaceTarget, embeddings: Tensor) -> Tensor:
    """Embeddings whose length means nothing to the target, at length one: each counts alike in a mean."""
    if target.card.lower_is_same:
        return embeddings
    return torch.nn.functional.normalize(embeddings, dim=-1)
