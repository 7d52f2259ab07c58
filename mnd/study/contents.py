"""What a study takes from an evaluation: for each picture its clean file and what each attack made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..evaluation.results import MEASURES, RESULTS, Measure, Row

STRENGTH = ("ssimulacra2", "butteraugli", "ssim", "psnr", "rlpips")
"""Measures that can say how strong a change is, the best first."""


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


def choose_target(rows: Sequence[Row], target: str | None) -> str:
    """The target that is meant: the one named, or the only one.

    Raises:
        ValueError: there are no lines, no such target, or several of which none is named.
    """
    names = list(dict.fromkeys(row.target for row in rows))
    if not names:
        raise ValueError(f"{RESULTS} is empty, expected the results of an evaluation")
    if target is None and len(names) == 1:
        return names[0]
    if target not in names:
        raise ValueError(f"target is {target!r}, expected one of {', '.join(names)}")
    return target


def choose_attacks(rows: Sequence[Row], attacks: Sequence[str]) -> tuple[str, ...]:
    """The attacks that are meant: those named, or all.

    Raises:
        ValueError: there is no such attack.
    """
    names = list(dict.fromkeys(row.attack for row in rows))
    if unknown := [name for name in attacks if name not in names]:
        raise ValueError(f"attacks are {', '.join(unknown)}, expected some of {', '.join(names)}")
    return tuple(attacks) or tuple(names)


def contents_of(rows: Sequence[Row], attacks: Sequence[str], failures: bool = False) -> list[Content]:
    """The pictures that every attack has a file of (and succeeded on, unless `failures`), sorted by name.

    Raises:
        ValueError: there is none; says how many each attack has.
    """
    usable: dict[str, dict[str, Row]] = {}
    for row in rows:
        there = row.path and row.original and not row.error
        if row.attack in attacks and there and (failures or row.success):
            usable.setdefault(row.picture, {})[row.attack] = row
    whole = {picture: made for picture, made in sorted(usable.items()) if len(made) == len(attacks)}
    if not whole:
        counts = {name: sum(name in made for made in usable.values()) for name in attacks}
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        what = "a saved file of" if failures else "succeeded on"
        raise ValueError(
            f"no picture that every attack {what}: {told}; expected at least 1, name fewer attacks"
        )
    measure = _measure([row for made in whole.values() for row in made.values()])
    return [
        Content(
            picture,
            made[attacks[0]].original or "",
            {name: made[name].path or "" for name in attacks},
            {} if measure is None else {name: _strength(made[name], measure) for name in attacks},
        )
        for picture, made in whole.items()
    ]


def _measure(rows: Sequence[Row]) -> Measure | None:
    """The first measure that all rows have."""
    known = (name for name in STRENGTH if all(row.value(name) is not None for row in rows))
    first = next(known, None)
    return next((measure for measure in MEASURES if measure.name == first), None)


def _strength(row: Row, measure: Measure) -> float:
    """Higher where less is to be seen."""
    return measure.sign * (row.value(measure.name) or 0.0)
