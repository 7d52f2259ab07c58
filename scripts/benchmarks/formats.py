"""The same photos in the formats of phones: what is fooled on the decoded file, and what it costs."""

from __future__ import annotations

import argparse
import io
import time
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.judging import DATA, MATCH, Dlib, differences, means, read
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings
from mnd.photo.photo import Photo

DIGITS = {"size": 2, "bits a pixel": 2}
"""`size`: of the cloaked file over that of the source."""
QUALITIES = {"JPEG": 90, "HEIC": 70, "AVIF": 90}
"""With which the sources are made: files of about the same size."""


def formats(args: argparse.Namespace) -> dict[str, Any]:
    """The first photo of each person, cloaked in each format; --attacks says at which level."""
    level = args.attacks or "minimum"
    folder = args.data or DATA / "faces" / "lfw38"
    photos = [sorted(person.glob("*.jpg"))[0] for person in sorted(folder.iterdir()) if person.is_dir()]
    cloaker = Cloaker(CloakSettings(targets=("dlib",), level=level, offline=True, keep_best=True))
    dlib, figures = Dlib(), {}
    for form, quality in QUALITIES.items():
        rows = []
        for path in photos[: args.limit or 4]:
            source = _file(read(path), form, quality)
            photo, start = Photo.from_bytes(source), time.perf_counter()
            data, _ = cloaker.encoded(source, path.name)
            if data is None:
                continue
            taken = time.perf_counter() - start
            before, after = photo.pixels, photo.decode(data)
            first, second = dlib(before), dlib(after)
            assert first is not None
            fooled = second is None or float(np.linalg.norm(first - second)) >= MATCH
            rows.append(
                {"fooled %": 100.0 * fooled, "size": len(data) / len(source), "s a photo": taken}
                | {"bits a pixel": 8 * len(source) / before[..., 0].size}
                | differences(before, after)
            )
            print(path.stem, form, rows[-1], flush=True)
        figures[form] = {"photos": len(rows), **means(rows)}
    return {f"formats at {level}, means": figures}


def _file(pixels: np.ndarray, form: str, quality: int) -> bytes:
    buffer, image = io.BytesIO(), Image.fromarray(pixels)
    if form == "HEIC":
        import pillow_heif

        pillow_heif.from_pillow(image).save(buffer, quality=quality)
    else:
        image.save(buffer, form, quality=quality)
    return buffer.getvalue()
