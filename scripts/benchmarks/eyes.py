"""Whether the judges of looks see what eyes see: strokes of clean files, and an order that was made blind."""

from __future__ import annotations

import argparse
import io
import json
import random
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from benchmarks.judging import DATA, Pixels, read
from mnd.channel import to_tensor
from mnd.cloaking.features import found
from mnd.cloaking.subjects import marks
from mnd.evaluation.measures import ciede2000
from mnd.faces.detector import Detector
from mnd.faces.features import Features
from mnd.metrics.appearance import appearance, changes, strokes
from mnd.metrics.fidelity import butteraugli_norms, if_installed, quality, ssimulacra2
from mnd.metrics.portrait import portrait

RANGES = ("SSIMULACRA2, face", "E-LPIPS, face", "Butteraugli, features", "Butteraugli, features, 3-norm",
          "iris", "strokes", "stitches")  # fmt: skip
"""Measures that are told by grade."""
DIGITS = {"encodings": 0, "with strokes": 0, "most strokes": 0, "most stitches": 0, "largest change": 1,
          "pairs": 0, "agree %": 0, "tau": 2, "worst face": 2, **dict.fromkeys(RANGES, 0)}  # fmt: skip
ENCODINGS = {
    "JPEG 75": ("JPEG", 75),
    "JPEG 85": ("JPEG", 85),
    "JPEG 92": ("JPEG", 92),
    "WebP 80": ("WEBP", 80),
}
OFF_GRID = 3
"""Pixels that are cut off: a photo that was a JPEG before comes back nearly the same on its old blocks."""
TIMES = 4
"""How much faces are enlarged to be looked at."""
HIGHER = ("SSIMULACRA2, face", "SSIMULACRA2, photo", "PSNR, face", "SSIM, face")
"""Measures that are higher where the picture is better."""


# strokes --------------------------------------------------------------------------------------------------


def grain(args: argparse.Namespace) -> dict[str, Any]:
    """Strokes that are counted in clean photos which were only saved again: there should be none."""
    torch.set_num_threads(1)
    folder = args.data or DATA / "faces" / "lfw38"
    rows: dict[str, dict[str, float]] = {}
    photos = [sorted(person.glob("*.jpg"))[0] for person in sorted(folder.iterdir()) if person.is_dir()]
    told: dict[str, list[tuple[int, int, float]]] = {name: [] for name in ENCODINGS}
    for path in photos[: args.limit or 20]:
        for cut in (0, OFF_GRID):
            pixels = np.ascontiguousarray(read(path)[cut:, cut:])
            features = features_of(pixels)
            for name, (form, quality_) in ENCODINGS.items():
                data = io.BytesIO()
                Image.fromarray(pixels).save(data, form, quality=quality_)
                lines = changes(pixels, read(data), features)
                counts = [strokes(line, features.scale) for line in lines]
                largest = max(float(np.abs(line).max()) for line in lines)
                told[name].append((sum(c for c, _ in counts), sum(s for _, s in counts), largest))
    for name, some in told.items():
        rows[name] = {
            "encodings": len(some),
            "with strokes": sum(count > 0 for count, _, _ in some),
            "most strokes": max(count for count, _, _ in some),
            "most stitches": max(stitches for _, stitches, _ in some),
            "largest change": max(largest for _, _, largest in some),
        }
    return {"strokes in clean files that were saved again": rows}


# an order that was made blind ------------------------------------------------------------------------------


def blind(args: argparse.Namespace) -> dict[str, Any]:
    """Enlarged faces under letters to be ordered by eye, or, with --order, how each measure agrees.

    The folder --data has a folder a face: `clean.jpg`, and files that were made of it. Without --order, --out
    gets a picture for each, beside the clean one, one of all of a face, and `key.json`, which is not to be
    opened before the order is written down: by face, from best to worst, letters that look alike together.
    """
    torch.set_num_threads(1)
    if args.data is None:
        raise SystemExit("blind: got no --data, expected a folder with a folder a face")
    faces = sorted(folder for folder in args.data.iterdir() if (folder / "clean.jpg").exists())
    if args.order is None:
        args.out.mkdir(parents=True, exist_ok=True)
        key = {face.name: _sheets(face, args.out) for face in faces}
        (args.out / "key.json").write_text(json.dumps(key, indent=1) + "\n")
        return {}
    told = json.loads(args.order.read_text(encoding="utf-8"))
    values = {face.name: {p.name: _judged(face / "clean.jpg", p) for p in _made(face)} for face in faces}
    return {
        "measures against the order by eye": _agreements(told, values),
        "what measures say of each grade, lowest to highest": _by_grade(told, values),
    }


def _made(face: Path) -> list[Path]:
    return sorted(p for p in face.iterdir() if p.stem != "clean" and p.suffix in (".jpg", ".png"))


def _sheets(face: Path, out: Path) -> dict[str, str]:
    """The pictures of one face; which letter is which file."""
    clean, files = read(face / "clean.jpg"), _made(face)
    random.SystemRandom().shuffle(files)
    box = features_of(clean).box
    panels = {"clean": _enlarged(clean, box)}
    key = {}
    for letter, path in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", files, strict=False):
        key[letter] = path.name
        panels[letter] = _enlarged(read(path), box)
        _beside({name: panels[name] for name in ("clean", letter)}, 2).save(out / f"{face.name}-{letter}.png")
    _beside(panels, 4).save(out / f"{face.name}.png")
    return key


