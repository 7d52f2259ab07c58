"""The same photos in the formats of phones: what is fooled on the decoded file, and what it costs."""

from __future__ import annotations

import argparse
import io
import time
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.judging import DATA, MATCH, Dlib, Values, differences, means, read
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings
from mnd.photo.photo import Photo

ALONE = "SSIMULACRA2 of coding anew alone"
"""Of the clean photo, written once more in its format: what no search can give back."""
DIGITS = {"of": 0, "protected %": 1, "size": 2, "bits a pixel": 2, "PSNR of coding anew alone": 2, ALONE: 2}
"""`size`: of the cloaked file over that of the source."""
QUALITIES = {"JPEG": 90, "HEIC": 70, "AVIF": 90}
"""With which the sources are made: files of about the same size."""


def formats(args: argparse.Namespace) -> dict[str, Any]:
    """The first photo of each person, cloaked in each format; --attacks says at which level."""
    level = args.attacks or "minimum"
    folder = args.data or DATA / "faces" / "lfw38"
    photos = [sorted(person.glob("*.jpg"))[0] for person in sorted(folder.iterdir()) if person.is_dir()]
    cloaker = Cloaker(CloakSettings(targets=("dlib",), level=level, offline=True, keep_best=True))
    dlib = Dlib()
    rows: dict[str, list[Values]] = {form: [] for form in QUALITIES}
    for path in photos[: args.limit or 4]:
        for form, quality in QUALITIES.items():
            row = judged(_file(read(path), form, quality), path.name, cloaker, dlib)
            rows[form].append(row or {"protected %": 0.0})
            print(path.stem, form, row, flush=True)
    return {
        f"formats at {level}, all": {form: _shares(its) for form, its in rows.items()},
        f"formats at {level}, means of what all formats protect": {
            form: {"photos": len(its), **means(its)} for form, its in _protected_by_all(rows).items()
        },
    }


def _shares(rows: list[Values]) -> Values:
    """How many were protected by their level, and fooled dlib's own program."""
    fooled = sum(row.get("fooled %", 0.0) for row in rows) / len(rows)
    return {"of": len(rows), "protected %": means(rows)["protected %"], "fooled %": fooled}


def _protected_by_all(rows: dict[str, list[Values]]) -> dict[str, list[Values]]:
    """Photos that one format refuses, at this level, would be compared with worse than nothing."""
    each = [all(row["protected %"] for row in its) for its in zip(*rows.values(), strict=True)]
    return {form: [row for row, good in zip(its, each, strict=True) if good] for form, its in rows.items()}


def judged(source: bytes, name: str, cloaker: Cloaker, dlib: Dlib) -> Values | None:
    """One file, cloaked, as a reader of the new file sees it; None of a photo without a face."""
    photo, start = Photo.from_bytes(source), time.perf_counter()
    data, record = cloaker.encoded(source, name)
    taken = time.perf_counter() - start
    before = photo.pixels
    first = dlib(before)
    if data is None or first is None:
        return None
    after, again = photo.decode(data), photo.decode(photo.encode(before))
    second = dlib(after)
    fooled = second is None or float(np.linalg.norm(first - second)) >= MATCH
    values = {
        "protected %": 100.0 * record["protected"],
        "fooled %": 100.0 * fooled,
        "size": len(data) / len(source),
        "s a photo": taken,
    }
    values |= {"bits a pixel": 8 * len(source) / before[..., 0].size} | differences(before, after)
    if (again != before).any():
        alone = differences(before, again)
        values |= {"PSNR of coding anew alone": alone["PSNR"], ALONE: alone["SSIMULACRA2"]}
    return values


def _file(pixels: np.ndarray, form: str, quality: int) -> bytes:
    buffer, image = io.BytesIO(), Image.fromarray(pixels)
    if form == "HEIC":
        import pillow_heif

        pillow_heif.from_pillow(image).save(buffer, quality=quality)
    else:
        image.save(buffer, form, quality=quality)
    return buffer.getvalue()
