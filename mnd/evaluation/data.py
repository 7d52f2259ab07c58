"""The pictures of an evaluation: people for face recognisers, labelled pictures for classifiers."""

from __future__ import annotations

import functools
import hashlib
import math
import re
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from ..base.distribution import pip_install
from ..photo import walking


@dataclass(frozen=True, slots=True)
class Picture:
    """One file that is to be attacked, and what is known of it."""

    name: str
    """Its path in the folder of the data, with `/`."""
    path: Path
    label: int | None = None
    """The number of its class, of a picture for classifiers."""
    gallery: tuple[Path, ...] = ()
    """Other photos of the same person, of a picture for face recognisers."""


def people(folder: Path, known: float, seed: int) -> list[Picture]:
    """The photos that are attacked, one of each person in turn, each with the person's gallery.

    The photos of a person are put in the order of a hash of the seed and their names. The first are the
    gallery, a share `known` of them rounded up, but never all; the others are attacked.

    Args:
        folder: has a folder a person.
        known: share of a person's photos, between 0 and 1.
        seed: another one splits differently.

    Raises:
        ValueError: the folder is none, or no person has two photos.
    """
    rows = []
    for person in (p for p in _entries(folder) if p.is_dir()):
        photos = sorted(walking.photos(person).files, key=lambda p: _order(p, seed))
        count = min(math.ceil(known * len(photos)), len(photos) - 1)
        if count > 0:
            gallery = tuple(sorted(photos[:count]))
            rows.append([Picture(_name(p, folder), p, None, gallery) for p in sorted(photos[count:])])
    if not rows:
        raise ValueError(
            f"{folder}: expected a folder for each person, with at least two photos; found none"
            f" (there: {walking.photos(folder).found})"
        )
    return [picture for picture in chain.from_iterable(zip_longest(*rows)) if picture is not None]


def labelled(folder: Path) -> list[Picture]:
    """The photos of a folder with their classes, in the order of their names.

    A class is the folder's name where there is a folder a class: a number, or one of ImageNet's names, as
    words (`tiger cat`) or as WordNet has them (`n02123159`, which needs the package timm). Else it is the
    number that the file's name begins with (`281_n02123045.jpg`).

    Raises:
        ValueError: the folder is none, has no photo, or the class of one cannot be told.
    """
    found = []
    for path in _entries(folder):
        if path.is_dir():
            photos = walking.photos(path).files
            label = _folder_label(path.name) if photos else None
            found += [
                Picture(_name(p, folder), p, _label(p.name) if label is None else label) for p in photos
            ]
        elif walking.entry(path.name, str(path)).kind == "photo":
            found.append(Picture(_name(path, folder), path, _label(path.name)))
    if not found:
        there = walking.photos(folder).found
        raise ValueError(
            f"{folder}: expected labelled photos ({', '.join(walking.suffixes())}), none here: {there}"
        )
    if unknown := [p.name for p in found if p.label is None]:
        raise ValueError(
            f"{folder}: the class of {unknown[0]} cannot be told ({len(unknown)} such photos); expected names"
            " that begin with the number of the class (281_cat.jpg), or a folder a class, named by its number"
            " or as ImageNet names it (n02123045 needs the package timm: "
            f"{pip_install('[timm]')})"
        )
    return found


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder, expected one with pictures")
    return sorted(p for p in folder.iterdir() if not walking.hidden(p.name))


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _order(path: Path, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{path.parent.name}/{path.name}".encode()).hexdigest()


def _label(name: str) -> int | None:
    digits = re.match(r"(\d+)(?=[_.\- ])", name, re.ASCII)
    return int(digits.group(1)) if digits else None


def _folder_label(name: str) -> int | None:
    if re.fullmatch(r"\d+", name, re.ASCII):
        return int(name)
    if re.fullmatch(r"n\d{8}", name, re.ASCII):
        return _wordnet().get(name)
    label = _words().get(name.lower().replace("_", " "))
    return label if label is not None else _label(name)


@functools.cache
def _wordnet() -> dict[str, int]:
    """ImageNet's classes as WordNet calls them; none where timm, which has the list, is not installed."""
    try:
        import timm.data
    except ModuleNotFoundError:
        return {}
    info: Any = timm.data.ImageNetInfo  # type: ignore[attr-defined,unused-ignore]
    return {name: number for number, name in enumerate(info().label_names())}


@functools.cache
def _words() -> dict[str, int]:
    """ImageNet's classes in words; a word that names two is left out."""
    from torchvision.models import SqueezeNet1_1_Weights

    names = [name.lower() for name in SqueezeNet1_1_Weights.DEFAULT.meta["categories"]]
    return {name: number for number, name in enumerate(names) if names.count(name) == 1}
