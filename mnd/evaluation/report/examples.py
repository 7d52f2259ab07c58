"""The examples of the report: some pictures, each with what every attack made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from ...base.html import data_uri
from ...base.types import Pixels
from ...cloaking.page import PAGE_WIDTH
from ...photo.difference import difference_picture
from ..results import MEASURES, OURS, Measure, Row, attack_order
from .tables import Titles, number

BUDGET = 12_000_000
"""Characters of pictures on the page, so that it stays below 15 MB."""
_LEAST_EXAMPLES = 3
_LEAST_SIDE = 64
_PLACES = (
    (0.0, "the worst"),
    (0.5, "the median"),
    (1.0, "the best"),
    (0.25, "the lower quartile"),
    (0.75, "the upper quartile"),
)
"""Which pictures are shown, by MND's quality, in the order in which they are taken while there is room."""
_TOLD = ("ssimulacra2", "butteraugli", "ssim", "psnr")


@dataclass(frozen=True)
class Attempt:
    """What one attack made of a picture.

    Attributes:
        after, difference: as data URIs.
        facts: title and figure.
        link: to the saved file, relative to the report.
        missing: says what is not there, where no picture can be shown.
    """

    title: str
    success: bool
    ours: bool
    facts: tuple[tuple[str, str], ...]
    after: str = ""
    difference: str = ""
    link: str = ""
    missing: str = ""


@dataclass(frozen=True)
class Example:
    """One picture for one target, with every attack.

    Attributes:
        place: which one it is by MND's quality.
        before: the clean picture as a data URI.
        size: width and height in the file.
        scale: share of its size at which it is shown, at most 1.
        gain: of the differences, the same for all.
    """

    target: str
    picture: str
    place: str
    before: str
    size: tuple[int, int]
    scale: float
    gain: int
    shown: tuple[Attempt, ...]

    @property
    def weight(self) -> int:
        """Characters of its pictures."""
        return len(self.before) + sum(len(one.after) + len(one.difference) for one in self.shown)


def examples(folder: Path, rows: Mapping[str, Mapping[str, Sequence[Row]]], titles: Titles) -> list[Example]:
    """Pictures spread over the quantiles of MND's quality, the worst first, as many as there is room for.

    `rows`: target -> attack -> its rows. A file that is not there is told in its place.

    Raises:
        ValueError: a saved picture has not the size of its original.
        OSError: a picture cannot be read.
    """
    found: list[Example] = []
    spent = 0
    for place in range(len(_PLACES)):
        for target, attacks in rows.items():
            chosen = _choose(attacks)
            if place >= len(chosen):
                continue
            picture, words = chosen[place]
            example = _example(folder, target, attacks, picture, words, titles)
            if example is None:
                continue
            if len(found) >= _LEAST_EXAMPLES and spent + example.weight > BUDGET:
                return _sorted(found)
            spent += example.weight
            found.append(example)
    return _sorted(found)


def _sorted(found: Sequence[Example]) -> list[Example]:
    targets = list(dict.fromkeys(example.target for example in found))
    return sorted(found, key=lambda example: targets.index(example.target))


def _choose(attacks: Mapping[str, Sequence[Row]]) -> list[tuple[str, str]]:
    """Pictures and which they are, each once; by MND's quality, or that of the first attack without it."""
    name = attack_order(list(attacks))[0]
    some = [row for row in attacks[name] if row.success and row.path is not None]
    measure = next((m for m in MEASURES if any(row.value(m.name) is not None for row in some)), None)
    if measure is None:
        return []
    known = sorted(_valued(some, measure), key=lambda found: (measure.sign * found[0], found[1]))
    chosen: dict[str, str] = {}
    who = "MND" if name == OURS else name
    for part, words in _PLACES:
        _, picture = known[round(part * (len(known) - 1))]
        chosen.setdefault(picture, f"{words} by {who}'s {measure.title}")
    return list(chosen.items())


def _valued(rows: Sequence[Row], measure: Measure) -> list[tuple[float, str]]:
    return [(value, row.picture) for row in rows if (value := row.value(measure.name)) is not None]


def _example(
    folder: Path,
    target: str,
    attacks: Mapping[str, Sequence[Row]],
    picture: str,
    place: str,
    titles: Titles,
) -> Example | None:
    rows = {name: row for name, some in attacks.items() for row in some if row.picture == picture}
    original = next((row.original for row in rows.values() if row.original is not None), None)
    before = None if original is None else _read(folder, original)
    if before is None:
        return None
    after = {name: _after(folder, row, before) for name, row in rows.items()}
    gain = _gain(before, [pixels for pixels in after.values() if pixels is not None])
    scale = min(1.0, PAGE_WIDTH / max(before.shape[:2]))
    while True:
        shown = tuple(
            _shown(name, row, before, after[name], gain, scale, titles) for name, row in rows.items()
        )
        size = (before.shape[1], before.shape[0])
        found = Example(target, picture, place, data_uri(before, scale), size, scale, gain, shown)
        room = BUDGET / _LEAST_EXAMPLES
        if found.weight <= room or scale * min(size) <= _LEAST_SIDE:
            return found
        # what is stored shrinks about as the number of pixels does
        scale *= min(0.9, 0.95 * (room / found.weight) ** 0.5)


def _read(folder: Path, path: str) -> Pixels | None:
    """The picture that lies at `path` below the report; `None` where no file is."""
    file = folder / path
    if not file.is_file():
        return None
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def _after(folder: Path, row: Row, before: Pixels) -> Pixels | None:
    after = None if row.path is None else _read(folder, row.path)
    if after is not None and after.shape != before.shape:
        got = f"{after.shape[1]} x {after.shape[0]}"
        raise ValueError(f"{row.path}: got {got} pixels, expected {before.shape[1]} x {before.shape[0]}")
    return after


def _gain(before: Pixels, after: Sequence[Pixels]) -> int:
    """The power of two, 1..64, that brings the middle attack's 99th percentile to half the range."""
    changes = [np.abs(pixels.astype(np.int16) - before.astype(np.int16)) for pixels in after]
    high = float(np.median([np.percentile(change, 99) for change in changes])) if changes else 1.0
    return 1 << int(np.log2(64 / min(64.0, max(1.0, high))))


def _shown(
    name: str, row: Row, before: Pixels, after: Pixels | None, gain: int, scale: float, titles: Titles
) -> Attempt:
    title, ours = titles.get(name, name), name == OURS
    if after is None or row.path is None:
        if row.error is not None:
            missing = f"The attack broke down: {row.error.get('kind')}: {row.error.get('message')}"
        else:
            missing = "The saved picture is no longer there."
        return Attempt(title, row.success, ours, (), missing=missing)
    difference = difference_picture(before, after, gain)
    return Attempt(
        title,
        row.success,
        ours,
        _facts(row),
        after=data_uri(after, scale),
        difference=data_uri(difference, scale),
        link="./" + quote(row.path),
    )


def _facts(row: Row) -> tuple[tuple[str, str], ...]:
    facts = [
        (measure.title, f"{number(value, measure.digits)} {measure.unit}".strip())
        for measure in MEASURES
        if measure.name in _TOLD and (value := row.value(measure.name)) is not None
    ]
    if row.setting is not None:
        facts.append((row.dial or "setting", f"{row.setting:g}"))
    return tuple(facts)
