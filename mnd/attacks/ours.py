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

EXPLORE = 1.0
"""How far the second of two searches goes past the border at first."""
KINDS = {
    "mnd": ("MND", (50, 50), RHO),
    "mnd-40": ("MND, 40 passes", (40,), RHO),
    "mnd-plain": ("MND without R-LPIPS", (50, 50), 0.0),
}
"""Title, steps of each search, rho: as many passes as DDN and FMN get, and as few as `mnd cloak` takes."""


@cache
def distance(rho: float, device: torch.device) -> Composite:
    """The distance, made once a device: its learned term has weights in a file."""
    return standard(rho, device)


def search(problem: Problem, headroom: float, seed: int, rho: float, steps: tuple[int, ...]) -> Tensor:
    """The least noticeable change with every `margin_k <= -headroom scale_k`, each target for itself.

    The first search goes straight to the border, another one goes far and comes back; the better one counts.
    """
    cost = distance(rho, problem.x.device)
    found = []
    for number, count in enumerate(steps):
        looks = zip(problem.looks(seed), problem.scales, strict=True)
        margins = [_past(margin, headroom * scale) for margin, scale in looks]
        settings = SearchSettings(steps=count, seed=seed, explore=EXPLORE * number)
        found.append(MND(cost, settings)(problem.x, margins, problem.mask, problem.grey))
    best = min(found, key=lambda result: (not bool(result.success), float(result.distance)))
    return best.image


def _past(margin: Margin, room: float) -> Margin:
    return lambda y: margin(y) + room


def attack(name: str) -> Attack:
    """`mnd`, `mnd-40` and `mnd-plain`.

    >>> attack("mnd-plain").library
    'mnd'
    """
    title, steps, rho = KINDS[name]
    told = " + ".join(map(str, steps))
    return Attack(
        name=name,
        title=title,
        dial="headroom",
        sweep=HEADROOMS,
        source="after Sun, Jin, Lin 2022, arXiv 2206.08638; the search is this project's",
        library="mnd",
        note=f"{told} steps, 8-bit rounding in the loop, shaken landmarks, rho = {rho:g}",
        run=partial(search, rho=rho, steps=steps),
    )
