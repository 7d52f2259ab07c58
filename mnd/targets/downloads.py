"""Recognisers that are one command away: a card in `cards/` each, its weights pinned by their sum."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from ..base.weights import WeightsFile, check_tensors
from .card import TargetCard
from .registry import Entry, find, installed, register
from .target import Target

CARDS = Path(__file__).with_name("cards")
SMALL = ("mobilefacenet", "mobileface-v2", "uniface-mnet-v2", "uniface-mnet-v3-large")
"""`mnd targets get small`: at most 15 MB each, for anybody to use, and good ones (a poor surrogate adds
nothing to others)."""


def read(path: Path) -> tuple[TargetCard, WeightsFile, dict[str, Any]]:
    """The card in a file of `cards/`, where its weights are, and its fields as they stand there.

    Beside those of users' cards it has `url`, `bytes` where the size is known, `download` where it is about
    that, and `sha256`, or `tensors`: the sum of its tensors, where the publisher's file has no known one.
    """
    data = json.loads(path.read_text("utf-8"))
    exact = data.get("bytes")
    values = {f.name: data[f.name] for f in fields(TargetCard) if f.name in data}
    values |= {name: tuple(values[name]) for name in ("size", "mean", "std")}
    values |= {"weights": data["url"], "download": exact or data["download"]}
    card = TargetCard(**values)
    check = partial(check_tensors, expected=data["tensors"]) if "tensors" in data else None
    where = WeightsFile(
        data["weights"],
        url=data["url"],
        size=card.download,
        sha256=card.sha256,
        exact=exact is not None,
        check=check,
    )
    return card, where, data


def entry(path: Path) -> Entry:
    """The target of a file of `cards/`."""
    card, where, data = read(path)
    return Entry(card, where, partial(build, data))


def build(data: dict[str, Any], card: TargetCard, path: Path) -> Target:
    """The target of a card whose weights are at `path`.

    Raises:
        ValueError: the weights are not those of the card's architecture.
    """
    from .json_card import load

    return load(data, card, path)


def one_away() -> list[Entry]:
    """Those of `small` that could be used at once, and are not on this machine."""
    entries = [find(name) for name in SMALL]
    return [it for it in entries if installed(it.card.extra) and not it.present]


def _register() -> None:
    for path in sorted(CARDS.glob("*.json")):
        known = entry(path)
        register(known.card, known.weights)(known.build)


_register()
