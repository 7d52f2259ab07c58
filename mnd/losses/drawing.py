"""Drawing: edges that are new, broken or turned round, where a picture has contours that people know."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from .gradient import C, sobel
from .images import LUMA, Distance, blur, check_images, check_like, correlate, gaussian, luma

TEXTURE = 1.5
"""Within about so many pixels edges of all directions are texture, of one alone a contour."""


class Drawing(Distance):
    """`drawing` with its settings.

    >>> x = torch.rand(1, 3, 16, 16)
    >>> Drawing()(x, x)
    tensor([0.])
    """

    def __init__(self, where: Tensor | None = None) -> None:
        super().__init__()
        if where is not None and (where.ndim != 4 or where.shape[:2] != (1, 1) or bool((where < 0).any())):
            raise ValueError(f"where is {tuple(where.shape)}, expected weights >= 0 of shape (1, 1, H, W)")
        self.where = where

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        check_images(x)
        kernels = sobel(x)
        clean = correlate(luma(x), kernels)[:, :, 0]
        weight = self._weight(x)[:, 0]
        steep = clean.square().sum(1) + C / 4

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            # e = grad (y - x):  |e|^2 / (2 t^2 + c)
            change = correlate(luma(y - x), kernels)[:, :, 0]
            drawn = weight * change.square().sum(1)
            # max(0, -a . b)^2 / (|a|^2 + c)^2 with a = grad x, b = a + e: an edge that is turned round
            turned = (-(clean * (clean + change)).sum(1)).clamp_min(0) / steep
            return (drawn + self._at(turned.square())).mean((1, 2))

        return distance

    def _at(self, values: Tensor) -> Tensor:
        return values if self.where is None else values * self.where[:, 0]

    def _weight(self, x: Tensor) -> Tensor:
        """`m / (2 t^2 + c)`, `(B, 1, H, W)`."""
        weight = 1 / (2 * texture(x).square() + C / 4)
        return weight if self.where is None else weight * self.where

    @torch.no_grad()
    def curvature(self, x: Tensor) -> Tensor:
        """`(B, 3, H, W)`: the second derivative of the distance by each value of y, at `y = x`.

        A small change turns no edge round: what is left is `w |grad delta|^2`. At the border it is near only
        (the picture is taken to end in zeros).
        """
        check_images(x)
        squares = sobel(x).square().sum(0)[None, None]
        weight = self._weight(x)
        second = 2 * F.conv_transpose2d(weight, squares, padding=1) / weight[0].numel()
        return second * x.new_tensor(LUMA).square().view(1, 3, 1, 1)


def drawing(x: Tensor, y: Tensor, where: Tensor | None = None) -> Tensor:
    """What a change draws, the mean over the pixels of

        m ( |b - a|^2 / (2 t^2 + c)  +  max(0, -a . b)^2 / (|a|^2 + c)^2 )

    with the slopes `a = grad x` and `b = grad y` of the luma. The first part is a new edge, or one that is
    broken, weaker or stronger; texture t (`mnd.losses.texture`) hides it, a contour does not: a lid or a lip
    is an edge that people look at. The second is an edge whose sign is turned round, relative to itself: a
    light line where a dark one was.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture.
        y: the same of the changed picture.
        where: m >= 0, `(1, 1, H, W)`: how much it counts; 1 by default. A brow, an eye, a mouth count.

    Returns:
        `(B,)`, >= 0, 0 for equal pictures and where only the brightness moves. Sobel's slopes; c is the
        constant of GMSD (Xue, Zhang, Mou and Bovik 2014, arXiv 1308.3052); the term is ours.

    Raises:
        ValueError: the pictures do not fit the description, or a weight is negative.

    >>> x = torch.zeros(1, 3, 8, 8)
    >>> drawing(x, x + 0.5)
    tensor([0.])
    """
    return Drawing(where).forward(x, y)


def texture(x: Tensor) -> Tensor:
    """How steep the luma l is around every pixel in whichever direction, `sqrt(lambda_2)`, with

        J = blur(grad l grad l^T)        lambda_1 >= lambda_2 >= 0 its eigenvalues

    The structure tensor tells texture from a contour: along a straight edge the luma does not change,
    `lambda_2 = 0` however steep the edge is; hair, cloth and noise are steep in every direction.

    Args:
        x: `(B, 3, H, W)` in [0, 1].

    Returns:
        `(B, 1, H, W)`, >= 0, a pixel. Sobel's slopes, a Gaussian of 1.5 pixels. Foerstner and Guelch 1987.

    Raises:
        ValueError: the picture does not fit the description.

    >>> edge = torch.zeros(1, 3, 16, 16)
    >>> edge[..., 8:] = 1
    >>> texture(edge).max().item()
    0.0
    """
    check_images(x)
    across, down = correlate(luma(x), sobel(x)).unbind(1)
    products = torch.cat([across.square(), down.square(), across * down], 1)
    size = min(2 * round(3 * TEXTURE) + 1, 2 * min(x.shape[2:]) - 1)
    xx, yy, xy = blur(products, gaussian(size, TEXTURE, x), "reflect").chunk(3, 1)
    # lambda_2 = (trace - sqrt(trace^2 - 4 det)) / 2
    smaller: Tensor = (xx + yy - ((xx - yy).square() + 4 * xy.square()).sqrt()) / 2
    return smaller.clamp_min(0).sqrt()
