"""Contact sheets: what each level does to faces, to be looked at after every change of a default."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from benchmarks.judging import DATA, Pixels
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings
from mnd.faces.features import Features
from mnd.metrics.appearance import Appearance, appearance
from mnd.metrics.portrait import Portrait, portrait
from mnd.photo.difference import difference_gain, difference_picture
from mnd.photo.photo import Photo
from mnd.targets.dlib.upright import landmarks

LEVELS = ("minimum", "robust", "strong")
DIGITS = {"iris, worst": 2, "iris": 2, "irises apart, worst": 2, "lips, worst": 2, "skin, worst": 2,
          "strokes a face": 2, "stitches a face": 2, "stitches, most": 0, "files": 0,
          "face SSIMULACRA2": 1, "face SSIMULACRA2, worst": 1, "face E-LPIPS": 4,
          "features Butteraugli": 2, "its 3-norm": 2}  # fmt: skip
MEASURED = {
    "face SSIMULACRA2": "ssimulacra2",
    "face E-LPIPS": "elpips",
    "features Butteraugli": "butteraugli",
    "its 3-norm": "butteraugli_norm",
}
"""Columns, and fields of a portrait."""
SIDE = 300
"""Pixels: the height of a panel."""


def looks(args: argparse.Namespace) -> dict[str, Any]:
    """A sheet for each photo: whole, the face at 100 %, twice that, the difference; a row for each level."""
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    folder = args.data or DATA / "faces" / "lfw10"
    photos = [sorted(person.glob("*.jpg"))[0] for person in sorted(folder.iterdir()) if person.is_dir()]
    found: dict[str, list[tuple[Appearance, Portrait]]] = {level: [] for level in LEVELS}
    cloakers = [
        Cloaker(CloakSettings(targets=("dlib",), level=level, keep_best=True, offline=True))
        for level in LEVELS
    ]
    for path in photos[: args.limit or 20]:
        rows = []
        for level, cloaker in zip(LEVELS, cloakers, strict=True):
            photo = Photo.read(path)
            data, record = cloaker.encoded(path.read_bytes(), path.name)
            if data is None:
                continue
            after = photo.decode(data)
            [face, *_] = cloaker.panel.subjects(photo, cloaker.settings.where, None)
            assert face.landmarks is not None
            points = landmarks(photo.tensor(), face.landmarks)[0].numpy()
            features = Features.of(points, (photo.pixels.shape[1], photo.pixels.shape[0]))
            told = appearance(photo.pixels, after, features), portrait(photo.pixels, after, features)
            found[level].append(told)
            rows.append((f"{level}  {_told(record, *told)}", _panels(photo.pixels, after, features)))
        _sheet(rows).save(args.out / f"{path.stem}.png")
    (args.out / "figures.json").write_text(
        json.dumps({level: [_figures(*it) for it in rows] for level, rows in found.items()}, indent=1)
    )
    return {"looks": {level: _row(rows) for level, rows in found.items() if rows}}


def _figures(looks: Appearance, seen: Portrait) -> dict[str, Any]:
    return asdict(looks) | asdict(seen)


def _row(found: list[tuple[Appearance, Portrait]]) -> dict[str, Any]:
    rows = [looks for looks, _ in found]
    told = {
        "files": len(rows),
        "iris, worst": max(it.iris for it in rows),
        "iris": fmean(it.iris for it in rows),
        "irises apart, worst": max(it.iris_apart for it in rows),
        "lips, worst": max(it.lips for it in rows),
        "skin, worst": max(it.skin for it in rows),
        "strokes a face": fmean(it.strokes for it in rows),
        "stitches a face": fmean(it.stitches for it in rows),
        "stitches, most": max(it.stitches for it in rows),
    }
    for title, name in MEASURED.items():
        values = [value for _, seen in found if (value := getattr(seen, name)) is not None]
        told |= {title: fmean(values)} if values else {}
        if values and title == "face SSIMULACRA2":
            told[f"{title}, worst"] = min(values)
    return told


def _told(record: Any, told: Appearance, seen: Portrait) -> str:
    face = record["quality"]["regions"][0]
    good = "" if record["protected"] else f"  NOT PROTECTED ({record['error']['kind']})"
    measured = [
        f"{title} {value:.3g}"
        for title, name in MEASURED.items()
        if (value := getattr(seen, name)) is not None
    ]
    return (
        f"iris {told.iris:.1f}  apart {told.iris_apart:.1f}  lips {told.lips:.1f}  skin {told.skin:.1f}  "
        f"strokes {told.strokes}  stitches {told.stitches}  {'  '.join(measured)}  "
        f"face PSNR {face['psnr']:.1f}  SSIM {face['ssim']:.4f}{good}"
    )


def _panels(before: Pixels, after: Pixels, features: Features) -> list[Image.Image]:
    x0, y0, x1, y1 = features.box
    face, other = before[y0:y1, x0:x1], after[y0:y1, x0:x1]
    difference = difference_picture(face, other, difference_gain(face, other))
    large = [Image.fromarray(it).resize((2 * it.shape[1], 2 * it.shape[0])) for it in (face, other)]
    return [
        *(Image.fromarray(np.ascontiguousarray(it)) for it in (before, after)),
        *large,
        Image.fromarray(difference),
    ]


def _sheet(rows: list[tuple[str, list[Image.Image]]]) -> Image.Image:
    font = ImageFont.load_default(size=14)
    strips = [(text, list(_fitted(panels))) for text, panels in rows]
    width = max((sum(p.width + 8 for p in panels) for _, panels in strips), default=10)
    sheet = Image.new("RGB", (width, (SIDE + 28) * max(1, len(strips))), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (text, panels) in enumerate(strips):
        top, left = place * (SIDE + 28), 0
        draw.text((4, top + 4), text, fill="black", font=font)
        for panel in panels:
            sheet.paste(panel, (left, top + 24))
            left += panel.width + 8
    return sheet


def _fitted(panels: list[Image.Image]) -> Iterator[Image.Image]:
    for panel in panels:
        yield panel.resize((round(panel.width * SIDE / panel.height), SIDE), Image.Resampling.LANCZOS)
