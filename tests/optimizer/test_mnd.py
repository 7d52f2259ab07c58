"""The search against problems whose optimum is known: linear targets and quadratic distances."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mnd import MND, SearchSettings
from mnd.losses import classifier_margin, ssim
from mnd.losses.composite import Composite
from mnd.losses.magnitude import Magnitude
from mnd.optimizer.mnd import gradients

BOUND = 1.10
SHAPES = [(1, 8, 8), (3, 16, 12), (5, 24, 24)]


class Quadratic:
    """`D = 1/2 (y - x)' (diag h + r c c') (y - x)`: with r = 0 no value sees another."""

    def __init__(self, h: Tensor, c: Tensor | None = None, r: float = 0.0) -> None:
        self.h, self.c, self.r = h, torch.zeros_like(h) if c is None else c, r

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        d = y - x
        return 0.5 * ((self.h * d * d).sum((1, 2, 3)) + self.r * (self.c * d).sum((1, 2, 3)) ** 2)

    def inverse(self, a: Tensor) -> Tensor:
        """`H^-1 a`, by Sherman and Morrison."""
        first, c = a / self.h, self.c / self.h
        dot = self.r * (self.c * first).sum((1, 2, 3)) / (1 + self.r * (self.c * c).sum((1, 2, 3)))
        return first - dot.view(-1, 1, 1, 1) * c


class Curved(Quadratic):
    """The same, and it knows the diagonal of its Hessian."""

    def curvature(self, x: Tensor) -> Tensor:
        return (self.h + self.r * self.c**2).expand_as(x)


class Linear:
    """`margin_k = a_k . (y - x) + b_k`."""

    def __init__(self, x: Tensor, a: Tensor, b: Tensor) -> None:
        self.x, self.a, self.b = x, a, b

    def __call__(self, y: Tensor) -> Tensor:
        return (self.a * (y - self.x)).sum((2, 3, 4)) + self.b

    def only(self, k: int) -> Callable[[Tensor], Tensor]:
        return lambda y: self(y)[k]


def rand(*shape: int, seed: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(batch: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Away from black and white, on the grey levels of a file."""
    return (rand(batch, 3, height, width, seed=seed, low=0.35, high=0.65) * 255).round() / 255


def problem(x: Tensor, distance: Quadratic, count: int, size: float, seed: int = 3) -> Linear:
    """`count` linear targets; each alone asks for a change of root mean square `size`."""
    a = normal(count, *x.shape, seed=seed)
    if count > 1:  # they have something in common, as recognisers of one face have
        a = a + 0.5 * a[:1]
    alone = torch.stack([distance.inverse(row) for row in a])
    rms = alone.square().mean((2, 3, 4), keepdim=True).sqrt()
    return Linear(x, a, (a * alone / rms * size).sum((2, 3, 4)))


def optimum(distance: Quadratic, target: Linear) -> np.ndarray:
    """The least D with every margin <= 0, image by image: the best of all active sets that are feasible."""
    a, b = target.a.double(), target.b.double()
    exact = Quadratic(distance.h.double(), distance.c.double(), distance.r)
    solved = torch.stack([exact.inverse(row) for row in a])
    gram = torch.einsum("kbchw,lbchw->bkl", a, solved).numpy()
    best = np.full(len(gram), np.inf)
    for image, g in enumerate(gram):
        needed = b[:, image].numpy()
        for size in range(1, len(b) + 1):
            for active in map(list, itertools.combinations(range(len(b)), size)):
                multipliers = np.linalg.lstsq(g[np.ix_(active, active)], needed[active], rcond=None)[0]
                reached = needed - g[:, active] @ multipliers
                if (multipliers >= 0).all() and (reached <= 1e-9 * abs(needed).max()).all():
                    best[image] = min(best[image], 0.5 * multipliers @ needed[active])
    return best


