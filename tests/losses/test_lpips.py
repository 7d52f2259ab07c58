"""LPIPS against the package `lpips`, and its own trunk."""

from __future__ import annotations

import math
import warnings

import lpips as package
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnd.losses import trunks
from mnd.losses.lpips import LPIPS, lpips
from mnd.losses.trunks import NAMES, load_trunk

SIZES = [(64, 64), (63, 81), (17, 17), (101, 57), (250, 250)]


@pytest.fixture(scope="module")
def lite() -> LPIPS:
    return LPIPS()


@pytest.fixture
def hub(shared, monkeypatch):
    """Torch's cache with the real weights of squeezenet."""
    monkeypatch.setenv("TORCH_HOME", str(shared("torch_home")))


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """Torch's cache with nothing in it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


def _pair(size: tuple[int, int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(2, 3, *size, generator=generator)
    return x, (x + 0.1 * torch.randn(x.shape, generator=generator)).clamp(0, 1)


def _oracle(net: str, **settings) -> package.LPIPS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision in the old way
        return package.LPIPS(net=net, verbose=False, **settings)


def _slope(d: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(d.sum(), y)[0]


@pytest.mark.parametrize("size", SIZES)
def test_value_and_gradient_are_those_of_the_package_lpips(hub, size):
    ours, theirs = LPIPS("squeeze"), _oracle("squeeze")
    x, y = _pair(size)
    a, b = y.clone().requires_grad_(), y.clone().requires_grad_()
    got, want = ours(x, a), theirs(x, b, normalize=True).flatten()
    assert (got - want).abs().max() < 1e-6
    assert (_slope(got, a) - _slope(want, b)).abs().max() < 1e-5
    assert ours.label == "LPIPS (squeeze, version 0.1)"


@pytest.mark.parametrize("trunk", ["alex", "vgg", "squeeze"])
def test_every_trunk_is_cut_as_in_the_package(trunk, empty):
    """With the same random trunk and the package's own linear weights."""
    theirs = _oracle(trunk, pnet_rand=True)
    ours = LPIPS(load_trunk(trunk, pretrained=False))
    state = theirs.net.state_dict()
    ours.trunk.load_state_dict(
        {f"stages.{int(n.split('.')[0][5:]) - 1}.{n.split('.', 1)[1]}": t for n, t in state.items()}
    )
    # in double precision: no maximum of a pooling hangs on the last digits
    ours, theirs = ours.double(), theirs.double()
    x, y = (t.double() for t in _pair((67, 70)))
    y.requires_grad_()
    got, want = ours(x, y), theirs(x, y, normalize=True).flatten()
    assert (got - want).abs().max() < 1e-5
    assert (_slope(got, y) - _slope(theirs(x, y, normalize=True), y)).abs().max() < 1e-5


@pytest.mark.parametrize("trunk", NAMES)
def test_the_smallest_picture_is_the_smallest_that_reaches_the_last_tap(trunk, empty):
    net = load_trunk(trunk, pretrained=trunk == NAMES[0])
    taps = net(torch.rand(1, 3, net.least, net.least))
    assert tuple(tap.shape[1] for tap in taps) == net.channels
    assert all(tap.numel() for tap in taps)
    metric = LPIPS(net, [torch.ones(c) for c in net.channels])
    with pytest.raises(ValueError, match=f"expected at least {net.least}x{net.least}"):
        metric(*(torch.rand(1, 3, net.least - 1, 64),) * 2)
    if trunk != NAMES[0]:
        with pytest.raises(RuntimeError):
            net(torch.rand(1, 3, net.least - 1, net.least - 1))


def test_the_folded_trunk_computes_what_the_network_computes():
    from efficientnet_lite_pytorch import EfficientNet

    from mnd.base.weights import LITE0, read_state

    net = EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(read_state(LITE0.obtain(offline=True)))
    x = torch.rand(1, 3, 96, 80)
    with torch.no_grad():
        h = torch.relu(net._bn0(net._conv_stem((x * 255 - 127) / 128))).clamp(max=6)
        want = [torch.cat([(x * 255 - 127) / 128, torch.full_like(x[:, :1], 2)], 1), h]
        for index, block in enumerate(net._blocks[:11]):
            h = block(h)
            if index in (2, 4, 7, 10):
                want.append(h)
        got = load_trunk("efficientnet-lite0")(x)
    for a, b in zip(got, want, strict=True):
        assert (a - b).abs().max() < 1e-4 * b.abs().max()


