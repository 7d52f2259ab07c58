"""LPIPS: the difference of two pictures in the features of a trained network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from ..base.weights import packaged
from .images import Distance, check_images, check_like
from .linear import check_linear, read_checkpoint
from .trunks import Trunk, load_trunk

EPS = 1e-10
"""Keeps a feature vector of length zero from being divided by it."""
PACKAGED = Path(__file__).parent / "weights"
"""This package's own linear weights, for the trunk that needs no download."""


class LPIPS(Distance):
    """`lpips` with its trunk and its weights.

    Args:
        trunk: a name of `mnd.losses.trunks.NAMES`, or a `Trunk`.
        weights: of the taps: a file in the names of LPIPS (`.pth`, `.npz`, `.safetensors`), or a tensor
            `(C,)` for each; by default those that were published for the trunk, and for
            `efficientnet-lite0` this package's own.
        version: what a report calls these weights.

    Raises:
        ValueError: there is no such trunk, or the weights do not fit it.
        FileNotFoundError: weights are not on this machine; the message says how to get them.

    >>> LPIPS().label
    'LPIPS (efficientnet-lite0, version 1)'
    """

    title = "LPIPS"

    def __init__(
        self,
        trunk: str | Trunk = "efficientnet-lite0",
        weights: Path | str | Sequence[Tensor] | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__()
        self.trunk = load_trunk(trunk) if isinstance(trunk, str) else trunk
        if weights is None:
            weights, published = self.published(self.trunk.name)
            version = version or published
        self.version = version or "custom"
        if isinstance(weights, (str, Path)):
            linear, tuned = read_checkpoint(weights, self.trunk)
            if tuned:
                self.trunk.load_state_dict(tuned)
        else:
            linear = check_linear(weights, self.trunk)
        self.linear = nn.ParameterList([nn.Parameter(w, requires_grad=False) for w in linear])

    @classmethod
    def published(cls, trunk: str) -> tuple[Path, str]:
        """The file of the published linear weights for a trunk, and their version.

        Raises:
            FileNotFoundError: there are none on this machine.
        """
        if (own := PACKAGED / f"lpips-{trunk}.safetensors").is_file():
            return own, "1"
        if path := packaged("lpips", f"weights/v0.1/{trunk}.pth"):
            return path, "0.1"
        raise FileNotFoundError(
            f"there are no packaged linear weights for the trunk {trunk!r}: give a file as weights="
        )

    @property
    def label(self) -> str:
        """How a report calls this metric: its name, trunk and version."""
        return f"{self.title} ({self.trunk.name}, version {self.version})"

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        self._check(x)
        clean = [unit(tap) for tap in self.trunk(x)]

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            total = y.new_zeros(y.shape[0])
            for w, a, b in zip(self.linear, clean, self.trunk(y), strict=True):
                total = total + (a - unit(b)).square().mean((2, 3)) @ w
            return total

        return distance

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        near = self.at(x)
        self._check(y, "y")
        return near(y)

    def _check(self, x: Tensor, name: str = "x") -> None:
        low, high = (float(v) for v in torch.aminmax(x.detach())) if x.numel() else (0.0, 0.0)
        if x.is_floating_point() and -1.01 <= low < -0.01 and high <= 1.01:
            raise ValueError(
                f"{name} has values {low:g}..{high:g}, expected [0, 1]: other implementations of LPIPS take"
                " [-1, 1]; this one converts by itself"
            )
        check_images(x, name, self.trunk.least)
        if x.dtype != (own := self.trunk.mean).dtype or x.device != own.device:
            got, expected = f"{x.dtype} on {x.device}", f"{own.dtype} on {own.device}"
            raise ValueError(f"{name} is {got}, expected {expected}, as the metric is: move one of them")


def unit(tap: Tensor) -> Tensor:
    """Every pixel's feature vector at length 1."""
    length: Tensor = torch.linalg.vector_norm(tap, dim=1, keepdim=True)
    return tap / (length + EPS)


@lru_cache(maxsize=8)
def _metric(trunk: str, dtype: torch.dtype, device: torch.device) -> LPIPS:
    return LPIPS(trunk).to(device, dtype)


def lpips(x: Tensor, y: Tensor, trunk: str = "efficientnet-lite0") -> Tensor:
    """The learned perceptual distance of two pictures, smaller is nearer.

    `d = sum_l mean_hw sum_c w_lc (f_lc(x) - f_lc(y))^2`, f the taps of the trunk, at length 1 over the
    channels. Zhang, Isola, Efros, Shechtman and Wang 2018, arXiv 1801.03924.

    Args:
        x: `(B, 3, H, W)` in **[0, 1]**: other implementations take [-1, 1], this one converts by itself.
        y: the same.
        trunk: `alex`, `vgg`, `squeeze` (torchvision's weights, and the linear ones of the package `lpips`,
            version 0.1) or `efficientnet-lite0` (offline; taps and linear weights are this project's).

    Returns:
        `(B,)`, >= 0, exactly 0 for equal pictures.

    Raises:
        ValueError: the pictures do not fit the description, or are smaller than the trunk allows.
        FileNotFoundError: weights are not on this machine; the message says how to get them.

    >>> x = torch.rand(1, 3, 64, 64)
    >>> lpips(x, x).item()
    0.0
    """
    distance: Tensor = _metric(trunk, x.dtype, x.device)(x, y)
    return distance