def check(result, x: Tensor, distance, target, bound: float = BOUND, levels: int | None = 256) -> None:
    """All fooled, judged anew on the saved levels; D as reported; near to the optimum."""
    image = result.image
    if levels is not None:
        grid = image * (levels - 1)
        assert (grid - grid.round()).abs().max() < 1e-4
        image = grid.round() / (levels - 1)
    assert result.success.all()
    assert (target(image) <= 0).all()
    assert image.min() >= 0
    assert image.max() <= 1
    torch.testing.assert_close(result.distance, distance(x, result.image))
    torch.testing.assert_close(result.margins, target(result.image))
    ratio = result.distance.double().numpy() / optimum(distance, target)
    assert (ratio >= 1 - 1e-3).all(), ratio
    assert (ratio <= bound).all(), ratio


@pytest.mark.parametrize("kind", [Curved, Quadratic])
@pytest.mark.parametrize(("levels", "size"), [(None, 1e-3), (None, 0.05), (256, 0.02), (256, 0.05)])
@pytest.mark.parametrize("shape", SHAPES)
def test_one_linear_target(shape, levels, size, kind):
    x = pictures(*shape)
    distance = kind(rand(*x.shape, seed=1, low=0.2, high=2.2))
    target = problem(x, distance, 1, size)
    result = MND(distance, SearchSettings(levels=levels))(x, target)
    check(result, x, distance, target, levels=levels)


@pytest.mark.parametrize("kind", [Curved, Quadratic])
@pytest.mark.parametrize(("levels", "size"), [(None, 0.02), (256, 0.03)])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_several_linear_targets(shape, count, levels, size, kind):
    x = pictures(*shape, seed=5)
    distance = kind(rand(*x.shape, seed=6, low=0.2, high=2.2))
    target = problem(x, distance, count, size)
    result = MND(distance, SearchSettings(levels=levels))(x, target)
    check(result, x, distance, target, levels=levels)


def test_what_trust_held_back_is_not_learned():
    """A linear target is met where it is; what it was on the way there does not drive the search past it."""
    x = pictures(1, 24, 24)
    distance = Curved(rand(*x.shape, seed=1, low=0.2, high=2.2))
    target, seen = problem(x, distance, 1, 0.02), []

    def watched(y: Tensor) -> Tensor:
        margins = target(y)
        seen.append(margins.item() / target.b.item())
        return margins

    MND(distance)(x, watched)
    assert seen[0] > 0.9
    assert min(seen) > -0.05
    assert max(seen[-20:]) <= 0


def test_a_target_that_asks_for_nothing_more_costs_nothing():
    """Of two constraints one is implied by the other: the optimum is that of the other alone."""
    x = pictures(2, 16, 16)
    distance = Curved(rand(*x.shape, seed=1, low=0.2, high=2.2))
    one = problem(x, distance, 1, 0.03)
    both = Linear(x, one.a.repeat(2, 1, 1, 1, 1), torch.cat([one.b, one.b / 2]))
    result = MND(distance)(x, both)
    assert np.allclose(optimum(distance, both), optimum(distance, one))
    check(result, x, distance, both)


@pytest.mark.parametrize("r", [0.001, 0.006])
@pytest.mark.parametrize(("levels", "size"), [(None, 0.02), (256, 0.03)])
@pytest.mark.parametrize("count", [1, 2])
def test_correlated_distance_without_curvature(count, r, levels, size):
    """A rank-one part ties all values together; it lies half along the first target, where it matters."""
    x = pictures(3, 16, 12, seed=8)
    h = rand(*x.shape, seed=9, low=0.5, high=1.5)
    a = normal(count, *x.shape, seed=3)[0]
    distance = Quadratic(h, 0.5 * a + 0.8 * normal(*x.shape, seed=10), r)
    target = problem(x, distance, count, size)
    result = MND(distance, SearchSettings(levels=levels))(x, target)
    check(result, x, distance, target, levels=levels)


