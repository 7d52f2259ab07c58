"""One small HTML page of what was done to photos: before and after, the difference, and the figures."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..base.types import Pixels

LARGEST_GAIN = 64
PAGE_WIDTH = 1200
"""Pixels: larger pictures are reduced to this on the page, so that it stays small."""
PRIVACY = "This page contains the original photo. Do not share it: it shows the face that the cloak hides."


@dataclass(frozen=True)
class Row:
    """What the page shows of one photo.

    Attributes:
        record: the object that `--json` prints for it.
        before: `(H, W, 3)` uint8, the original; `None` where it could not be read.
        after: the same of the saved file; `None` where there is none.
    """

    record: Mapping[str, Any]
    before: Pixels | None = None
    after: Pixels | None = None


def _pair(before: Pixels, after: Pixels) -> npt.NDArray[np.int16]:
    for pixels in (before, after):
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError(
                f"got pixels of {pixels.dtype} {pixels.shape}, expected uint8 (height, width, 3), RGB"
            )
    if before.shape != after.shape:
        raise ValueError(f"got pictures of {before.shape} and {after.shape}, expected the same shape")
    return after.astype(np.int16) - before.astype(np.int16)


def difference_gain(before: Pixels, after: Pixels) -> int:
    """The power of two, 1..64, that brings the largest difference nearest to half the range from below.

        gain = 2 ** floor(log2(64 / max |after - before|))

    Raises:
        ValueError: not two uint8 pictures `(H, W, 3)` of the same shape.

    >>> grey = np.full((2, 2, 3), 100, np.uint8)
    >>> difference_gain(grey, grey + np.uint8(4)), difference_gain(grey, grey)
    (16, 64)
    """
    largest = int(np.abs(_pair(before, after)).max())
    return 1 << max(0, math.floor(math.log2(LARGEST_GAIN / max(1, largest))))


def difference_picture(before: Pixels, after: Pixels, gain: int | None = None) -> Pixels:
    """What was changed, enlarged: `128 + gain * (after - before)`, cut to 0..255, `(H, W, 3)` uint8.

    `gain` is what `difference_gain` says unless given.

    Raises:
        ValueError: not two uint8 pictures of the same shape, or a gain below 1.

    >>> grey = np.full((1, 1, 3), 100, np.uint8)
    >>> difference_picture(grey, grey + np.uint8(2), gain=16).tolist()
    [[[160, 160, 160]]]
    """
    change = _pair(before, after).astype(np.int32)
    gain = difference_gain(before, after) if gain is None else gain
    if gain < 1:
        raise ValueError(f"gain is {gain!r}, expected at least 1")
    return np.clip(128 + gain * change, 0, 255).astype(np.uint8)


def before_after_strip(before: Pixels, after: Pixels, box: Sequence[float], height: int = 320) -> Image.Image:
    """Three pictures side by side, each with a label: before, after, and the difference with its gain.

    `box` is x0, y0, x1, y1 in pixels, the part to show; `height` that of each picture.

    Raises:
        ValueError: not two uint8 pictures of the same shape, or an empty box.

    >>> grey = np.full((100, 80, 3), 100, np.uint8)
    >>> before_after_strip(grey, grey, (0, 0, 80, 100), height=100).size
    (264, 128)
    """
    tall, wide = _pair(before, after).shape[:2]
    x0, y0, x1, y1 = (round(v) for v in box)
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(wide, x1), min(tall, y1)
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"box is {tuple(box)!r}, expected a part of the photo, which is 0,0,{wide},{tall}")
    part = np.s_[y0:y1, x0:x1]
    gain = difference_gain(before[part], after[part])
    panels = {
        "before": before[part],
        "after": after[part],
        f"difference x{gain}": difference_picture(before[part], after[part], gain),
    }
    width, label, gap = max(1, round((x1 - x0) * height / (y1 - y0))), 28, 12
    strip = Image.new("RGB", (3 * width + 2 * gap, height + label), "white")
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(size=16)
    for place, (name, pixels) in enumerate(panels.items()):
        left = place * (width + gap)
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        strip.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (left, label))
        draw.text((left + width / 2, label / 2), name, fill="black", font=font, anchor="mm")
    return strip


def page(rows: Sequence[Row], title: str) -> str:
    """One self-contained HTML page about some photos; it needs no network and no other file.

    **It holds the original photos**, and says so at its top: it is for the person who cloaked them alone.

    Raises:
        ValueError: the pictures of a row are not two uint8 pictures of the same shape.

    >>> row = Row({"input": "a<b.jpg", "error": {"kind": "no-face", "message": "no face"}})
    >>> text = page([row], "Two & two")
    >>> "a&lt;b.jpg" in text, "Two &amp; two" in text
    (True, True)
    """
    done = sum(bool(row.record.get("protected")) for row in rows)
    photos = f"{len(rows)} photo{'' if len(rows) == 1 else 's'}, {done} protected"
    body = "\n".join(_photo(row, number) for number, row in enumerate(rows))
    name = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<p class="privacy" role="alert"><strong>Private.</strong> {PRIVACY}</p>\n'
        f"<main>\n<h1>{name}</h1>\n<p>{photos}</p>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _state(record: Mapping[str, Any]) -> str:
    if record.get("error"):
        return _badge("failed", False)
    return _badge("protected", True) if record.get("protected") else _badge("not protected", False)


def _badge(text: object, good: bool) -> str:
    return f'<span class="badge {"good" if good else "bad"}">{_text(text)}</span>'


def _photo(row: Row, number: int) -> str:
    record = row.record
    parts = [f'<article id="photo-{number}">', f"<h2>{_text(record.get('input'))} {_state(record)}</h2>"]
    error = record.get("error")
    if error:
        kind = f"<small>({_text(error.get('kind'))})</small>"
        parts.append(f'<p class="error">{_text(error.get("message"))} {kind}</p>')
    if row.before is not None and row.after is not None:
        parts.append(_pictures(row.before, row.after))
    facts = {"output": "Saved as", "level": "Level", "seed": "Seed", "seconds": "Seconds"}
    told = "".join(
        f"<div><dt>{name}</dt><dd>{_text(record[key])}</dd></div>"
        for key, name in facts.items()
        if record.get(key) is not None
    )
    parts += [f"<dl>{told}</dl>" if told else "", _targets(record), _quality(record), "</article>"]
    return "\n".join(part for part in parts if part)


def _pictures(before: Pixels, after: Pixels) -> str:
    """The slider and the difference; the range input carries its own handler, there is no other script."""
    gain = difference_gain(before, after)
    difference = difference_picture(before, after, gain)
    height, width = before.shape[:2]
    share = PAGE_WIDTH / max(width, height)
    reduced = f" Shown at {100 * share:.0f} % of its size." if share < 1 else ""
    ratio = f'style="aspect-ratio: {width} / {height}"'
    return (
        f'<div class="pictures">\n<figure><div class="slider" {ratio}>'
        f'<img src="{_data(after)}" alt="after"><img class="over" src="{_data(before)}" alt="before">'
        '<span class="tag left">before</span><span class="tag right">after</span><i class="line"></i>'
        '<input type="range" min="0" max="100" step="0.5" value="50" aria-label="share of the original" '
        "oninput=\"this.parentNode.style.setProperty('--at', this.value + '%')\"></div>"
        f"<figcaption>Drag: the original on the left, the saved file on the right.{reduced}</figcaption>"
        f'</figure>\n<figure><img {ratio} src="{_data(difference)}" alt="difference">'
        f"<figcaption>The difference, {gain} times enlarged around grey.</figcaption></figure>\n</div>"
    )


def _targets(record: Mapping[str, Any]) -> str:
    rows = []
    for place, region in enumerate(record.get("regions") or []):
        where = f"{_text(region.get('kind'))} {place}"
        if region.get("box"):
            where += f"<br><small>{', '.join(str(round(edge)) for edge in region['box'])}</small>"
        for name, told in (region.get("targets") or {}).items():
            fooled = bool(told.get("fooled"))
            later = "".join(
                f" {_badge(step, bool(held))}" for step, held in (told.get("channel") or {}).items()
            )
            rows.append(
                [
                    where,
                    f"{_text(name)}<br><small>{_text(told.get('unit'))}</small>",
                    _badge("yes" if fooled else "no", fooled) + later,
                    *(_number(told.get(key), 3) for key in ("before", "after", "threshold")),
                ]
            )
    return _table(["Region", "Recogniser", "Fooled", "Before", "After", "Threshold"], rows)


def _quality(record: Mapping[str, Any]) -> str:
    quality = record.get("quality") or {}
    told = [("whole photo", quality)] if quality else []
    told += [(f"region {place}", region) for place, region in enumerate(quality.get("regions") or [])]
    labels = list(dict.fromkeys(_label(d) for _, q in told for d in q.get("learned") or []))
    rows = []
    for name, q in told:
        learned = {_label(d): d["value"] for d in q.get("learned") or []}
        known = [_number(q.get("psnr"), 1, " dB"), _number(q.get("ssim"), 4), _number(q.get("above_jnd"), 4)]
        rows.append([name, *known, *(_number(learned.get(label), 5) for label in labels)])
    return _table(["Quality", "PSNR", "SSIM", "Above JND", *labels], rows)


def _label(distance: Mapping[str, Any]) -> str:
    """A learned distance's metric, with its trunk and version: without them the number means nothing."""
    metric, trunk, version = (_text(distance[key]) for key in ("metric", "trunk", "version"))
    return f"{metric}<br><small>{trunk}, version {version}</small>"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already."""
    if not rows:
        return ""
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _text(value: object) -> str:
    return "" if value is None else html.escape(str(value))


def _number(value: object, digits: int, unit: str = "") -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "&ndash;"
    return f"{value:.{digits}f}{unit}" if math.isfinite(value) else f"{'-' if value < 0 else ''}&infin;{unit}"


def _data(pixels: Pixels) -> str:
    """The picture as a data URI: PNG while that is small, else JPEG without chroma subsampling."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((PAGE_WIDTH, PAGE_WIDTH), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    if picture.width * picture.height <= 2**17:
        picture.save(file, "PNG", optimize=True)
        kind = "png"
    else:
        picture.save(file, "JPEG", quality=92, subsampling=0)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fafafa; --card: #fff; --line: #d8d8de;
  --soft: #5f5f69; --good: #0a6b3b; --good-back: #d9f2e3; --bad: #9b1c1c; --bad-back: #fbe0e0;
  --warn: #5a3d00; --warn-back: #ffe9b0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf0; --paper: #141417; --card: #1e1e22; --line: #3a3a42;
    --soft: #a9a9b4; --good: #8be0b0; --good-back: #12402a; --bad: #ffb3b3; --bad-back: #571d1d;
    --warn: #ffe2a0; --warn-back: #4d3800; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
