"""Cloaks of the people of LFW, made once and kept, for whatever judges them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from benchmarks.judging import DATA
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings

LEVELS = ("minimum", "robust", "strong")
APART = "-apart"
"""The end of a level's name where each cloak is kept apart from those before it (`CloakSettings.cloaks`)."""


class Cloaked(NamedTuple):
    """A photo, and its cloak, as PNG files."""

    clean: Path
    made: Path


class Album(NamedTuple):
    """Of one person."""

    cloaks: list[Cloaked]
    """Without photos that could not be protected."""
    held: Path
    """A folder of four other photos, which no search has seen."""


def albums(folder: Path, level: str, card: Path, people: int | None, photos: int) -> list[Album]:
    """The first photos of people of `lfw10`, each cloaked against dlib and the recogniser of `card`.

    The gallery are four other photos. What `folder` has already is not made again.
    """
    everybody = [person for person in sorted((DATA / "faces" / "lfw10").iterdir()) if person.is_dir()]
    return [_album(person, folder, level, card, photos) for person in everybody[:people]]


def _album(person: Path, folder: Path, level: str, card: Path, count: int) -> Album:
    files = sorted(person.glob("*.jpg"))
    gallery, held = (folder / kind / person.name for kind in ("gallery", "held"))
    for place, photos in ((gallery, files[2:6]), (held, files[-4:])):
        place.mkdir(parents=True, exist_ok=True)
        for photo in photos:
            shutil.copy(photo, place)
    out = folder / level / person.name
    for place in (folder / "clean", out):
        place.mkdir(parents=True, exist_ok=True)
    settings = CloakSettings(
        targets=("dlib", f"card:{card}"),
        level=level.removesuffix(APART),  # type: ignore[arg-type]
        gallery=gallery,
        cloaks=out if level.endswith(APART) else None,
        offline=True,
    )
    cloaks = []
    for photo in [*files[:2], *files[6:]][:count]:
        clean, made = (place / f"{photo.stem}.png" for place in (folder / "clean", out))
        if not made.exists():
            Image.open(photo).save(clean)
            record = Cloaker(settings).photo(clean, made)
            print(level, photo.stem, record["error"] or "protected", flush=True)
        if made.exists():
            cloaks.append(Cloaked(clean, made))
    return Album(cloaks, held)
