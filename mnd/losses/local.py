"""A dear distance near the clean picture: its quadratic model, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from .curvature import Metric, estimate
from .images import Distance, blur, check_images, check_like, gaussian

TILE = 160
"""Sides of the pieces in which a large picture is looked at: memory stays small."""
LARGE = 640
"""From this smaller side on a picture has so many pixels that h, blurred twice as far, needs a quarter of the
probes."""


class Local(Distance):
    """`1/2 sum_i h_i (y_i - x_i)^2`, h the curvature of a distance at the clean picture.

    Near x every smooth distance is its quadratic model; this one leaves out what neighbours cost together.
    A learned distance takes a pass through its network every time that it is asked; its model takes a few
    when x is new, and none afterwards. It can so be a term of a search that asks at every step.

    Args:
        distance: a mean over the picture of what is seen around every pixel, as LPIPS is.
        probes: gradients of `distance` from which h is estimated (Hutchinson 1989).
        sigma: h is blurred by a Gaussian of so many pixels: a few probes say little of a single pixel. In a
            large picture (`LARGE`) it is twice as many, for a quarter of the probes.
        least: the smallest side that `distance` allows; a smaller picture costs nothing.

    Raises:
        ValueError: `probes` or `sigma` is out of its range.

    >>> square = Local(lambda x, y: (3 * (y - x) ** 2).mean((1, 2, 3)))
    >>> x = torch.full((1, 3, 32, 32), 0.5)
    >>> round(square(x, x + 0.1).item(), 4)
    0.03
    """

    def __init__(self, distance: Metric, probes: int = 4, sigma: float = 2.0, least: int = 1) -> None:
        super().__init__()
        if probes < 1 or not sigma > 0:
            raise ValueError(
                f"probes and sigma are {probes} and {sigma}, expected at least 1 and more than 0"
            )
        self.distance, self.probes, self.sigma, self.least = distance, probes, sigma, least
        self._known: MutableMapping[Tensor, Tensor] = WeakTensorKeyDictionary()

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        h = self.curvature(x)

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            return (h * (y - x).square()).sum((1, 2, 3)) / 2

        return distance

    @torch.no_grad()
    def curvature(self, x: Tensor) -> Tensor:
        """`(B, 3, H, W)`, h; kept as long as somebody keeps the picture."""
        check_images(x)
        h = self._known.get(x)
        if h is None:
            h = self._known[x] = self._blurred(x)
        return h

    def _blurred(self, x: Tensor) -> Tensor:
        h = torch.zeros_like(x)
        if min(x.shape[2:]) < self.least:
            return h
        wider = 2 if min(x.shape[2:]) >= LARGE else 1
        probes, sigma = max(self.probes // wider**2, 1), self.sigma * wider
        for rows, columns in tiles(x.shape[2], x.shape[3], TILE):
            piece = x[..., rows, columns]
            # the distance of a piece is a mean over the piece
            share = piece[0].numel() / x[0].numel()
            h[..., rows, columns] = estimate(self.distance, piece, probes) * share
        size = 2 * round(3 * sigma) + 1
        if size // 2 >= min(x.shape[2:]):
            return h
        return blur(h, gaussian(size, sigma, x), "reflect")


def tiles(height: int, width: int, side: int) -> Iterator[tuple[slice, slice]]:
    """A picture in pieces of about the same size, none with a side much longer than `side`.

    >>> [(rows.stop - rows.start, columns.stop) for rows, columns in tiles(100, 30, 50)]
    [(50, 30), (50, 30)]
    """
    for rows in _cuts(height, side):
        for columns in _cuts(width, side):
            yield rows, columns


def _cuts(length: int, side: int) -> Iterator[slice]:
    count = max(round(length / side), 1)
    for index in range(count):
        yield slice(index * length // count, (index + 1) * length // count)
