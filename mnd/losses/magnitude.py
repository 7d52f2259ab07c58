"""Magnitude: how large the change is, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .images import Distance, check_images, check_like, luma
from .jnd import jnd_weight


class Magnitude(Distance):
    """`magnitude` with its settings; `masked` weights pixels by how well a change is seen (`jnd_weight`).

    >>> import torch
    >>> x = torch.zeros(1, 3, 4, 4)
    >>> Magnitude()(x, x + 0.5)
    tensor([0.2500])
    """

    def __init__(self, p: float = 2.0, luma: float = 1.0, chroma: float = 1.0, masked: bool = False) -> None:
        super().__init__()
        if not 1 <= p < float("inf"):
            raise ValueError(f"p is {p!r}, expected a finite number >= 1")
        if not (luma >= 0 and chroma >= 0 and luma + chroma > 0):
            raise ValueError(f"luma, chroma are {luma!r}, {chroma!r}, expected numbers >= 0, not both 0")
        self.p, self.luma, self.chroma, self.masked = p, luma, chroma, masked

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        check_images(x)
        return self._at(x, jnd_weight(x) if self.masked else None)

    def _at(self, x: Tensor, weight: Tensor | None) -> Callable[[Tensor], Tensor]:
        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            d = self._coloured(y - x)
            d = d if weight is None else weight * d
            return (d.square() if self.p == 2 else d.abs().pow(self.p)).mean((1, 2, 3))

        return distance

    @torch.no_grad()
    def curvature(self, x: Tensor) -> Tensor:
        """`(B, 3, H, W)`: the second derivative of the distance by each value of y, at `y = x`, for p = 2.

        Raises:
            ValueError: p is not 2, for then it is zero or has no bound.
        """
        if self.p != 2:
            raise ValueError(f"p is {self.p}, expected 2: another norm has no curvature at zero")
        check_images(x)
        mixing = self._coloured(torch.eye(3, dtype=x.dtype, device=x.device)[:, :, None, None])
        second = 2 * mixing.square().sum(1).view(1, 3, 1, 1) / x[0].numel()
        weight = jnd_weight(x).square() if self.masked else torch.ones_like(x[:, :1])
        return second * weight

    def _coloured(self, d: Tensor) -> Tensor:
        if self.luma == self.chroma:
            return d if self.luma == 1 else self.luma * d
        return self.chroma * d + (self.luma - self.chroma) * luma(d)


def magnitude(
    x: Tensor,
    y: Tensor,
    p: float = 2.0,
    weight: Tensor | None = None,
    luma: float = 1.0,
    chroma: float = 1.0,
) -> Tensor:
    """The mean p-th power of the weighted change, `mean |w (a l + b (d - l))|^p`, l the luma of `d = y - x`.

    The change is split into its luma, the same in all three channels, and the rest, which has no luma; a and
    b of 1 give the plain mean of `|w d|^p`. The eye sees changes of luma best; a = 3, b = 1 move energy to
    the chroma.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture.
        y: the same of the changed picture.
        p: power >= 1; 2 is quadratic near zero.
        weight: w >= 0 of every pixel, broadcastable to `(B, 3, H, W)`, such as `jnd_weight(x)`.
        luma: a >= 0.
        chroma: b >= 0.

    Returns:
        `(B,)`, >= 0, 0 for equal pictures.

    Raises:
        ValueError: the pictures or the weight do not fit the description, or a setting is out of its range.

    >>> import torch
    >>> x = torch.zeros(1, 3, 4, 4)
    >>> magnitude(x, x + 0.5, luma=3.0)
    tensor([2.2500])
    """
    measure = Magnitude(p, luma, chroma)
    if weight is None:
        return measure.forward(x, y)
    fits = weight.ndim == 4 and all(a in (1, b) for a, b in zip(weight.shape, x.shape, strict=True))
    if not fits or not bool((weight >= 0).all()):
        raise ValueError(
            f"the weight has shape {tuple(weight.shape)}, expected >= 0 and to fit {tuple(x.shape)}"
        )
    check_images(x)
    check_images(y, "y")
    return measure._at(x, weight)(y)
