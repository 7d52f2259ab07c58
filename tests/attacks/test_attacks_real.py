"""Every attack on a real classifier and a real photo, and on two margins at once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from mnd.attacks import NAMES, Problem, foolbox, load
from mnd.attacks import alma as alma_module
from mnd.attacks.ddn import ddn
from mnd.attacks.fmn import fmn
from mnd.attacks.mi_fgsm import mi_fgsm
from mnd.attacks.mnd import KINDS, search
from mnd.attacks.perc_al import perc_al
from mnd.targets import registry
from mnd.targets.target import Reference

SHORT = {
    **{name: partial(search, kind=replace(kind, steps=kind.steps // 16)) for name, kind in KINDS.items()},
    "fgsm": partial(foolbox.run, name="fgsm"),
    "i-fgsm": partial(foolbox.run, name="i-fgsm", steps=6),
    "pgd": partial(foolbox.run, name="pgd", steps=6),
    "mi-fgsm": partial(mi_fgsm, steps=6),
    "cw": partial(foolbox.run, name="cw", steps=2),
    "deepfool": partial(foolbox.run, name="deepfool", steps=4),
    "ddn": partial(ddn, steps=8),
    "ddn-40": partial(ddn, steps=8),
    "ddn-foolbox-100": partial(foolbox.run, name="ddn-foolbox-100", steps=8),
    "fmn": partial(fmn, steps=15),
    "alma": partial(alma_module.alma, steps=10),
    "alma-ssim": partial(alma_module.alma, distance=alma_module.DISTANCES["alma-ssim"], steps=10),
    "perc-al": partial(perc_al, steps=10),
}
"""Every attack with fewer steps."""


@pytest.fixture(scope="module")
def problem(photo) -> Problem:
    target = registry.load("efficientnet-lite0", offline=True)
    x = photo(64)
    label = int(target.refer(x).known)
    reference = Reference(torch.tensor([label]))
    return Problem(x, (lambda y: target.margin(y, reference),), (1.0,), target.logits, label)


def rounded(y):
    return (y * 255).round() / 255


def test_none_is_missing():
    assert tuple(SHORT) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_lower_the_margin(name, problem, foolbox):
    dial = load(name).dial
    y = rounded(SHORT[name](problem, 4.0 if dial == "eps" else 0.0, 0))
    with torch.no_grad():
        before, after = (float(problem.margin(v)) for v in (problem.x, y))
    assert before > 0
    assert after < before or torch.equal(y, problem.x)
    if name not in ("cw", *KINDS, "deepfool", "fmn"):  # too few steps to get there
        assert after < 0
    assert float((y - problem.x).abs().mean()) < 4 / 255 + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_attack_as_it_is_fools_the_saved_picture(name, problem, foolbox):
    attack = load(name)
    y = rounded(attack.run(problem, 4.0 if attack.dial == "eps" else 0.0, 0))
    with torch.no_grad():
        assert problem.margin(y) <= 0
    psnr = -10 * torch.log10((y - problem.x).square().mean())
    assert psnr > (35 if attack.dial == "eps" else 45)


@pytest.mark.parametrize("name", NAMES)
def test_two_targets_at_once(name, foolbox):
    """Two linear margins in different units: both must fall."""
    generator = torch.Generator().manual_seed(4)
    x = rounded(0.3 + 0.4 * torch.rand(1, 3, 16, 16, generator=generator))
    a, b = torch.randn(2, 1, 3, 16, 16, generator=generator)
    margins = (
        lambda y: 0.5 * (1 + (a * (y - x)).sum((1, 2, 3)) / 30),
        lambda y: 0.3 * (1 + (b * (y - x)).sum((1, 2, 3)) / 20),
    )
    problem = Problem(x, margins, (0.5, 0.3))
    attack = load(name)
    y = rounded(attack.run(problem, 32.0 if attack.dial == "eps" else 0.05, 0))
    assert problem.margin(x) == pytest.approx(1.0)
    if name == "fgsm":  # one step sees one of them
        assert min(float(m(y)) for m in margins) < 0
    else:
        assert problem.margin(y) < (0.0 if attack.dial == "eps" else -0.049)
