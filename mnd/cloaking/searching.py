"""The searches around a group of subjects, on the photo's own pixels and on a coarser grid before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..base.types import Pixels, Progress
from ..channel import shared_colours, through, to_pixels, to_tensor
from ..losses.composite import Composite
from ..losses.magnitude import Magnitude
from ..optimizer.geometry import Geometry
from ..optimizer.grid import Grid
from ..optimizer.limits import Limits
from ..optimizer.mnd import MND, Slopes
from ..optimizer.settings import SearchSettings
from ..photo.photo import Photo
from ..targets.face import FaceTarget
from .burst import begun_in
from .colours import brought_back
from .crops import Area, area_of
from .eot import Views
from .features import limits
from .levels import Plan
from .subjects import Subject

FINER = 3.0
"""So many points of the search's grid a pixel of a recogniser's chip, at least: its slopes are smooth."""
COARSEST = 2
"""Three times coarser was worse where much has to be changed: recognisers halve pictures, and three is out of
step with that."""
FINE = 10
"""Steps on the photo's own pixels after those on a coarser grid."""
SETTLED = (0.85, 0.95)
"""Momentum of these: where to go is known, and what the file makes of it is new."""


@dataclass(frozen=True)
class Asked:
    """What every search of a cloaker is made with."""

    distance: Composite
    slopes: Slopes | None
    device: torch.device | str
    seed: int
    progress: Progress


def coarseness(group: Sequence[Subject]) -> int:
    """How many times coarser than the photo the grid may be on which a search for these subjects begins.

    1 where a target looks at every pixel, or faces are hardly larger than the chips of recognisers.
    """
    spacings = []
    for subject in group:
        for target in subject.targets:
            if subject.landmarks is None or not isinstance(target, FaceTarget):
                return 1
            spacings.append(target.spacing(subject.landmarks))
    return min(max(int(min(spacings, default=1.0) / FINER), 1), COARSEST)


def search(
    photo: Photo,
    group: list[Subject],
    pixels: Pixels,
    plans: Sequence[Plan],
    asked: Asked,
    stage: str,
    factor: int,
    begun: Tensor | None = None,
) -> None:
    """Search around a group of subjects, and paste what was found into `pixels`.

    Args:
        photo: the clean photo.
        group: subjects whose pixels touch.
        pixels: of the whole photo; what does not belong to this group stays as others have left it.
        plans: of each subject.
        asked: the distance, and who is asked.
        stage: what progress is told.
        factor: of the grid on which the search begins, see `coarseness`; 1: it has none but the photo's own.
        begun: `(1, 3, H, W)`, a change of the photo with which the search begins, see `burst`.
    """
    box, mask = area_of(group, photo.pixels.shape[:2])
    x0, y0, x1, y1 = box
    # what does not belong to this group stays as others have left it: their changes may lie in the box
    own = mask[0, 0].bool().numpy()[..., None]
    x = to_tensor(np.where(own, photo.pixels[y0:y1, x0:x1], pixels[y0:y1, x0:x1]), asked.device)
    grey = photo.grey or plans[0].lightness
    first = None if begun is None else begun_in(begun, box, mask, grey).to(asked.device)
    held = limits(group, box, x, plans[0].feature_cap, first)
    views = Views(group, box, plans, x, _saving(photo, box, pixels), asked.seed, photo.pixels.shape[:2])
    crop = _Crop(x, Geometry.of(asked.distance, x, mask.to(asked.device), grey), held, grey)
    made = to_pixels(_searched(crop, views, asked, stage, factor))
    if not photo.lossless:
        clean = photo.pixels[y0:y1, x0:x1]
        made = brought_back(
            made, clean, held.means, lambda one: photo.roundtrip(one, box, pixels), photo.grey
        )
    pixels[y0:y1, x0:x1] = made


def _saving(photo: Photo, box: Area, pixels: Pixels) -> Callable[[Tensor], Tensor]:
    """What the photo's own file makes of a crop, with a gradient."""
    if photo.lossless:
        return lambda y: y
    factors, corner = photo.shared(box)
    return lambda y: through(
        y,
        lambda crop: photo.roundtrip(crop, box, pixels),
        lambda image: shared_colours(image, factors, corner),
    )


@dataclass(frozen=True)
class _Crop:
    """The clean crop, and how it may be changed."""

    x: Tensor
    geometry: Geometry
    held: Limits
    grey: bool
    """Its channels change alike."""

    def on(self, grid: Grid) -> _Crop:
        """The same as it is seen on a coarser grid."""
        begun = self.held.begun
        held = self.held.sample(grid.factor)
        if begun is not None:
            held = replace(held, begun=grid.mean(begun))
        return _Crop(grid.mean(self.x), self.geometry.on(grid), held, self.grey)


def _searched(crop: _Crop, views: Views, asked: Asked, stage: str, factor: int) -> Tensor:
    """The picture that was found, with its first steps on a coarser grid where the factor is above 1."""
    steps, start, settings = views.plan.steps, None, _settings(views.plan, asked.seed)
    done, total = 0, steps if factor == 1 else steps + FINE

    def told(count: int) -> None:
        asked.progress(stage, done + count, total)

    if factor > 1:
        grid = Grid(crop.x.shape[2], crop.x.shape[3], factor)
        small = crop.on(grid)
        # the geometry is that of D already, and no picture of this grid is kept: nobody compares by D
        found = MND(Magnitude(), replace(settings, keep="last"), asked.slopes)(
            small.x,
            views.on(grid),
            grey=small.grey,
            progress=told,
            limits=small.held,
            geometry=small.geometry,
        )
        start, done = found.end.moved(grid.up), steps
        views = views.then(steps=FINE, settle=1.0, trials=(0.0, 0.5))
        # few steps are no reason to give up sooner
        settings = replace(_settings(views.plan, asked.seed), momentum=SETTLED, patience=settings.patience)
    result = MND(asked.distance, settings, asked.slopes)(
        crop.x,
        views,
        grey=crop.grey,
        progress=told,
        accept=views.accept,
        limits=crop.held,
        geometry=crop.geometry,
        start=start,
    )
    return result.image


def _settings(plan: Plan, seed: int) -> SearchSettings:
    return SearchSettings(
        steps=plan.steps,
        seed=seed,
        momentum=plan.momentum,
        gain=plan.gain,
        keep=plan.keep,
        ready=plan.ready,
        patience=plan.patience,
    )
