"""Attacks that others have written: an `Attack`, or a function of a problem, a dial's setting and a seed.

Whatever they are, what they give back is looked at: it has to be a picture of the same kind as was given.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import plugins
from ..base.plugins import PluginError
from .attack import BUDGETS, HEADROOMS, Attack

if TYPE_CHECKING:
    from torch import Tensor

    from .problem import Problem

GROUP = "mnd.attacks"
"""Of entry points: each names an attack, and has its name."""
DIALS = {"eps": BUDGETS, "headroom": HEADROOMS}
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)


def own(given: object, name: str = "") -> Attack:
    """The attack that somebody gave: an `Attack`, or a function.

    Args:
        given: an `Attack`, or a function of a problem, a setting and a seed. Of the function the second
            parameter's name says what is turned up until the saved file fools: `eps`, a budget in grey
            levels, or `headroom`, how far past the border.
        name: what it is called, where it has no name of its own.

    Raises:
        PluginError: it is neither, has another signature, or fields that cannot be; with file and line.

    >>> def noise(problem, eps, seed):
    ...     return problem.x
    >>> own(noise).name, own(noise).dial
    ('noise', 'eps')
    """
    if isinstance(given, Attack):
        attack = _checked(given)
    elif callable(given):
        attack = _of_function(given, name)
    else:
        raise PluginError(
            f"{plugins.where(given)}: {given!r} is no attack, expected an Attack or a function of "
            "(problem, eps, seed)"
        )
    return replace(attack, run=_watched(attack.run, attack.name))


def _of_function(run: Callable[..., Any], name: str) -> Attack:
    called = name or getattr(run, "__name__", type(run).__name__)
    text = inspect.getdoc(run) or ""
    return _checked(
        Attack(
            name=called,
            title=called,
            dial="headroom" if _dial(run) == "headroom" else "eps",
            sweep=DIALS[_dial(run)],
            source="not published here",
            library=_library(run),
            note=text.partition("\n")[0],
            run=run,
        )
    )


def _dial(run: Callable[..., Any]) -> str:
    """The name of the second of three parameters."""
    try:
        parameters = list(inspect.signature(run).parameters.values())
    except (TypeError, ValueError) as error:
        raise PluginError(f"{plugins.where(run)}: {error}, expected a function") from error
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    first = [it.name for it in parameters if it.kind in plain][:3]
    needed = [it.name for it in parameters if it.default is it.empty and it.kind in (*plain, it.KEYWORD_ONLY)]
    if len(first) < 3 or first[1] not in DIALS or not set(needed) <= set(first):
        raise PluginError(
            f"{plugins.where(run)}: takes ({', '.join(it.name for it in parameters)}), expected "
            "(problem, eps, seed) or (problem, headroom, seed), and defaults for whatever follows"
        )
    return first[1]


def _checked(attack: Attack) -> Attack:
    place = plugins.where(attack.run)
    if not _NAME.fullmatch(attack.name):
        raise PluginError(f"{place}: name is {attack.name!r}, expected letters, digits, and any of . _ + -")
    if attack.dial not in DIALS:
        raise PluginError(f"{place}: dial is {attack.dial!r}, expected one of {', '.join(DIALS)}")
    numbers = all(isinstance(value, (int, float)) and 0 <= value < 1e6 for value in attack.sweep)
    if not attack.sweep or not numbers or list(attack.sweep) != sorted(set(attack.sweep)):
        raise PluginError(f"{place}: sweep is {attack.sweep}, expected ascending numbers >= 0")
    return attack


def _library(run: Callable[..., Any]) -> str:
    """Whose code it is, with the beginning of its file's sum: what has changed is another attack."""
    inner = getattr(inspect.unwrap(run), "func", inspect.unwrap(run))
    try:
        path = Path(inspect.getsourcefile(inner) or "")
        return f"{path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    except (OSError, TypeError):
        return "of this session"


def _watched(run: Callable[..., Any], name: str) -> Callable[[Problem, float, int], Tensor]:
    """The same, which gives back pictures alone, and tells where it went wrong."""

    def watched(problem: Problem, setting: float, seed: int) -> Tensor:
        try:
            made = run(problem, setting, seed)
        except Exception as error:
            file = plugins.where(run).rpartition(":")[0]
            line = plugins.line_of(error, file)
            raise RuntimeError(f"{name}, {line}: {type(error).__name__}: {error}") from error
        return _picture(made, problem, run)

    return watched


def _picture(made: Any, problem: Problem, run: Callable[..., Any]) -> Tensor:
    """What an attack gave back, as it was where nothing may change.

    Raises:
        PluginError: it is no such picture.
    """
    import torch

    x, place = problem.x, plugins.where(run)
    want = f"a tensor {tuple(x.shape)} of {x.dtype} in [0, 1]"
    if not isinstance(made, torch.Tensor):
        raise PluginError(f"{place}: gave {type(made).__name__}, expected {want}")
    if made.shape != x.shape or not made.is_floating_point():
        raise PluginError(f"{place}: gave a tensor {tuple(made.shape)} of {made.dtype}, expected {want}")
    made = made.detach().to(x)
    low, high = made.aminmax()
    if not (bool(made.isfinite().all()) and low >= -1e-6 and high <= 1 + 1e-6):
        raise PluginError(f"{place}: gave values from {low:g} to {high:g}, expected {want}")
    return problem.within(made).clamp(0, 1)
