"""Published attacks on the photos that MND cloaks: the same faces, references, pixels and encoding."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mnd import attacks
from mnd.attacks.problem import MarginOf, Problem
from mnd.channel import to_pixels, to_tensor
from mnd.cloaking.crops import area_of, groups
from mnd.cloaking.eot import Views
from mnd.cloaking.gallery import Gallery
from mnd.cloaking.settings import CloakSettings
from mnd.cloaking.subjects import Subject, find
from mnd.faces.detector import Detector
from mnd.photo.photo import Photo
from mnd.targets.face import FaceTarget
from mnd.targets.target import Reference

PROBABILITY = 0.5
"""How often DI-MI-FGSM shows a target another size."""
LEAST = 299 / 330
"""The smallest of those sizes, as a share of what the target sees: the paper's two sizes."""
RIVALS = {"mi-fgsm": "MI-FGSM", "di-mi-fgsm": "DI-MI-FGSM", "pgd": "PGD"}
"""Their names and titles."""


def diverse(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images `(B, 3, H, W)`, or now and then the same a little smaller at a random place on black.

    The paper makes pictures larger than the network's; these networks take one size only, so that the larger
    of the two sizes is theirs.

    Source: Xie et al. 2019, arXiv 1803.06978.
    """
    if float(torch.rand((), generator=generator)) >= PROBABILITY:
        return images
    height, width = images.shape[2:]
    scale = LEAST + (1 - LEAST) * float(torch.rand((), generator=generator))
    h, w = round(scale * height), round(scale * width)
    top = int(torch.randint(height - h + 1, (), generator=generator))
    left = int(torch.randint(width - w + 1, (), generator=generator))
    small = F.interpolate(images, (h, w), mode="bilinear", align_corners=False)
    return F.pad(small, (left, width - w - left, top, height - h - top))


def attacked(
    photo: Path,
    settings: CloakSettings,
    targets: Sequence[FaceTarget],
    detector: Detector,
    name: str,
    eps: float,
) -> bytes:
    """The file of the photo after one of `RIVALS` has spent `eps` grey levels, encoded as the photo is.

    Its loss is the largest margin, as a share of the threshold, to the references that the search with
    `settings` moves away from; it may change the same pixels.

    Raises:
        ValueError: the photo or the gallery shows no face.
    """
    opened = Photo.read(photo)
    subjects = find(opened, targets, detector, settings.where)
    if settings.gallery is not None:
        subjects = list(map(Gallery.read(settings.gallery, targets, detector).judging, subjects))
    pixels, size = opened.pixels.copy(), opened.pixels.shape[:2]
    attack = attacks.load(name.removeprefix("di-"))
    for group in groups(subjects, size):
        (x0, y0, x1, y1), mask = area_of(group, size)
        x = to_tensor(pixels[y0:y1, x0:x1])
        margins, scales = _margins(group, (x0, y0, x1, y1), settings, x, name.startswith("di-"))
        problem = Problem(x, margins, scales, mask=mask, grey=opened.grey)
        pixels[y0:y1, x0:x1] = to_pixels(attack.run(problem, eps, settings.seed))
    return opened.encode(pixels)


def _margins(
    group: list[Subject], box: tuple[int, int, int, int], settings: CloakSettings, x: Tensor, diversity: bool
) -> tuple[tuple[MarginOf, ...], tuple[float, ...]]:
    """A margin for each target of each subject, and the thresholds that they are shares of."""
    margins: list[MarginOf] = []
    scales: list[float] = []
    for view in Views(group, box, settings.plan, x, lambda y: y, settings.seed).views:
        assert isinstance(view.target, FaceTarget)
        seen: Any = partial(diverse, generator=torch.Generator().manual_seed(settings.seed))
        margins.append(
            partial(_margin, view.target, view.reference, seen if diversity else lambda chips: chips)
        )
        scales.append(view.target.card.threshold)
    return tuple(margins), tuple(scales)


def _margin(target: FaceTarget, reference: Reference, seen: Any, y: Tensor) -> Tensor:
    assert reference.faces is not None
    chips = seen(target.chips(y, reference.faces))
    return target.compare(target.embed_chips(chips), reference.known)
