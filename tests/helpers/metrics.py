"""Small metrics and pictures for the tests of learned distances."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mnd.losses.lpips import LPIPS
from mnd.losses.trunks import Trunk


class Tiny(nn.Module):
    """A metric with two convolutions, in float64; it is no `Distance`."""

    def __init__(self, together: bool = False) -> None:
        super().__init__()
        self.together = together
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Tanh(), nn.Conv2d(4, 5, 3)).double()
        generator = torch.Generator().manual_seed(3)
        for weight in self.net.parameters():
            weight.data = torch.randn(weight.shape, generator=generator, dtype=weight.dtype) / 3
            weight.requires_grad_(False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        a, b = self.net(torch.cat([x, y])).chunk(2) if self.together else (self.net(x), self.net(y))
        return (a - b).square().mean((1, 2, 3))


def tiny_lpips() -> LPIPS:
    """LPIPS with a small random trunk in float64: a `Distance` with a smallest size."""
    generator = torch.Generator().manual_seed(4)
    stages = [nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.Softplus()), nn.Conv2d(6, 4, 3)]
    for weight in nn.ModuleList(stages).parameters():
        weight.data = torch.randn(weight.shape, generator=generator) / 3
    trunk = Trunk("tiny", stages, (6, 4), 7, (0.5,) * 3, (0.25,) * 3).requires_grad_(False)
    return LPIPS(trunk, [torch.ones(6), torch.ones(4)]).double()


def random_pair(batch: int = 2, height: int = 12, width: int = 15, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.rand(2, batch, 3, height, width, generator=generator, dtype=torch.float64)
    return x, y
