"""What holds for a change whatever targets ask for: what it begins with, caps, mean colours of regions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Part:
    """Values `(h, w)` for the pixels of a rectangle of a picture."""

    rows: slice
    columns: slice
    values: Tensor

    def of(self, pictures: Tensor) -> Tensor:
        """The rectangle of `(..., H, W)`; a view."""
        return pictures[..., self.rows, self.columns]

    def sample(self, every: int) -> Part:
        """The values at every so many pixels of the picture in each direction, for pictures sampled alike."""
        (top, down), (left, across) = (_sampled(s, every) for s in (self.rows, self.columns))
        return Part(down, across, self.values[top::every, left::every].contiguous())


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for the change `d = y - x` of every channel, whatever its targets ask for:

        |d_p| <= c_p                    for each pixel p of a cap c
        sum_p a_p d_p = 0               for each region a: its mean colour stays

    Means are the one part of D that no diagonal model has: all pixels of a small region cost together. In
    the metric of the search, `sum_p (d_p / v_p)^2`, the nearest change that keeps a mean is

        d - v^2 a (a . d) / (a . v^2 a)

    and the same of the dual `z = d / v` is a projection: what of a pull moves a mean is no pull.

    >>> flat = torch.ones(8, 8)
    >>> limits = Limits(means=(Part(slice(0, 8), slice(0, 8), flat),))
    >>> limits.keep(torch.full((1, 3, 8, 8), 0.1), torch.ones(1, 3, 8, 8)).abs().max().item() < 1e-6
    True
    """

    caps: tuple[Part, ...] = ()
    """The largest change of a value, in the picture's unit; infinite where there is no limit."""
    means: tuple[Part, ...] = ()
    """Weights of the pixels of each region, >= 0; regions do not overlap."""
    begun: Tensor | None = None
    """`(B, 3, H, W)`: a change that is there already, and that a search only adds to; none by default."""

    def sample(self, every: int) -> Limits:
        """Those of pictures of which only every so many pixels are looked at."""
        if every == 1:
            return self
        caps, means = ([part.sample(every) for part in parts] for parts in (self.caps, self.means))
        begun = None if self.begun is None else self.begun[..., ::every, ::every]
        return Limits(tuple(caps), tuple(means), begun)

    def with_begun(self, change: Tensor) -> Tensor:
        """A change and what was there before it; takes the memory of `change`."""
        return change if self.begun is None else change.add_(self.begun)

    def pull(self, z: Tensor, v: Tensor) -> Tensor:
        """The part of dual variables `(..., B, 3, H, W)` that moves no mean; `v` `(B, 3, H, W)`."""
        if not self.means:
            return z
        z = z.clone()
        for part, weights in self._held(v):
            part.of(z).sub_(weights * _share((weights * part.of(z)), weights.square()))
        return z

    def keep(self, change: Tensor, v: Tensor) -> Tensor:
        """What was begun and a change `(B, 3, H, W)`, within the caps, and its means kept; takes the memory
        of `change`."""
        change = self.with_begun(change)
        for cap in self.caps:
            part = cap.of(change)
            part.copy_(part.maximum(-cap.values).minimum(cap.values))
        for held, weights in self._held(v):
            part, far = held.of(change), weights * held.of(v)
            part.sub_(far * _share(held.values * part, weights.square()))
        return change

    def _held(self, v: Tensor) -> Iterator[tuple[Part, Tensor]]:
        """Each region, and `v a`."""
        return ((part, part.of(v) * part.values) for part in self.means)


def _sampled(pixels: slice, every: int) -> tuple[int, slice]:
    """The first of the pixels that is sampled, counted in them, and where they are in the sample."""
    first = -(-pixels.start // every)
    return first * every - pixels.start, slice(first, max(first, -(-pixels.stop // every)))


def _share(above: Tensor, below: Tensor) -> Tensor:
    """The ratio of two sums over the pixels; 0 where nothing may change."""
    total = below.sum((-2, -1), keepdim=True)
    ratio = above.sum((-2, -1), keepdim=True) / total
    return torch.where(total > 0, ratio, 0.0)
