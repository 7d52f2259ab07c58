"""What a search sees of its subjects: the saved file and ways through the channel, by several looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..channel import Channel, Draw, scales, sent, services, to_pixels, to_tensor
from ..faces.landmarks import jittered, mirrored, misplaced
from ..losses.adversarial import nearest
from ..optimizer.grid import Grid
from ..targets.face import FaceTarget
from ..targets.looks import ALIGNED, LOOKS, Look
from ..targets.margin import Margin
from ..targets.target import Reference, Target
from .crops import Area, Size
from .levels import Plan
from .subjects import Subject

LOGIT = 1.0
"""What stands for the threshold of a classifier, which is zero."""
SHARPNESS = 0.05
"""Temperature of the soft worst of several looks, as a share of the threshold: the choice is ours."""
FIRST = 0.1
"""Head-room of a search until its first trial, beyond the plan's, as a share of the threshold."""
NEARLY = 0.01
"""By how much a trial may miss the head-room, as a share of the threshold."""
SAMPLED = 0.02
"""How much more is asked of a look that stands for crops which a program draws anew, as a share of the
threshold: the program's own value, of other crops, is that much below it."""
LEAST = 0.002
"""What it must have in any case: the file is verified once more, with the face found anew."""
MOST = 0.6
"""How far a judge can be behind a look of the search, as a share of the threshold."""
SAVED = "saved"
READ = (SAVED, "half-jpeg75")
"""What a search reads: the saved file, and a draw that is much like this; ways of services, too."""
NEAR = (0.9, 1.2)
"""Draws for a service that makes a photo smaller than the plan's own draws: scales about its own, as those of
the plan lie about one half."""
CLEAN = 8
"""So many shaken and mirrored looks at the clean face stand for other photos of the person."""


@dataclass(frozen=True)
class Arrival:
    """The crop as somebody gets it."""

    image: Tensor
    """`(1, 3, h, w)`."""
    place: Callable[[Tensor], Tensor]
    """Where points of the crop lie in it."""


