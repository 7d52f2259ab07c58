"""One HTML page of what was done to photos: the sentence, before and after, the difference, the figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.html import Picture, data_uri, render
from ..base.types import Pixels
from ..photo.difference import clear_gain, difference_picture
from .distances import distance_in_words
from .sentences import told, told_check

PAGE_WIDTH = 1200
"""Pixels: of the whole photo no more are shown, so that the page stays small."""
EXACT = 2**19
"""Pixels: faces that have no more, all of them together, are shown without loss."""
NATIVE = 2**20
"""Pixels: of faces that have more, all of them together, the middle is shown, at its own size."""
AROUND = 1.5
"""So many times as wide and high as its box is what is shown of a face,"""
LEAST = 480
"""or so many pixels where that is more."""
PRIVACY = "This page contains the original photo. Do not share it: it shows the face that the cloak hides."
TONES = {"shared": "good", "came-back": "good", "as-saved": "fair"}
"""How a verdict looks; all others are bad."""
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class PhotoRow:
    """What the page shows of one photo.

    Attributes:
        record: the object that `--json` prints for it.
        before: `(H, W, 3)` uint8, the original; `None` where it could not be read.
        after: the same of the saved file; `None` where there is none.
        checked: it is a record of `mnd check`.
    """

    record: Mapping[str, Any]
    before: Pixels | None = None
    after: Pixels | None = None
    checked: bool = False


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table."""

    text: str
    small: str = ""
    """Below it."""
    badge: bool | None = None
    """Whether that is good; None: it is neither."""
    steps: Sequence[tuple[str, bool]] = ()
    """Ways of sharing, and whether it holds after each."""


def page(rows: Sequence[PhotoRow], title: str) -> str:
    """One self-contained HTML page about some photos; it needs no network and no other file.

    **It holds the original photos**, and says so at its top: it is for the person who cloaked them alone.

    Raises:
        ValueError: the pictures of a row are not two uint8 pictures of the same shape.

    >>> row = PhotoRow({"input": "a<b.jpg", "error": {"kind": "no-face", "message": "no face"}})
    >>> text = page([row], "Two & two")
    >>> "a&lt;b.jpg" in text, "Two &amp; two" in text
    (True, True)
    """
    context = {"title": title, "photos": [_photo(row) for row in rows], "privacy": PRIVACY}
    styles, scripts = ("photos.css", "viewer.css"), ("viewer.js",)
    return render("photos.html", context, __package__, styles, scripts, styled=False)


def _photo(row: PhotoRow) -> dict[str, Any]:
    """What the template asks for of one photo."""
    record = row.record
    words = (told_check if row.checked else told)(record)
    facts = {
        "input": "Original",
        "output": "Saved as",
        "level": "Level",
        "seed": "Seed",
        "seconds": "Seconds",
    }
    quality_head, quality = _quality(record)
    views: list[dict[str, Any]] = []
    if row.before is not None and row.after is not None:
        views = _views(row.before, row.after, record.get("regions") or ())
    heads = ("Region", "Recogniser", "Fooled", "In words", "Before", "After", "Threshold")
    return {
        "name": _text(record.get("input")),
        "told": words,
        "tone": TONES.get(words.state, "bad"),
        "error": record.get("error"),
        "views": views,
        "apart": (record.get("compared") or {}).get("how") == "other framing",
        "facts": [(name, record[key]) for key, name in facts.items() if record.get(key) is not None],
        "targets_head": [Cell(h) for h in heads],
        "targets": list(_targets(record)),
        "quality_head": quality_head,
        "quality": quality,
    }