def test_correlated_distance_with_curvature():
    """The stiffest direction is 18 times stiffer than the diagonal says: followed slowly it is still held."""
    x = pictures(3, 16, 12, seed=8)
    a = normal(1, *x.shape, seed=3)[0]
    h = rand(*x.shape, seed=9, low=0.5, high=1.5)
    distance = Curved(h, 0.5 * a + 0.8 * normal(*x.shape, seed=10), 0.03)
    target = problem(x, distance, 1, 0.03)
    check(MND(distance, SearchSettings(relax=0.05, steps=80))(x, target), x, distance, target)


class Turns:
    """Targets that are looked at one after the other; all of them in the first step and in the last ones."""

    def __init__(self, target: Callable[[Tensor], Tensor], steps: int, settle: int) -> None:
        self.target, self.steps, self.settle = target, steps, settle
        self.shown: list[tuple[Tensor, bool]] = []
        """Each step's picture, and whether all were looked at."""

    def __call__(self, y: Tensor) -> Tensor:
        rows, step = self.target(y), len(self.shown)
        every = step == 0 or step >= self.steps - self.settle
        self.shown.append((y.detach().clone(), every))
        if every:
            return rows
        unseen = torch.full_like(rows[0].detach(), torch.nan)
        return torch.stack([row if k == step % len(rows) else unseen for k, row in enumerate(rows)])


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize(("levels", "size"), [(None, 0.02), (256, 0.03)])
@pytest.mark.parametrize("keep", ["cheapest", "last"])
def test_targets_that_take_turns_are_fooled_as_cheaply(count, levels, size, keep):
    x = pictures(2, 16, 12, seed=5)
    distance = Curved(rand(*x.shape, seed=6, low=0.2, high=2.2))
    target, steps = problem(x, distance, count, size), 60
    margins = Turns(target, steps, settle=15)
    result = MND(distance, SearchSettings(steps=steps, levels=levels, keep=keep))(x, margins)
    assert len(margins.shown) == steps
    check(result, x, distance, target, levels=levels)


@pytest.mark.parametrize("keep", ["cheapest", "last"])
@pytest.mark.parametrize("seed", range(3))
def test_a_picture_that_not_all_have_looked_at_is_never_the_result(keep, seed):
    """Even where it is fooled and the cheapest: nobody knows of the others."""
    x = pictures(1, 12, 12, seed)
    distance = Curved(torch.ones_like(x))
    margins = Turns(problem(x, distance, 3, 0.02, seed), 25, settle=1)
    result = MND(distance, SearchSettings(steps=25, keep=keep))(x, margins)
    judged = [y for y, every in margins.shown if every]
    assert len(judged) == 2
    assert any(torch.equal(result.image, y) for y in judged)
    torch.testing.assert_close(result.margins, margins.target(result.image))


def test_nobody_is_asked_for_the_slopes_of_what_was_not_looked_at():
    x, asked = pictures(1, 12, 12), []

    def slopes(rows, y: Tensor) -> Tensor:
        asked.append([row.requires_grad for row in rows])
        return gradients(rows, y)

    distance = Curved(torch.ones_like(x))
    target = problem(x, distance, 3, 0.02)
    MND(distance, SearchSettings(steps=6), slopes)(x, Turns(target, 6, settle=1))
    want = [[True] * 3, *([k == step % 3 for k in range(3)] for step in range(1, 5)), [True] * 3]
    assert asked == want


@pytest.mark.parametrize("step", [0, 7])
def test_the_first_and_the_last_step_look_at_all(step):
    x, calls = pictures(1, 12, 12), itertools.count()
    target = problem(x, Curved(torch.ones_like(x)), 2, 0.02)

    def margins(y: Tensor) -> Tensor:
        rows = target(y)
        return torch.stack([rows[0], rows[1] * torch.nan]) if next(calls) == step else rows

    with pytest.raises(ValueError, match="NaN for a target that a step between the first and the last"):
        MND(Magnitude(), SearchSettings(steps=8))(x, margins)


