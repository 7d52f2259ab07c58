"""One small HTML page of what was done to photos: before and after, the difference, and the figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.html import data_uri, render
from ..base.types import Pixels
from ..photo.difference import difference_gain, difference_picture

PAGE_WIDTH = 1200
"""Pixels: larger pictures are reduced to this on the page, so that it stays small."""
SMALL = 2**17
"""Pixels: pictures of fewer are shown without loss."""
PRIVACY = "This page contains the original photo. Do not share it: it shows the face that the cloak hides."


@dataclass(frozen=True)
class PhotoRow:
    """What the page shows of one photo.

    Attributes:
        record: the object that `--json` prints for it.
        before: `(H, W, 3)` uint8, the original; `None` where it could not be read.
        after: the same of the saved file; `None` where there is none.
    """

    record: Mapping[str, Any]
    before: Pixels | None = None
    after: Pixels | None = None


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
    done = sum(bool(row.record.get("protected")) for row in rows)
    context = {
        "title": title,
        "count": f"{len(rows)} photo{'' if len(rows) == 1 else 's'}, {done} protected",
        "photos": [_photo(row) for row in rows],
        "privacy": PRIVACY,
    }
    return render("photos.html", context, __package__, styles=("photos.css",))


def _photo(row: PhotoRow) -> dict[str, Any]:
    """What the template asks for of one photo."""
    record = row.record
    good = bool(record.get("protected")) and not record.get("error")
    facts = {"output": "Saved as", "level": "Level", "seed": "Seed", "seconds": "Seconds"}
    quality_head, quality = _quality(record)
    both = row.before is not None and row.after is not None
    return {
        "name": _text(record.get("input")),
        "state": "failed" if record.get("error") else "protected" if good else "not protected",
        "good": good,
        "error": record.get("error"),
        "pictures": _pictures(row.before, row.after) if both else None,  # type: ignore[arg-type]
        "facts": [(name, record[key]) for key, name in facts.items() if record.get(key) is not None],
        "targets_head": [Cell(h) for h in ("Region", "Recogniser", "Fooled", "Before", "After", "Threshold")],
        "targets": list(_targets(record)),
        "quality_head": quality_head,
        "quality": quality,
    }


def _pictures(before: Pixels, after: Pixels) -> dict[str, Any]:
    """The slider and the difference."""
    gain = difference_gain(before, after)
    height, width = before.shape[:2]
    share = PAGE_WIDTH / max(width, height)
    pictures = {"before": before, "after": after, "difference": difference_picture(before, after, gain)}
    return {
        "width": width,
        "height": height,
        "gain": gain,
        "reduced": f" Shown at {100 * share:.0f} % of its size." if share < 1 else "",
        **{name: _data(pixels, share) for name, pixels in pictures.items()},
    }


def _data(pixels: Pixels, share: float) -> str:
    """PNG while that is small, else JPEG without chroma subsampling."""
    size = pixels.shape[0] * pixels.shape[1] * min(share, 1) ** 2
    return data_uri(pixels, share, "png" if size <= SMALL else "jpeg")


def _targets(record: Mapping[str, Any]) -> Iterator[list[Cell]]:
    for place, region in enumerate(record.get("regions") or []):
        box = ", ".join(str(round(edge)) for edge in region.get("box") or ())
        where = Cell(f"{_text(region.get('kind'))} {place}", box)
        for name, told in (region.get("targets") or {}).items():
            fooled = bool(told.get("fooled"))
            steps = [(step, bool(held)) for step, held in (told.get("channel") or {}).items()]
            yield [
                where,
                Cell(_text(name), _text(told.get("unit"))),
                Cell("yes" if fooled else "no", badge=fooled, steps=steps),
                *(Cell(_number(told.get(key), 3)) for key in ("before", "after", "threshold")),
            ]


def _quality(record: Mapping[str, Any]) -> tuple[list[Cell], list[list[Cell]]]:
    """Heads and rows; a learned distance stands with its trunk and version: without them it means nothing."""
    quality = record.get("quality") or {}
    told = [("whole photo", quality)] if quality else []
    told += [(f"region {place}", region) for place, region in enumerate(quality.get("regions") or [])]
    heads = list(dict.fromkeys(_label(d) for _, q in told for d in q.get("learned") or []))
    rows = []
    for name, q in told:
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