class Views:
    """The margins of a group of subjects, as a function of their crop; every call looks anew.

    A face recogniser has a margin for each row of the plan's looks (`mnd.targets.looks`), since each has a
    limit of its own to reach: that of its worst view among the saved file and the ways through the channel.

    Args:
        subjects: whom to protect.
        box: where the crop lies in the photo.
        plans: what is drawn, and how far each subject's targets are driven; a plan a subject, or one for all.
        clean: `(1, 3, h, w)`, the clean crop.
        seed: of shaking, mirroring and the channel.
        saved: the crop as the photo's own file will show it, with a gradient.
        whole: height and width of the photo, on which depends what services make of it; by default the
            crop is all there is.
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        box: Area,
        plans: Plan | Sequence[Plan],
        clean: Tensor,
        saved: Callable[[Tensor], Tensor],
        seed: int = 0,
        whole: Size | None = None,
    ) -> None:
        height, width = whole or clean.shape[2:]
        self.whole = (height, width)
        plans = [plans] * len(subjects) if isinstance(plans, Plan) else plans
        self.plan, self.saved = plans[0], saved
        self.draws = _draws(self.plan, seed, self.whole)
        self.seed, self.step = seed, 0
        self.place: Callable[[Tensor], Tensor] = lambda points: points
        self.views = [
            view
            for subject, plan in zip(subjects, plans, strict=True)
            for view in _of(subject, box, plan, clean, seed)
        ]

    def __call__(self, y: Tensor) -> Tensor:
        """`(K, 1)`: the margins of each target of each subject; NaN: not looked at in this step."""
        if self.step in self.plan.tried:
            self.accept(y)
        seen = self.saved(y)
        size = (seen.shape[2], seen.shape[3])
        arrivals = [Arrival(seen, self.place)]
        for draw in self.draws[self.step % len(self.draws)]:
            arrivals.append(Arrival(draw(seen), lambda points, draw=draw: draw.place(points, size)))  # type: ignore[misc]
        rows = torch.cat([view.margins(arrivals, self.step) for view in self.views])
        self.step += 1
        return rows

    def on(self, grid: Grid) -> Views:
        """The same looks at pictures on a coarser grid, of which there is no file and that nobody shares."""
        coarse = self.then(draws=0, withstands=())
        coarse.saved, coarse.place = (lambda y: y), grid.place
        return coarse

    def then(self, **changed: Any) -> Views:
        """The same looks from the first step on with other plans; what trials have taught stays known."""
        later = copy(self)
        later.plan, later.step = replace(self.plan, **changed), 0
        later.draws = _draws(later.plan, self.seed, self.whole)
        later.views = [replace(view, plan=replace(view.plan, **changed)) for view in self.views]
        return later

    @torch.no_grad()
    def accept(self, y: Tensor) -> bool:
        """Whether every look that judges is fooled by the saved file of this crop, and after all that it has
        to withstand; where one is not, its margin asks for more from now on."""
        seen = self.saved(y)
        arrivals = {SAVED: Arrival(seen, self.place)}
        for name in self.plan.withstands:
            image = to_tensor(sent(name, to_pixels(seen), self.whole), seen.device)
            arrivals[name] = Arrival(image, partial(_scaled, ratio=image.shape[3] / seen.shape[3]))
        accepted = [view.accept(arrivals) for view in self.views]  # each of them learns from it
        return all(accepted)


def _scaled(points: Tensor, ratio: float) -> Tensor:
    """Points of a picture in a smaller one; pixel centres are whole numbers."""
    return (points + 0.5) * ratio - 0.5


def _draws(plan: Plan, seed: int, whole: tuple[int, int]) -> list[tuple[Draw, ...]]:
    """The ways through the channel of each step: stratified over the steps, so that their average is calm.

    Where a service makes a photo of this (height, width) smaller than the plan's draws, steps take turns.
    """
    if not plan.draws:
        return [()] * plan.steps
    small = {scale for scale in scales(plan.withstands, whole) if scale < plan.scale[0]}
    ranges = [plan.scale, *((NEAR[0] * scale, min(NEAR[1] * scale, 1.0)) for scale in sorted(small))]
    drawn = [Channel(jpeg=plan.jpeg, scale=it).draw(seed, plan.steps * plan.draws) for it in ranges]
    # in no step with the turns of looks: each of them shall meet each range
    turns = np.random.default_rng((seed, len(ranges))).permutation(plan.steps) % len(ranges)
    return [drawn[turns[i]][i * plan.draws : (i + 1) * plan.draws] for i in range(plan.steps)]


@dataclass
class _View:
    """What one target says of one subject during a search."""

    target: Target
    reference: Reference
    headroom: float
    generator: torch.Generator
    plan: Plan

    def margins(self, arrivals: Sequence[Arrival], step: int) -> Tensor:  # noqa: ARG002
        """`(1, 1)`: of a target that looks at the whole picture."""
        margins = torch.cat([self.target.margin(arrival.image, self.reference) for arrival in arrivals])
        return self._worst(margins, self.headroom)[None]

    def accept(self, arrivals: Mapping[str, Arrival]) -> bool:  # noqa: ARG002
        """A margin says all that is to be said of a whole picture."""
        return True

    def _worst(self, margins: Tensor, headroom: float) -> Tensor:
        """`(1,)`: the soft worst of `(N,)`, and how far it still is from where it shall be."""
        scale = abs(self.target.card.threshold) or LOGIT
        return nearest(margins[None], largest=True, temperature=SHARPNESS * scale) + headroom


@dataclass
class _FaceView(_View):
    """What one face recogniser says of one face."""

    target: FaceTarget
    looks: tuple[tuple[Look, ...], ...]
    """Of each row, one after the other."""
    known: dict[str, Tensor]
    """What the search moves away from, `(1, R, D)`, as each look sees it."""
    judged: Reference
    """What verdicts rest on: all looks of the target."""
    anchors: Mapping[int, Tensor]
    """The landmarks that place the chips, by the number of those of the recogniser's own."""
    headrooms: dict[str, float]
    """The head-room of each look."""
    tried: bool
    """Whether there are trials: not of a face that nobody saw, of which no verdict means anything."""

    def margins(self, arrivals: Sequence[Arrival], step: int) -> Tensor:
        """`(V, 1)`: a row a look; NaN for those that have no turn in this step."""
        chosen = self._turn(step)
        looks = [self.looks[row][step // self._pace(step) % len(self.looks[row])] for row in chosen]
        faces = [self._face(arrival) for arrival in arrivals for _ in range(self.plan.looks)]
        views = self.target.looked_in(faces, looks)
        rows = [torch.full((1,), torch.nan).to(views[0])] * len(self.looks)
        for place, row in enumerate(chosen):
            margins = self.target.compare(views[:, place], self.known[looks[place].name])
            if self.plan.misplaced:  # the worst of crops out of place says little of those that judge
                margins = margins.mean()[None]
            rows[row] = self._worst(margins, self.headrooms[looks[place].name])
        return torch.stack(rows)

    @torch.no_grad()
    def accept(self, arrivals: Mapping[str, Arrival]) -> bool:
        """Judge the present picture as the saved file will be judged: is each look that counts fooled?

        The head-room of each look of the search becomes how far the worst judge of its kind is behind it:
        programs find other landmarks, and cut out other crops.
        """
        if not self.tried:
            return True
        target, scale = self.target, self.target.card.threshold
        counting = [look for look in target.looks if look.counts(self.plan.level)]
        behind = [self._judged(arrival, counting) for arrival in arrivals.values()]
        worst = {
            look: max(told[look.name] for told in behind) + (SAMPLED * scale if look.sampled else 0.0)
            for look in counting
        }
        for looks in self.looks:
            read = [self._read(it, looks) for name, it in arrivals.items() if name in READ or services(name)]
            if kin := [value for look, value in worst.items() if _kin(look) == _kin(looks[0])]:
                seen = torch.stack(read)
                values = seen.mean(0) if self.plan.misplaced else seen.amax(0)
                for look, value in zip(looks, values.tolist(), strict=True):
                    behind_it = min(max(max(kin) - value, -MOST * scale), MOST * scale)
                    self.headrooms[look.name] = behind_it + self.headroom
        return max(worst.values()) <= -max(self.headroom - NEARLY * scale, LEAST * scale)

    def _judged(self, arrival: Arrival, looks: Sequence[Look]) -> dict[str, float]:
        """The margin of each look, by dlib's own landmarks where it is dlib's."""
        assert self.judged.faces is not None
        told = self.target.opinion(arrival.image, self.judged.at(arrival.place(self.judged.faces)), looks)
        return {name: Margin.of(self.target.card, value).margin for name, value in told.items()}

    def _read(self, arrival: Arrival, looks: Sequence[Look]) -> Tensor:
        """`(V,)`: the margin of each look as the search reads it."""
        faces = {count: arrival.place(points) for count, points in self.anchors.items()}
        seen = self.target.looked(arrival.image, faces, looks)
        return self.target.compare(seen, torch.cat([self.known[look.name] for look in looks]))

    def _turn(self, step: int) -> list[int]:
        """The rows of a step: one after the other, and all of them in the last ones, which are kept."""
        every = list(range(len(self.looks)))
        return every if step == 0 or self._pace(step) == 1 else [step % len(every)]

    def _pace(self, step: int) -> int:
        """How many steps it takes until all rows had their turn."""
        return 1 if step >= self.plan.settled else len(self.looks)

    def _face(self, arrival: Arrival) -> tuple[Tensor, dict[int, Tensor]]:
        """An image, and where the landmarks are in it: shaken and misplaced, mirrored now and then."""
        state = self.generator.get_state()
        faces = {}
        for count, points in self.anchors.items():
            self.generator.set_state(state)
            shaken = jittered(points, self.plan.jitter, self.generator)
            faces[count] = arrival.place(misplaced(shaken, self.plan.misplaced, self.generator))
        if self.plan.flips and float(torch.rand((), generator=self.generator)) < self.plan.flips:
            turned = {count: mirrored(arrival.image, points) for count, points in faces.items()}
            return arrival.image.flip(3), {count: points for count, (_, points) in turned.items()}
        return arrival.image, faces


def _kin(look: Look) -> tuple[bool, bool]:
    """Looks that need head-room together: those with a mirror image, and those of a detector's box."""
    return look.mirrored, look.upright and look.least == "strong"


def _of(subject: Subject, box: Area, plan: Plan, clean: Tensor, seed: int) -> list[_View]:
    views: list[_View] = []
    for target, judged in zip(subject.targets, subject.judged, strict=True):
        headroom = _headroom(target, plan, alone=len(subject.targets) == 1)
        generator = torch.Generator().manual_seed(seed)
        if subject.landmarks is None or not isinstance(target, FaceTarget):
            views.append(_View(target, judged, headroom, generator, plan))
            continue
        landmarks = subject.landmarks - torch.tensor(box[:2], dtype=torch.float32)
        looks = tuple(tuple(LOOKS[name] for name in row) for row in plan.seen_as)
        if judged.views is None:  # nobody asked for more than the recogniser's own alignment
            looks = ((ALIGNED,),)
        elif not all(look in target.looks for row in looks for look in row):
            looks = tuple((look,) for look in target.looks)
        known = judged.at(landmarks)
        tried = bool(plan.trials) and subject.found and judged.views is not None
        anchors = {5: landmarks} if judged.views is None else target.anchors(clean, landmarks)
        view = _FaceView(target, known, headroom, generator, plan, looks, {}, known, anchors, {}, tried)
        view.known = _person(view, clean)
        first = FIRST * abs(target.card.threshold) if plan.trials else 0.0
        kinds = {_kin(look) for look in target.looks if look.counts(plan.level)}
        for name in view.known:
            aside = plan.trials and _kin(LOOKS[name]) not in kinds
            view.headrooms[name] = plan.aside * abs(target.card.threshold) if aside else headroom + first
        mean = next(iter(view.known.values()))[:, -1:]
        moved = {"nearest": judged.known, "mean": mean, "both": torch.cat([judged.known, mean], 1)}
        view.reference = Reference(moved[plan.reference], landmarks)
        views.append(view)
    return views


def _headroom(target: Target, plan: Plan, alone: bool) -> float:
    """How far past its threshold a target is driven, in its own unit."""
    if target.card.kind == "classifier":
        return plan.logits
    share = plan.headroom if target.card.lower_is_same else plan.similarity
    return share * (plan.alone if alone else 1.0) * abs(target.card.threshold)


@torch.no_grad()
def _person(view: _FaceView, clean: Tensor) -> dict[str, Tensor]:
    """What the search moves away from, by look: the photos that it is judged against, their mean, or both.

    The mean of several photos is nearer to photos that nobody has seen than any one of them. The clean
    face belongs to it as it is seen shaken and mirrored; without a gallery there is nothing else.
    """
    target, judged = view.target, view.judged
    looks = list(dict.fromkeys(look for row in view.looks for look in row))
    known = judged.known if judged.views is None else judged.views[[target.looks.index(x) for x in looks]]
    if view.plan.reference != "nearest":
        generator = torch.Generator().manual_seed(CLEAN)
        other = replace(view, generator=generator, plan=replace(view.plan, flips=0.5))
        faces = [other._face(Arrival(clean, lambda points: points)) for _ in range(CLEAN)]
        own = target.looked_in(faces, [ALIGNED])[:, 0]
        own = _unit(target, _unit(target, own).mean(0, keepdim=True)).expand(len(known), 1, -1)
        mean = torch.cat([_unit(target, known), own], 1).mean(1, keepdim=True)
        known = mean if view.plan.reference == "mean" else torch.cat([known, mean], 1)
    return {look.name: known[i : i + 1] for i, look in enumerate(looks)}


def _unit(target: FaceTarget, embeddings: Tensor) -> Tensor:
    """Embeddings whose length means nothing to the target, at length one: each counts alike in a mean."""
    if target.card.lower_is_same:
        return embeddings
    return torch.nn.functional.normalize(embeddings, dim=-1)
