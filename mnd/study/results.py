"""What a study takes from an evaluation: for each picture its clean file and what each attack made of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]
RESULTS = "results.jsonl"
MEASURES = {"ssimulacra2": 1.0, "butteraugli": -1.0, "ssim": 1.0, "psnr": 1.0, "rlpips": -1.0}
"""Measures that can say how strong a change is, the best first; 1: higher is better."""


@dataclass(frozen=True)
class Content:
    """One picture of the evaluation, with the files that are rated.

    Attributes:
        picture: its name in the evaluation.
        original: the clean file, relative to the report's folder.
        paths: for each attack the saved file, relative to the report's folder.
        quality: for each attack a number that is higher where less is to be seen; empty where no measure
            is known of all lines.
    """

    picture: str
    original: str
    paths: Mapping[str, str]
    quality: Mapping[str, float]


def read_results(report: Path) -> list[Line]:
    """The lines of `results.jsonl`; of several with one attack, target and picture the last.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is not the JSON object expected.
    """
    path = report / RESULTS
    lines: dict[tuple[str, str, str], Line] = {}
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
                key = (line["attack"], line["target"], line["picture"])
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{path}, line {number}: got {text.strip()[:60]!r}, expected a JSON object with "
                    "attack, target and picture; finish the evaluation first"
                ) from error
            lines[key] = line
    return list(lines.values())


def choose_target(lines: Sequence[Line], target: str | None) -> str:
    """The target that is meant: the one named, or the only one.

    Raises:
        ValueError: there are no lines, no such target, or several of which none is named.
    """
    names = list(dict.fromkeys(str(line["target"]) for line in lines))
    if not names:
        raise ValueError(f"{RESULTS} is empty, expected the results of an evaluation")
    if target is None and len(names) == 1:
        return names[0]
    if target not in names:
        raise ValueError(f"target is {target!r}, expected one of {', '.join(names)}")
    return target


def choose_attacks(lines: Sequence[Line], attacks: Sequence[str]) -> tuple[str, ...]:
    """The attacks that are meant: those named, or all.

    Raises:
        ValueError: there is no such attack.
    """
    names = list(dict.fromkeys(str(line["attack"]) for line in lines))
    if unknown := [name for name in attacks if name not in names]:
        raise ValueError(f"attacks are {', '.join(unknown)}, expected some of {', '.join(names)}")
    return tuple(attacks) or tuple(names)


def contents_of(lines: Sequence[Line], attacks: Sequence[str], failures: bool = False) -> list[Content]:
    """The pictures that every attack has a file of (and succeeded on, unless `failures`), sorted by name.

    Raises:
        ValueError: there is none; says how many each attack has.
    """
    usable: dict[str, dict[str, Line]] = {}
    for line in lines:
        if line["attack"] in attacks and _usable(line, failures):
            usable.setdefault(line["picture"], {})[line["attack"]] = line
    whole = {picture: made for picture, made in sorted(usable.items()) if len(made) == len(attacks)}
    if not whole:
        counts = {name: sum(name in made for made in usable.values()) for name in attacks}
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        what = "a saved file of" if failures else "succeeded on"
        raise ValueError(
            f"no picture that every attack {what}: {told}; expected at least 1, name fewer attacks"
        )
    measure = _measure([line for made in whole.values() for line in made.values()])
    return [
        Content(
            picture,
            made[attacks[0]]["original"],
            {name: made[name]["path"] for name in attacks},
            {name: MEASURES[measure] * made[name][measure] for name in attacks} if measure else {},
        )
        for picture, made in whole.items()
    ]


def _usable(line: Line, failures: bool) -> bool:
    if line.get("error") or not line.get("path") or not line.get("original"):
        return False
    return failures or bool(line.get("success"))


def _measure(lines: Sequence[Line]) -> str | None:
    """The first measure that all lines have."""
    known = (name for name in MEASURES if all(isinstance(line.get(name), (int, float)) for line in lines))
    return next(known, None)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
