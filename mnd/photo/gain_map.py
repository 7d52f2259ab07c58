"""Gain maps: the HDR picture that a viewer makes of a photo and its map, and a map without a clean face.

A gain map is a picture of the photo's brightest and darkest parts, so it shows the clean face too. In the
regions it is made anew: the boost as a curve of the new photo's lightness, so that sixteen numbers a channel
are all that is left of what the map showed there; or, where that is too much, as one number a channel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..base.types import Box, Pixels
from .gain_numbers import GainNumbers

Floats = npt.NDArray[np.float32]
KNOTS = 16
"""Points of a curve."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_ROWS = 256
"""Rows that are composed at once."""
_BRIGHT = 99.5
"""Percent of the values of an HDR picture that are below white when it is brought to eight bits."""


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
    levels = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
    low, high, gamma, before, behind = (
        np.array(row, np.float32)
        for row in (numbers.minimum, numbers.maximum, numbers.gamma, numbers.offset_sdr, numbers.offset_hdr)
    )
    boosts = np.exp2(weight * (low + (high - low) * levels ** (1 / gamma))).astype(np.float32)
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)[:, 0]
    made = np.empty((height, width, 3), np.float32)
    for top in range(0, height, _ROWS):
        rows = np.s_[top : top + _ROWS]
        boost = np.stack([boosts[large[rows][..., min(c, large.shape[2] - 1)], c] for c in range(3)], axis=2)
        made[rows] = (linear[pixels[rows]] + before) * boost - behind
    return made


def eight_bits(linear: Floats) -> Pixels:
    """An HDR picture as one of eight bits, exposed so that nearly nothing of it is too bright."""
    step = max(1, linear.size // 1_000_000)
    white = max(float(np.percentile(linear.reshape(-1)[::step], _BRIGHT)), 1e-6)
    made = np.empty(linear.shape, np.uint8)
    for top in range(0, len(linear), _ROWS):
        part = np.clip(linear[top : top + _ROWS] / white, 0, 1)
        coded = np.where(part <= 0.0031308, 12.92 * part, 1.055 * part ** (1 / 2.4) - 0.055)
        made[top : top + _ROWS] = np.round(255 * coded)
    return made


def recomputed(
    gains: Pixels, before: Pixels, after: Pixels, boxes: Sequence[Box], knots: int = KNOTS
) -> Pixels:
    """The map with what it shows in the boxes made anew from the changed picture.

    In each box the mean of the map is taken for each of `knots` ranges of the old picture's lightness; the
    new map is this curve of the new picture's lightness. Around a box it goes over into the old map.

    Args:
        gains: `(h, w)` or `(h, w, 3)` uint8, the map.
        before: `(H, W, 3)` uint8, the clean picture.
        after: the same, changed.
        boxes: `(x0, y0, x1, y1)` in pixels of the picture.
        knots: points of the curve; 1: the mean of the box.
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
        new = _curved(gains[inner], dark[inner], bright[outer], knots)
        made[outer] = share * new + (1 - share) * made[outer]
    return np.round(made).clip(0, 255).astype(np.uint8)


def _reduced(pixels: Pixels, size: tuple[int, int]) -> Floats:
    """The lightness of a picture at the size of its map, `(h, w)`."""
    luma = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
    return np.asarray(luma.resize(size, Image.Resampling.BOX), np.float32)


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