def _views(before: Pixels, after: Pixels, regions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each face at its own size, and the whole photo, reduced where it is large."""
    height, width = before.shape[:2]
    whole: Box = (0, 0, width, height)
    gain = clear_gain(before, after)
    faces = [region for region in regions if region.get("kind") == "face" and region.get("box")]
    parts = [_around(region["box"], (width, height), NATIVE / len(faces)) for region in faces]
    exact = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in parts) <= EXACT
    views = []
    for place, (region, part) in enumerate(zip(faces, parts, strict=True)):
        x0, y0, x1, y1 = region["box"]
        views.append(
            _view(before, after, part, gain, kind="webp" if exact else "jpeg")
            | {
                "label": f"Face {place + 1}",
                "note": "" if exact else "as a JPEG of high quality",
                "turn": -region.get("turn", 0) % 360,
                "focus": (round((x0 + x1) / 2 - part[0]), round((y0 + y1) / 2 - part[1])),
                "whole": False,
            }
        )
    if whole in parts:
        return views
    share = min(1.0, PAGE_WIDTH / max(width, height))
    small = width * height * share**2 <= EXACT / 4
    note = f"shown at {100 * share:.0f} % of its size" if share < 1 else ""
    picture = _view(before, after, whole, gain, share, "webp" if small else "jpeg")
    return [*views, picture | {"label": "Whole photo", "note": note, "turn": 0, "focus": None, "whole": True}]


def _view(
    before: Pixels, after: Pixels, part: Box, gain: int, share: float = 1.0, kind: Picture = "webp"
) -> dict[str, Any]:
    """A part of both, and of their difference; the size is that of the pictures."""
    x0, y0, x1, y1 = part
    old, new = before[y0:y1, x0:x1], after[y0:y1, x0:x1]
    pictures = {"before": old, "after": new, "difference": difference_picture(old, new, gain)}
    return {
        "width": max(1, round(share * (x1 - x0))),
        "height": max(1, round(share * (y1 - y0))),
        "gain": gain,
        **{name: data_uri(np.ascontiguousarray(pixels), share, kind) for name, pixels in pictures.items()},
    }


def _around(box: Sequence[float], size: tuple[int, int], most: float) -> Box:
    """A face and something around it, of `most` pixels: less around it, or its middle, where that is more.

    >>> _around((100, 100, 200, 200), (1000, 1000), 1e6)
    (0, 0, 390, 390)
    >>> _around((1000, 1000, 3000, 3000), (4000, 4000), 1e6)
    (1500, 1500, 2500, 2500)
    """
    sides = [max(AROUND * (box[axis + 2] - box[axis]), LEAST) for axis in (0, 1)]
    shrunk = min(1.0, math.sqrt(most / (sides[0] * sides[1])))
    edges = []
    for axis, whole in enumerate(size):
        middle, half = (box[axis] + box[axis + 2]) / 2, shrunk * sides[axis] / 2
        edges.append((max(0, math.floor(middle - half)), min(whole, math.ceil(middle + half))))
    (x0, x1), (y0, y1) = edges
    return x0, y0, x1, y1


def _targets(record: Mapping[str, Any]) -> Iterator[list[Cell]]:
    for place, region in enumerate(record.get("regions") or []):
        box = ", ".join(str(round(edge)) for edge in region.get("box") or ())
        where = Cell(f"{_text(region.get('kind'))} {place + 1}", box)
        for name, it in (region.get("targets") or {}).items():
            fooled = bool(it.get("fooled"))
            steps = [(step, bool(held)) for step, held in (it.get("channel") or {}).items()]
            known = [it.get(key) for key in ("after", "threshold")]
            numbers = all(isinstance(one, (int, float)) for one in known)
            yield [
                where,
                Cell(_text(name), _text(it.get("unit"))),
                Cell("yes" if fooled else "no", badge=fooled, steps=steps),
                Cell(distance_in_words(known[0], known[1], _text(it.get("unit"))) if numbers else ""),
                *(Cell(_number(it.get(key), 3)) for key in ("before", "after", "threshold")),
            ]


def _quality(record: Mapping[str, Any]) -> tuple[list[Cell], list[list[Cell]]]:
    """Heads and rows; a learned distance stands with its trunk and version: without them it means nothing."""
    quality = record.get("quality") or {}
    shown = [("whole photo", quality)] if quality else []
    shown += [(f"region {place + 1}", region) for place, region in enumerate(quality.get("regions") or [])]
    heads = list(dict.fromkeys(_label(d) for _, q in shown for d in q.get("learned") or []))
    rows = []
    for name, q in shown:
        learned = {_label(d): d["value"] for d in q.get("learned") or []}
        known = [_number(q.get("psnr"), 1, " dB"), _number(q.get("ssim"), 4), _number(q.get("above_jnd"), 4)]
        rows.append([Cell(text) for text in (name, *known, *(_number(learned.get(h), 5) for h in heads))])
    return [*map(Cell, ("Quality", "PSNR", "SSIM", "Above JND")), *heads], rows


def _label(distance: Mapping[str, Any]) -> Cell:
    metric, trunk, version = (_text(distance[key]) for key in ("metric", "trunk", "version"))
    return Cell(metric, f"{trunk}, version {version}")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object, digits: int, unit: str = "") -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "\N{EN DASH}"
    infinite = f"{'-' if value < 0 else ''}\N{INFINITY}"
    return (f"{value:.{digits}f}" if math.isfinite(value) else infinite) + unit
