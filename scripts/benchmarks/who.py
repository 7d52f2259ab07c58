"""Against whom cloaks hold: apps by their own rules, and recognisers that nobody attacked."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

import torch

from benchmarks.albums import LEVELS, Album, albums
from benchmarks.judging import Unseen, read, share
from mnd.channel import VERIFICATION
from mnd.cloaking.checker import Checker
from mnd.cloaking.settings import CloakSettings
from mnd.metrics.fidelity import ssimulacra2
from mnd.targets import registry
from mnd.targets.apps.profile import profiles
from mnd.targets.apps.target import app

UNSEEN = ("mobileface-v2", "mobilefacenet-expo")
"""Recognisers that are judged and never attacked, where they are on this machine."""


def who(args: argparse.Namespace) -> dict[str, Any]:
    """By level and judge: per cent of held-back pairs that match, and of people whom an app names.

    The first photo of each person of `lfw10`, cloaked with a gallery of four against dlib and the recogniser
    of `--unseen`; judges see four other photos, held back. `--out` keeps the cloaks; `--limit`: people;
    `--attacks`: levels. `--json` writes what `scripts/who_table.py` makes the tables of the docs of.
    """
    torch.set_num_threads(1)
    names = [name for name in profiles() if app(name).network is not None]
    unseen = {name: Unseen.named(name) for name in UNSEEN if registry.find(name).ready}
    found: dict[str, Any] = {}
    for level in args.attacks.split(",") if args.attacks else LEVELS:
        made = [it for it in albums(args.out / "albums", level, args.unseen, args.limit, 1) if it.cloaks]
        rows: dict[str, list[dict[str, float]]] = {}
        for album in made:
            for judge, row in [*_apps(album, names), *_unseen(album, unseen)]:
                rows.setdefault(judge, []).append(row)
            print(level, album.held.name, flush=True)
        for judge, told in rows.items():
            means = {column: fmean(row[column] for row in told if column in row) for column in _columns(told)}
            found.setdefault(judge, {"judge": judge})[level] = {"photos": len(told)} | means
        looks = [ssimulacra2(read(it.clean), read(it.made)) for album in made for it in album.cloaks]
        found.setdefault("SSIMULACRA2", {"judge": "SSIMULACRA2"})[level] = {"mean": fmean(looks)}
    return {"who": found}


def _columns(rows: Sequence[dict[str, float]]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _apps(album: Album, names: Sequence[str]) -> Iterator[tuple[str, dict[str, float]]]:
    """What each app makes of the first cloak, given the photos that were held back."""
    settings = CloakSettings(targets=("dlib",), gallery=album.held, against=tuple(names), offline=True)
    record = Checker(settings).pair(*album.cloaks[0])
    for told in record["apps"] or []:
        if told["available"]:
            count = told["photos"]
            yield (
                told["name"],
                {
                    "matched %": 100 * told["matched"] / count,
                    "matched before %": 100 * told["matched_before"] / count,
                    "named %": 100.0 * bool(told["joins_cluster"]),
                    "named before %": 100.0 * bool(told["joins_before"]),
                },
            )


def _unseen(album: Album, judges: dict[str, Unseen]) -> Iterator[tuple[str, dict[str, float]]]:
    """Pairs with the photos that were held back, as saved and at half the size."""
    held, [cloak] = sorted(album.held.iterdir()), album.cloaks
    for name, judge in judges.items():
        clean, made = read(cloak.clean), read(cloak.made)
        seen = {"matched before %": clean, "matched %": made, "half size %": VERIFICATION["half"](made)}
        margins = {column: judge.margins(pixels, held) for column, pixels in seen.items()}
        yield name, {column: 100 - share(values) for column, values in margins.items() if values}
