"""What an attack gets to solve, whatever the target: a picture, margins, and which pixels may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..losses.images import check_images

MarginOf = Callable[[Tensor], Tensor]
"""`(B, 3, H, W)` -> `(B,)`, or `(B, C)` of logits; differentiable."""


@dataclass(frozen=True)
class Problem:
    """One picture, and what must no longer be recognised in it.

    Raises:
        ValueError: a field contradicts its description or another field.

    >>> x = torch.full((1, 3, 4, 4), 0.5)
    >>> problem = Problem(x, (lambda y: y.mean((1, 2, 3)) - 0.4,), (0.2,))
    >>> round(problem.margin(x).item(), 6)
    0.5
    """

    x: Tensor
    """`(1, 3, H, W)` in [0, 1], on the 256 grey levels."""
    margins: tuple[MarginOf, ...]
    """One a target, `(B, 3, H, W)` -> `(B,)`, > 0: recognised; differentiable."""
    scales: tuple[float, ...]
    """One a target, what head-room is a share of: a face recogniser's threshold, 1 logit of a classifier."""
    logits: MarginOf | None = None
    """`(B, C)`, where there is exactly one target and it is a classifier."""
    label: int | None = None
    """The class that is to be lost."""
    mask: Tensor | None = None
    """`(1, 1, H, W)`: 1 where pixels may change, else 0; None: everywhere."""
    grey: bool = False
    """The three channels of `x` are alike, and stay so."""
    shaken: Callable[[int], tuple[MarginOf, ...]] | None = None
    """From a seed to `margins` that look at a face a little elsewhere each time, as somebody does who looks
    for it again in the changed picture; None: there is nothing to look for."""

    def __post_init__(self) -> None:
        check_images(self.x)
        if len(self.x) != 1:
            raise ValueError(f"x has {len(self.x)} pictures, expected one")
        if not self.margins or len(self.margins) != len(self.scales):
            got = f"{len(self.margins)} margins and {len(self.scales)} scales"
            raise ValueError(f"got {got}, expected at least one target, and one of each for every target")
        if not all(0 < scale < float("inf") for scale in self.scales):
            raise ValueError(f"scales are {self.scales}, expected finite numbers above 0")
        several = len(self.margins) > 1
        if (self.logits is None) != (self.label is None) or (self.logits is not None and several):
            raise ValueError("logits and a label go together, and with one target only")
        self._check_mask()

    def _check_mask(self) -> None:
        if self.mask is None:
            return
        want = (1, 1, *self.x.shape[2:])
        if tuple(self.mask.shape) != want or not ((self.mask == 0) | (self.mask == 1)).all():
            raise ValueError(f"mask has shape {tuple(self.mask.shape)}, expected {want}, each value 0 or 1")

    def looks(self, seed: int) -> tuple[MarginOf, ...]:
        """`shaken(seed)`, or `margins` where there is nothing to shake."""
        return self.margins if self.shaken is None else self.shaken(seed)

    def shaking(self, seed: int) -> Problem:
        """The problem whose margins are `looks(seed)`, for attacks that know nothing of looks."""
        if self.shaken is None:
            return self
        return Problem(self.x, self.looks(seed), self.scales, mask=self.mask, grey=self.grey)

    def margin(self, y: Tensor) -> Tensor:
        """`(B,)`: the largest `margin_k / scale_k` over the targets; > 0: some target recognises `y`."""
        parts = [m(y) / scale for m, scale in zip(self.margins, self.scales, strict=True)]
        return parts[0] if len(parts) == 1 else torch.stack(parts).amax(0)

    @property
    def winner(self) -> int:
        """The class in `scores` that wins while the picture is recognised: the label, or 0 of two classes."""
        return 0 if self.label is None else self.label

    def scores(self, headroom: float = 0.0) -> Callable[[Tensor], Tensor]:
        """Logits for attacks that know only classification: `(B, 3, H, W)` -> `(B, C)`.

        `winner` wins while `margin + headroom > 0`. A classifier has its own logits, the label's raised by
        `headroom`; other problems become one of two classes, `(m / 2, -m / 2)` with `m = margin + headroom`.
        """
        if self.logits is None:
            return lambda y: torch.stack([half := (self.margin(y) + headroom) / 2, -half], dim=1)
        logits, label, room = self.logits, self.winner, headroom * self.scales[0]

        def raised(y: Tensor) -> Tensor:
            z = logits(y)
            lift = torch.zeros_like(z[:1])
            lift[:, label] = room
            return z + lift

        return raised

    def within(self, y: Tensor) -> Tensor:
        """`y` where it may change, `x` elsewhere; a grey picture stays grey. Differentiable.

        It does not clamp: a value that rounding errors put past 1 would lose its gradient.
        """
        if self.mask is None and not self.grey:
            return y
        change = y - self.x
        if self.grey:
            change = change.mean(1, keepdim=True)
        if self.mask is not None:
            change = change * self.mask.to(change)
        return self.x + change


class Counted(Problem):
    """The same problem, counting how often its targets are asked.

    A pass of one picture through all targets counts once, also where they are asked one after another.

    >>> counted = Counted(Problem(torch.rand(1, 3, 4, 4), (lambda y: y.mean((1, 2, 3)),), (1.0,)))
    >>> y = counted.x.clone().requires_grad_()
    >>> counted.margin(y).sum().backward()
    >>> counted.forwards, counted.backwards
    (1, 1)
    """

    def __init__(self, problem: Problem) -> None:
        self._tallies: list[_Tally]
        self._problem: Problem
        tallies = [_Tally() for _ in problem.margins]
        object.__setattr__(self, "_tallies", tallies)
        object.__setattr__(self, "_problem", problem)
        super().__init__(
            problem.x,
            tuple(t.counting(m) for t, m in zip(tallies, problem.margins, strict=True)),
            problem.scales,
            None if problem.logits is None else tallies[0].counting(problem.logits),
            problem.label,
            problem.mask,
            problem.grey,
            None if problem.shaken is None else self._shaken,
        )

    def _shaken(self, seed: int) -> tuple[MarginOf, ...]:
        margins = self._problem.looks(seed)
        return tuple(t.counting(m) for t, m in zip(self._tallies, margins, strict=True))

    @property
    def forwards(self) -> int:
        """Pictures that went through the target asked most often."""
        return max(t.forwards for t in self._tallies)

    @property
    def backwards(self) -> int:
        """Pictures whose gradient was asked for, likewise."""
        return max(t.backwards for t in self._tallies)

    @property
    def passes(self) -> int:
        """The larger of the two numbers."""
        return max(self.forwards, self.backwards)


class _Tally:
    """Pictures seen by one target, forwards and backwards."""

    def __init__(self) -> None:
        self.forwards = self.backwards = 0

    def counting(self, function: MarginOf) -> MarginOf:
        def counted(y: Tensor) -> Tensor:
            self.forwards += len(y)
            passed: Tensor = _Count.apply(y, self)
            return function(passed)

        return counted


class _Count(torch.autograd.Function):
    """The identity; it sees gradients come back."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, tally: _Tally) -> Tensor:
        ctx.tally = tally
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        ctx.tally.backwards += len(grad)
        return grad, None
