"""Numbered frames on a photo: which of the faces is which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..base.types import Edges, Pixels

SHOWN = 1600
"""Pixels: the longer side of what is drawn; larger photos are reduced to it."""
DARK, LIGHT, DOUBT = (0, 0, 0), (255, 255, 255), (255, 196, 0)


@dataclass(frozen=True)
class Frame:
    """A frame around a place of a photo."""

    box: Edges
    """In pixels of the photo."""
    label: str
    """What stands at its corner."""
    doubtful: bool = False
    """It has another colour."""


def framed(pixels: Pixels, frames: Sequence[Frame], shown: int = SHOWN) -> Image.Image:
    """The photo `(H, W, 3)` uint8, no larger than `shown`, with a frame and its label around each place.

    Each line is light beside dark, so that it can be told from every photo.

    >>> framed(np.full((100, 200, 3), 128, np.uint8), [Frame((10, 10, 60, 80), "0")], shown=100).size
    (100, 50)
    """
    height, width = pixels.shape[:2]
    share = min(1.0, shown / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    picture = image.resize(size, Image.Resampling.LANCZOS) if share < 1 else image.copy()
    draw, thick = ImageDraw.Draw(picture), max(2, round(max(size) / 400))
    font = ImageFont.load_default(size=max(12, round(max(size) / 40)))
    for frame in frames:
        x0, y0, x1, y1 = (v * share for v in frame.box)
        colour = DOUBT if frame.doubtful else LIGHT
        x1, y1 = max(x0 + 1, x1), max(y0 + 1, y1)
        draw.rectangle((x0 - thick, y0 - thick, x1 + thick, y1 + thick), outline=DARK, width=thick)
        draw.rectangle((x0, y0, x1, y1), outline=colour, width=thick)
    for frame in frames:  # above all frames
        place = _within(draw.textbbox((0, 0), frame.label, font=font), frame.box, share, size)
        box = draw.textbbox(place, frame.label, font=font)
        draw.rectangle((box[0] - 3, box[1] - 3, box[2] + 3, box[3] + 3), fill=DARK)
        draw.text(place, frame.label, fill=DOUBT if frame.doubtful else LIGHT, font=font)
    return picture


def _within(text: Sequence[float], box: Edges, share: float, size: tuple[int, int]) -> tuple[float, float]:
    """Where a text begins so that it stands above the left corner of its frame, and in the picture."""
    left, above = box[0] * share, box[1] * share - text[3] - 8
    most = size[0] - text[2] - 4, size[1] - text[3] - 4
    return max(0.0, min(left, most[0])), max(0.0, min(above, most[1]))
