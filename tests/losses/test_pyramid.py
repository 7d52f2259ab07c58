"""R-LPIPS version 2: closed forms, bounds that hold and are met, versions that are told apart."""

import pytest
import torch
from rlpips.misleading import pgd
from rlpips.square import square
from safetensors.torch import save_file

from mnd.losses import RLPIPS, RLPIPS2, packaged_rlpips, rlpips
from mnd.losses.lpips import PACKAGED
from mnd.losses.pyramid import FILE, UNIT, UNTRAINED


@pytest.fixture(scope="module")
def metric():
    return RLPIPS2()


@pytest.fixture
def pair():
    draws = torch.Generator().manual_seed(0)
    x = torch.nn.functional.interpolate(torch.rand(2, 3, 9, 9, generator=draws), 40, mode="bicubic").clamp(
        0, 1
    )
    return x, (x + 0.05 * torch.randn(x.shape, generator=draws)).clamp(0, 1)


def plain(**coefficients):
    """The mean square error alone, and what is asked for beside it; nothing is masked."""
    it = RLPIPS2(UNTRAINED)
    it.powers.zero_()
    it.base.fill_(coefficients.get("base", 0.0))
    for net in it.masks:
        for parameter in net.parameters():
            parameter.zero_()
    return it


def test_equal_pictures_are_at_exactly_0(metric, pair):
    assert torch.equal(metric(pair[0], pair[0]), torch.zeros(2))


def test_the_packaged_one_has_a_name(metric, pair):
    assert metric.label == "R-LPIPS (pyramid, version 2)"
    assert (metric(*pair) > 0).all()
    assert torch.equal(rlpips(*pair, version="2"), metric(*pair))


def test_the_base_is_the_mean_square_error(pair):
    x, y = pair
    assert torch.allclose(plain(base=2.0)(x, y), 2 * (x - y).square().mean((1, 2, 3)) / UNIT**2)


def test_a_constant_change_in_closed_form():
    """Y changes by itself at every size, colour and slopes not at all: `sum_l a_l (c / unit)^p`."""
    it, x = plain(), torch.full((1, 3, 32, 32), 0.5)
    it.powers[0, 0, 1], it.powers[3, 0, 3], it.powers[1, 3, 2] = 0.5, 2.0, 9.0
    change = 12 / 255
    want = 0.5 * (change / UNIT) ** 3 + 2 * (change / UNIT) ** 6
    assert it(x, x + change).item() == pytest.approx(want, rel=1e-4)


def test_a_ramp_in_closed_form():
    """A change that grows by s a pixel across has the slope s, but at its two edges half of it."""
    it, x = plain(), torch.full((1, 3, 32, 32), 0.5)
    it.powers[0, 3, 0] = 1.0
    ramp = torch.arange(32) * 0.001
    want = (30 * 0.001**2 + 2 * 0.0005**2) / 32 / UNIT**2
    assert it(x, x + ramp).item() == pytest.approx(want, rel=1e-3)


def test_the_masks_are_the_clean_picture_s(metric, pair):
    weights = torch.cat([w.flatten() for w in metric.weights(metric.guides(pair[0]))])
    assert weights.min() > 0.36
    assert weights.max() < 2.72
    assert weights.std() > 0.01  # something was learned
    assert not torch.allclose(metric(*pair), metric(*reversed(pair)), rtol=1e-5)


def test_gradients(metric):
    draws = torch.Generator().manual_seed(1)
    x, change = torch.rand(2, 1, 3, 16, 16, generator=draws, dtype=torch.float64)
    y = 0.2 + 0.5 * x + 0.1 * change
    x = 0.2 + 0.5 * x
    exact = RLPIPS2().double()
    assert torch.autograd.gradcheck(lambda v: exact(x, v), y.requires_grad_(), nondet_tol=0)
    z = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(exact(x, z), z)
    assert torch.equal(slope, torch.zeros_like(x))


def test_it_is_convex_in_the_changed_picture(metric, pair):
    x, y = pair
    z = torch.rand(x.shape, generator=torch.Generator().manual_seed(2))
    assert (metric(x, (y + z) / 2) <= (metric(x, y) + metric(x, z)) / 2).all()


