"""What all targets share: a card, a frozen network on some device, and the pictures that it takes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from ..base.seams import asked
from .card import TargetCard


def check_batch(images: Tensor) -> None:
    """Refuse what is no batch of pictures.

    Raises:
        ValueError: another shape than `(B, 3, H, W)`, or whole numbers.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        got = f"{images.dtype} {tuple(images.shape)}"
        raise ValueError(f"images are {got}, expected floating point (B, 3, H, W) in [0, 1]")


def frozen(net: nn.Module, device: torch.device | str = "cpu") -> nn.Module:
    """The network as targets use it: not training, no gradients of its own, the fastest layout of memory."""
    net = net.to(device).eval().requires_grad_(False)
    return net.to(memory_format=torch.channels_last)


class FrozenNetwork:
    """A frozen network with its card; it sees `(image - mean) / std`."""

    def __init__(self, card: TargetCard, net: nn.Module) -> None:
        self.card = card
        self.net = frozen(net)
        self._mean = torch.tensor(card.mean).view(1, 3, 1, 1)
        self._std = torch.tensor(card.std).view(1, 3, 1, 1)

    @property
    def device(self) -> torch.device:
        """Where its network is."""
        return self._mean.device

    def to(self, device: torch.device | str) -> Self:
        """The same target on another device; this one stays where it is."""
        if torch.device(device) == self.device:
            return self
        other = copy.copy(self)
        other.net = frozen(copy.deepcopy(self.net), device)
        other._mean, other._std = self._mean.to(device), self._std.to(device)
        return other

    def ask(self, through: Callable[[nn.Module], nn.Module]) -> None:
        """From now on the network is asked through something else, as `mnd.optimizer.batching` has it."""
        self.net = through(self.net)

    def _out(self, x: Tensor) -> Tensor:
        """What the network says of pictures of its own input size in [0, 1]."""
        x = (x - self._mean) / self._std
        return asked(self.net, x.contiguous(memory_format=torch.channels_last))
