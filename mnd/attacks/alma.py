"""ALMA: an augmented Lagrangian whose distance is a parameter, here L2 or SSIM."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ..losses.structure import ssim
from .attack import HEADROOMS, Attack
from .common import LEVELS, Best, gap, grid, norm, unit
from .problem import Problem

STEPS = 100


@dataclass(frozen=True, slots=True)
class Distance:
    """What ALMA keeps small."""

    between: Callable[[Tensor, Tensor], Tensor]
    """`(x, y)` -> `()`."""
    first: float
    """How large the first step makes it."""


DISTANCES = {
    "alma": Distance(lambda x, y: norm(y - x), 0.1),
    "alma-ssim": Distance(lambda x, y: ssim(x, y)[0], 1e-4),
}
"""The first steps are those of the authors' experiments on ImageNet."""


@dataclass
class Multiplier:
    """The multiplier mu and the penalty parameter rho of the one constraint, `g < 0`."""

    mu: float = 1.0
    rho: float = 1.0
    alpha: float = 0.5
    """How slowly mu changes."""
    rate: float = 1.2
    """What rho is multiplied by when nothing fooled and g did not shrink."""
    shrink: float = 0.95
    every: int = 10
    last: float = field(default=math.inf)

    def penalty(self, g: Tensor) -> Tensor:
        """P2 of Birgin et al. 2005: `mu (g + rho g^2 + rho^2 g^3 / 6)`, and `mu g / (1 - rho g)` below 0."""
        above = g + self.rho * g * g + self.rho**2 * g**3 / 6
        return self.mu * torch.where(g >= 0, above, g / (1 - self.rho * g.clamp_max(0)))

    def slope(self, g: float) -> float:
        """The derivative of the penalty by g."""
        if g >= 0:
            return self.mu * (1 + 2 * self.rho * g + self.rho**2 * g * g / 2)
        return self.mu / (1 - self.rho * g) ** 2

    def update(self, g: float, step: int, found: bool) -> None:
        """After a look: mu follows the slope, rho grows when that has not been enough."""
        if step == 0:
            self.last = g
            return
        if (step + 1) % self.every == 0:
            if not found and g >= self.shrink * self.last:
                self.rho *= self.rate
            self.last = g
        mu = self.alpha * self.mu + (1 - self.alpha) * self.slope(g)
        self.mu = min(max(mu, 1e-6), 1e12)


def alma(
    problem: Problem,
    headroom: float,
    seed: int,
    distance: Distance = DISTANCES["alma"],
    steps: int = STEPS,
    alpha: float = 0.5,
    levels: int | None = LEVELS,
) -> Tensor:
    """ALMA: minimise `D(x, y) + P(g(y), rho, mu)` by RMSprop with momentum, mu and rho adapted on the way.

    g is the difference of logits ratio `(z_y - max z_other) / (z_1st - z_3rd)`; of two classes there is no
    third, and g is the margin divided by that of the clean picture. The change is kept as it is; what is
    looked at is the picture that would be saved, and the slope there is taken for that of the change.

    Args:
        problem: the picture and what it is recognised by.
        headroom: how far past the border, as a share of the target's scale.
        seed: of the direction that is taken where there is no slope.
        distance: what is kept small.
        steps: passes; once something fooled, the step decays to a hundredth.
        alpha: how slowly mu and the averages of RMSprop change; the authors' .5 for 100 steps, .9 for 1000.
        levels: grey levels of the file, in the loop; None: no rounding.

    Source: Rony et al. 2021, arXiv 2011.11857, its settings.
    """
    x, constraint = problem.x, _constraint(problem, headroom)
    generator = torch.Generator().manual_seed(seed)
    best = Best(lambda y: distance.between(x, y), x.clone())
    multiplier = Multiplier(alpha=alpha)
    delta, average, momentum = torch.zeros_like(x), torch.ones_like(x), torch.zeros_like(x)
    rate, found_at = 0.0, steps + 1
    for step in range(steps):
        y = grid(problem, x + delta, levels).requires_grad_(True)
        inside = problem.within(y)
        g, margin = constraint(inside)
        multiplier.update(float(g.detach()), step, best.found)
        loss = multiplier.penalty(g)
        if step > 0:
            loss = loss + distance.between(x, inside)
        (slope,) = torch.autograd.grad(loss, y)
        best.offer(y, margin)
        found_at = min(found_at, step) if margin < 0 else found_at
        if step == 0:
            slope = slope if slope.any() else problem.within(x + unit(slope, generator)) - x
            rate = _rate(x, slope, distance)
        average = alpha * average + (1 - alpha) * slope * slope
        momentum = alpha * momentum + slope / (average.sqrt() + 1e-8)
        decay = 0.01 ** (max(step - found_at, 0) / max(steps - found_at, 1))
        delta = (x + delta - rate * decay * momentum).clamp(0, 1) - x
    return best.image


def _constraint(problem: Problem, headroom: float) -> Callable[[Tensor], tuple[Tensor, float]]:
    """What must get below 0, `()`, and the margin itself."""
    scores, winner = problem.scores(headroom), problem.winner
    scale: list[Tensor] = []

    def g(y: Tensor) -> tuple[Tensor, float]:
        z = scores(y)
        margin = gap(z, winner)[0]
        if z.shape[1] >= 3:
            top = z[0].topk(3).values
            return margin / (top[0] - top[2] + 1e-12), float(margin.detach())
        if not scale:
            scale.append(margin.detach().abs().clamp_min(1e-12))
        return margin / scale[0], float(margin.detach())

    return g


@torch.no_grad()
def _rate(x: Tensor, slope: Tensor, distance: Distance, halvings: int = 20) -> float:
    """The length of a first step along `-slope` that makes the distance `distance.first`, by bisection."""

    def beyond(rate: float) -> bool:
        return float(distance.between(x, (x - rate * slope).clamp(0, 1))) > distance.first

    low, high = 0.0, 1.0
    while not beyond(high) and high < 1e12:
        low, high = high, 2 * high
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return (low + high) / 2


def attack(name: str) -> Attack:
    """`alma` and `alma-ssim`."""
    kind = "SSIM" if name == "alma-ssim" else "L2"
    return Attack(
        name=name,
        title=f"ALMA {kind}",
        dial="headroom",
        sweep=HEADROOMS,
        source="Rony et al. 2021, arXiv 2011.11857",
        library="mnd",
        note=f"{STEPS} steps, penalty P2, looks at the 8-bit picture; the constraint is the difference of "
        "logits ratio, of two classes the (largest) margin divided by its clean value",
        run=partial(alma, distance=DISTANCES[name]),
    )