@given(height=st.integers(16, 80), width=st.integers(16, 80), seed=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_equal_pictures_are_at_zero_and_others_are_not(lite, height, width, seed):
    x, y = _pair((height, width), seed)
    assert lite(x, x).tolist() == [0, 0]
    assert (lite(x, y) > 0).all()
    assert torch.allclose(lite(x, y), lite(y, x), rtol=1e-4)
    assert torch.allclose(lite(x, y)[1:], lite(x[1:], y[1:]), rtol=1e-4)


def test_the_clean_picture_is_seen_once(lite, monkeypatch):
    x, y = _pair((48, 48))
    near, forward, seen = lite.at(x), type(lite.trunk).forward, []

    def watched(trunk, z):
        seen.append(z)
        return forward(trunk, z)

    monkeypatch.setattr(type(lite.trunk), "forward", watched)
    assert torch.equal(near(y), lite.at(x)(y))
    assert [z is y for z in seen] == [True, False, True]


def test_grey_and_black_pictures_have_finite_gradients(lite):
    for value in (0.0, 0.5, 1.0):
        x = torch.full((1, 3, 32, 32), value)
        y = x.clone().requires_grad_()
        assert _slope(lite(x, y), y).isfinite().all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            2 * torch.rand(1, 3, 32, 32) - 1,
            r"expected \[0, 1\]: other implementations of LPIPS take \[-1, 1\]",
        ),
        (255 * torch.rand(1, 3, 32, 32), r"values .*, expected \[0, 1\]"),
        (torch.full((1, 3, 32, 32), math.nan), "values nan"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "type torch.uint8, expected floating point"),
        (torch.rand(3, 32, 32), r"shape \(3, 32, 32\), expected \(B, 3, H, W\)"),
        (torch.rand(1, 1, 32, 32), r"shape \(1, 1, 32, 32\), expected \(B, 3, H, W\)"),
        (torch.rand(1, 3, 15, 32), "15x32 pixels, expected at least 16x16"),
        (torch.rand(1, 3, 32, 32, dtype=torch.float64), "x is torch.float64 on cpu, expected torch.float32"),
        (torch.rand(0, 3, 32, 32), "shape"),
    ],
)
def test_what_is_no_picture_is_refused(lite, x, message):
    with pytest.raises(ValueError, match=message):
        lite(x, x)


def test_pictures_that_do_not_fit_each_other_are_refused(lite):
    x = torch.rand(1, 3, 32, 32)
    with pytest.raises(ValueError, match="y has shape"):
        lite(x, x[..., :31])
    with pytest.raises(ValueError, match=r"y has values .* expected \[0, 1\]"):
        lite(x, x + 1)
    with pytest.raises(ValueError, match=r"y is torch\.float64"):
        lite(x, x.double())


def test_the_function_takes_the_type_and_device_of_its_pictures(device):
    dtype = torch.float32 if device.type == "mps" else torch.float64
    x, y = (t.to(device, dtype) for t in _pair((32, 32)))
    d = lpips(x, y)
    assert (d.dtype, d.device.type) == (dtype, device.type)
    assert torch.allclose(d.float().cpu(), LPIPS()(x.float().cpu(), y.float().cpu()), rtol=1e-3)


def test_gradcheck():
    metric = LPIPS().double()
    x, y = (t[:1].double() for t in _pair((16, 16)))
    assert torch.autograd.gradcheck(metric.at(x), (y.requires_grad_(),), fast_mode=True, atol=1e-6)


def test_missing_weights_are_named_with_their_size_place_and_source(empty):
    with pytest.raises(FileNotFoundError) as caught:
        LPIPS("vgg")
    for part in ("vgg16-397923af.pth", "528 MB", str(empty), "trunks.download('vgg')", "https://"):
        assert part in str(caught.value)


def test_unknown_names_are_refused_with_those_that_exist(empty):
    for call in (LPIPS, trunks.download):
        with pytest.raises(ValueError, match="'resnet', expected one of efficientnet-lite0, alex"):
            call("resnet")
    with pytest.raises(FileNotFoundError, match="no packaged linear weights for the trunk 'squeeze-full'"):
        LPIPS(load_trunk("squeeze-full", pretrained=False))


def test_a_pickle_in_the_cache_is_not_loaded(empty):
    folder = empty / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save({"features": print}, folder / "squeezenet1_1-b8a52dc0.pth")
    with pytest.raises(ValueError, match="no readable weights"):
        LPIPS("squeeze")


def test_weights_that_do_not_fit_are_refused(lite):
    channels = lite.trunk.channels
    good = [torch.ones(c) for c in channels]
    with pytest.raises(ValueError, match="linear weights of 5 taps, expected 6"):
        LPIPS(lite.trunk, good[:5])
    with pytest.raises(ValueError, match=r"tap 1 has shape \(7,\), expected 32 numbers"):
        LPIPS(lite.trunk, [good[0], torch.ones(7), *good[2:]])
    with pytest.raises(ValueError, match="expected finite ones >= 0"):
        LPIPS(lite.trunk, [-good[0], *good[1:]])
    assert LPIPS(lite.trunk, good).label == "LPIPS (efficientnet-lite0, version custom)"


def test_the_linear_weights_scale_the_distance(lite):
    x, y = _pair((32, 32))
    double = LPIPS(lite.trunk, [2 * w for w in lite.linear])
    assert torch.allclose(double(x, y), 2 * lite(x, y))


@pytest.mark.slow
def test_it_is_as_fast_as_the_package(hub):
    """The median ratio of five turns, forward and backward; the machines are noisy."""
    import statistics
    import time

    ours, theirs = LPIPS("squeeze"), _oracle("squeeze")
    x, y = _pair((224, 224))
    y.requires_grad_()

    def seconds(metric) -> float:
        begin = time.process_time()
        _slope(metric(), y)
        return time.process_time() - begin

    ratios = []
    for _ in range(6):
        mine = seconds(lambda: ours(x, y))
        ratios.append(mine / seconds(lambda: theirs(x, y, normalize=True)))
    assert statistics.median(ratios[1:]) < 1.05
