"""Colour: how far the mean colours of irises, lips and skin move, and how far two irises come apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .ciede2000 import lab, squared
from .images import Distance, check_images, check_like

Pair = tuple[int, int]
"""Two regions that belong together, as two irises do, by their places among the masks."""


class Colour(Distance):
    """`colour` with its settings.

    >>> x = torch.rand(1, 3, 16, 16)
    >>> Colour(torch.ones(1, 1, 16, 16))(x, x)
    tensor([0.])
    """

    def __init__(self, masks: Tensor, pairs: Sequence[Pair] = ()) -> None:
        super().__init__()
        if masks.ndim != 4 or not masks.shape[1] or not bool((masks >= 0).all()):
            raise ValueError(f"masks are {tuple(masks.shape)}, expected weights >= 0 of shape (B, R, H, W)")
        if any(not 0 <= region < masks.shape[1] for pair in pairs for region in pair):
            raise ValueError(f"pairs are {pairs!r}, expected pairs of numbers from 0 to {masks.shape[1] - 1}")
        self.masks, self.pairs = masks, tuple(pairs)

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        check_images(x)
        if self.masks.shape[0] not in (1, len(x)) or self.masks.shape[2:] != x.shape[2:]:
            shape = f"({len(x)} or 1, R, {x.shape[2]}, {x.shape[3]}), as x is"
            raise ValueError(f"masks are {tuple(self.masks.shape)}, expected {shape}")
        masks = self.masks.to(x)
        sizes = masks.sum((2, 3), keepdim=True)
        weights = masks / torch.where(sizes > 0, sizes, 1.0)
        coloured = (x != x[:, :1]).flatten(1).any(1)
        there = (sizes[:, :, 0, 0] > 0) & coloured[:, None]
        clean = _means(x, weights)

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            after = _means(y, weights)
            total = _mean(squared(clean, after)[..., 0], there)
            if self.pairs:
                one, other = (torch.tensor(side, device=x.device) for side in zip(*self.pairs, strict=True))
                both = there[:, one] & there[:, other]
                moved = after - clean
                # the colour that each would have if it had moved as the other did, and the one that it has
                for this, that in ((one, other), (other, one)):
                    apart = squared(clean[:, :, this] + moved[:, :, that], after[:, :, this])[..., 0]
                    total = total + _mean(apart, both) / 2
            return total

        return distance


def colour(x: Tensor, y: Tensor, masks: Tensor, pairs: Sequence[Pair] = ()) -> Tensor:
    """How far the colours of regions move, and how far regions that belong together come apart:

        mean_r dE(m_r, n_r)^2  +  mean_(l, r) (dE(m_l + n_r - m_r, n_l)^2 + dE(m_r + n_l - m_l, n_r)^2) / 2

    with dE the CIEDE2000 of two colours, m_r and n_r the mean CIELAB colours of region r before and after. A
    mean is what an iris looks like from afar; grain that leaves it alone costs nothing here.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture.
        y: the same of the changed picture.
        masks: `(B, R, H, W)`, or `(1, R, H, W)` for all: how much of each pixel belongs to each region, >= 0.
            A region without pixels does not count.
        pairs: which regions belong together, by their places in `masks`; none by default.

    Returns:
        `(B,)`, >= 0, in squares of CIEDE2000: 1 is just noticeable. 0 for equal pictures, quadratic near
        them, and 0 for a grey picture x, which has no colours. CIEDE2000: Sharma, Wu and Dalal 2005; the term
        is ours.

    Raises:
        ValueError: the pictures or masks do not fit the description, or a pair names no region.

    >>> x = torch.tensor([0.4, 0.3, 0.2]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    >>> colour(x, x.flip(1), torch.ones(1, 1, 8, 8)).sqrt().round()
    tensor([27.])
    """
    return Colour(masks, pairs).forward(x, y)


def _means(pictures: Tensor, weights: Tensor) -> Tensor:
    """The mean colours `(B, 3, R, 1)` of regions, in CIELAB, by weights `(B, R, H, W)` with a sum of 1."""
    means = torch.einsum("bchw,brhw->bcr", lab(pictures), weights.expand(len(pictures), -1, -1, -1))
    return means.unsqueeze(3)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    """The mean of those values of each row that count; 0 where none does."""
    return (values * counted).sum(1) / counted.sum(1).clamp_min(1)
