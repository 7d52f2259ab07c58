"""E-LPIPS: transforms against numpy, the laws of the draws, common draws, the published demonstration."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd import gradcheck

from mnd.losses.elpips import (
    ELPIPS,
    KEEP,
    ORDERS,
    Draw,
    _Drop,
    _lost,
    drop,
    dropout,
    elpips,
    scale_law,
    shrink,
)
from tests.helpers.metrics import Tiny, random_pair, tiny_lpips


def oracle(x: np.ndarray, draw: Draw) -> list[np.ndarray]:
    """The transforms of `(B, 3, H, W)`, one after the other as they are described, by numpy alone."""
    s, after = draw.scale, []
    for size, phase in zip(x.shape[2:], draw.phase, strict=True):
        full = (s - 1 + size + s - 1) // s * s
        after.append(full - size - phase)
    pads = [(0, 0), (0, 0), *zip(draw.phase, after, strict=True)]
    x = np.pad(x, pads, mode="reflect")
    out = []
    for index, image in enumerate(x):
        boxes = [
            [image[:, i : i + s, j : j + s].mean((1, 2)) for j in range(0, image.shape[2], s)]
            for i in range(0, image.shape[1], s)
        ]
        image = np.array(boxes).transpose(2, 0, 1)
        image = np.pad(image, [(0, 0), *((7 - o, o) for o in draw.offsets[index])], mode="reflect")
        rows, columns = draw.flips[index]
        image = image[:, :: -1 if rows else 1, :: -1 if columns else 1]
        image = image.swapaxes(1, 2) if draw.transposed else image
        image = image[list(draw.orders[index])]
        out.append(image * draw.gains[index].numpy()[:, None, None])
    return out


@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize(
    ("height", "width", "scale"), [(9, 11, None), (129, 130, 2), (200, 193, 3), (192, 260, 4)]
)
def test_every_transform_is_numpys(number, height, width, scale):
    x, _ = random_pair(3, height, width)
    draw = Draw.of((7, number), x.shape, scale)
    got = draw(x)
    for one, expected in zip(got.numpy(), oracle(x.numpy(), draw), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(64, 90), st.integers(64, 90), st.integers(2, 7), st.data())
def test_boxes_are_those_of_a_mirrored_picture(height, width, scale, data):
    phase = data.draw(st.integers(0, scale - 1)), data.draw(st.integers(0, scale - 1))
    x, _ = random_pair(1, height, width)
    got = shrink(x, scale, phase)
    side = 3 * scale
    mirrored = np.pad(x.numpy(), [(0, 0), (0, 0), (side, side), (side, side)], mode="reflect")
    down, across = side - phase[0], side - phase[1]
    for i, j in ((0, 0), (got.shape[2] - 1, got.shape[3] - 1), (got.shape[2] // 2, 1)):
        box = mirrored[
            0, :, down + i * scale : down + (i + 1) * scale, across + j * scale : across + (j + 1) * scale
        ]
        np.testing.assert_allclose(got[0, :, i, j].numpy(), box.mean((1, 2)), rtol=1e-12)
    # every pixel lies in a box
    assert got.shape[2] * scale >= height + phase[0]
    assert got.shape[3] * scale >= width + phase[1]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(9, 300), st.integers(9, 300), st.integers(0, 1000))
def test_any_size_stays_in_range_and_large_enough(batch, height, width, seed):
    x, _ = random_pair(batch, height, width)
    draw = Draw.of((seed,), x.shape)
    got = draw(x)
    low, high = sorted(got.shape[2:])
    small = max(1, min(height, width) // 64)
    assert 1 <= draw.scale <= small
    assert got.shape[:2] == x.shape[:2]
    assert low >= min(height, width, 64) + 7
    assert high <= max(height, width) + 7
    assert got.min() >= 0
    assert got.max() <= 1


def test_the_law_of_the_scale():
    assert scale_law(100, 500) == (1.0,)
    weights = 1 / np.arange(1, 6) ** 2
    np.testing.assert_allclose(scale_law(400, 357), weights / weights.sum())
    shape, count = torch.Size((1, 3, 400, 357)), 3000
    drawn = Counter(Draw.of((1, number), shape).scale for number in range(count))
    expected = count * np.array(scale_law(400, 357))
    chi2 = sum((drawn[s] - e) ** 2 / e for s, e in enumerate(expected, start=1))
    assert chi2 < 18.5  # of 4 degrees of freedom, one in a thousand is larger
    assert set(drawn) == {1, 2, 3, 4, 5}


def test_the_laws_of_the_other_transforms():
    shape, count = torch.Size((1, 3, 64, 64)), 3000
    draws = [Draw.of((2, number), shape) for number in range(count)]
    for name, kinds in (("offsets", 64), ("flips", 4), ("orders", 6)):
        drawn = Counter(getattr(draw, name)[0] for draw in draws)
        chi2 = sum((drawn[kind] - count / kinds) ** 2 / (count / kinds) for kind in drawn)
        assert len(drawn) == kinds, name
        assert chi2 < kinds + 4 * (2 * kinds) ** 0.5, name
    assert {draw.orders[0] for draw in draws} == set(ORDERS)
    assert sum(draw.transposed for draw in draws) == pytest.approx(count / 2, abs=110)
    gains = torch.cat([draw.gains for draw in draws])
    assert gains.min() >= 0.2
    assert gains.max() <= 1
    assert gains.mean(0).numpy() == pytest.approx(np.full(3, 0.6), abs=0.02)
    assert np.corrcoef(gains.T.numpy())[0, 1] == pytest.approx(0, abs=0.08)
    assert {draw.phase for draw in draws} == {(0, 0)}
    thirds = Counter(Draw.of((3, n), torch.Size((1, 3, 192, 192)), scale=3).phase for n in range(900))
    assert len(thirds) == 9
    assert min(thirds.values()) > 60


@pytest.mark.parametrize("batch", [1, 3, 8, 12, 13])
def test_a_batch_is_stratified(batch):
    for number in range(20):
        draw = Draw.of((5, number), torch.Size((batch, 3, 64, 64)))
        cells = ((draw.gains - 0.2) / 0.8 * batch).floor().long().clamp_max(batch - 1)
        for channel in range(3):
            assert cells[:, channel].sort().values.tolist() == list(range(batch))
        for dealt, kinds in ((draw.flips, 4), (draw.orders, 6)):
            # of every kind no more than as many packs as were opened
            assert max(Counter(dealt).values()) <= -(-batch // kinds)
            if batch % kinds == 0:
                assert set(Counter(dealt).values()) == {batch // kinds}


def test_dropout_keeps_99_of_100_independently():
    kept = torch.cat([drop(torch.ones(2, 8, 50, 51), seed, 2).flatten() for seed in range(10)])
    assert set(kept.unique().tolist()) == {0.0, float(torch.tensor(1) / KEEP)}
    lost = kept == 0
    count, rate = lost.numel(), 0.01
    assert lost.double().mean().item() == pytest.approx(rate, abs=4 * (rate * (1 - rate) / count) ** 0.5)
    for lag in (1, 2, 8, 51):
        both = (lost[lag:] & lost[:-lag]).double().mean().item()
        assert both == pytest.approx(rate**2, abs=4 * rate / count**0.5)


@pytest.mark.parametrize("size", [1, 2, 100, 12345])
def test_lost_places_are_ordered_distinct_and_inside(size):
    counts = []
    for seed in range(200):
        lost = _lost(torch.Generator().manual_seed(seed), size)
        assert (lost.diff() > 0).all()
        assert lost.numel() == 0 or (lost[0] >= 0 and lost[-1] < size)
        counts.append(lost.numel())
    sigma = (size * 0.01 * 0.99) ** 0.5
    assert np.mean(counts) == pytest.approx(size * 0.01, abs=4 * sigma / 200**0.5)
    if size > 10:  # of fewer the variance is not known well enough
        assert np.var(counts) == pytest.approx(sigma**2, rel=0.5)


def test_dropout_is_the_same_for_both_pictures_but_not_for_convolutions_and_seeds():
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    for conv in net:
        conv.weight.data, conv.bias.data = torch.eye(3)[:, :, None, None], torch.zeros(3)
    x = torch.ones(1, 3, 40, 40)
    with dropout(net, 1, batch=1):
        first, second = (conv(x) == 0 for conv in net)
        # another picture, in another order of memory, and both as one batch
        assert torch.equal(net[0](0.5 * x.contiguous(memory_format=torch.channels_last)) == 0, first)
        assert torch.equal(net[1](torch.cat([x, x])) == 0, torch.cat([second, second]))
        assert torch.equal(net(x) == 0, first | second)
    with dropout(net, 2, batch=1):
        other = net[0](x) == 0
    for lost in (first, second, other):
        assert 20 < lost.sum() < 80  # of 4,800 values
    # independent ones have hardly one in common
    for one, two in ((first, second), (first, other), (second, other)):
        assert (one & two).sum() < 6


def test_hooks_are_removed_after_an_error():
    base = Tiny()
    metric = ELPIPS(base)
    x, y = random_pair()
    with pytest.raises(RuntimeError, match="on purpose"), dropout(base, 0, batch=1):
        raise RuntimeError("on purpose")
    with (
        pytest.raises(ValueError, match=r"got 3 pictures, expected a multiple of 2"),
        dropout(base, 0, batch=2),
    ):
        base.net(torch.rand(3, 3, 20, 20, dtype=torch.float64))
    metric(x, y)
    assert not any(part._forward_pre_hooks for part in base.modules())


def test_the_dropouts_gradient():
    x = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    places = torch.tensor([0, 7, 50, 119])
    assert gradcheck(lambda t: _Drop.apply(t, places), (x,))


@pytest.mark.parametrize("base", [Tiny(), Tiny(together=True), tiny_lpips()], ids=["two", "one", "distance"])
def test_equal_pictures_have_distance_zero(base):
    metric = ELPIPS(base, samples=3)
    x, y = random_pair()
    assert metric(x, x.clone()).tolist() == [0, 0]
    assert (metric(x, y) > 0).all()
    estimate = metric.distance(x, x.clone())
    assert estimate.value.tolist() == estimate.half_width.tolist() == [0, 0]
    assert estimate.samples.tolist() == [0, 0]


def test_both_ways_to_call_the_base_agree():
    x, y = random_pair()
    torch.testing.assert_close(ELPIPS(Tiny(), 4)(x, y), ELPIPS(Tiny(together=True), 4)(x, y))


@pytest.mark.parametrize("samples", [1, 3, 11])
def test_common_draws(samples):
    x, y = random_pair()
    other = 0.5 * (x + y)

    def fresh() -> ELPIPS:
        return ELPIPS(tiny_lpips(), samples, seed=5)

    at = fresh().at(x)
    compared = fresh().compare(x, [y, other, y])
    assert torch.equal(compared[0], compared[2])
    assert torch.equal(compared, torch.stack([at(y), at(other), at(y)]))
    assert torch.equal(fresh()(x, y), compared[0])


def test_the_seed_repeats_the_sequence_and_nothing_else_does():
    x, y = random_pair()
    one, two, three = ELPIPS(Tiny(), seed=1), ELPIPS(Tiny(), seed=1), ELPIPS(Tiny(), seed=2)
    sequence = [one(x, y) for _ in range(5)]
    assert all(torch.equal(a, two(x, y)) for a in sequence)
    assert not torch.equal(sequence[0], sequence[1])
    assert not torch.equal(sequence[0], three(x, y))
    torch.testing.assert_close(ELPIPS(Tiny(), samples=5, seed=1)(x, y), torch.stack(sequence).mean(0))
    one.taken = 0
    assert torch.equal(one(x, y), sequence[0])


def test_the_global_generators_are_left_alone():
    x, y = random_pair()
    metric = ELPIPS(Tiny())
    torch.manual_seed(0)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = metric(x, y), metric.distance(x, y, most=50).value
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()
    torch.manual_seed(1)
    metric.taken = 0
    again = metric(x, y), metric.distance(x, y, most=50).value
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("base", [Tiny(), tiny_lpips()], ids=["module", "distance"])
def test_gradcheck(base, small):
    at = ELPIPS(base, samples=2).at(small[0])
    assert gradcheck(at, (small[1].clone().requires_grad_(),), fast_mode=True)

    def both(x: Tensor, y: Tensor) -> Tensor:
        return ELPIPS(base, samples=2)(x, y)

    assert gradcheck(both, tuple(t.clone().requires_grad_() for t in small), fast_mode=True)


def test_the_gradient_is_that_of_finite_differences_through_boxes_and_dropout():
    x, y = random_pair(1, 130, 140)
    metric = ELPIPS(Tiny(), samples=12, seed=3)
    assert {draw.scale for draw in metric._next(x)} == {1, 2}
    metric.taken = 0
    at = metric.at(x)
    y.requires_grad_()
    (slope,) = torch.autograd.grad(at(y).sum(), y)
    for seed in range(3):
        z = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=y.dtype)
        step = 1e-5
        difference = (at(y + step * z) - at(y - step * z)).sum() / (2 * step)
        assert (slope * z).sum().item() == pytest.approx(difference.item(), rel=1e-6)


def test_labels():
    assert ELPIPS(tiny_lpips(), samples=200).label == "E-LPIPS (tiny, version custom, 200 draws)"
    assert ELPIPS(Tiny()).label == "E-LPIPS (Tiny, 1 draw)"


@pytest.mark.parametrize(
    ("settings_", "message"),
    [({"samples": 0}, "samples is 0, expected an integer >= 1"), ({"seed": -1}, "seed is -1, expected")],
)
def test_settings_out_of_range_are_refused(settings_, message):
    with pytest.raises(ValueError, match=message):
        ELPIPS(Tiny(), **settings_)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"tolerance": 0}, "tolerance is 0, expected a number between 0 and 1"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"tolerance": 1.0}, "tolerance is 1.0"),
        ({"batch": 0}, "batch is 0"),
        ({"least": 2}, "least is 2, expected an integer >= 3"),
        ({"most": 0}, "most is 0"),
    ],
)
def test_settings_of_an_estimate_out_of_range_are_refused(settings_, message):
    with pytest.raises(ValueError, match=message):
        ELPIPS(Tiny()).distance(*random_pair(), **settings_)


CALLS = {
    "forward": lambda m, x, y: m(x, y),
    "compare": lambda m, x, y: m.compare(x, [y]),
    "distance": lambda m, x, y: m.distance(x, y),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: (x[:, :, :7], x[:, :, :7]), "7x15 pixels, expected at least 8x8"),
        (lambda x: (x, x[:1]), "the shape of x"),
        (lambda x: (x, x.float()), "y is torch.float32"),
        (lambda x: (x * float("nan"), x), "nan"),
        (lambda x: (x, x * float("nan")), "nan"),
        (lambda x: (255 * x, 255 * x), r"expected \[0, 1\]"),
        (lambda x: (2 * x - 1, 2 * x - 1), r"expected \[0, 1\]"),
        (lambda x: (x[0], x[0]), r"expected \(B, 3, H, W\)"),
    ],
)
def test_what_is_no_pair_of_pictures_is_refused(call, change, message):
    x, _ = random_pair()
    with pytest.raises(ValueError, match=message):
        call(ELPIPS(Tiny()), *change(x))


def test_the_smallest_picture_is_that_of_the_base():
    base = tiny_lpips()
    assert ELPIPS(base).least == 8
    base.trunk.least = 31
    assert ELPIPS(base).least == 24
    with pytest.raises(ValueError, match="expected at least 24x24"):
        ELPIPS(base)(*random_pair(1, 23, 40))
    assert ELPIPS(base)(*random_pair(1, 24, 40)).shape == (1,)
    base.trunk.least = 72
    with pytest.raises(ValueError, match="the base needs 72 pixels a side, expected at most 71"):
        ELPIPS(base)
    with pytest.raises(ValueError, match="got no candidates"):
        ELPIPS(Tiny()).compare(random_pair()[0], [])


def test_devices_agree(device):
    x, y = (t.float() for t in random_pair(2, 40, 50))
    base = Tiny().float()
    expected = ELPIPS(base, samples=4)(x, y)
    metric = ELPIPS(base, samples=4).to(device)
    x, y = x.to(device), y.to(device)
    torch.testing.assert_close(metric(x, y).cpu(), expected, rtol=1e-3, atol=1e-6)
    assert metric(x, x).abs().max() == 0
    assert metric.distance(x, y, tolerance=0.5).value.device.type == device.type


def test_the_default_is_offline_and_its_gradient_reaches_the_picture():
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    y = (0.9 * x).requires_grad_()
    (slope,) = torch.autograd.grad(ELPIPS()(x, y).sum(), y)
    assert slope.isfinite().all()
    assert (slope != 0).double().mean() > 0.9
    assert torch.equal(elpips(x, y.detach(), samples=2), ELPIPS(samples=2)(x, y.detach()))
    assert elpips(x, y.detach(), samples=2, seed=1) != elpips(x, y.detach(), samples=2)