main { max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .75rem; overflow-wrap: anywhere; }
.privacy { margin: 0; padding: .75rem 1rem; text-align: center; color: var(--warn);
  background: var(--warn-back); }
article { background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  padding: 1rem; margin: 1rem 0; }
.pictures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
figure { margin: 0; }
figcaption, small, dt { color: var(--soft); font-size: .85rem; }
figure img { display: block; width: 100%; border-radius: .4rem; }
.slider { --at: 50%; position: relative; overflow: hidden; border-radius: .4rem; }
.slider img { position: absolute; inset: 0; height: 100%; border-radius: 0; }
.slider .over { clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.slider .line { position: absolute; inset: 0 auto 0 var(--at); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 3px #000; }
.slider input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: ew-resize; }
.slider:focus-within { outline: 3px solid #4c8dff; }
.tag { position: absolute; top: .5rem; padding: 0 .5rem; border-radius: 1rem; font-size: .8rem;
  color: #fff; background: rgb(0 0 0 / .6); }
.tag.left { left: .5rem; }
.tag.right { right: .5rem; }
.badge { display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-size: .8rem;
  font-weight: 600; white-space: nowrap; }
.good { color: var(--good); background: var(--good-back); }
.bad, .error { color: var(--bad); background: var(--bad-back); }
.error { padding: .75rem; border-radius: .4rem; margin: 0; overflow-wrap: anywhere; }
.error small { color: inherit; }
dl { display: flex; flex-wrap: wrap; gap: .25rem 2rem; margin: 1rem 0; }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-size: .85rem; color: var(--soft); font-weight: 600; }
td { font-variant-numeric: tabular-nums; }
"""
