"""MND itself, with the distance that `mnd cloak` keeps small: as long as its rivals, shorter, and plainer."""

from __future__ import annotations

from functools import cache, partial

import torch
from torch import Tensor

from ..losses.composite import Composite
from ..losses.standard import standard
from ..optimizer import MND, SearchSettings
from ..settings import RHO
from .attack import HEADROOMS, Attack
from .problem import Margin, Problem

KINDS = {
    "mnd": ("MND", 100, RHO),
    "mnd-40": ("MND, 40 passes", 40, RHO),
    "mnd-plain": ("MND without R-LPIPS", 100, 0.0),
}
"""Title, steps and rho: as many steps as DDN and FMN get here, and as few as `mnd cloak` takes."""


@cache
def distance(rho: float, device: torch.device) -> Composite:
    """The distance, made once a device: its learned term has weights in a file."""
    return standard(rho, device)


def search(problem: Problem, headroom: float, seed: int, rho: float, steps: int) -> Tensor:
    """The least noticeable change with every `margin_k <= -headroom scale_k`, each target for itself."""
    looks = zip(problem.looks(seed), problem.scales, strict=True)
    margins = [_past(margin, headroom * scale) for margin, scale in looks]
    least = MND(distance(rho, problem.x.device), SearchSettings(steps=steps, seed=seed))
    return least(problem.x, margins, problem.mask, problem.grey).image


def _past(margin: Margin, room: float) -> Margin:
    return lambda y: margin(y) + room


def attack(name: str) -> Attack:
    """`mnd`, `mnd-40` and `mnd-plain`.

    >>> attack("mnd-plain").library
    'mnd'
    """
    title, steps, rho = KINDS[name]
    return Attack(
        name=name,
        title=title,
        dial="headroom",
        sweep=HEADROOMS,
        source="after Sun, Jin, Lin 2022, arXiv 2206.08638; the search is this project's",
        library="mnd",
        note=f"{steps} steps, 8-bit rounding in the loop, shaken landmarks, rho = {rho:g}",
        run=partial(search, rho=rho, steps=steps),
    )
