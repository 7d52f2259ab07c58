"""The levels of `mnd cloak` beside other attacks: not the least that fools, but the file that people get."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, get_args

from ..attacks.attack import Attack
from ..cloaking.cloaker import Cloaker, NotProtectedError
from ..cloaking.levels import Level
from ..cloaking.panel import Found
from ..cloaking.settings import CloakSettings
from . import saved

if TYPE_CHECKING:
    from torch import Tensor

    from ..attacks.problem import Problem
    from .cases import Case
    from .settings import EvaluationSettings

LEVELS: dict[str, Level] = {f"mnd-{level}": level for level in get_args(Level)}
"""By the names that they have as attacks."""


def attack(name: str) -> Attack:
    """A level as an attack. Its dial is that of the levels, and has one setting; `Levels` computes it.

    >>> attack("mnd-robust").title, attack("mnd-robust").sweep
    ('mnd cloak --level robust', (2.0,))
    """
    return Attack(
        name=name,
        title=f"mnd cloak --level {LEVELS[name]}",
        dial="level",
        sweep=(1.0 + list(LEVELS).index(name),),
        source="this project",
        library="mnd",
        note="the file as it is written, with what the level promises; a photo that it refuses is an error; "
        "passes are not counted",
        run=_none,
    )


def _none(problem: Problem, setting: float, seed: int) -> Tensor:  # noqa: ARG001
    raise TypeError("a level cloaks a photo, expected `Levels` to be asked")


class Levels:
    """Cloaks the pictures of one target, or of several together (`a+b`), at every level.

    Args:
        names: of the targets, as the registry knows them.
        settings: of the evaluation.
    """

    def __init__(self, names: list[str], settings: EvaluationSettings) -> None:
        self.names, self.settings = names, settings

    @cached_property
    def _cloakers(self) -> dict[str, Cloaker]:
        made: dict[str, Cloaker] = {}
        for name, level in LEVELS.items():
            how = CloakSettings(
                targets=tuple(self.names), level=level, seed=self.settings.seed, device=self.settings.device,
                offline=self.settings.offline,
            )  # fmt: skip
            first = next(iter(made.values()), None)
            made[name] = Cloaker(how, panel=None if first is None else first.panel)
        return made

    def cloaked(self, case: Case, name: str) -> bytes:
        """The cloaked file of a case, against the same targets and gallery as other attacks have.

        Raises:
            NotProtectedError: the level cannot be reached: nobody would get a file.
        """
        mine = case.subject
        few = slice(case.attacked)
        likeness = None if mine.likeness is None else mine.likeness[few]
        mine = replace(mine, targets=mine.targets[few], judged=mine.judged[few], likeness=likeness)
        data = saved.encoded(case.pixels, self.settings.form, self.settings.quality)
        made, record = self._cloakers[name].encoded(data, case.picture.name, found=Found([mine], None))
        if made is None:
            raise NotProtectedError(record)
        return made
