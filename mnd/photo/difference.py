"""What was changed between two pictures, enlarged so that people can see it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..base.types import Pixels

LARGEST_GAIN = 64


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


def clear_gain(before: Pixels, after: Pixels) -> int:
    """The same for all but the largest hundredth of what differs: a few points must not hide the rest.

    What is larger is cut in a picture of this gain.

    Raises:
        ValueError: as `difference_gain`.

    >>> grey = np.full((20, 20, 3), 100, np.uint8)
    >>> other = grey + np.uint8(4)
    >>> other[0, 0] = 164
    >>> difference_gain(grey, other), clear_gain(grey, other)
    (1, 16)
    """
    sizes = np.abs(_pair(before, after))
    changed = sizes[sizes > 0]
    largest = float(np.percentile(changed, 99)) if changed.size else 1.0
    return 1 << max(0, math.floor(math.log2(LARGEST_GAIN / max(1.0, largest))))


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
