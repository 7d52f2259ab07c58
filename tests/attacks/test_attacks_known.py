"""Every attack on problems whose answer is known in closed form."""

from __future__ import annotations

import pytest
import torch

from mnd.attacks import NAMES, Counted, load
from mnd.attacks.foolbox import run as library

BUDGETED = ("fgsm", "i-fgsm", "pgd", "mi-fgsm")
LEAST = tuple(name for name in NAMES if name not in BUDGETED)
FACTORS = {
    "mnd": 1.3, "mnd-40": 1.3, "mnd-plain": 1.3, "mnd-structure": 1.3, "mnd-spread": 1.3,
    "cw": 1.3, "deepfool": 1.05, "ddn-40": 1.05, "ddn": 1.05,
    "ddn-foolbox-100": 1.05, "fmn": 1.05, "alma": 1.25, "alma-ssim": 3.0, "perc-al": 2.5,
}  # fmt: skip
"""How much longer than the shortest the change may be; of those that keep another distance small, more."""


def rounded(y):
    return (y * 255).round() / 255


def setting(name):
    return 8.0 if name in BUDGETED else 0.0


@pytest.fixture(autouse=True)
def _foolbox(foolbox):
    """All of these tests also run attacks of foolbox."""


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("kind", ["two", "five"])
def test_the_least_change_is_nearly_the_shortest(name, kind, request):
    known = request.getfixturevalue(kind)
    x = known.problem.x
    y = rounded(load(name).run(known.problem, 0.0, 0))
    assert known.problem.margin(y) < 0
    norm = float((y - x).norm())
    assert 0.98 * known.norm < norm < FACTORS[name] * known.norm


@pytest.mark.parametrize("name", LEAST)
def test_head_room_is_kept(name, two):
    """Half the distance to the border again."""
    room = 0.5 * float(two.problem.margin(two.problem.x))
    y = rounded(load(name).run(two.problem, room, 0))
    assert two.problem.margin(y) < -0.99 * room


def test_head_room_of_a_classifier_is_in_logits(five):
    for name in ("ddn-40", "deepfool", "fmn"):
        y = rounded(load(name).run(five.problem, 3.0, 0))
        assert five.problem.margin(y) < -2.99


def test_fgsm_is_one_signed_step(two, five):
    x = two.problem.x
    y = load("fgsm").run(two.problem, 3.0, 0)
    assert torch.allclose(y, x - 3 / 255 * two.weight.sign(), atol=1e-6)
    y = load("fgsm").run(five.problem, 3.0, 0)
    assert torch.allclose((y - x).abs(), torch.tensor(3 / 255), atol=1e-6)


@pytest.mark.parametrize("name", ["i-fgsm", "pgd", "mi-fgsm"])
def test_many_signed_steps_end_in_the_same_corner(name, two):
    y = load(name).run(two.problem, 3.0, 0)
    assert torch.allclose(y, two.problem.x - 3 / 255 * two.weight.sign(), atol=1e-6)


@pytest.mark.parametrize("name", BUDGETED)
@pytest.mark.parametrize("eps", [1.0, 16.0, 150.0])
def test_a_budget_is_never_exceeded(name, eps, five):
    x = five.problem.x
    y = load(name).run(five.problem, eps, 1)
    assert float(y.min()) >= 0
    assert float(y.max()) <= 1
    assert float((y - x).abs().max()) <= eps / 255 + 1e-6
    assert float((rounded(y) - x).abs().max()) <= eps / 255 + 1e-6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grey", [False, True])
def test_the_mask_holds(name, grey, linear):
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :12] = 1
    known = linear(mask=mask, grey=grey)
    x = known.problem.x
    y = rounded(load(name).run(known.problem, 16.0 if name in BUDGETED else 0.0, 0))
    assert torch.equal(y[..., 12:], rounded(x)[..., 12:])
    assert known.problem.margin(y) < 0
    if grey:
        assert torch.equal(y[:, 0], y[:, 1])
        assert torch.equal(y[:, 0], y[:, 2])
    if name in LEAST and not grey:
        assert float((y - x).norm()) < FACTORS[name] * known.norm


@pytest.mark.parametrize("name", NAMES)
def test_results_repeat_and_torch_is_left_alone(name, five):
    attack = load(name)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = attack.run(five.problem, setting(name), 3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(attack.run(five.problem, setting(name), 3), first)
    assert first.shape == five.problem.x.shape
    assert not first.requires_grad


def test_seeds_differ(five):
    pgd = load("pgd")
    assert not torch.equal(pgd.run(five.problem, 8.0, 0), pgd.run(five.problem, 8.0, 1))


@pytest.mark.parametrize(
    ("name", "forwards", "backwards"),
    [
        ("mnd-40", 40, 40), ("mnd-plain", 100, 100), ("fgsm", 1, 1), ("i-fgsm", 40, 40),
        ("pgd", 40, 40), ("mi-fgsm", 40, 40),
        ("ddn-40", 40, 40), ("ddn", 100, 100), ("ddn-foolbox-100", 100, 100), ("fmn", 100, 100),
        ("alma", 100, 100), ("alma-ssim", 100, 100),
    ],
)  # fmt: skip
def test_passes(name, forwards, backwards, two):
    counted = Counted(two.problem)
    load(name).run(counted, setting(name), 0)
    assert (counted.forwards, counted.backwards) == (forwards, backwards)


def test_passes_of_those_that_stop_early(two, five):
    for name, most in (("cw", 1000), ("perc-al", 100), ("deepfool", 50 * 9 + 1)):
        for known in (two, five):
            counted = Counted(known.problem)
            load(name).run(counted, 0.0, 0)
            assert 0 < counted.backwards <= counted.forwards <= most


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_fooled_gives_a_picture(name, linear):
    """Nothing within [0, 1] reaches the border; C&W of foolbox would give a black picture."""
    known = linear(norm=100.0)
    y = load(name).run(known.problem, setting(name), 0)
    assert y.isfinite().all()
    assert float((y - known.problem.x).abs().mean()) < 0.7
    assert float(y.mean()) > 0.1
    assert known.problem.margin(y) > 0


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("fgsm", "i-fgsm", "deepfool", "cw")])
def test_no_slope_at_the_clean_picture(name, five):
    """As a distance between embeddings has it: it is zero at the picture itself, and so is its slope."""
    from mnd.attacks import Problem

    x = five.problem.x
    problem = Problem(x, (lambda y: 0.5 - ((y - x) ** 2).sum((1, 2, 3)),), (1.0,))
    y = rounded(load(name).run(problem, 16.0 if name in BUDGETED else 0.0, 0))
    assert problem.margin(y) < 0


@pytest.mark.parametrize("name", ["ddn-foolbox-100", "deepfool", "cw"])
def test_the_target_that_foolbox_sees_rounds_to_8_bits(name, linear):
    """A border a hundredth of a grey level away: what foolbox finds without it is lost when it is saved."""
    known = linear(norm=0.01 / 255 * 768**0.5)
    plain = library(known.problem, 0.0, 0, name, levels=None)
    assert torch.equal(rounded(plain), rounded(known.problem.x))
    y = library(known.problem, 0.0, 0, name)
    assert known.problem.margin(rounded(y)) < 0
