"""Whether cloaked photos of one person match each other, as they would in an album of nothing but cloaks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import torch

from benchmarks.albums import LEVELS, Cloaked, albums
from benchmarks.judging import Dlib, Judge, Unseen, Values, means, read, share

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
    judges: dict[str, Judge] = {"dlib": Dlib(), "mobilefacenet": Unseen(args.unseen)}
    found: dict[str, Any] = {}
    for level in args.attacks.split(",") if args.attacks else LEVELS:
        made = albums(args.out / "albums", level, args.unseen, args.limit, CLOAKED)
        rows = [_matching(album.cloaks, judges) for album in made]
        found[level] = {"photos": float(sum(len(album.cloaks) for album in made))} | means(rows)
    return {"pairs of one person that match": found}


def _matching(cloaks: Sequence[Cloaked], judges: dict[str, Judge]) -> Values:
    """Per cent, by recogniser and kind of pair; of different photos always."""
    kinds: dict[str, list[tuple[Path, Path]]] = {
        "originals": [(a.clean, b.clean) for a, b in combinations(cloaks, 2)],
        "cloaked and original": [(a.made, b.clean) for a, b in product(cloaks, cloaks) if a != b],
        "cloaked": [(a.made, b.made) for a, b in combinations(cloaks, 2)],
    }
    told: Values = {}
    for (name, judge), (kind, pairs) in product(judges.items(), kinds.items()):
        margins = [margin for path, other in pairs for margin in judge.margins(read(path), [other])]
        if margins:
            told[f"{RECOGNISERS[name]} %, {kind}"] = 100 - share(margins)
    return told
