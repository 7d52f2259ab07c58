"""Problems whose smallest change is known, and a real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from mnd.attacks import Problem

SIDE = 16


@dataclass(frozen=True)
class Known:
    """A problem with linear margins and the L2 norm of the smallest change that solves it."""

    problem: Problem
    norm: float
    weight: Tensor


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _clean(grey: bool = False) -> Tensor:
    """Noise well inside [0, 1], on the grey levels."""
    x = 0.3 + 0.4 * torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(7))
    x = x[:, :1].repeat(1, 3, 1, 1) if grey else x
    return (x * 255).round() / 255


def _linear(norm: float = 1.0, mask: Tensor | None = None, grey: bool = False) -> Known:
    """`margin(y) = w (y - x) + norm |w|`, w as far as it may be used."""
    x, w = _clean(grey=grey), _random(1, 1, 3, SIDE, SIDE)
    usable = w if mask is None else w * mask
    usable = usable.mean(1, keepdim=True).expand_as(w) if grey else usable
    offset = norm * float(usable.norm())

    def margin(y: Tensor) -> Tensor:
        return (w * (y - x)).sum((1, 2, 3)) + offset

    return Known(Problem(x, (margin,), (1.0,), mask=mask, grey=grey), norm, w)


def _classes(count: int = 5, label: int = 2, lead: float = 20.0) -> Known:
    """A linear classifier; the label leads every other class by the same."""
    x, w = _clean(), _random(2, count, 3, SIDE, SIDE)
    lift = torch.zeros(count)
    lift[label] = lead

    def logits(y: Tensor) -> Tensor:
        return torch.einsum("kchw,bchw->bk", w, y - x) + lift

    def margin(y: Tensor) -> Tensor:
        z = logits(y)
        return z[:, label] - torch.cat([z[:, :label], z[:, label + 1 :]], 1).amax(1)

    norm = min(lead / float((w[label] - w[k]).norm()) for k in range(count) if k != label)
    return Known(Problem(x, (margin,), (1.0,), logits, label), norm, w)


@pytest.fixture
def linear() -> Callable[..., Known]:
    """linear(norm, mask, grey): a margin that is linear, so that two classes are enough."""
    return _linear


@pytest.fixture
def two() -> Known:
    return _linear()


@pytest.fixture
def five() -> Known:
    return _classes()


@pytest.fixture(scope="session")
def photo() -> Callable[[int], Tensor]:
    """A real photo at some size, on the grey levels."""

    def at(side: int) -> Tensor:
        from skimage import data

        pixels = torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None].float() / 255
        small = torch.nn.functional.interpolate(pixels, size=(side, side), mode="area")
        return (small * 255).round() / 255

    return at


@pytest.fixture
def foolbox():
    """foolbox, or the test is left out."""
    return pytest.importorskip("foolbox", reason="needs foolbox, the extra anchors")
