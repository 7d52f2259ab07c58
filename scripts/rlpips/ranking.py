"""What learns from judged triplets: a metric, and the small network that ranks by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mnd.losses.linear import SLICE
from mnd.losses.lpips import LPIPS, unit
from mnd.losses.trunks import load_trunk


class Ranker(nn.Module):
    """A metric with the network that ranks by its distances; of the two, the metric is what is wanted.

    Args:
        trunk_name: of the metric's trunk.
        tuned: train the trunk too, not only the linear weights.
        seed: of the weights' start.
    """

    def __init__(self, trunk_name: str, tuned: bool = False, seed: int = 0) -> None:
        super().__init__()
        trunk = load_trunk(trunk_name)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            start = [torch.rand(channels) / channels**0.5 for channels in trunk.channels]
            self.head = nn.Sequential(
                nn.Linear(5, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)
            )
        self.metric = LPIPS(trunk, start)
        self.metric.linear.requires_grad_(True)
        self.metric.trunk.requires_grad_(tuned)
        self.tuned = tuned

    def features(self, x: Tensor) -> list[Tensor]:
        """What the metric compares."""
        return [unit(tap) for tap in self.metric.trunk(x)]

    def distance(self, a: list[Tensor], b: list[Tensor], drop: Dropout | None = None) -> Tensor:
        """The metric, from features: `(B,)`."""
        total = a[0].new_zeros(len(a[0]))
        for w, one, other in zip(self.metric.linear, a, b, strict=True):
            apart = (one - other).square()
            total = total + (apart if drop is None else drop(apart)).mean((2, 3)) @ w
        return total

    def loss(
        self, features: Mapping[str, list[Tensor]], judge: Tensor, drop: Dropout | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """BCE of the ranking against the judgement, and the distances d0 and d1 that it is of: `(B,)`."""
        d0, d1 = (self.distance(features["ref"], features[name], drop) for name in ("p0", "p1"))
        seen = torch.stack([d0, d1, d0 - d1, d0 / (d1 + 0.1), d1 / (d0 + 0.1)], dim=1)
        logit = self.head(seen).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(logit, judge, reduction="none")
        return loss, d0, d1

    def trained(self) -> dict[str, Tensor]:
        """The state that training changes."""
        state: dict[str, Tensor] = self.state_dict()
        return {name: t for name, t in state.items() if self.tuned or not name.startswith("metric.trunk.")}

    def weights(self, scale: float) -> dict[str, Tensor]:
        """The metric in the names of LPIPS; a tuned trunk in half precision."""
        linear = {
            f"lin{index}.model.1.weight": (scale * w.detach().cpu()).view(1, -1, 1, 1).contiguous()
            for index, w in enumerate(self.metric.linear)
        }
        if not self.tuned:
            return linear
        trunk = {}
        for name, tensor in self.metric.trunk.state_dict().items():
            stage, _, rest = name.removeprefix("stages.").partition(".")
            trunk[f"{SLICE}{int(stage) + 1}.{rest}"] = tensor.detach().cpu().half().contiguous()
        return linear | trunk


@dataclass(frozen=True, slots=True)
class Dropout:
    """LPIPS's dropout of differences, from a generator of its own: a resumed training draws the same."""

    share: float
    generator: torch.Generator

    def __call__(self, x: Tensor) -> Tensor:
        if self.share == 0:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - self.share, generator=self.generator)
        return x * kept / (1 - self.share)
