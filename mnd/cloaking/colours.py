"""Mean colours of regions, brought back to what they were where a file has moved them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..base.types import Pixels
from ..optimizer.limits import Part

ROUNDS = 3
"""So often what a file does to a mean is taken back; what is left is what rounding takes."""


def brought_back(
    made: Pixels,
    clean: Pixels,
    regions: Sequence[Part],
    read: Callable[[Pixels], Pixels],
    grey: bool = False,
) -> Pixels:
    """A crop whose file shows regions in the mean colours that they had.

    A search holds the means of what goes into a file (`mnd.optimizer.limits`). A file with half the colours'
    resolution mixes an iris with what is beside it; that part, `m_c = sum_p a_p d_pc / sum_p a_p^2` of the
    change d of each channel c that the file shows, is taken from the region again, `a_p m_c` of each pixel.

    Args:
        made: `(H, W, 3)`, what goes into the file.
        clean: the same of the photo.
        regions: whose means stay; weights of their pixels.
        read: what a file of such a crop shows.
        grey: the three channels are one.

    >>> import torch
    >>> clean = np.full((4, 4, 3), 100, np.uint8)
    >>> whole = Part(slice(0, 4), slice(0, 4), torch.ones(4, 4))
    >>> brought_back(clean, clean, [whole], lambda crop: crop + np.uint8([0, 5, 0]))[0, 0].tolist()
    [100, 95, 100]
    """
    for _ in range(ROUNDS if regions else 0):
        shift = read(made).astype(np.float32) - clean
        moved = made.astype(np.float32)
        for region in regions:
            weights = region.values.cpu().numpy()[..., None]
            size = float(np.square(weights).sum())
            if size == 0:
                continue
            mean = (weights * shift[region.rows, region.columns]).sum((0, 1)) / size
            moved[region.rows, region.columns] -= weights * (mean.mean() if grey else mean)
        made = np.rint(moved.clip(0, 255)).astype(np.uint8)
    return made
