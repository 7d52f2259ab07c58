"""Which card fits an ONNX file: tried on photos of people, so that nobody guesses how it is asked."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...base.files import PhotoError, sha256_of
from ...base.types import Progress, nobody
from ...faces.detector import Detector
from ...photo.photo import Photo
from ...photo.walking import people as folders
from ...photo.walking import photos
from ..alignment import ALIGNMENTS, TEMPLATES
from ..face import FaceTarget
from ..json_card import ONNX
from . import file, network
from .file import OnnxFile
from .ways import FAR, RANGES, Separation, Way, all_ways, both_orders

MOST, FIRST, FINALISTS, TOGETHER = 200, 40, 3, 8
"""Photos in all; those of the first round; ways that reach the second; chips that are asked at once."""
EACH = 4
"""So many photos of a person at least, where there are many people."""
NEAR = 0.97
"""Share of the best d' from which on a way does as well as the best."""
Nets = dict[tuple[int, int], nn.Module]
"""A file's network, by the size of its pictures."""
USUAL = (160, 160)
"""Of templates that go with any size: height and width, where the file names none."""


@dataclass(frozen=True)
class Faces:
    """The largest face of photos of several people, cut out by every template.

    Attributes:
        people: whose it is, by the name of the folder.
        chips: `(1, 3, h, w)` each, by the template.
        passed: a line on each photo that was passed over.
    """

    people: tuple[str, ...]
    chips: dict[str, list[Tensor]]
    passed: tuple[str, ...]


@dataclass(frozen=True)
class Probe:
    """What came out.

    Attributes:
        file: the network.
        output: the one of its outputs that was taken.
        numbers: how many an embedding has.
        size: of the chips that it was shown, for each template.
        tried: the ways, best first; the first `compared` of them on all photos, the others on a part of them.
        compared: how many those are.
        faces: on which.
    """

    file: OnnxFile
    output: str
    numbers: int
    size: dict[str, tuple[int, int]]
    tried: tuple[tuple[Way, Separation], ...] = ()
    compared: int = 0
    faces: Faces | None = None

    @property
    def works(self) -> bool:
        """It tells the people apart, shown faces in the best way."""
        return bool(self.tried) and self.tried[0][1].works

    @property
    def rivals(self) -> list[Way]:
        """Ways that do about as well as the best one on these photos."""
        least = NEAR * self.tried[0][1].distance if self.tried else 0.0
        return [way for way, found in self.tried[1 : self.compared] if found.distance >= least]

    def card(self, folder: Path) -> dict[str, Any]:
        """The card for a file in `folder`; without photos its template, range and threshold are null."""
        path, size = Path(os.path.relpath(self.file.path, folder)), self.file.size
        fields: dict[str, Any] = {
            "name": self.file.path.stem, "kind": "face", "architecture": ONNX, "weights": path.as_posix(),
            "sha256": sha256_of(self.file.path), "size": None if size is None else [*size],
            "template": None, "channels": None, "mean": None, "std": None, "unit": "cosine similarity",
            "threshold": None, "threshold_at": "",
        }  # fmt: skip
        if len(self.file.outputs) > 1:
            fields["output"] = self.output
        if self.tried and self.faces is not None:
            way, found = self.tried[0]
            mean, std = RANGES[way.range]
            fields |= {
                "size": [*self.size[way.template]], "template": way.template, "channels": way.channels,
                "mean": [*mean], "std": [round(v, 8) for v in std], "threshold": found.threshold,
                "threshold_at": told(found, len(set(self.faces.people)), len(self.faces.people)),
            }  # fmt: skip
            fields["accuracy"] = {"same_person": round(found.tar, 4), "d_prime": round(found.distance, 2)}
        origin = f" ({self.file.producer})" if self.file.producer else ""
        return fields | {"licence": "unknown: the user's own file", "source": f"an ONNX file{origin}"}


def told(found: Separation, people: int, photos: int) -> str:
    """Where a threshold comes from, in words."""
    pairs = f"{found.different:,} pairs of different people ({photos} photos of {people}; mnd targets probe)"
    if found.different * FAR >= 1:
        return f"FAR 1e-3 on {pairs}"
    return f"above all {pairs}; too few for FAR 1e-3, which takes {round(1 / FAR):,}"


def look(path: Path, output: str | None = None) -> Probe:
    """What a file is, without photos.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no network that can be attacked, as `file.read` and `network.read` have it.
    """
    return _looked(path, output)[0]


def _looked(path: Path, output: str | None) -> tuple[Probe, Nets]:
    """The same, and its networks: a file may take any size by its word, and one alone by its weights."""
    read = file.read(path)
    output = output or _embedding(read)
    sizes = {name: read.size or (TEMPLATES[name][0] if name in TEMPLATES else USUAL) for name in ALIGNMENTS}
    nets: Nets = {}
    refused: list[ValueError] = []
    for size in dict.fromkeys(sizes.values()):
        try:
            nets[size] = network.converted(read, size, output)
        except ValueError as error:
            refused.append(error)
    if not nets:
        raise refused[0]
    size, net = next(iter(nets.items()))
    with torch.no_grad():
        numbers = net(torch.zeros(1, 3, *size)).shape[1]
    return Probe(read, output, numbers, {name: its for name, its in sizes.items() if its in nets}), nets


