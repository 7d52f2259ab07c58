"""R-LPIPS, version 2: differences on a pyramid, masked by the clean picture, with bounds in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..base.weights import read_state
from .images import Distance, blur, check_choice, check_images, check_like
from .lpips import PACKAGED

FILE = PACKAGED / "rlpips-2.safetensors"
UNIT = 8 / 255
"""Differences are counted in units of 8 grey levels: a power makes smaller ones less and larger ones more."""
LEVELS, CHANNELS, POWERS = 4, 5, (2, 3, 4, 6)
"""Halvings and the full size; Y, Cb, Cr and both slopes of Y; what differences are raised to."""
GUIDES, HIDDEN, SPAN = 8, 8, 1.0
"""What the masking sees of the clean picture, its hidden units, and the largest logarithm of a weight."""
LEAST = 16
"""The smallest side: two pixels are left at the top."""
PLANES = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""Y, Cb and Cr of R, G and B: no row has a sum of magnitudes above 1."""
FINE, WIDE = 3, 7
"""Windows of the contrast that masks."""
FAINT = 2 / 255
"""Contrast below it masks nothing."""
UNTRAINED = "untrained"
"""In the place of a file: random masks, for a training to begin with."""
Norm = Literal["linf", "l2"]


class RLPIPS2(Distance):
    """A robust perceptual distance without a trunk: `rlpips(x, y, version="2")`.

    With `t_k = |h_k * (y - x)| / 8 levels`, where `h_k *` is Y, Cb, Cr and both slopes of Y at four sizes,
    none of which a change of e levels changes by more than e:

        d(x, y) = b mean t_rgb^2 + sum_kp a_kp mean (w_k(x) t_k)^p        p in {2, 3, 4, 6}

    b, a >= 0; the weights w, from 1/e to e, come from the brightness, colour and contrast of x alone, the
    **clean** picture. So d is convex in y, an attack on y meets no mask, and how far one may come is known
    (`bounds`). It is not symmetric. All was trained while the triplets were attacked
    (`scripts/train_pyramid.py`).

    Args:
        weights: a file of that script, or `UNTRAINED`; by default the packaged ones.
        version: what a report calls them.

    Raises:
        ValueError: the file holds other weights; the message says which.
        FileNotFoundError: there is no such file.

    >>> RLPIPS2().label
    'R-LPIPS (pyramid, version 2)'
    """

    title, least = "R-LPIPS", LEAST

    def __init__(self, weights: Path | str | None = None, version: str | None = None) -> None:
        super().__init__()
        self.version = version or ("2" if weights is None else "custom")
        self.register_buffer("base", torch.tensor(1.0))
        self.register_buffer("powers", torch.full((LEVELS, CHANNELS, len(POWERS)), 0.01))
        self.base: Tensor
        self.powers: Tensor
        self.masks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(GUIDES, HIDDEN, 1), nn.Tanh(), nn.Conv2d(HIDDEN, CHANNELS, 1))
            for _ in range(LEVELS)
        )
        self.register_buffer("planes", torch.tensor(PLANES).view(3, 3, 1, 1), persistent=False)
        self.planes: Tensor
        if weights != UNTRAINED:
            _fill(self, FILE if weights is None else Path(weights))
        self.requires_grad_(False)

    @property
    def label(self) -> str:
        """How a report calls this metric: its name and version."""
        return f"{self.title} (pyramid, version {self.version})"

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        apart, weights = self._apart(x)

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            return self.total(apart(y), weights)

        return distance

    @torch.no_grad()
    def bounds(self, x: Tensor, y: Tensor, eps: float, norm: Norm = "linf") -> tuple[Tensor, Tensor]:
        """Between what `d(x, y + e)` lies for **every** e with `|e| <= eps` in the norm: `(B,)`, `(B,)`.

        `linf`: no t_k can change by more than eps, whatever the others do. `l2`: by Minkowski's inequality,
        with the norms of the filters, `(mean (w t)^p)^(1/p)` by no more than `eps max w |h| / N^(1/p)`.

        Raises:
            ValueError: the pictures do not fit, eps is negative, or there is no such norm.

        >>> low, high = RLPIPS2().bounds(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 32), 0.01)
        >>> low.item(), high.item() > 0
        (0.0, True)
        """
        check_choice("norm", norm, ("linf", "l2"))
        if not eps >= 0:
            raise ValueError(f"eps is {eps}, expected at least 0")
        apart, weights = self._apart(x)
        check_like(x, y)
        check_images(y, "y", LEAST)
        differences = apart(y)
        if norm == "l2":
            return self._total_l2(differences, weights, -eps), self._total_l2(differences, weights, eps)
        lower, upper = ([(t + e / UNIT).clamp_min(0) for t in differences] for e in (-eps, eps))
        return self.total(lower, weights), self.total(upper, weights)

    def features(self, x: Tensor) -> list[Tensor]:
        """The picture, then Y, Cb, Cr and the slopes of Y at each size; linear, none with a gain above 1."""
        taps, plane = [x], F.conv2d(x, self.planes)
        for level in range(LEVELS):
            edged = F.pad(plane[:, :1], (1, 1, 1, 1), mode="replicate")
            across = (edged[:, :, 1:-1, 2:] - edged[:, :, 1:-1, :-2]) / 2
            down = (edged[:, :, 2:, 1:-1] - edged[:, :, :-2, 1:-1]) / 2
            taps.append(torch.cat([plane, across, down], 1))
            plane = F.avg_pool2d(plane, 2) if level + 1 < LEVELS else plane
        return taps

    def guides(self, x: Tensor) -> list[Tensor]:
        """What masks at each size: brightness, colour, and the contrast in small and wide windows."""
        found, plane = [], F.conv2d(x, self.planes)
        for level in range(LEVELS):
            luma, chroma = plane[:, :1], plane[:, 1:]
            vivid = torch.linalg.vector_norm(chroma, dim=1, keepdim=True)
            contrasts = [_contrast(luma, FINE), _contrast(plane, WIDE)]
            found.append(torch.cat([2 * luma - 1, 4 * chroma, 4 * vivid, *contrasts], 1))
            plane = F.avg_pool2d(plane, 2) if level + 1 < LEVELS else plane
        return found

    def weights(self, guides: Sequence[Tensor]) -> list[Tensor]:
        """`w` at each size, from 1/e to e."""
        return [torch.exp(SPAN * torch.tanh(net(g))) for net, g in zip(self.masks, guides, strict=True)]

    def total(self, differences: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The distance of absolute differences in units: `(B,)`."""
        total = self.base * differences[0].square().mean((1, 2, 3))
        for a, t, w in zip(self.powers, differences[1:], weights, strict=True):
            v = w * t
            square = v * v
            fourth = square * square
            for index, term in enumerate((square, square * v, fourth, fourth * square)):
                total = total + term.mean((2, 3)) @ a[:, index]
        return total

    def _total_l2(self, differences: Sequence[Tensor], weights: Sequence[Tensor], eps: float) -> Tensor:
        """The same when every root mean power is changed by as much as a change of length `eps` can."""
        count = differences[0][0].numel()
        root = differences[0].square().mean((1, 2, 3)).sqrt()
        total: Tensor = self.base * (root + eps / UNIT / count**0.5).clamp_min(0).square()
        row = torch.linalg.vector_norm(self.planes.flatten(1), dim=1)
        gains = torch.cat([row, row[:1], row[:1]])
        for level, (a, t, w) in enumerate(zip(self.powers, differences[1:], weights, strict=True)):
            # a mean of four pixels is at most half as long as they are
            step = w.amax((2, 3)) * gains * (0.5**level * eps / UNIT)
            for index, p in enumerate(POWERS):
                root = (w * t).pow(p).mean((2, 3)) ** (1 / p)
                total = total + (root + step / t[0, 0].numel() ** (1 / p)).clamp_min(0).pow(p) @ a[:, index]
        return total

    def _apart(self, x: Tensor) -> tuple[Callable[[Tensor], list[Tensor]], list[Tensor]]:
        check_images(x, "x", LEAST)
        if x.dtype != self.planes.dtype or x.device != self.planes.device:
            got, expected = (f"{t.dtype} on {t.device}" for t in (x, self.planes))
            raise ValueError(f"x is {got}, expected {expected}, as the metric is: move one of them")
        clean = self.features(x)
        weights = self.weights(self.guides(x))

        def apart(y: Tensor) -> list[Tensor]:
            return [(a - b).abs() / UNIT for a, b in zip(self.features(y), clean, strict=True)]

        return apart, weights


def _contrast(plane: Tensor, window: int) -> Tensor:
    """The logarithm of the deviation in a window, in half of its own units around 7 grey levels."""
    kernel = torch.full((1, window), 1 / window, dtype=plane.dtype, device=plane.device)
    half = window // 2
    edged = F.pad(plane, (half, half, half, half), mode="replicate")
    mean, square = blur(edged, kernel), blur(edged * edged, kernel)
    variance = (square - mean * mean).clamp_min(0) + FAINT**2
    return (variance.log() / 2 + torch.log(torch.tensor(255.0)).item()) / 2 - 1


def _fill(metric: RLPIPS2, path: Path) -> None:
    """Read the weights, and refuse any others."""
    state, want = read_state(path), metric.state_dict()
    if "lin0.model.1.weight" in state:
        raise ValueError(
            f"{path}: linear weights for a trunk, R-LPIPS version 1 or LPIPS, expected those of version 2:"
            " RLPIPS(TRUNK, weights=...) reads them"
        )
    if state.keys() != want.keys():
        missing, unknown = sorted(want.keys() - state.keys())[:2], sorted(state.keys() - want.keys())[:2]
        raise ValueError(f"{path}: no R-LPIPS of version 2: tensors missing {missing}, unknown {unknown}")
    for name, tensor in state.items():
        if tensor.shape != want[name].shape:
            got, expected = tuple(tensor.shape), tuple(want[name].shape)
            raise ValueError(f"{path}: {name} has shape {got}, expected {expected}")
        if not tensor.isfinite().all() or (name in ("base", "powers") and (tensor < 0).any()):
            kind = "finite numbers >= 0" if name in ("base", "powers") else "finite numbers"
            raise ValueError(f"{path}: {name} has values {tensor.min():g}..{tensor.max():g}, expected {kind}")
    metric.load_state_dict({name: tensor.float() for name, tensor in state.items()})
