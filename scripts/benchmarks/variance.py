"""How calm the search's looks are: draws of the channel one by one, and stratified over a whole search."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.judging import DATA, Values, means
from benchmarks.people import people
from mnd.channel import Channel, Draw, to_tensor
from mnd.cloaking.gallery import Gallery
from mnd.cloaking.levels import ROBUST
from mnd.cloaking.subjects import Subject, find
from mnd.faces.detector import Detector
from mnd.photo.photo import Photo
from mnd.targets import registry
from mnd.targets.face import FaceTarget

COUNTS = (4, 16)
"""So many draws are averaged."""
RUNS, WHOLE = 20, 200
"""Means of each kind, and draws whose mean stands for all there are."""
FIRST, MANY, ALL = 1_000, 10_000, 10**6
"""Seeds: of one draw, of several at once, and of all draws."""
DIGITS = {"draws": 0, "margin e-3": 2, "gradient off by %": 1}


def variance(args: argparse.Namespace) -> dict[str, dict[str, Values]]:
    """Of dlib's margin and its gradient on clean photos: what `draws` draws miss of the mean over very many.

    `margin`: the root of the mean square error of the mean margin. `gradient off by`: the length of the error
    of the mean gradient, as a share of the mean gradient's.
    """
    target = registry.load("dlib", offline=True)
    assert isinstance(target, FaceTarget)
    rows: dict[str, list[Values]] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or DATA / "faces" / "lfw10"
        for photo, gallery, _, _ in people(data, Path(folder), 92, args.limit or 3):
            for name, row in _photo(photo, gallery, target).items():
                rows.setdefault(name, []).append(row)
    return {f"draws of the channel, {RUNS} means each": {name: means(found) for name, found in rows.items()}}


def _photo(photo: Path, folder: Path, target: FaceTarget) -> dict[str, Values]:
    detector, opened = Detector(), Photo.read(photo)
    gallery = Gallery.read(folder, [target], detector)
    subject = gallery.judging(find(opened, [target], detector)[0])
    x, looks = to_tensor(opened.pixels), _Looks(target, subject)
    whole = looks.look(x, _draws(ALL, WHOLE))
    rows = {}
    for count in COUNTS:
        apart = [looks.look(x, _independent(run, count)) for run in range(RUNS)]
        together = [looks.look(x, _draws(MANY + run, count)) for run in range(RUNS)]
        rows[f"{count} draws, one by one"] = _missed(apart, whole)
        rows[f"{count} draws, stratified"] = _missed(together, whole)
    return rows


def _draws(seed: int, count: int) -> tuple[Draw, ...]:
    return Channel(jpeg=ROBUST.jpeg, scale=ROBUST.scale).draw(seed, count)


def _independent(run: int, count: int) -> tuple[Draw, ...]:
    return tuple(_draws(FIRST * (run + 1) + i, 1)[0] for i in range(count))


class _Looks:
    """The margin of a face and its gradient, averaged over ways through the channel."""

    def __init__(self, target: FaceTarget, subject: Subject) -> None:
        assert subject.landmarks is not None
        self.target, self.reference, self.landmarks = target, subject.judged[0], subject.landmarks

    def look(self, x: Tensor, draws: tuple[Draw, ...]) -> tuple[Tensor, Tensor]:
        """The mean margin `()` and the mean gradient, like `x`."""
        size, margins, slope = (x.shape[2], x.shape[3]), [], torch.zeros_like(x)
        for draw in draws:
            y = x.clone().requires_grad_(True)
            margin = self.target.margin(draw(y), self.reference.at(draw.place(self.landmarks, size)))
            slope += torch.autograd.grad(margin.sum(), y)[0] / len(draws)
            margins.append(margin.detach())
        return torch.cat(margins).mean(), slope


def _missed(means: list[tuple[Tensor, Tensor]], whole: tuple[Tensor, Tensor]) -> Values:
    margin = torch.stack([m - whole[0] for m, _ in means]).square().mean().sqrt()
    slope = torch.stack([torch.linalg.vector_norm(g - whole[1]) for _, g in means]).square().mean().sqrt()
    return {"margin e-3": 1e3 * float(margin), "gradient off by %": 100 * float(slope / whole[1].norm())}
