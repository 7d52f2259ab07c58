"""From a picture to a problem: what the target sees of the file, and the verdict on what was saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..attacks.problem import MarginOf, Problem
from ..base.runtime import pick_device
from ..base.types import Pixels
from ..channel import straight_through, to_pixels, to_tensor
from ..cloaking.crops import Area, area_of
from ..cloaking.gallery import Gallery
from ..cloaking.subjects import Subject, find
from ..faces.detector import Detector
from ..faces.landmarks import jittered
from ..photo.photo import Photo
from ..targets import registry
from ..targets.classifier import Classifier
from ..targets.face import FaceTarget
from ..targets.margin import Margin
from ..targets.target import Reference, Target
from . import saved
from .data import Picture, labelled, people
from .levels import Levels
from .settings import EvaluationSettings

SHAKE = 0.0025
"""How far landmarks lie elsewhere in a changed picture, as a share of the distance of the eyes: the median
over the results of MND, FMN, DDN and PGD on 20 photos; of ALMA-SSIM it is more than twice that."""
LOGIT = 1.0
"""What head-room is a share of where the threshold is zero."""


@dataclass(frozen=True)
class Judgement:
    """What targets and judges say of a file: distance, similarity or logit margin, each in its unit."""

    margins: tuple[Margin, ...]
    attacked: int
    """So many of the margins are targets, the others judges."""

    @property
    def success(self) -> bool:
        """No target recognises the picture any more."""
        return all(m.fooled for m in self.margins[: self.attacked])

    @property
    def known(self) -> bool:
        """Every target recognises the picture."""
        return not any(m.fooled for m in self.margins[: self.attacked])

    @property
    def judges(self) -> tuple[Margin, ...]:
        """What those say who were not attacked."""
        return self.margins[self.attacked :]


@dataclass(frozen=True)
class Case:
    """One picture, ready to be attacked and judged."""

    picture: Picture
    pixels: Pixels
    """`(H, W, 3)`, the clean picture."""
    subject: Subject
    """The person or the whole picture, for targets and judges."""
    attacked: int
    detector: Detector
    settings: EvaluationSettings

    @cached_property
    def clean(self) -> Judgement:
        """Of the picture as it is."""
        return self.verdict(self.pixels)

    def verdict(self, pixels: Pixels) -> Judgement:
        """What everybody says of a version of the picture; a face is looked for again."""
        scores = self.subject.scores(pixels, self.detector, pixels.shape[1] / self.pixels.shape[1])
        cards = [t.card for t in self.subject.targets]
        return Judgement(tuple(map(Margin.of, cards, scores)), self.attacked)

    @cached_property
    def place(self) -> tuple[Area, Tensor]:
        """The crop that is attacked, and where it may change: what the targets see."""
        mine = replace(self.subject, targets=self.subject.targets[: self.attacked])
        return area_of([mine], self.pixels.shape[:2])

    def problem(self, device: str) -> Problem:
        """What every attack gets: margins of what the saved file shows, with gradients straight through."""
        (x0, y0, x1, y1), mask = self.place
        targets = self.subject.targets[: self.attacked]
        references = [
            r if r.faces is None else r.at(r.faces - torch.tensor([x0, y0])) for r in self.subject.judged
        ]
        told = list(zip(targets, references, strict=False))
        only = targets[0] if len(targets) == 1 else None
        logits = label = None
        if isinstance(only, Classifier):
            logits, label = self._seen(only.logits), int(references[0].known)
        return Problem(
            to_tensor(self.pixels[y0:y1, x0:x1], device),
            tuple(self._seen(partial(t.margin, reference=r)) for t, r in told),
            tuple(abs(t.card.threshold) or LOGIT for t in targets),
            logits,
            label,
            None if bool(mask.all()) else mask.to(device),
            shaken=partial(self._shaken, told) if self.subject.landmarks is not None else None,
        )

    def _shaken(self, told: list[tuple[Target, Reference]], seed: int) -> tuple[MarginOf, ...]:
        return tuple(self._seen(_shaking(target, reference, seed)) for target, reference in told)

    def pasted(self, image: Tensor) -> Pixels:
        """The whole picture with the attacked crop in it."""
        (x0, y0, x1, y1), _ = self.place
        pixels = self.pixels.copy()
        pixels[y0:y1, x0:x1] = to_pixels(image)
        return pixels

    def _seen(self, function: MarginOf) -> MarginOf:
        if self.settings.form == "png":
            return lambda y: function(straight_through(y, (y.clamp(0, 1) * 255).round() / 255))
        return lambda y: function(straight_through(y, torch.cat([self._saved(one[None]) for one in y])))

    def _saved(self, y: Tensor) -> Tensor:
        (x0, y0, x1, y1), _ = self.place
        data = saved.encoded(self.pasted(y), self.settings.form, self.settings.quality)
        return to_tensor(saved.decoded(data)[y0:y1, x0:x1], y.device).to(y.dtype)


def _shaking(target: Target, reference: Reference, seed: int) -> Callable[[Tensor], Tensor]:
    """The margin of a face whose landmarks are elsewhere each time it is asked for."""
    generator, faces = torch.Generator().manual_seed(seed), cast(Tensor, reference.faces)
    return lambda y: target.margin(y, reference.at(jittered(faces, SHAKE, generator)))


class Bench:
    """Makes the cases of one target, or of several together (`a+b`), from a folder of pictures.

    Raises:
        ValueError: there is no such target, they are of different kinds, or the data do not suit them.
        FileNotFoundError: weights are not there and may not be downloaded.
    """

    def __init__(self, name: str, settings: EvaluationSettings) -> None:
        self.settings, self.device = settings, pick_device(settings.device)
        load = partial(registry.load_all, device=self.device, offline=settings.offline)
        self.targets = load([part.strip() for part in name.split("+")])
        kinds = {t.card.kind for t in self.targets}
        if len(kinds) > 1:
            raise ValueError(f"{name}: expected face recognisers or classifiers, got both in one")
        self.faces = kinds == {"face"}
        mine = {t.card.name for t in self.targets}
        others = load(settings.judges) if settings.judges else []
        self.judges = [j for j in others if j.card.kind in kinds and j.card.name not in mine]
        self.name = "+".join(t.card.name for t in self.targets)
        self.detector = Detector(self.device)
        self.levels = Levels([part.strip() for part in name.split("+")], settings)
        self._galleries: dict[tuple[object, ...], Gallery] = {}
        self.unreadable: dict[str, str] = {}
        """Photos of galleries that were passed over, and why."""
        self.pictures = (self._people if self.faces else self._labelled)()[: settings.limit]

    def case(self, picture: Picture) -> Case | None:
        """The case of a picture; None where it shows no face, or its gallery has none.

        Raises:
            PhotoError: the picture cannot be read.
        """
        photo = Photo.read(picture.path)
        pixels = photo.pixels
        if not self.faces:
            pixels = cropped(pixels, self.settings.crop) if self.settings.crop else pixels
            subject: Subject | None = self._whole(pixels, picture)
        else:
            subject = self._person(photo, picture)
        if subject is None:
            return None
        return Case(picture, pixels, subject, len(self.targets), self.detector, self.settings)

    def _people(self) -> list[Picture]:
        return people(self.settings.data, self.settings.known, self.settings.seed)

    def _labelled(self) -> list[Picture]:
        return labelled(self.settings.data)

    def _whole(self, pixels: Pixels, picture: Picture) -> Subject:
        height, width = pixels.shape[:2]
        everybody = (*self.targets, *self.judges)
        reference = Reference(torch.tensor([picture.label]))
        box = (0.0, 0.0, float(width), float(height))
        return Subject("whole", box, None, everybody, (reference,) * len(everybody))

    def _person(self, photo: Photo, picture: Picture) -> Subject | None:
        everybody = cast(Sequence[FaceTarget], [*self.targets, *self.judges])
        if picture.gallery not in self._galleries:
            self._galleries[picture.gallery] = Gallery.of(picture.gallery, everybody, self.detector)
            for path, why in self._galleries[picture.gallery].unreadable.items():
                self.unreadable[path.relative_to(self.settings.data).as_posix()] = why
        gallery = self._galleries[picture.gallery]
        if not gallery.files or not self.detector(photo.pixels):
            return None
        subjects = find(photo, everybody, self.detector)
        return gallery.judging(subjects[gallery.person(subjects)])


def cropped(pixels: Pixels, side: int) -> Pixels:
    """The middle, `side` pixels square, of the picture with its shorter side reduced to 8/7 of that."""
    image = Image.fromarray(pixels)
    scale = round(side * 8 / 7) / min(image.size)
    width, height = (max(round(v * scale), side) for v in image.size)
    left, top = (width - side) // 2, (height - side) // 2
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image.crop((left, top, left + side, top + side)))
