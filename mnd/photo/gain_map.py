"""Gain maps: the HDR picture that a viewer makes of a photo and its map, and a map without a clean face.

A gain map is a picture of the photo's brightest and darkest parts, so it shows the clean face too. In the
regions it is made anew: the boost as a curve of the new photo's lightness, so that sixteen numbers a channel
are all that is left of what the map showed there. Where even that shows too much of the new face, the curve
follows its lightness in a few cells alone, or the boost is one number a channel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..base.types import Box, Pixels
from .gain_numbers import GainNumbers

Floats = npt.NDArray[np.float32]
KNOTS, CELLS = 16, 8
"""Points of a curve, and cells of lightness along the shorter side of a region."""
Rung = Literal["curve", "smooth", "mean"]
"""How a map is made anew: a curve of the new lightness, a curve of it in cells, one number."""
RUNGS: tuple[Rung, ...] = ("curve", "smooth", "mean")
"""The nearest to the old map first."""
_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)
_ROWS = 256
"""Rows that are composed at once."""


def composed(pixels: Pixels, gains: Pixels, numbers: GainNumbers, weight: float = 1.0) -> Floats:
    """The HDR picture in linear light, 1 is the white of the usual one:

        HDR = (SDR + offset_sdr) 2^(weight (min + (max - min) gain^(1 / gamma))) - offset_hdr

    as Android's "Ultra HDR Image Format v1.1" and ISO 21496-1 have it, with the map enlarged bilinearly.

    Args:
        pixels: `(H, W, 3)` uint8, the usual picture with the transfer curve of sRGB.
        gains: `(h, w)` or `(h, w, 3)` uint8, the map, turned as `pixels` are.
        numbers: those of the map.
        weight: 0..1, how much of the boost a display shows.

    >>> same = (0.0, 0.0, 0.0)
    >>> numbers = GainNumbers(same, (2.0, 2.0, 2.0), (1.0, 1.0, 1.0), same, same, (0.0, 2.0))
    >>> white = np.full((2, 2, 3), 255, np.uint8)
    >>> float(composed(white, np.full((1, 1), 255, np.uint8), numbers)[0, 0, 0])
    4.0
    """
    height, width = pixels.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(gains))
    large = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    large = large[..., None] if large.ndim == 2 else large
    low, high, gamma, before, behind = (
        np.array(row, np.float32)
        for row in (numbers.minimum, numbers.maximum, numbers.gamma, numbers.offset_sdr, numbers.offset_hdr)
    )
    boosts = np.exp2(weight * (low + (high - low) * _LEVELS[:, None] ** (1 / gamma))).astype(np.float32)
    made = np.empty((height, width, 3), np.float32)
    for top in range(0, height, _ROWS):
        rows = np.s_[top : top + _ROWS]
        boost = np.stack([boosts[large[rows][..., min(c, large.shape[2] - 1)], c] for c in range(3)], axis=2)
        made[rows] = (_LINEAR[pixels[rows]] + before) * boost - behind
    return made


def eight_bits(linear: Floats, pixels: Pixels) -> Pixels:
    """An HDR picture as one of eight bits, exposed so that its mean is that of the usual picture `pixels`."""
    usual = float(_LINEAR[pixels].mean(dtype=np.float64))
    white = max(float(linear.mean(dtype=np.float64)) / max(usual, 1e-6), 1e-6)
    made = np.empty(linear.shape, np.uint8)
    for top in range(0, len(linear), _ROWS):
        part = np.clip(linear[top : top + _ROWS] / white, 0, 1)
        coded = np.where(part <= 0.0031308, 12.92 * part, 1.055 * part ** (1 / 2.4) - 0.055)
        made[top : top + _ROWS] = np.round(255 * coded)
    return made


def recomputed(
    gains: Pixels, before: Pixels, after: Pixels, boxes: Sequence[Box], rung: Rung = "curve"
) -> Pixels:
    """The map with what it shows in the boxes made anew from the changed picture.

    In each box the mean of the map is taken for each of `KNOTS` ranges of the old picture's lightness; the
    new map is this curve of the new picture's lightness. Around a box it goes over into the old map.

    Args:
        gains: `(h, w)` or `(h, w, 3)` uint8, the map.
        before: `(H, W, 3)` uint8, the clean picture.
        after: the same, changed.
        boxes: `(x0, y0, x1, y1)` in pixels of the picture.
        rung: how.
    """
    height, width = gains.shape[:2]
    across, down = width / before.shape[1], height / before.shape[0]
    dark, bright = _reduced(before, (width, height)), _reduced(after, (width, height))
    made = gains.astype(np.float32)
    for x0, y0, x1, y1 in boxes:
        # one pixel more on each side: what is enlarged from pixels outside must not show the inside
        left, top = max(int(x0 * across) - 1, 0), max(int(y0 * down) - 1, 0)
        right, bottom = min(math.ceil(x1 * across) + 1, width), min(math.ceil(y1 * down) + 1, height)
        around = max(4, (right - left + bottom - top) // 16)
        ys = np.arange(max(top - around, 0), min(bottom + around, height))
        xs = np.arange(max(left - around, 0), min(right + around, width))
        inner, outer = np.s_[top:bottom, left:right], np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        above = np.maximum(top - ys, ys - bottom + 1).clip(0)
        beside = np.maximum(left - xs, xs - right + 1).clip(0)
        away = np.maximum(above[:, None], beside) / (around + 1)
        share = (1 - away).astype(np.float32)
        share = share if gains.ndim == 2 else share[..., None]
        light = _in_cells(bright[outer]) if rung == "smooth" else bright[outer]
        new = _curved(gains[inner], dark[inner], light, 1 if rung == "mean" else KNOTS)
        made[outer] = share * new + (1 - share) * made[outer]
    return np.round(made).clip(0, 255).astype(np.uint8)


def _reduced(pixels: Pixels, size: tuple[int, int]) -> Floats:
    """The lightness of a picture at the size of its map, `(h, w)`."""
    luma = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
    return np.asarray(luma.resize(size, Image.Resampling.BOX), np.float32)


def _in_cells(light: Floats) -> Floats:
    """Lightness in cells, of which the shorter side has a few, and from one to the next smoothly."""
    height, width = light.shape
    side = max(1.0, min(height, width) / CELLS)
    small = Image.fromarray(light).resize((round(width / side), round(height / side)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32)


def _curved(gains: Pixels, dark: Floats, bright: Floats, knots: int) -> Floats:
    """The map that the curve from lightness `dark` to `gains` gives to the lightness `bright`."""
    edges = np.unique(np.quantile(dark, np.linspace(0, 1, knots + 1)))
    which = np.clip(np.searchsorted(edges, dark, side="right") - 1, 0, max(len(edges) - 2, 0))
    used = np.unique(which)
    places = [float(dark[which == k].mean()) for k in used]
    channels = gains[..., None] if gains.ndim == 2 else gains
    levels = [[float(channels[..., c][which == k].mean()) for k in used] for c in range(channels.shape[2])]
    made = np.stack([np.interp(bright, places, row) for row in levels], axis=2).astype(np.float32)
    return made[..., 0] if gains.ndim == 2 else made
