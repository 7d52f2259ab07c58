"""The people that recognisers are judged on: photos to protect, a gallery, and photos held back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from benchmarks.judging import read

PROTECTED = 2
"""So many photos of a person are protected; the next four are the gallery, the last four are held back."""


class Sitting(NamedTuple):
    """One photo to protect, and other photos of the same person."""

    photo: Path
    gallery: Path
    """The folder of the photos that are known."""
    known: list[Path]
    held: list[Path]
    """Nobody who protects sees these."""


def people(data: Path, folder: Path, quality: int | None = None, limit: int | None = None) -> list[Sitting]:
    """The photos of everybody in `data`, prepared in `folder`, at most `limit` of them.

    Args:
        data: a folder of photos for each person.
        folder: where the galleries, and the photos to protect, are copied to.
        quality: those are JPEGs of this quality with half the colour resolution, and the first photos of all
            people come before the second ones; None: PNGs, person after person.
        limit: all by default.
    """
    everybody = [_person(p, folder, quality) for p in sorted(data.iterdir()) if p.is_dir()]
    if quality is None:
        return [sitting for person in everybody for sitting in person][:limit]
    return [person[i] for i in range(PROTECTED) for person in everybody if i < len(person)][:limit]


def _person(person: Path, folder: Path, quality: int | None) -> list[Sitting]:
    photos = sorted(person.glob("*.jpg"))
    known, held = photos[PROTECTED : PROTECTED + 4], photos[-4:]
    gallery = folder / person.name
    gallery.mkdir()
    for path in known:
        shutil.copy(path, gallery)
    return [Sitting(_copied(path, folder, quality), gallery, known, held) for path in photos[:PROTECTED]]


def _copied(path: Path, folder: Path, quality: int | None) -> Path:
    image = Image.fromarray(read(path))
    if quality is None:
        copy = folder / f"{path.stem}.png"
        image.save(copy)
    else:
        copy = folder / f"{path.stem}.jpg"
        image.save(copy, quality=quality, subsampling="4:2:0")
    return copy
