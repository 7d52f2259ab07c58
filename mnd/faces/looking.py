"""The copies of a photo in which faces are looked for: reduced, in tiles, turned, in another light.

All places are edges in pixels: pixel i reaches from i to i + 1. A copy knows the way back to the photo.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..base.types import Edges, Pixels

TURNS = (0, 90, 180, 270)
"""Degrees counter-clockwise; what lies between, up to 45 degrees to each side, is found at its neighbour."""
LIGHTS = ("own", "equalised", "dimmed", "ranked", "grey")
"""The photo's own; one in which each colour has all levels equally often, for what is dark; and three in
which the brightest levels are apart, for what is overexposed: by a power and not quite white, in grey by how
much of the picture is darker, and in grey by a power."""
POWER, DIM = 16.0, 0.7
"""Of the dimmed light: a level of 1 becomes `DIM`, others fall by this power."""
GREY = 6.0
"""The power of the grey light: a colour that is not clipped still counts where the others are."""
WHITE = 0.9
"""Of the ranked light: what its brightest level becomes."""
CLIPPED = 249.5 / 255
"""A level from which on little is left of what was there."""
STRIP = 2**22
"""Pixels that are reduced at once: Pillow's own copy of a large photo would be larger than the photo."""
STEP = 8.0
"""The most by which two neighbouring scales of a search differ: tiles then share a fifth of their side."""


class Patch(NamedTuple):
    """A part of a photo as a copy of its own.

    Attributes:
        image: `(1, 3, H, W)` float32, -1..1, already turned.
        origin: x, y of its corner in the photo.
        scale: pixels of the patch per pixel of the photo, along x and y of the photo.
        turn: degrees counter-clockwise by which the image was turned; one of `TURNS`.
    """

    image: Tensor
    origin: tuple[float, float]
    scale: tuple[float, float]
    turn: int = 0


def patch(pixels: Pixels, box: Edges, wanted: float, device: torch.device) -> Patch:
    """The part of the photo in `box`, cut at the border; reduced if the box is longer than `wanted`.

    >>> part = patch(np.zeros((60, 80, 3), np.uint8), (40, 20, 120, 60), 40, torch.device("cpu"))
    >>> part.image.shape, part.origin, part.scale
    (torch.Size([1, 3, 20, 20]), (40, 20), (0.5, 0.5))
    """
    height, width = pixels.shape[:2]
    x0, y0 = min(max(0, math.floor(box[0])), width - 1), min(max(0, math.floor(box[1])), height - 1)
    x1, y1 = max(x0 + 1, min(width, math.ceil(box[2]))), max(y0 + 1, min(height, math.ceil(box[3])))
    scale = min(1.0, wanted / max(box[2] - box[0], box[3] - box[1]))
    size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    copy = _reduced(pixels[y0:y1, x0:x1], size)
    return Patch(_tensor(copy, device), (x0, y0), (size[0] / (x1 - x0), size[1] / (y1 - y0)))


def _tensor(pixels: Pixels, device: torch.device) -> Tensor:
    """`(H, W, 3)` uint8 as the networks want it: `(1, 3, H, W)`, about -1..1."""
    image = torch.from_numpy(pixels.astype(np.float32)).to(device)
    return image.permute(2, 0, 1)[None].sub_(127.5).div_(128)