def _enlarged(pixels: Pixels, box: tuple[int, int, int, int]) -> Image.Image:
    face = Image.fromarray(pixels).crop(box)
    return face.resize((face.width * TIMES, face.height * TIMES), Image.Resampling.LANCZOS)


def _beside(panels: dict[str, Image.Image], columns: int) -> Image.Image:
    """Panels of one size in rows, each under its name."""
    font, [width, height] = ImageFont.load_default(size=22), next(iter(panels.values())).size
    size = columns * (width + 8), -(-len(panels) // columns) * (height + 30)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for place, (name, panel) in enumerate(panels.items()):
        left, top = place % columns * (width + 8), place // columns * (height + 30)
        draw.text((left + 4, top + 2), name, fill="black", font=font)
        sheet.paste(panel, (left, top + 30))
    return sheet


def _judged(clean: Path, path: Path) -> dict[str, float]:
    """What every measure says of a file, higher or lower; those that are not installed are left out."""
    before, after = read(clean), read(path)
    features = features_of(before)
    x0, y0, x1, y1 = features.box
    face, other = (np.ascontiguousarray(p[y0:y1, x0:x1]) for p in (before, after))
    seen, looks = portrait(before, after, features), appearance(before, after, features)
    whole = quality(before, after, [features.box]).regions[0]
    values = {
        "SSIMULACRA2, face": seen.ssimulacra2,
        "SSIMULACRA2, photo": ssimulacra2(before, after),
        "Butteraugli, features": seen.butteraugli,
        "Butteraugli, features, 3-norm": seen.butteraugli_norm,
        **_butteraugli(face, other),
        "E-LPIPS, face": seen.elpips,
        **{f"{distance.metric}, face": distance.value for distance in whole.learned},
        "PSNR, face": whole.psnr,
        "SSIM, face": whole.ssim,
        "CIEDE2000, face": float(ciede2000(face, other).mean()),
        "iris": looks.iris,
        "irises apart": looks.iris_apart,
        "strokes": looks.strokes,
        "stitches": looks.stitches,
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def _butteraugli(face: Pixels, other: Pixels) -> dict[str, float]:
    told = if_installed(butteraugli_norms, face, other)
    return {} if told is None else {"Butteraugli, face": told[0], "Butteraugli, face, 3-norm": told[1]}


def _agreements(told: dict[str, Any], values: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """By measure, over faces: Kendall's tau-b with the order by eye, and the share of pairs that agree."""
    from scipy.stats import kendalltau

    names = next(iter(next(iter(values.values())).values()))
    rows = {}
    for name in names:
        sign = 1 if name in HIGHER else -1
        taus, agree = [], []
        for face, ranks in told["order"].items():
            place = {told["key"][face][letter]: at for at, tied in enumerate(ranks) for letter in tied}
            files = sorted(place)
            eye = [-place[file] for file in files]
            seen = [sign * values[face][file][name] for file in files]
            tau = float(kendalltau(eye, seen).statistic)
            taus.append(0.0 if np.isnan(tau) else tau)
            agree += list(_pairs(eye, seen))
        rows[name] = {"pairs": len(agree), "agree %": 100 * fmean(agree), "tau": fmean(taus),
                      "worst face": min(taus)}  # fmt: skip
    return dict(sorted(rows.items(), key=lambda row: -row[1]["tau"]))


def _by_grade(told: dict[str, Any], values: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """The range of each measure over the pictures of one grade."""
    some: dict[int, list[dict[str, float]]] = {}
    for face, grades in told["grades"].items():
        for letter, grade in grades.items():
            some.setdefault(grade, []).append(values[face][told["key"][face][letter]])
    return {
        f"grade {grade}": {"files": len(rows)}
        | {
            name: f"{min(row[name] for row in rows):.3g} to {max(row[name] for row in rows):.3g}"
            for name in RANGES
            if all(name in row for row in rows)
        }
        for grade, rows in sorted(some.items())
    }


def _pairs(eye: list[int], seen: list[float]) -> Iterator[float]:
    """Of each pair that differs by eye: 1 where the measure says so, too, 1/2 where it sees no difference."""
    for i, j in combinations(range(len(eye)), 2):
        if eye[i] != eye[j]:
            yield 0.5 if seen[i] == seen[j] else float((eye[i] > eye[j]) == (seen[i] > seen[j]))


def features_of(pixels: Pixels) -> Features:
    """Those of the face nearest to the middle."""
    middle = np.array(pixels.shape[1::-1]) / 2
    face = min(_detector()(pixels), key=lambda f: float(np.hypot(*(f.landmarks.mean(0) - middle))))
    points = found(to_tensor(pixels), marks(face))
    assert points is not None
    return Features.of(points, (pixels.shape[1], pixels.shape[0]))


@cache
def _detector() -> Detector:
    return Detector()