def test_a_target_looks_at_all_pictures_of_a_batch_or_at_none():
    x, calls = pictures(2, 12, 12), itertools.count()

    def margins(y: Tensor) -> Tensor:
        row = y.mean((1, 2, 3))
        return torch.stack([row[0], row[1] * torch.nan]) if next(calls) == 3 else row

    with pytest.raises(ValueError, match="expected finite numbers, one for each of 2 images"):
        MND(Magnitude())(x, margins)
    assert next(calls) == 4


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20), size=st.floats(0.02, 0.06), batch=st.integers(1, 3),
       height=st.integers(6, 20), width=st.integers(6, 20), count=st.integers(1, 2))  # fmt: skip
def test_random_linear_problems(seed, size, batch, height, width, count):
    x = pictures(batch, height, width, seed)
    distance = Curved(rand(*x.shape, seed=seed + 1, low=0.3, high=1.5))
    target = problem(x, distance, count, size, seed + 2)
    check(MND(distance)(x, target), x, distance, target)


def test_a_batch_gives_each_image_what_it_gets_alone():
    x = pictures(4, 16, 12)
    x[2:] = x[:1]
    distance = Magnitude()
    target = problem(x, Quadratic(torch.ones_like(x)), 2, 0.03)
    target.b[:, 1] *= 3  # one is harder
    together = MND(distance)(x, target)
    for i in range(4):
        alone = Linear(x[i : i + 1], target.a[:, i : i + 1], target.b[:, i : i + 1])
        result = MND(distance)(x[i : i + 1], alone)
        assert torch.equal(result.image[0], together.image[i])
        assert torch.equal(result.success[0], together.success[i])
        torch.testing.assert_close(result.distance[0], together.distance[i])


def test_an_impossible_image_does_not_hurt_its_neighbour():
    x = pictures(2, 16, 12)
    distance = Curved(rand(*x.shape, seed=1, low=0.2, high=2.2))
    target = problem(x, distance, 1, 0.03)
    expected = optimum(distance, target)
    target.b[0, 0] = 1e6
    result = MND(distance)(x, target)
    assert result.success.tolist() == [False, True]
    assert result.distance[1] <= BOUND * expected[1]


def test_same_seed_same_bytes():
    x = pictures(2, 16, 16)
    target = problem(x, Quadratic(torch.ones_like(x)), 1, 0.01)
    runs = [MND(settings=SearchSettings(seed=4))(x, target).image.numpy().tobytes() for _ in range(2)]
    assert runs[0] == runs[1]


def test_another_seed_starts_elsewhere():
    x = pictures(1, 16, 16)
    starts = [MND(settings=SearchSettings(seed=seed, steps=1))(x, _recognised).image for seed in (4, 5)]
    assert not torch.equal(*starts)
    assert (starts[0] - x).abs().max() <= 3 / 255


def _recognised(y: Tensor) -> Tensor:
    return 1 + y.mean((1, 2, 3))


def test_an_impossible_problem_gives_the_best_that_was_seen():
    x = pictures(2, 12, 12)
    judged: list[tuple[float, Tensor]] = []

    def margins(y: Tensor) -> Tensor:
        m = 2 + 0.1 * (normal(*x.shape, seed=3) * (y - x)).sum((1, 2, 3)).tanh()
        judged.append((m[0].item(), y[0].detach().clone()))
        return m

    result = MND(Magnitude())(x, margins)
    assert not result.success.any()
    least, picture = min(judged, key=lambda pair: pair[0])
    assert result.margins[0, 0].item() == least < 2
    assert torch.equal(result.image[0], picture)
    assert not torch.equal(result.image[0], x[0])
    assert result.steps == len(judged) == 40


def test_of_several_targets_the_worst_counts():
    """Two targets that contradict each other: the best seen has the smallest *worst* margin."""
    x = pictures(1, 12, 12)
    worst: list[float] = []

    def margins(y: Tensor) -> Tensor:
        first = (normal(*x.shape, seed=3) * (y - x)).sum((1, 2, 3))
        m = torch.stack([first + 1, 1.5 - first])
        worst.append(m.max().item())
        return m

    result = MND(Magnitude())(x, margins)
    assert not result.success.any()
    assert result.margins.max().item() == min(worst)


