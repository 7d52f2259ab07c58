"""Who is cloaked and judged: the first photo of each person, a gallery, and photos held back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.judging import DATA, read
from benchmarks.people import PROTECTED

FORMATS = {"png": ".png", "jpeg": ".jpg"}
"""The files that are cloaked, by their suffix."""
QUALITY = 92
"""Of the JPEGs, which have half the colour resolution."""
GALLERY = 4
"""So many photos of a person are the gallery, and so many are held back."""


class Sitting(NamedTuple):
    """One photo to cloak, and other photos of the same person."""

    photo: Path
    known: list[Path]
    """The gallery."""
    held: list[Path]
    """Nobody who cloaks sees these."""


def sittings(data: str, step: int = 1, limit: int | None = None, first: int = 1) -> dict[str, Sitting]:
    """The first photos of everybody, by their names without suffix.

    Args:
        data: folders of photos, one folder a person in each, separated by commas; a name alone stands for a
            folder of the data beside the project.
        step: 2 takes every second person of a folder, and so on.
        limit: so many people at most.
        first: so many photos of each.

    Raises:
        ValueError: somebody has too few photos, or more are asked for than no gallery has.
    """
    if not 1 <= first <= PROTECTED:
        raise ValueError(f"got {first} photos of each person, expected 1 to {PROTECTED}: the rest are others")
    found: dict[str, list[Sitting]] = {}
    for name in data.split(","):
        folder = Path(name) if "/" in name else DATA / "faces" / name
        for person in [p for p in sorted(folder.iterdir()) if p.is_dir()][::step]:
            photos = sorted(person.glob("*.jpg"))
            if len(photos) < PROTECTED + 2 * GALLERY:
                raise ValueError(
                    f"{person} has {len(photos)} photos, expected at least {PROTECTED + 2 * GALLERY}"
                )
            known, held = photos[PROTECTED : PROTECTED + GALLERY], photos[-GALLERY:]
            found[person.name] = [Sitting(photo, known, held) for photo in photos[:first]]
    return {sitting.photo.stem: sitting for each in list(found.values())[:limit] for sitting in each}


def source(photo: Path, folder: Path, suffix: str) -> Path:
    """The file that is cloaked: a copy of a photo as PNG or JPEG, made where it is not there yet."""
    copy = folder / f"{photo.stem}{suffix}"
    if not copy.exists():
        folder.mkdir(parents=True, exist_ok=True)
        image, part = Image.fromarray(read(photo)), copy.with_suffix(f".part{suffix}")
        image.save(part, **({"quality": QUALITY, "subsampling": "4:2:0"} if suffix == ".jpg" else {}))
        part.replace(copy)
    return copy
