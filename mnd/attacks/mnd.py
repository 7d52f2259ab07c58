"""MND itself, as long as its rivals or shorter, with the distance of `mnd cloak` and with others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

from ..losses.composite import Composite
from ..losses.standard import FLAT, RHO, SPREAD, WEIGHTS, standard
from ..optimizer.mnd import MND
from ..optimizer.settings import SearchSettings
from .attack import HEADROOMS, Attack
from .problem import MarginOf, Problem


@dataclass(frozen=True, slots=True)
class Kind:
    """An attack: how long it searches, and what it keeps small."""

    title: str
    steps: int = 100
    """As many as DDN and FMN get here, or as few as `mnd cloak` takes."""
    rho: float = RHO
    beta: float = WEIGHTS.beta
    spread: float = SPREAD
    flat: float = FLAT


KINDS = {
    "mnd": Kind("MND"),
    "mnd-40": Kind("MND, 40 passes", steps=40),
    "mnd-plain": Kind("MND without R-LPIPS", rho=0.0),
    "mnd-structure": Kind("MND for structure", beta=1200.0, spread=0.2),
    "mnd-spread": Kind("MND, spread", spread=1.5, flat=1.0),
}
"""The last two stand at the ends of what is traded: SSIM kept best, and no spot that stands out."""


@cache
def distance(kind: Kind, device: torch.device) -> Composite:
    """The distance, made once a device: its learned term has weights in a file."""
    return standard(kind.rho, device, kind.spread, kind.flat, kind.beta)


def search(problem: Problem, headroom: float, seed: int, kind: Kind) -> Tensor:
    """The least noticeable change with every `margin_k <= -headroom scale_k`, each target for itself."""
    looks = zip(problem.looks(seed), problem.scales, strict=True)
    margins = [_past(margin, headroom * scale) for margin, scale in looks]
    least = MND(distance(kind, problem.x.device), SearchSettings(steps=kind.steps, seed=seed))
    return least(problem.x, margins, problem.mask, problem.grey).image


def _past(margin: MarginOf, room: float) -> MarginOf:
    return lambda y: margin(y) + room


def attack(name: str) -> Attack:
    """One of `KINDS`.

    >>> attack("mnd-plain").library
    'mnd'
    """
    kind = KINDS[name]
    return Attack(
        name=name,
        title=kind.title,
        dial="headroom",
        sweep=HEADROOMS,
        source="after Sun, Jin, Lin 2022, arXiv 2206.08638; the search is this project's",
        library="mnd",
        note=f"{kind.steps} steps, 8-bit rounding in the loop, shaken landmarks, rho = {kind.rho:g}, "
        f"beta = {kind.beta:g}, spread = {kind.spread:g}, flat = {kind.flat:g}",
        run=partial(search, kind=kind),
    )