@pytest.mark.parametrize("channels", [1, 3])
def test_mask(channels):
    x = pictures(2, 20, 20)
    distance = Curved(torch.ones_like(x))
    mask = torch.zeros(1, channels, 20, 20)
    mask[..., 4:15, 3:17] = 1
    target = problem(x, distance, 1, 0.005)
    result = MND(distance)(x, target, mask)
    assert result.success.all()
    assert torch.equal(result.image * (1 - mask), x * (1 - mask))
    assert not torch.equal(result.image, x)
    inside = Linear(x, target.a * mask, target.b)
    assert (result.distance.double().numpy() <= BOUND * optimum(distance, inside)).all()


def test_a_mask_of_nothing_changes_nothing():
    x = pictures(1, 12, 12)
    target = problem(x, Quadratic(torch.ones_like(x)), 1, 0.01)
    result = MND(Magnitude())(x, target, torch.zeros(1, 1, 12, 12))
    assert not result.success.any()
    assert torch.equal(result.image, x)


@pytest.mark.parametrize("distance", [Composite(), Magnitude(), ssim])
def test_grey_stays_grey(distance):
    x = pictures(2, 24, 24)[:, :1].expand(-1, 3, -1, -1).clone()
    target = problem(x, Quadratic(torch.ones_like(x)), 1, 0.01)
    result = MND(distance)(x, target, grey=True)
    assert result.success.all()
    assert not torch.equal(result.image, x)
    assert torch.equal(result.image[:, 0], result.image[:, 1])
    assert torch.equal(result.image[:, 0], result.image[:, 2])


def test_grey_optimum():
    """Equal channels: the optimum is that of one channel with the mean of slopes and curvatures."""
    x = pictures(2, 16, 16)[:, :1].expand(-1, 3, -1, -1).clone()
    distance = Curved(rand(*x.shape, seed=1, low=0.2, high=2.2))
    target = problem(x, distance, 1, 0.02)
    total = target.a.double().sum(2), distance.h.double().sum(1)
    best = 0.5 * target.b[0].double() ** 2 / (total[0][0] ** 2 / total[1]).sum((1, 2))
    result = MND(distance)(x, target, grey=True)
    assert result.success.all()
    assert (result.distance <= BOUND * best).all()


def test_plain_function_and_list_of_margins():
    x = pictures(2, 16, 16)
    target = problem(x, Quadratic(torch.ones_like(x)), 2, 0.02)

    def plain(x: Tensor, y: Tensor) -> Tensor:
        return (y - x).square().mean((1, 2, 3))

    stacked = MND(plain)(x, target)
    listed = MND(plain)(x, [target.only(0), target.only(1)])
    nested = MND(plain)(x, [target])
    assert stacked.success.all()
    assert torch.equal(stacked.image, listed.image)
    assert torch.equal(stacked.image, nested.image)
    assert stacked.margins.shape == (2, 2)
    torch.testing.assert_close(stacked.distance, plain(x, stacked.image))


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_kappa(share):
    x = pictures(2, 16, 16)
    distance = Curved(torch.ones_like(x))
    target = problem(x, distance, 1, 0.02)
    kappa = share * float(target.b.max())
    result = MND(distance, SearchSettings(kappa=kappa))(x, target)
    harder = Linear(x, target.a, target.b + kappa)
    assert result.success.all()
    assert (result.margins <= -kappa).all()
    assert (result.distance.double().numpy() <= BOUND * optimum(distance, harder)).all()


