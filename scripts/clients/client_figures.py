"""The tables of what the clients said, and of what was changed."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from asking import Asked

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.judging import differences, means, read, table

from mnd.faces.detector import Detector
from mnd.metrics.fidelity import psnr

Values = dict[str, float]
NAMES = {
    "fr-small-1": "face_recognition small, 1 jitter: its default (.6)",
    "fr-large-1": "face_recognition large, 1 (.6)",
    "fr-small-10": "face_recognition small, 10 jitters (.6)",
    "fr-large-10": "face_recognition large, 10 (.6)",
    "faceapi-ssd": "face-api, SSD: its default (.6)",
    "faceapi-tiny": "face-api, tinyFaceDetector (.6)",
    "faceapi-canvas": "face-api, SSD, canvas as in browsers (.6)",
    "deepface-opencv": "deepface Dlib, opencv: its default (cosine .07)",
    "deepface-dlib": "deepface Dlib, dlib (cosine .07)",
    "deepface-mtcnn": "deepface Dlib, mtcnn (cosine .07)",
}
QUALITY = {
    "photos": 0,
    "not protected": 0,
    "SSIMULACRA2": 2,
    "face PSNR": 2,
    "face SSIM": 4,
    "Butteraugli": 3,
    "PSNR": 2,
}


class Figures(NamedTuple):
    """What the tables are made of."""

    lines: list[dict[str, Any]]
    """One a pair and judge, see `judge.rows`."""
    asked: dict[str, Asked]
    quality: dict[str, Values]
    """By the kind of cloak; nothing where it is not asked for."""
    failures: dict[str, int]
    """Photos of each kind of cloak that were not protected, and so are not judged."""


# quality --------------------------------------------------------------------------------------------------


def qualities(files: Iterable[tuple[str, Path, Path]], cache: Path) -> dict[str, Values]:
    """Means over the photos of each kind: `(kind, original, cloaked)`; what was measured before is kept."""
    kept = cache / "quality.jsonl"
    known = {}
    if kept.exists():
        known = {line["files"]: line["values"] for line in map(json.loads, kept.read_text().splitlines())}
    found: dict[str, list[Values]] = {}
    for kind, original, cloaked in files:
        key = hashlib.sha256(original.read_bytes() + cloaked.read_bytes()).hexdigest()
        if key not in known:
            known[key] = _quality(original, cloaked)
            with kept.open("a") as file:
                file.write(json.dumps({"files": key, "values": known[key]}) + "\n")
        found.setdefault(kind, []).append(known[key])
    return {kind: means(values) | {"photos": len(values)} for kind, values in found.items()}


def _quality(original: Path, cloaked: Path) -> Values:
    before, after = read(original), read(cloaked)
    x0, y0, x1, y1 = box = _face(original)
    values = differences(before, after, box)
    face = psnr(before[y0:y1, x0:x1], after[y0:y1, x0:x1])
    return values if face is None else values | {"face PSNR": face}


@functools.cache
def _face(photo: Path) -> tuple[int, int, int, int]:
    """The box of the face nearest to the middle, cut at the edge of the photo."""
    pixels = read(photo)
    height, width = pixels.shape[:2]
    faces = _detector()(pixels)
    face = min(faces, key=lambda f: float(np.hypot(*(f.landmarks.mean(0) - (width / 2, height / 2)))))
    x0, y0, x1, y1 = (round(v) for v in face.box)
    return max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)


@functools.cache
def _detector() -> Detector:
    return Detector()


# tables ---------------------------------------------------------------------------------------------------


def tables(figures: Figures) -> str:
    """Who is matched, where no face is found, and what was changed."""
    kinds = list(dict.fromkeys(line["cloaks"] for line in figures.lines))
    matched: dict[str, dict[str, Any]] = {}
    unseen: dict[str, dict[str, Any]] = {}
    for judge in figures.asked:
        lines = [line for line in figures.lines if line["client"] == judge]
        clean = {
            (line["photo"].split(".")[0], line["other"]): line for line in lines if line["kind"] == "clean"
        }
        row = matched[NAMES[judge]] = {"clean %": f"{_share(list(clean.values())):.0f}"}
        blind = unseen[NAMES[judge]] = {"clean": len({p for (p, _), it in clean.items() if not it["faces"]})}
        for kind in kinds:
            of = [line for line in lines if line["cloaks"] == kind]
            held, own = ([line for line in of if line["kind"] == name] for name in ("held", "own"))
            row[kind] = f"{_share(held):.1f} / {_share(own):.1f}"
            blind[kind] = len({line["photo"] for line in own if not line["faces"]})
    columns = dict.fromkeys(kinds, 0)
    parts = [
        "Held-back pairs still matched % / own original still matched %\n",
        table(matched, {"clean %": 0, **columns}, "client (threshold)"),
        "\nPhotos in which the client finds no face (they count as not matched)\n",
        table(unseen, {"clean": 0, **columns}, "client"),
    ]
    if figures.quality:
        rows = {
            kind: {**values, "not protected": figures.failures.get(kind, 0)}
            for kind, values in figures.quality.items()
        }
        parts += ["\nWhat was changed, means\n", table(rows, QUALITY, "cloaks")]
    return "\n".join(parts)


def _share(lines: Sequence[dict[str, Any]]) -> float:
    return 100 * fmean(line["match"] for line in lines)


def page(figures: Figures) -> str:
    """The page of the documentation."""
    clients = ", ".join(sorted({asked.client for asked in figures.asked.values()}))
    photos = len({line["photo"].split(".")[0] for line in figures.lines})
    return TEXT.format(clients=clients, photos=photos, tables=tables(figures))


TEXT = """# Cloaked photos before real clients

What programs that people use say of cloaked photos, by their own code, weights and thresholds: {clients}.
The first photo of each of {photos} people is cloaked with dlib attacked, with a gallery of four other photos
or alone, as PNG or JPEG (quality 92, half the colour resolution). Every file is compared with four photos of
the person that the search has not seen (*held back*), and with the photo that it was made from (*own
original*). *clean %* is how many of the held-back pairs the client matches before anything is changed. Both
photos of a pair are seen in the same way: with ten jitters, both with ten.

face_recognition averages, with `num_jitters` above 1, looks that are turned, moved, zoomed and, half of them,
mirrored. face-api never turns a face upright and has weights of 8 bits; its detectors are judged on tensors,
as in Node.js, and once on a canvas, as in browsers. deepface's "Dlib" cuts out its detector's box instead of
dlib's own square.

{tables}

Made by:

```
scripts/clients/install.sh CLIENTS
python scripts/clients/cloaks.py --data lfw10,lfw38 --out CLOAKS
python scripts/clients/judge.py --dir CLIENTS --cloaks CLOAKS --people lfw10,lfw38 --markdown docs/clients.md
```
"""