@pytest.mark.parametrize(("norm", "eps"), [("linf", 1 / 255), ("linf", 4 / 255), ("l2", 0.2), ("l2", 1.5)])
def test_no_attack_leaves_the_bounds(metric, pair, norm, eps):
    x, y = pair
    low, high = metric.bounds(x, y, eps, norm)
    assert (low <= metric(x, y)).all()
    assert (metric(x, y) <= high).all()
    draws = torch.Generator().manual_seed(3)
    away = metric.at(x)
    up = away(pgd(away, y, norm, eps, 20, generator=draws))
    down = away(pgd(lambda v: -away(v), y, norm, eps, 20, generator=draws))
    assert (low <= down * 1.0001).all()
    assert (up <= high * 1.0001).all()
    assert (up > metric(x, y)).all()
    if norm == "linf":
        found = away(square(away, y, eps, 200, draws))
        assert (found <= up * 1.001).all()  # slopes are not masked


def test_the_bounds_are_met_where_all_features_agree():
    it, x = plain(base=1.0), torch.full((1, 3, 32, 32), 0.5)
    it.powers[:, 0] = 1.0
    low, high = it.bounds(x, x + 0.05, 0.02)
    assert low.item() == pytest.approx(it(x, x + 0.03).item(), rel=1e-4)
    assert high.item() == pytest.approx(it(x, x + 0.07).item(), rel=1e-4)
    assert torch.equal(torch.cat(it.bounds(x, x + 0.05, 0.0)), it(x, x + 0.05).expand(2))


# bad input ------------------------------------------------------------------------------------------------


def test_pictures_that_do_not_fit(metric):
    x = torch.rand(1, 3, 32, 32)
    for bad, words in [
        ((2 * x - 1, x), r"expected \[0, 1\]"),
        ((x, x[..., :30]), "shape"),
        ((x.double(), x.double()), "float64 on cpu, expected torch.float32 on cpu"),
        ((x[..., :15], x[..., :15]), "32x15 pixels, expected at least 16x16"),
        ((x * torch.nan, x), "nan"),
    ]:
        with pytest.raises(ValueError, match=words):
            metric(*bad)
    with pytest.raises(ValueError, match="eps is -1"):
        metric.bounds(x, x, -1)
    with pytest.raises(ValueError, match="norm is 'l1'"):
        metric.bounds(x, x, 1, "l1")


def test_both_versions_are_there_and_no_third():
    assert [packaged_rlpips(v).version for v in ("1", "2")] == ["1", "2"]
    assert packaged_rlpips().label == RLPIPS().label
    with pytest.raises(ValueError, match="version is '3', expected one of '1', '2'"):
        packaged_rlpips("3")
    with pytest.raises(ValueError, match="version is 2, expected"):
        rlpips(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), version=2)


def test_weights_of_another_version_are_named():
    with pytest.raises(ValueError, match=r"weights of R-LPIPS version 2, expected linear ones"):
        RLPIPS(weights=FILE)
    with pytest.raises(ValueError, match=r"linear weights for a trunk.*expected those of version 2"):
        RLPIPS2(PACKAGED / "rlpips-efficientnet-lite0.safetensors")


def test_a_broken_file_is_named(tmp_path, metric):
    path, state = tmp_path / "w.safetensors", dict(metric.state_dict())
    with pytest.raises(FileNotFoundError, match="does not exist"):
        RLPIPS2(path)
    save_file(state, path)
    assert RLPIPS2(path).version == "custom"
    save_file(state | {"powers": -state["powers"]}, path)
    with pytest.raises(ValueError, match=r"powers has values .*expected finite numbers >= 0"):
        RLPIPS2(path)
    save_file(state | {"powers": state["powers"][:1].clone()}, path)
    with pytest.raises(ValueError, match=r"powers has shape \(1, 5, 4\), expected \(4, 5, 4\)"):
        RLPIPS2(path)
    save_file({name: t for name, t in state.items() if name != "base"}, path)
    with pytest.raises(ValueError, match=r"missing \['base'\]"):
        RLPIPS2(path)