def _reduced(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """A part of a photo at the size (width, height); what is much too large is first averaged, by strips."""
    height, width = pixels.shape[:2]
    factor = min(width // size[0], height // size[1]) // 2
    if height * width <= 4 * STRIP or factor < 2:
        part = Image.fromarray(np.ascontiguousarray(pixels))
        if size != part.size:
            part = part.resize(size, Image.Resampling.HAMMING, reducing_gap=3.0)
        return np.asarray(part)
    high = max(1, STRIP // (width * factor)) * factor
    strips = [
        np.asarray(Image.fromarray(np.ascontiguousarray(pixels[y : y + high])).reduce(factor))
        for y in range(0, height, high)
    ]
    # the last column and row may stand for fewer pixels than the others: the box says how much is there
    part = Image.fromarray(np.concatenate(strips))
    box = (0.0, 0.0, width / factor, height / factor)
    return np.asarray(part.resize(size, Image.Resampling.HAMMING, box))


def turned(part: Patch, degrees: int) -> Patch:
    """The patch, which is upright, turned counter-clockwise by one of `TURNS`."""
    return part._replace(image=torch.rot90(part.image, degrees // 90, (2, 3)), turn=degrees % 360)


def lit(part: Patch, light: str) -> Patch:
    """The patch in one of `LIGHTS`."""
    if light == "equalised":
        levels = part.image[0].mul(128).add(127.5).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        equal = np.asarray(ImageOps.equalize(Image.fromarray(np.ascontiguousarray(levels))))
        return part._replace(image=_tensor(equal, part.image.device))
    if light == "dimmed":
        return part._replace(image=_from_shares(DIM * _shares(part) ** POWER))
    if light == "ranked":
        return part._replace(image=_from_shares(WHITE * _ranks(_shares(part)).expand_as(part.image)))
    if light == "grey":
        grey = _shares(part).mean(1, keepdim=True) ** GREY
        return part._replace(image=_from_shares(grey.expand_as(part.image)))
    return part


def _shares(part: Patch) -> Tensor:
    """Levels, 0..1."""
    return part.image.mul(128 / 255).add(0.5).clamp(0, 1)


def _from_shares(shares: Tensor) -> Tensor:
    return shares.mul(255).sub(127.5).div(128)


def _ranks(shares: Tensor) -> Tensor:
    """`(1, 1, H, W)`: how much of the picture is darker, half of what is as bright; the brightest: 1."""
    steps = 3 * 255
    levels = shares.mean(1, keepdim=True).mul(steps).round().long()
    counts = torch.bincount(levels.flatten().cpu(), minlength=steps + 1).double()
    ranks = (counts.cumsum(0) - counts / 2).to(shares)
    return (ranks / ranks[levels.max()])[levels]


def overexposed(part: Patch, side: int) -> bool:
    """Whether in a square of this side half of the pixels are as good as white, in one colour or more.

    >>> part = patch(np.full((30, 30, 3), (255, 90, 30), np.uint8), (0, 0, 30, 30), 30, torch.device("cpu"))
    >>> overexposed(part, 20), overexposed(part._replace(image=part.image - 0.1), 20)
    (True, False)
    """
    white = (_shares(part).amax(1, keepdim=True) >= CLIPPED).float()
    side = min(side, *white.shape[2:])
    return bool((avg_pool2d(white, side, max(1, side // 2)) >= 0.5).any())


class Way(NamedTuple):
    """How a patch is looked at: turned counter-clockwise by one of `TURNS`, in one of `LIGHTS`."""

    turn: int = 0
    light: str = LIGHTS[0]

    def at(self, part: Patch) -> Patch:
        """The upright patch as it looks this way."""
        part = lit(part, self.light)
        return turned(part, self.turn) if self.turn else part


WAYS = tuple(Way(turn, light) for light in LIGHTS for turn in TURNS)
"""Every way: first as the photo is, then turned, then the same in other lights."""


def in_photo(points: Tensor, part: Patch) -> Tensor:
    """Points `(..., 2)` x, y in the image of a patch, in pixels of the photo.

    >>> part = patch(np.zeros((60, 80, 3), np.uint8), (0, 0, 80, 60), 40, torch.device("cpu"))
    >>> in_photo(torch.tensor([1.0, 2.0]), turned(part, 90))  # its upper left was the photo's upper right
    tensor([76.,  2.])
    """
    height, width = part.image.shape[2:]
    for _ in range(part.turn // 90):
        points = torch.stack([height - points[..., 1], points[..., 0]], -1)
        height, width = width, height
    return points / points.new_tensor(part.scale) + points.new_tensor(part.origin)


def reductions(coarse: float, fine: float) -> list[float]:
    """Scales from one reduction of a photo to another, evenly spread, at most `STEP` apart.

    >>> [[round(r, 1) for r in reductions(coarse, 2.5)] for coarse in (4, 15.6, 78)]
    [[4.0, 2.5], [15.6, 2.5], [78.0, 14.0, 2.5]]
    """
    steps = max(1, math.ceil(math.log(coarse / fine, STEP)))
    return [coarse * (fine / coarse) ** (i / steps) for i in range(steps + 1)]


def tiles(width: int, height: int, side: int, overlap: int) -> list[Edges]:
    """Boxes of at most `side` that cover a photo, evenly spread, neighbours sharing `overlap` or more.

    >>> tiles(100, 30, 60, 20)
    [(0.0, 0.0, 60.0, 30.0), (40.0, 0.0, 100.0, 30.0)]
    """
    return [
        (float(x), float(y), float(min(x + side, width)), float(min(y + side, height)))
        for y in _starts(height, side, overlap)
        for x in _starts(width, side, overlap)
    ]


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    count = 1 if length <= tile else math.ceil((length - overlap) / (tile - overlap))
    return [round(i * (length - tile) / max(1, count - 1)) if count > 1 else 0 for i in range(count)]
