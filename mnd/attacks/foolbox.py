"""Published attacks as foolbox computes them: a margin goes in, a picture comes out.

Attacks that look for the least change get a target that rounds its picture to 8 bits first (the slope passes
straight through): without it foolbox's results, half a grey level and less, are gone once they are saved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..base.distribution import pip_install
from .attack import BUDGETS, HEADROOMS, Attack, Dial
from .common import LEVELS, grid
from .problem import Problem

INSTALL = pip_install("[anchors]")
ROUNDED = {
    "eps": "rounds nothing itself",
    "headroom": "its target rounds to 8 bits, the slope passes straight through",
}
TWO = "two classes: z = (m, -m) / 2 of the largest margin m"


@dataclass(frozen=True, slots=True)
class Recipe:
    """An attack of foolbox and its settings."""

    title: str
    dial: Dial
    source: str
    note: str
    steps: int
    make: Callable[[Any, int], Any]
    """`(foolbox.attacks, steps)` -> the attack."""


RECIPES = {
    "fgsm": Recipe(
        "FGSM",
        "eps",
        "Goodfellow et al. 2015, arXiv 1412.6572",
        "one step of eps along the sign of the cross-entropy's slope",
        1,
        lambda attacks, _: attacks.LinfFastGradientAttack(),
    ),
    "i-fgsm": Recipe(
        "I-FGSM",
        "eps",
        "Kurakin et al. 2017, arXiv 1607.02533",
        "40 sign steps of one grey level, as in the paper, no random start, cross-entropy",
        40,
        lambda attacks, steps: attacks.LinfBasicIterativeAttack(abs_stepsize=1 / 255, steps=steps),
    ),
    "pgd": Recipe(
        "PGD",
        "eps",
        "Madry et al. 2018, arXiv 1706.06083",
        "40 sign steps of 2.5 eps / 40, random start, cross-entropy",
        40,
        lambda attacks, steps: attacks.LinfProjectedGradientDescentAttack(
            rel_stepsize=2.5 / steps, steps=steps, random_start=True
        ),
    ),
    "cw": Recipe(
        "C&W",
        "headroom",
        "Carlini, Wagner 2017, arXiv 1608.04644",
        "L2, 9 searches for its constant, .1 at first, of at most 100 Adam steps of .002 each, stopped early "
        "when the loss stalls (the paper: .001, 10000 steps of .01); the clean picture where nothing fooled",
        100,
        lambda attacks, steps: attacks.L2CarliniWagnerAttack(
            binary_search_steps=9, steps=steps, stepsize=0.002, initial_const=0.1
        ),
    ),
    "deepfool": Recipe(
        "DeepFool",
        "headroom",
        "Moosavi-Dezfooli et al. 2016, arXiv 1511.04599",
        "L2, at most 50 steps, the 10 likeliest classes (one pass each), overshoot .02",
        50,
        lambda attacks, steps: attacks.L2DeepFoolAttack(steps=steps),
    ),
    "ddn-foolbox-100": Recipe(
        "DDN-100 (foolbox)",
        "headroom",
        "Rony et al. 2019, arXiv 1811.09600",
        "100 steps, cross-entropy; the clean picture where nothing fooled",
        100,
        lambda attacks, steps: attacks.DDNAttack(steps=steps),
    ),
}


def _foolbox(name: str) -> Any:
    """The library, for an attack. One of its parts wants git, the program, and fails without it."""
    kept = os.environ.get("GIT_PYTHON_REFRESH")
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    try:
        import foolbox
    except ModuleNotFoundError as error:
        message = f"the attack {name} is computed by foolbox, which is not installed ({error}): {INSTALL}"
        raise ModuleNotFoundError(message, name=error.name) from error
    finally:
        if kept is None:
            del os.environ["GIT_PYTHON_REFRESH"]
        else:
            os.environ["GIT_PYTHON_REFRESH"] = kept
    return foolbox


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """foolbox draws from torch's own random numbers: afterwards they are as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        torch.default_generator.manual_seed(seed)
        yield


class _Scores(nn.Module):
    """The problem as a network: pictures to logits, changes outside the mask unseen."""

    def __init__(self, problem: Problem, headroom: float, levels: int | None) -> None:
        super().__init__()
        self.problem, self.scores, self.levels = problem, problem.scores(headroom), levels

    def forward(self, y: Tensor) -> Tensor:
        y = self.problem.within(y)
        if self.levels is not None:
            y = y + (grid(self.problem, y.detach(), self.levels) - y.detach())
        return self.scores(y)


def run(
    problem: Problem,
    setting: float,
    seed: int,
    name: str,
    steps: int | None = None,
    levels: int | None = LEVELS,
) -> Tensor:
    """The attack of RECIPES by its name, with as many steps as it has there, or others.

    `levels` are those that the target of an attack with head-room rounds to; None: it does not.

    Raises:
        ModuleNotFoundError: foolbox is not installed.
    """
    foolbox, recipe = _foolbox(name), RECIPES[name]
    budget = setting if recipe.dial == "eps" else None
    attack = recipe.make(foolbox.attacks, recipe.steps if steps is None else steps)
    x = problem.x
    # without a device foolbox moves the model to a GPU when there is one
    net = _Scores(problem, setting, levels) if budget is None else _Scores(problem, 0.0, None)
    model = foolbox.PyTorchModel(net.eval(), bounds=(0, 1), device=x.device)
    label = foolbox.Misclassification(torch.tensor([problem.winner], device=x.device))
    options = {} if budget is None else {"epsilon": budget / 255}
    with _seeded(seed, x.device):
        # `run` and not a call, which would ask the target once more only to tell whether it was fooled
        y: Tensor = attack.run(model, x.clamp(0, 1), label, **options).detach()
    if not y.any() or not y.isfinite().all():
        return x.clone()  # what C&W has found nothing for is black
    return problem.within(y).clamp(0, 1)


def attack(name: str) -> Attack:
    """An attack of RECIPES.

    Raises:
        ModuleNotFoundError: foolbox is not installed.
    """
    foolbox, recipe = _foolbox(name), RECIPES[name]
    return Attack(
        name=name,
        title=recipe.title,
        dial=recipe.dial,
        sweep=BUDGETS if recipe.dial == "eps" else HEADROOMS,
        source=recipe.source,
        library=f"foolbox {foolbox.__version__}",
        note=f"{recipe.note}; {ROUNDED[recipe.dial]}; {TWO}",
        run=partial(run, name=name),
    )