@pytest.mark.parametrize("distance", [Composite(), ssim, Magnitude()])
def test_curved_target(distance):
    """A target that is no plane: fooled, and no further than its border asks for."""
    x = pictures(2, 24, 24)
    a = normal(*x.shape, seed=3)

    def margins(y: Tensor) -> Tensor:
        return 1 - ((a * (y - x)).mean((1, 2, 3)) * 300).tanh() - 0.3

    result = MND(distance)(x, margins)
    assert result.success.all()
    assert (margins(result.image) <= 0).all()
    assert (result.margins > -0.1).all()
    torch.testing.assert_close(result.distance, distance(x, result.image), rtol=1e-4, atol=1e-9)


def test_already_fooled_stays_nearly_clean():
    x = pictures(1, 16, 16)
    result = MND(Magnitude())(x, lambda y: y.mean((1, 2, 3)) - 2)
    assert result.success.all()
    assert (result.image - x).abs().max() <= 2 / 255 + 1e-6


def test_at_the_edge_of_the_range():
    """Black and white pictures: what would leave [0, 1] is not counted on."""
    x = (rand(2, 3, 16, 16, seed=0) > 0.5).float()
    a = normal(1, *x.shape, seed=3)
    target = Linear(x, a, torch.full((1, 2), 3.0))
    result = MND(Magnitude())(x, target)
    assert result.success.all()
    assert result.image.min() >= 0
    assert result.image.max() <= 1


@pytest.mark.parametrize("levels", [2**16, 16, None])
def test_levels(levels):
    x = pictures(1, 16, 16)
    target = problem(x, Quadratic(torch.ones_like(x)), 1, 0.05)
    result = MND(Magnitude(), SearchSettings(levels=levels))(x, target)
    assert result.success.all()
    if levels is not None:
        grid = result.image * (levels - 1)
        assert (grid - grid.round()).abs().max() < 0.01


def test_progress_and_steps():
    x = pictures(1, 12, 12)
    seen: list[int] = []
    result = MND(Magnitude(), SearchSettings(steps=7))(x, lambda y: y.mean((1, 2, 3)), progress=seen.append)
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert result.steps == 7


def test_the_clean_picture_is_not_touched():
    x = pictures(1, 12, 12)
    before = x.clone()
    MND(Composite())(x, lambda y: y.mean((1, 2, 3)) - 0.49)
    assert torch.equal(x, before)
    assert not x.requires_grad


def nan_after(start: int) -> Callable[[Tensor], Tensor]:
    calls = itertools.count()
    return lambda y: y.mean((1, 2, 3)) * (float("nan") if next(calls) >= start else 1.0)


@pytest.mark.parametrize(
    "margins",
    [
        lambda y: y.mean((1, 2, 3)) * float("nan"),
        lambda y: y.mean((1, 2, 3)) / 0,
        nan_after(5),
    ],
)
def test_margins_that_are_none(margins):
    with pytest.raises(ValueError, match=r"margins are .*expected finite numbers, one for each of 2 images"):
        MND(Magnitude())(pictures(2, 12, 12), margins)


@pytest.mark.parametrize(
    ("margins", "shape"),
    [
        (lambda y: y.mean((1, 2, 3))[:1], (1, 1)),
        (lambda y: y.mean((2, 3)), (2, 3)),
        (lambda y: y.flatten(1)[:, :200], (2, 200)),
        (lambda y: y.mean(), (1,)),
    ],
)
def test_margins_of_another_shape_are_told_in_one_line(margins, shape):
    """Also logits, of which there may be a thousand."""
    told = rf"shape {re.escape(str(shape))}, expected \(targets, 2\).*classifier_margin\(model, labels\)"
    with pytest.raises(ValueError, match=told) as caught:
        MND(Magnitude())(pictures(2, 12, 12), margins)
    assert len(str(caught.value)) < 250


