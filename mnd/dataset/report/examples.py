"""The photos that were changed most visibly, as the report shows them.

Pictures are never resized: a cloak is made for the pixels of the file, and protects less on others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from ...base.files import PhotoError, read_bytes
from ...base.html import data_uri
from ...base.types import Pixels
from ...photo.difference import difference_gain, difference_picture
from ...photo.photo import Photo
from ..items import LARGEST, Item, Shard
from ..lines import Line
from ..members import contents, stored
from ..sources import Source

SIDE = 320
"""Pixels of the largest part of a photo that is shown."""
_AROUND = 0.15
"""So much of a region's size is shown around it."""


@dataclass(frozen=True)
class Example:
    """One photo, or the part of it where it was changed most.

    Attributes:
        name: its input.
        facts: title and figure.
        after: the result, as a data URI.
        before, difference: where the photos as they were are asked for.
        gain: of the difference.
        link: to the result, relative to the report; empty where it is in a tar file.
        missing: says why there is no picture.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    after: str = ""
    before: str = ""
    difference: str = ""
    gain: int = 0
    link: str = ""
    missing: str = ""


def least_ssim(quality: Mapping[str, Any]) -> float | None:
    """That of the region where it is least; of the photo where there are no regions.

    A small face in a large photo may be changed beyond recognition without the photo's SSIM telling.

    >>> least_ssim({"ssim": 0.999, "regions": [{"ssim": 0.97}, {"ssim": None}]})
    0.97
    """
    known = [region.get("ssim") for region in quality.get("regions") or ()]
    return min((value for value in known if value is not None), default=quality.get("ssim"))


def shown(dst: Path, lines: Sequence[Line], source: Source | None) -> list[Example]:
    """The pictures of some lines, in their order.

    Args:
        dst: the folder of the results.
        lines: of protected photos.
        source: where they are; None: they are not shown as they were.
    """
    items = {} if source is None else dict(_items(source, {line["input"] for line in lines}))
    return [_shown(dst, line, items.get(line["input"]), source is not None) for line in lines]


def _items(source: Source, wanted: set[str]) -> Iterator[tuple[str, Item]]:
    """Goes through the source until all are found."""
    left = set(wanted)
    for found in source if left else ():
        if isinstance(found, Shard):
            if any(name.startswith(f"{found.name}/") for name in left):
                inside = (member.item(found) for member in _members(found))
                some = [item for item in inside if item.name in left]
            else:
                some = []
        else:
            some = [found] if isinstance(found, Item) and found.name in left else []
        for item in some:
            yield item.name, item
            left.discard(item.name)
        if not left:
            return


def _members(shard: Shard) -> list[Any]:
    try:
        return contents(shard).pictures
    except PhotoError:
        return []  # its photos are said to be missing


def _shown(dst: Path, line: Line, item: Item | None, originals: bool) -> Example:
    link = "./" + quote(os.fsencode(line["output"])) if (dst / line["output"]).is_file() else ""
    facts = _facts(line)
    try:
        after = _pixels(_result(dst, line), line["output_sha256"], "result")
        part = _part(line, after)
        cut = data_uri(after[part])
        if not originals:
            return Example(line["input"], facts, cut, link=link)
        if item is None:
            raise ValueError("the photo is not in the source any more")
        before = _pixels(item.read()[0], line["input_sha256"], "photo")
        gain = difference_gain(before[part], after[part])
        difference = difference_picture(before[part], after[part], gain)
        pictures = cut, data_uri(before[part]), data_uri(difference)
        return Example(line["input"], facts, *pictures, gain=gain, link=link)
    except (ValueError, OSError) as error:
        return Example(line["input"], facts, link=link, missing=str(error))


def _result(dst: Path, line: Line) -> bytes:
    """The bytes of a result, from its file or from the tar file that holds it."""
    name = line["output"]
    if (dst / name).is_file():
        return read_bytes(dst / name, LARGEST)
    for folder in (dst / name).parents:
        if folder == dst:
            break
        if folder.is_file():
            data = stored(folder.relative_to(dst).as_posix(), folder).get(name)
            if data is not None:
                return data
    raise ValueError("the result is not there any more")


def _pixels(data: bytes, sha256: str, what: str) -> Pixels:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"the {what} has changed since")
    return np.asarray(Photo.from_bytes(data).pixels)


def _part(line: Line, pixels: Pixels) -> tuple[slice, slice]:
    """Rows and columns around the region that was changed most visibly, at most `SIDE` of each."""
    height, width = pixels.shape[:2]
    known = (line.get("quality") or {}).get("regions") or []
    boxes = [region.get("box") for region in line.get("regions") or []]
    ranked = sorted(
        (told["ssim"], place)
        for place, told in enumerate(known[: len(boxes)])
        if told.get("ssim") is not None and boxes[place]
    )
    x0, y0, x1, y1 = boxes[ranked[0][1]] if ranked else (0, 0, width, height)
    return _slice(y0, y1, height), _slice(x0, x1, width)


def _slice(low: float, high: float, length: int) -> slice:
    """
    >>> _slice(100, 200, 1000), _slice(0, 5000, 6000), _slice(-20, 30, 25)
    (slice(85, 215, None), slice(2340, 2660, None), slice(0, 25, None))
    """
    around = _AROUND * (high - low)
    middle, half = (low + high) / 2, min((high - low) / 2 + around, SIDE / 2)
    return slice(max(0, round(middle - half)), min(length, round(middle + half)))


def _facts(line: Line) -> tuple[tuple[str, str], ...]:
    quality: dict[str, Any] = line["quality"]
    told = [("SSIM of the region", least_ssim(quality), 4), ("SSIM", quality.get("ssim"), 4)]
    told.append(("PSNR", quality.get("psnr"), 1))
    facts = [(title, f"{value:.{digits}f}") for title, value, digits in told if value is not None]
    for region in line.get("regions") or ():
        for name, judged in region["targets"].items():
            if judged["after"] is not None:
                facts.append((name, f"{judged['after']:.3f} ({judged['threshold']:g})"))
    return tuple(facts[:8])