def probe(
    path: Path,
    people: Path,
    detector: Detector,
    output: str | None = None,
    progress: Progress = nobody,
) -> Probe:
    """Try every template, range and order of colours on photos of people, a folder a person.

    First every template with every range on some of the photos, then the best of them in both orders of
    colours on all. The best is the one with the largest d'. At most 200 photos are looked at, of each person
    as many; of several faces in a photo the largest counts.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as `look`; also when there are no two people with two photos each.
    """
    seen, nets = _looked(path, output)
    faces = cut(people, detector, seen.size, progress)
    some = _spread(faces.people, FIRST)
    asked = _Asking(seen, nets, faces, progress)
    ways = [way for way in all_ways() if way.template in seen.size]
    first = _sorted(asked(ways, some, "trying ways to show faces"))
    best = both_orders([way for way, _ in first[:FINALISTS]])
    last = _sorted(asked(best, range(len(faces.people)), "trying the best on all photos"))
    rest = [row for row in first if row[0] not in best]
    return Probe(seen.file, seen.output, seen.numbers, seen.size, (*last, *rest), len(last), faces)


def cut(folder: Path, detector: Detector, sizes: dict[str, tuple[int, int]], progress: Progress) -> Faces:
    """The faces of the people in a folder.

    Raises:
        ValueError: there are too few.
    """
    every = folders(folder).folders
    columns = [[(name, path) for path in photos(own).files] for name, own in every.items()]
    # of more people than photos are looked at each would have one, and nobody a pair
    columns = [its for its in columns if len(its) > 1][: MOST // EACH]
    files = [it for row in itertools.zip_longest(*columns) for it in row if it is not None][:MOST]
    chips: dict[str, list[Tensor]] = {template: [] for template in sizes}
    whose, passed = [], []
    for done, (name, path) in enumerate(files):
        progress("looking for faces", done, len(files))
        try:
            photo = Photo.read(path)
        except PhotoError as error:
            passed.append(str(error))
            continue
        found = detector(photo.pixels)
        if not found:
            passed.append(f"{path}: no face found")
            continue
        marks, image = torch.from_numpy(found[0].landmarks.copy())[None], photo.tensor()
        for template, size in sizes.items():
            target = Way(template, next(iter(RANGES)), "rgb").target(nn.Identity(), size)
            chips[template].append(target.chips(image, marks))
        whose.append(name)
    if sum(whose.count(name) > 1 for name in set(whose)) < 2:
        told = "expected a folder for each person, at least two with two photos or more of a face"
        raise ValueError(f"{folder}: {told}")
    return Faces(tuple(whose), chips, tuple(passed))


def _embedding(read: OnnxFile) -> str:
    """The only output that can be an embedding."""
    long = [name for name, its in read.outputs.items() if not its or (its[-1] or 0) >= network.LEAST_NUMBERS]
    return long[0] if len(long) == 1 else read.output()


def _spread(people: Sequence[str], count: int) -> list[int]:
    """Places of about `count` photos: two of each of some people, at least of two."""
    chosen: dict[str, list[int]] = {}
    for place, name in enumerate(people):
        chosen.setdefault(name, []).append(place)
    pairs = sorted((its for its in chosen.values() if len(its) > 1), key=len, reverse=True)
    each = max(2, count // len(pairs))
    return sorted(place for its in pairs[: max(2, count // 2)] for place in its[:each])


def _sorted(rows: list[tuple[Way, Separation]]) -> list[tuple[Way, Separation]]:
    return sorted(rows, key=lambda row: -row[1].distance if row[1].distance == row[1].distance else 0.0)


@dataclass(frozen=True)
class _Asking:
    seen: Probe
    nets: dict[tuple[int, int], nn.Module]
    faces: Faces
    progress: Progress

    def __call__(
        self, ways: Sequence[Way], places: Sequence[int], stage: str
    ) -> list[tuple[Way, Separation]]:
        people = [self.faces.people[place] for place in places]
        rows = []
        for done, way in enumerate(ways):
            self.progress(stage, done, len(ways))
            size = self.seen.size[way.template]
            target = way.target(self.nets[size], size)
            chips = [self.faces.chips[way.template][place] for place in places]
            rows.append((way, Separation.of(_embeddings(target, chips), people)))
        return rows


@torch.no_grad()
def _embeddings(target: FaceTarget, chips: Sequence[Tensor]) -> Tensor:
    batches = (torch.cat([*chips[i : i + TOGETHER]]) for i in range(0, len(chips), TOGETHER))
    return torch.cat([target.embed_chips(batch) for batch in batches])
