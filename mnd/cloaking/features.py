"""Where the features of the faces of a crop are, and what a search may do to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..base.types import Pixels
from ..channel import to_tensor
from ..faces.features import LEAST, Features, Mask, Points
from ..losses.images import blur, gaussian
from ..metrics.record import AppearanceRecord, QualityRecord
from ..optimizer.limits import Limits, Part
from ..targets.dlib.upright import landmarks
from .crops import Area
from .subjects import Subject

HELD = ("left iris", "right iris", "lips")
"""Regions that are known by their colour."""
GROWN = 0.03
"""How far a feature reaches beyond its drawing, as a share of the distance of the eyes."""
FAINT = 0.01
"""A pixel that is less of a feature has no cap."""
FINE = 60
"""Pixels between the eyes: features of larger faces are drawn so large and enlarged."""
OFF = 0.35
"""Of the distance of the eyes: landmarks that are farther from those of the detector are none."""


@dataclass(frozen=True)
class FaceFeatures:
    """Where the features of one face are in a crop.

    Attributes:
        part: the rectangle around them; `values` in [0, 1] are 1 where somebody looks first.
        held: regions whose mean colour stays.
        seen: they were found; else the whole of the face counts as one.
    """

    part: Part
    held: tuple[Part, ...]
    seen: bool


def limits(
    subjects: Sequence[Subject], box: Area, x: Tensor, cap: float | None, begun: Tensor | None = None
) -> Limits:
    """What a search may do to the features of the faces of a crop.

    Args:
        subjects: whose faces they are; whole pictures have none.
        box: where the crop lies in the photo.
        x: `(1, 3, h, w)`, the clean crop.
        cap: how far a value of a feature may change, in grey levels; None: as far as it likes.
        begun: `(1, 3, h, w)`, a change that is there already, as `Limits` has it.
    """
    faces = features(subjects, box, x)
    caps = [] if cap is None else [_cap(face.part, cap / 255) for face in faces]
    return Limits(tuple(caps), tuple(part for face in faces for part in face.held), begun)


def features(subjects: Sequence[Subject], box: Area, x: Tensor) -> list[FaceFeatures]:
    """The features of the faces of a crop; the arguments are those of `limits`."""
    faces = []
    for subject in subjects:
        if subject.landmarks is not None and subject.found:  # where nobody sees a face nothing is known
            points = found(x, subject.landmarks - torch.tensor(box[:2], dtype=torch.float32))
            faces.append(_whole(subject, box, x) if points is None else _drawn(points, x))
    return faces


def found(image: Tensor, face: Tensor) -> Points | None:
    """The 68 landmarks of a face `(1, 5, 2)` of an image `(1, 3, H, W)`; None where they are not to be had.

    The 68 landmarks of a profile, or of a face behind a mask, lie anywhere: then eyes and mouth are not
    where the detector has seen them.
    """
    try:
        points: Points = landmarks(image.cpu(), face)[0].numpy()
    except FileNotFoundError:  # dlib's predictor is not on this machine
        return None
    own = face[0].numpy().astype(np.float64)
    scale = float(np.linalg.norm(own[1] - own[0]))
    five = np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])
    if scale == 0 or np.max(np.linalg.norm(five - own, axis=1)) > OFF * scale:
        return None
    return points


def add_appearances(
    quality: QualityRecord,
    subjects: Sequence[Subject],
    original: Pixels,
    shown: Pixels,
    scale: float = 1.0,
    thorough: bool = False,
) -> None:
    """Write into the record of a photo's quality how each of its faces looks that was changed.

    Args:
        quality: its regions are those of the subjects.
        subjects: who is looked at; whole pictures have no features.
        original: `(H, W, 3)`, the clean photo.
        shown: the same of the changed one.
        scale: the size of both over that of the photo in which the subjects were found.
        thorough: ask the measures of `mnd.metrics.portrait`, too.
    """
    for subject, region in zip(subjects, quality["regions"], strict=True):
        if subject.kind == "face":
            region["appearance"] = appearance_of(subject, original, shown, scale, thorough)


def appearance_of(
    subject: Subject, original: Pixels, shown: Pixels, scale: float = 1.0, thorough: bool = False
) -> AppearanceRecord | None:
    """How one face looks; the arguments are those of `add_appearances`. None: its features are not found."""
    from ..metrics.appearance import appearance
    from ..metrics.portrait import Portrait, portrait

    if subject.landmarks is None or not subject.found:
        return None
    x0, y0, x1, y1 = subject.area(original.shape[1], original.shape[0], scale)
    wide, high = x1 - x0, y1 - y0
    rows = slice(max(0, y0 - high), y1 + high)
    columns = slice(max(0, x0 - wide), x1 + wide)
    before, after = (np.ascontiguousarray(pixels[rows, columns]) for pixels in (original, shown))
    face = (subject.landmarks + 0.5) * scale - 0.5 - torch.tensor([columns.start, rows.start])
    points = found(to_tensor(before), face.float())
    if points is None:
        return None
    where = Features.of(points, before.shape[1::-1])
    measured = portrait(before, after, where) if thorough else Portrait()
    return {**appearance(before, after, where).as_json(), **measured.as_json()}


def _drawn(points: Points, x: Tensor) -> FaceFeatures:
    """The features of a face with these landmarks, drawn as large as is needed and enlarged."""
    eyes = float(np.linalg.norm(points[42:48].mean(0) - points[36:42].mean(0)))
    shrink = max(1, int(eyes / FINE))
    height, width = x.shape[2:]
    small = Features.of((points + 0.5) / shrink - 0.5, (-(-width // shrink), -(-height // shrink)))
    union = np.max([mask for name, mask in small.masks.items() if name != "skin"], axis=0)
    sigma = max(GROWN * small.scale, 0.5)
    size = min(2 * round(3 * sigma) + 1, 2 * min(union.shape) - 1)
    whole = torch.from_numpy(union).to(x)[None, None]
    soft = (2 * blur(whole, gaussian(size, sigma, x), "reflect")[0, 0]).clamp(0, 1)
    corner = small.box[1], small.box[0]
    held = [_tight(small.masks[name], corner, shrink, (height, width)) for name in HELD]
    part = _enlarged(soft, corner, shrink, (height, width))
    return FaceFeatures(
        part, tuple(Part(p.rows, p.columns, p.values.to(x)) for p in held if p is not None), seen=True
    )


def _tight(mask: Mask, corner: tuple[int, int], factor: int, size: tuple[int, int]) -> Part | None:
    """A mask in the smallest rectangle of the crop; None of a region of no size."""
    if mask.sum() * factor**2 < LEAST:
        return None
    down, across = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    inner = torch.from_numpy(mask[down[0] : down[-1] + 1, across[0] : across[-1] + 1].copy())
    return _enlarged(inner, (corner[0] + int(down[0]), corner[1] + int(across[0])), factor, size)


def _enlarged(values: Tensor, corner: tuple[int, int], factor: int, size: tuple[int, int]) -> Part:
    """Values `(h, w)` that lie at `corner` (row, column) of a smaller crop, in the crop of this size."""
    (top, left), (height, width) = corner, size
    top, left = top * factor, left * factor
    if factor > 1:
        values = F.interpolate(values[None, None], scale_factor=factor, mode="bilinear")[0, 0]
    values = values[: height - top, : width - left].contiguous()
    return Part(slice(top, top + values.shape[0]), slice(left, left + values.shape[1]), values)


def _whole(subject: Subject, box: Area, x: Tensor) -> FaceFeatures:
    """A face whose features are not known: all of its box."""
    width, height = x.shape[3], x.shape[2]
    x0, y0, x1, y1 = (round(v) - box[i % 2] for i, v in enumerate(subject.box))
    rows = slice(max(0, min(y0, height - 1)), max(1, min(y1, height)))
    columns = slice(max(0, min(x0, width - 1)), max(1, min(x1, width)))
    ones = torch.ones(rows.stop - rows.start, columns.stop - columns.start).to(x)
    return FaceFeatures(Part(rows, columns, ones), (), seen=False)


def _cap(where: Part, cap: float) -> Part:
    """The cap itself on a feature, more and more of it beside."""
    share = where.values
    return replace(where, values=torch.where(share > FAINT, cap / share.clamp_min(FAINT), torch.inf))
