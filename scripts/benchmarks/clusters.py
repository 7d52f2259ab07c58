"""Whether cloaked photos of one person match each other, as they would in an album of nothing but cloaks."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from benchmarks.judging import DATA, Dlib, Pixels, Unseen, Values, read, share
from benchmarks.people import Sitting, people
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings

LEVELS = ("minimum", "robust", "strong")
CLOAKED = 3
"""Photos of a person."""
RECOGNISERS = {"dlib": "dlib", "mobilefacenet": "MobileFaceNet"}
PAIRS = ("originals", "cloaked and original", "cloaked")
DIGITS = {f"{title} %, {pair}": 1 for title in RECOGNISERS.values() for pair in PAIRS}


def clusters(args: argparse.Namespace) -> dict[str, Any]:
    """Per cent of pairs of one person that match: both as they were, one of them cloaked, and both.

    Three photos of each person, each cloaked by itself with a gallery of four, dlib and the recogniser of
    `--unseen` attacked, PNG. `--out` keeps the cloaks; `--limit`: people; `--attacks`: levels.
    """
    torch.set_num_threads(1)
    levels = args.attacks.split(",") if args.attacks else LEVELS
    judges = {"dlib": Dlib(), "mobilefacenet": Unseen(args.unseen)}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as room:
        everybody = people(args.data or DATA / "faces" / "lfw10", Path(room))[::2][: args.limit]
        for level in levels:
            rows = []
            for person in everybody:
                album = _album(person, level, args.unseen, args.out / "clusters" / level)
                rows.append({"photos": float(len(album))} | _matching(album, judges))
                print(level, person.photo.stem, rows[-1], flush=True)
            names = ("photos", *DIGITS)
            found[level] = {n: fmean(row[n] for row in rows if n in row) for n in names}
            found[level]["photos"] = sum(row["photos"] for row in rows)
    return {"pairs of one person that match": found}


def _album(person: Sitting, level: str, card: Path, folder: Path) -> list[tuple[Path, Path]]:
    """The photos of a person, and the cloak of each; without those that could not be protected."""
    settings = CloakSettings(
        targets=("dlib", f"card:{card}"),
        level=level,
        gallery=person.gallery,
        keep_best=True,
        offline=True,  # type: ignore[arg-type]
    )
    folder.mkdir(parents=True, exist_ok=True)
    originals = sorted(Path(DATA / "faces").rglob(person.photo.with_suffix(".jpg").name))[0].parent
    photos = [path for path in sorted(originals.glob("*.jpg")) if path not in person.known][:CLOAKED]
    made = []
    for photo in photos:
        out = folder / f"{photo.stem}.png"
        if out.exists() or Cloaker(settings).photo(photo, out)["output"]:
            made.append((photo, out))
    return made


def _matching(album: Sequence[tuple[Path, Path]], judges: dict[str, Any]) -> Values:
    """Per cent, by recogniser and kind of pair."""
    kinds: dict[str, list[tuple[Pixels, Path]]] = {
        "originals": [(read(a), b) for (a, _), (b, _) in combinations(album, 2)],
        "cloaked and original": [(read(a), b) for (_, a), (b, _) in product(album, album)],
        "cloaked": [(read(a), b) for (_, a), (_, b) in combinations(album, 2)],
    }
    told: Values = {}
    for (name, judge), (kind, pairs) in product(judges.items(), kinds.items()):
        margins = [m for pixels, other in pairs for m in judge.margins(pixels, [other])]
        if margins:
            told[f"{RECOGNISERS[name]} %, {kind}"] = 100 - share(margins)
    return told
