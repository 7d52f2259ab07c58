"""The distance of the paper: magnitude, structure, gradient and a learned term, weighted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from .curvature import curvature_of
from .drawing import Drawing
from .gradient import Gradient
from .images import Distance, check_images, check_pair
from .magnitude import Magnitude
from .structure import SSIM


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each term of the composite counts.

    The weights of the paper are not known to us; the choice is ours, by measurement: `docs/lab/search.md` has
    the figures of others. With the defaults white noise of one grey level (standard deviation 1/255, clipped)
    on the astronaut of scikit-image, a photo with flat and textured parts, costs .9 by its magnitude, 5.5 by
    the structure and .3 by the gradient.

    Raises:
        ValueError: a weight is negative or not finite, or all are 0.

    >>> Weights(beta=0.0).beta
    0.0
    """

    alpha: float = 255.0**2
    """Of the magnitude, which is then the mean square in grey levels."""
    beta: float = 600.0
    """Of the structure, 1 - SSIM with a window at every pixel."""
    gamma: float = 250.0
    """Of the gradient, of the luma."""
    rho: float = 0.0
    """Of the learned term; needs one."""
    delta: float = 0.0
    """Of the drawing, which the paper does not have."""

    def __post_init__(self) -> None:
        values = astuple(self)
        if not all(0 <= value < float("inf") for value in values) or not any(values):
            raise ValueError(f"weights are {values!r}, expected finite numbers >= 0, not all 0")


class Composite(Distance):
    """The distance of the paper with its weights and terms; any term can be replaced by another distance.

        D(x, y) = alpha magnitude(x, y) + beta structure(x, y) + gamma gradient(x, y) + rho learned(x, y)
                  + delta drawing(x, y)

    Args:
        weights: alpha, beta, gamma, rho, delta.
        magnitude: default `Magnitude()`.
        structure: default `SSIM(border="reflect")`, which leaves no cheap place at the edge.
        gradient: default `Gradient()`.
        drawing: default `Drawing()`, which counts everywhere.
        learned: a `Distance`, or any function of `(x, y)` that gives `(B,)`; exactly when `rho > 0`.
        spread: c of the geometry in which a search moves (see `mnd.optimizer.geometry`): 0 concentrates the
            change where it pays most, more spreads it, which the eye likes better than the mean square error.
        flat: its other power: how much more the same change counts where the distance is steep.

    Raises:
        ValueError: `rho` and `learned` contradict each other, or `spread` or `flat` is negative.

    >>> import torch
    >>> x = torch.rand(1, 3, 16, 16)
    >>> Composite()(x, x)
    tensor([0.])
    """

    def __init__(
        self,
        weights: Weights | None = None,
        *,
        magnitude: Distance | None = None,
        structure: Distance | None = None,
        gradient: Distance | None = None,
        drawing: Distance | None = None,
        learned: Callable[[Tensor, Tensor], Tensor] | None = None,
        spread: float = 1.0,
        flat: float = 2.0,
    ) -> None:
        super().__init__()
        for name, value in (("spread", spread), ("flat", flat)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value}, expected a finite number >= 0")
        self.spread, self.flat = spread, flat
        self.weights = weights or Weights()
        if (learned is None) != (self.weights.rho == 0):
            got = "no learned term" if learned is None else "a learned term"
            raise ValueError(f"got {got} with rho = {self.weights.rho}, expected a term exactly when rho > 0")
        self.magnitude = magnitude or Magnitude()
        self.structure = structure or SSIM(border="reflect")
        self.gradient = gradient or Gradient()
        self.drawing = drawing or Drawing()
        self.learned = learned

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        parts = self._parts(x)

        def distance(y: Tensor) -> Tensor:
            total = y.new_zeros(y.shape[0])
            for weight, part in parts.values():
                total = total + weight * part(y)
            return total

        return distance

    @torch.no_grad()
    def curvature(self, x: Tensor) -> Tensor:
        """`(B, 3, H, W)`: the second derivative of the distance by each value of y, at `y = x`."""
        check_images(x)
        total = torch.zeros_like(x)
        for weight, term in self._weighted().values():
            total += weight * curvature_of(term, x)
        return total

    def terms(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Every weighted term that counts, by name, each `(B,)`; their sum is the distance."""
        check_pair(x, y)
        return {name: weight * part(y) for name, (weight, part) in self._parts(x).items()}

    def _parts(self, x: Tensor) -> dict[str, tuple[float, Callable[[Tensor], Tensor]]]:
        check_images(x)
        return {name: (weight, _at(term, x)) for name, (weight, term) in self._weighted().items()}

    def _weighted(self) -> dict[str, tuple[float, Callable[[Tensor, Tensor], Tensor]]]:
        """`alpha magnitude + beta structure + gamma gradient + rho learned + delta drawing`: what counts."""
        weights = self.weights
        every = {
            "magnitude": (weights.alpha, self.magnitude),
            "structure": (weights.beta, self.structure),
            "gradient": (weights.gamma, self.gradient),
            "learned": (weights.rho, self.learned),
            "drawing": (weights.delta, self.drawing),
        }
        return {
            name: (weight, term) for name, (weight, term) in every.items() if term is not None and weight > 0
        }


def _at(term: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Callable[[Tensor], Tensor]:
    return term.at(x) if isinstance(term, Distance) else lambda y: term(x, y)


def composite(
    x: Tensor,
    y: Tensor,
    weights: Weights | None = None,
    learned: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """The distance of the paper, `D = alpha magnitude + beta structure + gamma gradient + rho learned`.

    Args:
        x: `(B, 3, H, W)` in [0, 1], the clean picture, at least 11x11.
        y: the same of the changed picture.
        weights: the four weights, by default of `Weights`.
        learned: a distance between two pictures, exactly when `rho > 0`.

    Returns:
        `(B,)`, >= 0, 0 for equal pictures and quadratic near them. Sun, Jin and Lin 2022, arXiv 2206.08638.

    Raises:
        ValueError: the pictures do not fit the description, or `rho` and `learned` contradict each other.

    >>> import torch
    >>> x = torch.full((1, 3, 16, 16), 0.5)
    >>> composite(x, x + 1 / 255, Weights(beta=0.0, gamma=0.0))
    tensor([1.0000])
    """
    return Composite(weights, learned=learned).forward(x, y)
