"""The attack on a metric that training and evaluation share: the pictures nearby that mislead it most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mnd.losses.images import Distance, check_choice

Norm = Literal["linf", "l2"]
Which = Literal["x0", "x1", "both", "ref"]
"""What is attacked of a triplet, in the words of R-LPIPS: p0, p1, both of them, or the reference."""
ATTACKED = {"x0": ("p0",), "x1": ("p1",), "both": ("p0", "p1"), "ref": ("ref",)}
Pictures = Mapping[str, Tensor]
"""Pictures `(B, 3, H, W)` by their place in a triplet: `ref`, `p0`, `p1`."""
Objective = Callable[[Tensor], Tensor]
KEPT, GROWTH = 0.75, 0.75
"""APGD: how much of a new step is taken (the rest is momentum); the share of steps that must gain."""


def pgd(
    objective: Objective,
    x: Tensor,
    norm: Norm,
    eps: float,
    steps: int = 50,
    step: float | None = None,
    restarts: int = 1,
    generator: torch.Generator | None = None,
    valid: bool = True,
) -> Tensor:
    """The pictures in the ball around `x` where `objective` was seen to be largest, image by image.

    Every iterate is projected on the ball and on [0, 1]. Starts are random: at `x` itself the gradient of a
    distance is exactly 0. APGD of Croce and Hein 2020 (arXiv 2003.01690): the step begins at 2 eps and is
    halved, image by image, when the objective has stopped growing; with `step`, plain PGD.

    Args:
        objective: of pictures like `x`: `(B,)`, one number an image, which no other image changes.
        x: `(B, 3, H, W)` in [0, 1].
        norm: `linf`, or `l2`: the Euclidean norm over all values of a picture.
        eps: radius of the ball, in units of [0, 1].
        steps: gradients taken from each start.
        step: constant size of a plain step, in the norm; `2.5 * eps / steps` is customary.
        restarts: random starts.
        generator: makes the starts, on its own device.
        valid: stay in [0, 1].

    Returns:
        Like `x`, without gradient; `x` itself where nothing better was met.

    Raises:
        ValueError: a setting is out of its range, or the objective does not answer `(B,)`.

    >>> up = pgd(lambda y: y.sum((1, 2, 3)), torch.full((1, 3, 2, 2), 0.5), "linf", 0.25, steps=2)
    >>> up.unique().tolist()
    [0.75]
    """
    check_choice("norm", norm, ("linf", "l2"))
    if not eps >= 0 or steps < 1 or restarts < 1 or (step is not None and not step > 0):
        raise ValueError(
            f"eps is {eps}, steps {steps}, restarts {restarts}, step {step}, expected eps >= 0, the rest > 0"
        )
    x = x.detach()
    ball = _Ball(x, norm, eps, valid)
    with torch.no_grad():
        best = _Best(x.clone(), objective(x).clone())
    if best.value.shape != x.shape[:1]:
        raise ValueError(f"the objective is {tuple(best.value.shape)}, expected ({len(x)},), one an image")
    for _ in range(restarts):
        start = ball.start(generator)
        found = _plain(objective, start, ball, steps, step) if step else _apgd(objective, start, ball, steps)
        best.keep(*found)
    return best.image


def attack(
    objective: Callable[[Pictures], Tensor],
    pictures: Pictures,
    which: Which,
    norm: Norm,
    eps: float,
    steps: int = 50,
    step: float | None = None,
    restarts: int = 1,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """What `pgd` makes of the attacked pictures of triplets, by their place; the others are not returned.

    Args:
        objective: of the attacked pictures, by their place: `(B,)`.
        pictures: `ref`, `p0` and `p1`, `(B, 3, H, W)` in [0, 1].
        which: `x0`, `x1`, `both` (each in a ball of its own, searched together), or `ref`.

    Raises:
        ValueError: as `pgd` does, or there is no such `which`.
    """
    check_choice("which", which, tuple(ATTACKED))
    names = ATTACKED[which]

    def together(y: Tensor) -> Tensor:
        return objective(dict(zip(names, y.chunk(len(names)), strict=True))).repeat(len(names))

    x = torch.cat([pictures[name] for name in names])
    y = pgd(together, x, norm, eps, steps, step, restarts, generator)
    return dict(zip(names, y.chunk(len(names)), strict=True))


def misjudging(metric: Distance, pictures: Pictures, judge: Tensor) -> Callable[[Pictures], Tensor]:
    """How far a metric ranks triplets against the judgement: `(d1 - d0) * sign(2 judge - 1)`, for `attack`.

    It is the adaptive objective for a metric without a ranking head: it is above 0 where the metric is wrong.
    What is not attacked is computed once.

    Args:
        metric: with at most one of its two pictures changed at a time, `metric.at` is used once a picture.
        pictures: the clean `ref`, `p0` and `p1`.
        judge: `(B,)`, the share of people who find p1 nearer.
    """
    sign = torch.sign(2 * judge - 1)
    with torch.no_grad():
        near = metric.at(pictures["ref"])
        still = {name: near(pictures[name]) for name in ("p0", "p1")}

    def wrong(changed: Pictures) -> Tensor:
        at = near if "ref" not in changed else metric.at(changed["ref"])
        d0, d1 = (
            at({**pictures, **changed}[name]) if name in changed or "ref" in changed else still[name]
            for name in ("p0", "p1")
        )
        return (d1 - d0) * sign

    return wrong


# ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ball:
    x: Tensor
    norm: Norm
    eps: float
    valid: bool

    def start(self, generator: torch.Generator | None) -> Tensor:
        """A random point: anywhere in the cube, or on the sphere."""
        device = self.x.device if generator is None else generator.device
        draw = torch.rand if self.norm == "linf" else torch.randn
        noise = draw(self.x.shape, generator=generator, device=device, dtype=self.x.dtype).to(self.x.device)
        noise = 2 * noise - 1 if self.norm == "linf" else self.direction(noise)
        return self.project(self.x + self.eps * noise)

    def direction(self, gradient: Tensor) -> Tensor:
        """The steepest way up, of length 1 in the norm; nowhere where the gradient is 0."""
        if self.norm == "linf":
            return gradient.sign()
        # divided by its largest value first: the squares of a small gradient would vanish
        tiny = torch.finfo(gradient.dtype).tiny
        gradient = gradient / gradient.abs().amax((1, 2, 3), keepdim=True).clamp_min(tiny)
        return gradient / _length(gradient).clamp_min(tiny)

    def project(self, y: Tensor) -> Tensor:
        """Back into the ball, then into [0, 1], which leads no further from `x`."""
        delta = y - self.x
        if self.norm == "linf":
            delta = delta.clamp(-self.eps, self.eps)
        else:
            delta = delta * (self.eps / _length(delta).clamp_min(self.eps + 1e-12))
        y = self.x + delta
        return y.clamp(0, 1) if self.valid else y


@dataclass(slots=True)
class _Best:
    image: Tensor
    value: Tensor
    gradient: Tensor | None = None

    def keep(self, image: Tensor, value: Tensor, gradient: Tensor | None = None) -> None:
        """Take over the images whose value is larger (nothing is larger than NaN, and NaN than nothing)."""
        better = value > self.value
        self.image = _where(better, image, self.image)
        self.value = torch.where(better, value, self.value)
        if gradient is not None:
            old = gradient if self.gradient is None else self.gradient
            self.gradient = _where(better, gradient, old)


def _plain(objective: Objective, y: Tensor, ball: _Ball, steps: int, step: float) -> tuple[Tensor, Tensor]:
    value, gradient = _climb(objective, y)
    best = _Best(y, value)
    for left in reversed(range(steps)):
        y = ball.project(y + step * ball.direction(gradient))
        value, gradient = _climb(objective, y, slope=left > 0)
        best.keep(y, value)
    return best.image, best.value


def _apgd(objective: Objective, y: Tensor, ball: _Ball, steps: int) -> tuple[Tensor, Tensor]:
    value, gradient = _climb(objective, y)
    best, before = _Best(y, value, gradient), y
    size = y.new_full((len(y), 1, 1, 1), 2 * ball.eps)
    ends, last = set(_checkpoints(steps)), 0
    gains, halved, reached = torch.zeros_like(value), torch.ones_like(value, dtype=torch.bool), value
    for i in range(1, steps + 1):
        ahead = ball.project(y + size * ball.direction(gradient))
        kept = KEPT if i > 1 else 1.0
        before, y = y, ball.project(y + kept * (ahead - y) + (1 - kept) * (y - before))
        was = value
        value, gradient = _climb(objective, y, slope=i < steps)
        gains = gains + (value > was)
        best.keep(y, value, gradient)
        if i in ends and i < steps:
            # too few steps gained, or the step is the same as a period ago and nothing better was met since
            stuck = (gains < GROWTH * (i - last)) | (~halved & (best.value <= reached))
            size = _where(stuck, size / 2, size)
            assert best.gradient is not None
            y, before = _where(stuck, best.image, y), _where(stuck, best.image, before)
            gradient, value = _where(stuck, best.gradient, gradient), torch.where(stuck, best.value, value)
            gains, halved, reached, last = torch.zeros_like(gains), stuck, best.value, i
    return best.image, best.value


def _climb(objective: Objective, y: Tensor, slope: bool = True) -> tuple[Tensor, Tensor]:
    """The objective at `y`, and its gradient; zeros where it is not needed."""
    if not slope:
        with torch.no_grad():
            return objective(y).clone(), torch.zeros_like(y)
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        value = objective(y)
        (gradient,) = torch.autograd.grad(value.sum(), y)
    return value.detach(), gradient


def _checkpoints(steps: int) -> Iterator[int]:
    """When APGD judges its progress: at .22 of the steps, then after periods shorter by .03, at least .06."""
    before, now = 0.0, 0.22
    while now < 1:
        yield max(1, round(now * steps))
        before, now = now, now + max(now - before - 0.03, 0.06)


def _length(y: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(y, dim=(1, 2, 3), keepdim=True)
    return norm


def _where(chosen: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(chosen.view(-1, 1, 1, 1), a, b)