def test_a_classifier_and_labels_in_one_line():
    """As other libraries call it; the other class wins in the picture that comes back."""

    def model(y):
        return torch.stack([y[:, 0].mean((1, 2)), y[:, 1].mean((1, 2))], 1)

    x = pictures(2, 12, 12)
    labels = model(x).argmax(1)
    result = MND(Magnitude())(x, classifier_margin(model, labels))
    assert result.success.all()
    assert (model(result.image).argmax(1) != labels).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 8, 8), r"x has shape \(3, 8, 8\)"),
        (torch.zeros(1, 1, 8, 8), "expected .B, 3, H, W."),
        (torch.full((1, 3, 8, 8), 255.0), "x has values 255..255"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "expected floating point"),
        (torch.full((1, 3, 8, 8), float("nan")), "x has values nan"),
    ],
)
def test_pictures_that_are_none(x, message):
    with pytest.raises(ValueError, match=message):
        MND(Magnitude())(x, lambda y: y.mean((1, 2, 3)))


def test_a_margin_that_nothing_reaches_ends_finite():
    x = torch.full((1, 3, 16, 16), 0.5)
    slope = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    result = MND(Composite(spread=0.1), SearchSettings(steps=120))(
        x, lambda y: (slope * y).sum((1, 2, 3)) + 1e6
    )
    assert result.image.isfinite().all()
    assert not result.success


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"momentum": (0.5, 1.0)}, r"momentum is \(0.5, 1.0\)"),
        ({"momentum": (-0.1, 0.5)}, r"momentum is \(-0.1, 0.5\)"),
        ({"trust": 1.0}, "trust is 1.0"),
        ({"levels": 1}, "levels is 1"),
    ],
)
def test_settings_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        SearchSettings(**options)


class TestKeep:
    """Margins that are drawn anew in every step: the cheapest picture that fools them was lucky."""

    @staticmethod
    def lucky(size: float):
        """A margin of the mean with a draw of its own in every step."""
        generator = torch.Generator().manual_seed(1)

        def margin(y: torch.Tensor) -> torch.Tensor:
            draw = torch.randn((), generator=generator) * size
            return y.mean((1, 2, 3)) - 0.48 + draw

        return margin

    def test_the_last_that_fools_lies_farther_from_luck(self):
        x = torch.full((1, 3, 16, 16), 0.5)
        means = {}
        for keep in ("cheapest", "last"):
            result = MND(None, SearchSettings(steps=60, keep=keep, levels=None))(x, self.lucky(0.005))
            assert bool(result.success)
            means[keep] = float(result.image.mean())
        assert means["last"] < means["cheapest"] - 0.001
        assert means["last"] < 0.48

    def test_without_draws_both_fool(self):
        x = torch.full((1, 3, 16, 16), 0.5)
        for keep in ("cheapest", "last"):
            result = MND(None, SearchSettings(keep=keep))(x, lambda y: y.mean((1, 2, 3)) - 0.48)
            assert bool(result.success)
            assert float(result.image.mean()) <= 0.48

    def test_the_last_is_one_that_fooled(self):
        """Steps after it in which a target recognises the picture again change nothing."""
        x = torch.full((1, 3, 16, 16), 0.5)
        asked = []

        def margin(y: torch.Tensor) -> torch.Tensor:
            asked.append(y.detach().clone())
            fooled = len(asked) in (3, 5)
            return y.mean((1, 2, 3)) * 1e-3 + (-1.0 if fooled else 1.0)

        result = MND(None, SearchSettings(steps=8, keep="last"))(x, margin)
        assert bool(result.success)
        assert torch.equal(result.image, asked[4])

    def test_an_unknown_one_is_refused(self):
        with pytest.raises(ValueError, match="keep is 'best', expected one of cheapest, last"):
            SearchSettings(keep="best")


@pytest.mark.parametrize(
    ("distance", "got"), [(torch.nn.MSELoss(), r"a tensor \(\)"), (lambda x, y: 0.0, "a float")]
)
def test_a_distance_that_has_no_number_an_image_is_refused(distance, got):
    """A mean over the batch, as losses of torch give it, would make two searches one."""
    with pytest.raises(ValueError, match=rf"the distance gives {got}, expected \(2,\)"):
        MND(distance)(torch.full((2, 3, 8, 8), 0.5), lambda y: y.mean((1, 2, 3)) - 0.49)
