"""Where dlib's detector puts its rectangle about a face whose landmarks are known, and how far that carries.

`python scripts/dlib_rects.py` fits the constants of `mnd.targets.dlib.shape.rect_from_landmarks` on one set
of photos and judges them on another: how far the embedding of a face found with them lies from that of dlib's
own pipeline. Needs the package dlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import torch
from benchmarks.judging import DATA, Pixels, read
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mnd.channel import to_tensor
from mnd.faces.detector import Detector
from mnd.targets import registry
from mnd.targets.dlib import chip as dlib_chip
from mnd.targets.dlib.shape import predictor, rect_from_landmarks
from mnd.targets.dlib.target import DlibTarget

Floats = NDArray[np.float64]
Found = tuple[Pixels, Floats, NDArray[np.int64]]
"""A photo, the landmarks `(5, 2)` of a face in it, and dlib's rectangle `(4,)`."""

SURE = 0.4
"""Below this score what dlib's detector finds may be no face."""


def photos(data: Path, limit: int | None) -> list[Pixels]:
    """All photos of a folder of people, or `limit` of them, evenly."""
    paths = sorted(data.glob("*/*.jpg"))
    return [read(path) for path in paths[:: max(1, len(paths) // (limit or len(paths)))]]


def varied(pixels: Pixels, points: Floats, chance: np.random.Generator) -> tuple[Pixels, Floats]:
    """The photo in another size, cut at another place, and half of them mirrored, with its landmarks.

    dlib's detector looks at steps of four pixels and of a sixth in size, and all faces of LFW are of one size
    in one place: without this the constants would be those of the nearest step.
    """
    height, width = pixels.shape[:2]
    ratio, (dx, dy) = chance.uniform(0.9, 1.8), chance.integers(0, 32, 2)
    size = round(width * ratio), round(height * ratio)
    larger = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))[dy:, dx:]
    points = (points + 0.5) * [size[0] / width, size[1] / height] - 0.5 - [dx, dy]
    if chance.random() < 0.5:
        larger = larger[:, ::-1]
        points = (points * [-1, 1] + [larger.shape[1] - 1, 0])[[1, 0, 2, 4, 3]]
    return np.ascontiguousarray(larger), points


def faces(pictures: list[Pixels], vary: bool) -> Iterator[Found]:
    """The faces that both our detector and dlib's (enlarging once, as face_recognition does) find."""
    ours, theirs = Detector(), dlib.get_frontal_face_detector()
    chance = np.random.default_rng(0)
    for original in pictures:
        for face in ours(original):
            pixels, points = original, face.landmarks.astype(np.float64)
            if vary:
                pixels, points = varied(pixels, points, chance)
            boxes, scores, _ = theirs.run(pixels, 1, SURE)
            x, y = points[:3].mean(0)
            around = [(s, b) for s, b in zip(scores, boxes, strict=True) if b.contains(round(x), round(y))]
            if around:
                _, b = max(around, key=lambda pair: pair[0])
                yield pixels, points, np.array([b.left(), b.top(), b.right(), b.bottom()])


def fit(found: list[Found]) -> None:
    """Print the constants: medians of side and centre, in units of the landmarks' mean square distance."""
    points = np.array([p for _, p, _ in found])
    rects = np.array([r for _, _, r in found], float)
    mean = points.mean(1)
    radius = np.sqrt(((points - mean[:, None]) ** 2).sum(2).mean(1))
    side = (rects[:, 2:] - rects[:, :2]).mean(1) / radius
    offset = ((rects[:, :2] + rects[:, 2:]) / 2 - mean) / radius[:, None]
    for name, values in (("side", side), ("centre x", offset[:, 0]), ("centre y", offset[:, 1])):
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
        print(f"{name:10} {middle:6.3f}   80 % from {low:6.3f} to {high:6.3f}   ({len(found)} faces)")


def judge(found: list[Found]) -> None:
    """Print how far embeddings lie from dlib's, whose detector is asked and whose points are those."""
    target = registry.load("dlib", offline=True)
    assert isinstance(target, DlibTarget)
    rows: dict[str, list[float]] = {}
    for pixels, points, rect in found:
        image, marks = to_tensor(pixels), torch.from_numpy(points)[None]
        guess = rect_from_landmarks(points[None])
        template = _embedding(target, image, dlib_chip.plans_from_faces(marks))
        for count, plans in ((5, dlib_chip.plans_from_dlib), (68, dlib_chip.plans_from_68)):
            own, guessed = (
                _embedding(target, image, plans(torch.from_numpy(predictor(count)(pixels, r))))
                for r in (rect[None], guess)
            )
            for name, other in (("predictor in our rectangle", guessed), ("template", template)):
                distance = float(torch.linalg.vector_norm(own - other))
                rows.setdefault(f"{name}, dlib with {count} points", []).append(distance)
    for name, distances in rows.items():
        middle, most = np.quantile(distances, [0.5, 0.9])
        print(f"{name:45} median {middle:.3f}   90 % {most:.3f}   largest {max(distances):.3f}")


@torch.no_grad()
def _embedding(target: DlibTarget, image: Tensor, plans: list[Any]) -> Tensor:
    chip = dlib_chip.extract(image, plans, exact=True) / 255
    out: Tensor = target.net((chip - target._mean) / target._std)[0]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", type=Path, default=DATA / "faces" / "lfw38", help="photos to fit on")
    parser.add_argument("--judge", type=Path, default=DATA / "faces" / "lfw10", help="photos to judge on")
    parser.add_argument("--limit", type=int, help="so many photos of each")
    args = parser.parse_args()
    fit(list(faces(photos(args.fit, args.limit), vary=True)))
    pictures = photos(args.judge, args.limit)
    for name, vary in (("as they are", False), ("other sizes and places, half of them mirrored", True)):
        print(f"\n{args.judge.name}, {name}")
        judge(list(faces(pictures, vary)))


if __name__ == "__main__":
    main()
