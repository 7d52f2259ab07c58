"""An attack as the evaluation sees it: a name, one dial, where it comes from, and a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # the list of attacks is asked for by commands that never need torch
    from torch import Tensor

    from .problem import Problem

Dial = Literal["eps", "headroom", "level"]
"""What is turned up until the saved picture fools: a budget in grey levels, or how far past the border. A
level of `mnd cloak` is not turned."""
Run = Callable[["Problem", float, int], "Tensor"]
"""`(problem, setting of the dial, seed)` -> `(1, 3, H, W)` in [0, 1]."""

SHAKEN = "-shaken"
"""Behind a name: the same attack, but the landmarks of a face are a little elsewhere at each look."""
BUDGETS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
"""Grey levels that a pixel may move, of attacks that spend a budget."""
HEADROOMS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.2, 0.4, 0.8)
"""Shares of a target's scale, of attacks that look for the least change."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to change a picture so that it is not recognised any more.

    >>> Attack("none", "None", "eps", (1.0,), "", "mnd", "", lambda problem, setting, seed: problem.x).title
    'None'
    """

    name: str
    title: str
    """As in a table: "MI-FGSM"."""
    dial: Dial
    sweep: tuple[float, ...]
    """Settings of the dial that are tried, ascending."""
    source: str
    """Authors, year, where published."""
    library: str
    """Who computes it."""
    note: str
    """Steps, step sizes, losses, and what is done with a problem of two classes."""
    run: Run
    """Deterministic for a seed, and leaves torch's own random numbers alone. Where nothing fooled, a picture
    comes back all the same. The result is what is about to be saved: whoever saves it rounds it."""


def shaken(attack: Attack) -> Attack:
    """The same attack on a problem whose landmarks are a little elsewhere at each look, as MND gets them.

    >>> still = Attack("none", "None", "eps", (1.0,), "", "mnd", "", lambda problem, eps, seed: problem.x)
    >>> shaken(still).name
    'none-shaken'
    """

    def run(problem: Problem, setting: float, seed: int) -> Tensor:
        return attack.run(problem.shaking(seed), setting, seed)

    name, title, note = attack.name + SHAKEN, f"{attack.title}, shaken", f"{attack.note}; shaken landmarks"
    return replace(attack, name=name, title=title, note=note, run=run)
