"""R-LPIPS: its packaged weights, and checkpoints in the names of the authors' code."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from mnd.losses.linear import read_checkpoint
from mnd.losses.lpips import LPIPS, lpips
from mnd.losses.rlpips import RLPIPS, rlpips
from mnd.losses.trunks import CUTS, NAMES, SCALE, SHIFT, load_trunk

# as LPIPS's code cuts the networks: the layers of torchvision's `features` in each slice
SLICES = {
    "alex": [range(2), range(2, 5), range(5, 8), range(8, 10), range(10, 12)],
    "vgg": [range(4), range(4, 9), range(9, 16), range(16, 23), range(23, 30)],
    "squeeze": [range(2), range(2, 5), range(5, 8), range(8, 10), [10], [11], [12]],
}
WIDTHS = {
    "alex": (64, 192, 384, 256, 256),
    "vgg": (64, 128, 256, 512, 512),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}


def official(name, tune=False, seed=0):
    """A checkpoint as the authors save it, with random tensors."""
    import torchvision.models as models

    generator = torch.Generator().manual_seed(seed)
    state = OrderedDict()
    state["scaling_layer.shift"] = torch.tensor(SHIFT).view(1, 3, 1, 1)
    state["scaling_layer.scale"] = torch.tensor(SCALE).view(1, 3, 1, 1)
    if tune:
        with torch.device("meta"):
            features = models.get_model(CUTS[name].model, weights=None).features
        for number, layers in enumerate(SLICES[name], 1):
            for layer in layers:
                for rest, tensor in features[layer].state_dict().items():
                    state[f"net.slice{number}.{layer}.{rest}"] = 0.1 * torch.randn(
                        tensor.shape, generator=generator
                    )
    for index, width in enumerate(WIDTHS[name]):
        state[f"lin{index}.model.1.weight"] = torch.rand(1, width, 1, 1, generator=generator)
    for index in range(len(WIDTHS[name])):
        state[f"lins.{index}.model.1.weight"] = state[f"lin{index}.model.1.weight"]
    return state


def written(state, path):
    torch.save(state, path)
    return path


@pytest.fixture
def squeeze():
    return load_trunk("squeeze", pretrained=False)


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 64, 64, generator=generator), torch.rand(2, 3, 64, 64, generator=generator)


# packaged -------------------------------------------------------------------------------------------------


def test_the_packaged_metric(pair):
    x, y = pair
    metric = RLPIPS()
    assert metric.title == "R-LPIPS"
    assert metric.label == "R-LPIPS (efficientnet-lite0, version 1)"
    assert isinstance(metric, LPIPS)
    distance = metric(x, y)
    assert distance.shape == (2,)
    assert (distance > 0).all()
    assert torch.equal(rlpips(x, y), distance)
    assert torch.equal(metric(x, x), torch.zeros(2))
    assert not torch.allclose(distance, lpips(x, y))  # weights of its own, not those of LPIPS
    assert all((w >= 0).all() for w in metric.linear)
    assert metric.linear[0].max() > 0  # training may switch a tap off, never the picture


def test_the_gradient_is_that_of_the_distance(pair):
    x, y = (z[:1] for z in pair)
    y = y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(rlpips(x, y).sum(), y)
    step = 1e-3 * gradient / gradient.norm()
    with torch.no_grad():
        change = rlpips(x, (y + step).clamp(0, 1)) - rlpips(x, (y - step).clamp(0, 1))
    assert change.item() == pytest.approx(2e-3 * gradient.norm().item(), rel=0.15)


@pytest.mark.parametrize("name", ["alex", "vgg", "squeeze"])
def test_other_trunks_have_no_packaged_weights(name):
    with pytest.raises(
        FileNotFoundError, match=f"no packaged R-LPIPS weights for the trunk '{name}'.*weights="
    ):
        RLPIPS(_named(name))


def _named(name):
    """A trunk of another name that is quick to build."""
    trunk = load_trunk("efficientnet-lite0")
    trunk.name = name
    return trunk


def test_an_unknown_trunk_is_named(tmp_path):
    path = written(official("squeeze"), tmp_path / "latest_net_linf_x0.pth")
    with pytest.raises(ValueError, match=f"trunk is 'resnet', expected one of {NAMES[0]}"):
        RLPIPS("resnet", path)


# the authors' checkpoints ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(SLICES))
def test_the_linear_weights_of_a_checkpoint(name, tmp_path, pair):
    path, state = tmp_path / "latest_net_linf_x0.pth", official(name)
    trunk = load_trunk(name, pretrained=False)
    before = {k: v.clone() for k, v in trunk.state_dict().items()}
    metric = RLPIPS(trunk, written(state, path))
    assert metric.version == "custom"
    for index, w in enumerate(metric.linear):
        assert torch.equal(w, state[f"lin{index}.model.1.weight"].flatten())
        assert not w.requires_grad
    assert all(torch.equal(before[k], v) for k, v in metric.trunk.state_dict().items())
    plain = LPIPS(trunk, [state[f"lin{i}.model.1.weight"] for i in range(len(WIDTHS[name]))])
    assert torch.equal(metric(*pair), plain(*pair))


@pytest.mark.parametrize("name", list(SLICES))
def test_the_trunk_of_a_tuned_checkpoint(name, tmp_path):
    state = official(name, tune=True)
    path = written(state, tmp_path / "latest_net_linf_x0_tune.pth")
    metric = RLPIPS(load_trunk(name, pretrained=False), path)
    own = metric.trunk.state_dict()
    layers = {key: value for key, value in state.items() if key.startswith("net.slice")}
    assert len(layers) == len(own)
    for number, slice_ in enumerate(SLICES[name]):
        for layer in slice_:
            prefix = f"net.slice{number + 1}.{layer}."
            for key in (k for k in layers if k.startswith(prefix)):
                assert torch.equal(own[f"stages.{number}.{layer}.{key.removeprefix(prefix)}"], layers[key])
    assert not any(p.requires_grad for p in metric.parameters())


def test_a_tuned_checkpoint_brings_its_trunk(tmp_path, monkeypatch, pair):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    state = official("squeeze", tune=True)
    by_name = RLPIPS("squeeze", str(written(state, tmp_path / "tuned.pth")))
    by_trunk = RLPIPS(load_trunk("squeeze", pretrained=False), tmp_path / "tuned.pth")
    assert torch.equal(by_name(*pair), by_trunk(*pair))
    with pytest.raises(FileNotFoundError, match="squeezenet1_1"):
        RLPIPS("squeeze", written(official("squeeze"), tmp_path / "linear.pth"))


def test_a_tuned_trunk_in_half_precision(tmp_path, pair):
    from safetensors.torch import save_file

    trunk = load_trunk("efficientnet-lite0")
    linear = [torch.rand(c) for c in trunk.channels]
    state = {f"lin{i}.model.1.weight": w.view(1, -1, 1, 1) for i, w in enumerate(linear)}
    for name, tensor in trunk.state_dict().items():
        stage, _, rest = name.removeprefix("stages.").partition(".")
        state[f"net.slice{int(stage) + 1}.{rest}"] = (1.1 * tensor).half().contiguous()
    save_file(state, tmp_path / "tuned.safetensors")
    metric = RLPIPS("efficientnet-lite0", tmp_path / "tuned.safetensors")
    for name, tensor in metric.trunk.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, (1.1 * trunk.state_dict()[name]).half().float())
    assert not torch.allclose(metric(*pair), LPIPS(trunk, linear)(*pair), rtol=1e-3)


def test_torchvisions_squeeze_with_a_checkpoint_of_random_weights(shared, tmp_path, monkeypatch, pair):
    monkeypatch.setenv("TORCH_HOME", str(shared("torch_home")))
    state = official("squeeze")
    metric = RLPIPS("squeeze", written(state, tmp_path / "latest_net_linf_ref.pth"))
    x, y = pair
    want = torch.zeros(2)
    for index, (a, b) in enumerate(zip(metric.trunk(x), metric.trunk(y), strict=True)):
        a, b = (t / (t.square().sum(1, keepdim=True).sqrt() + 1e-10) for t in (a, b))
        want += ((a - b) ** 2 * state[f"lin{index}.model.1.weight"]).sum(1).mean((1, 2))
    assert torch.allclose(metric(x, y), want, rtol=1e-5)


# wrong files ----------------------------------------------------------------------------------------------


class Payload:
    pass


def _without(key):
    return lambda state: {k: v for k, v in state.items() if k != key}


def _with(key, value):
    return lambda state: {**state, key: value}


@pytest.mark.parametrize(
    ("change", "tune", "message"),
    [
        (_without("lin3.model.1.weight"), False, r"no tensor 'lin3.model.1.weight'.*expected lin0\.\.lin6"),
        (_with("lin2.model.1.weight", torch.rand(1, 255, 1, 1)), False, r"\(1, 255, 1, 1\), expected 256"),
        (_with("lin2.model.1.weight", torch.rand(2, 128, 1, 1)), False, r"\(2, 128, 1, 1\), expected 256"),
        (_with("lin0.model.1.weight", -torch.ones(1, 64, 1, 1)), False, "-1..-1, expected finite ones >= 0"),
        (_with("lin0.model.1.weight", torch.full((1, 64, 1, 1), torch.nan)), False, "expected finite"),
        (_with("lin7.model.1.weight", torch.rand(1, 512, 1, 1)), False, "expected 7 taps.*another trunk"),
        (
            _with("scaling_layer.shift", torch.zeros(1, 3, 1, 1)),
            False,
            r"scaling_layer.shift is \[0.0.*expected",
        ),
        (_with("scaling_layer.scale", torch.ones(1)), False, "scaling_layer.scale is"),
        (_without("net.slice7.12.squeeze.weight"), True, "tensors missing .*stages.6.12.squeeze.weight"),
        (_with("net.slice8.13.weight", torch.ones(1)), True, "unknown .*stages.7.13.weight"),
        (_with("net.slicex.weight", torch.ones(1)), True, "unknown .*net.slicex.weight"),
        (_with("net.slice1.0.bias", torch.ones(63)), True, r"has shape \(63,\), expected \(64,\)"),
    ],
)
def test_a_wrong_checkpoint_is_refused(change, tune, message, squeeze, tmp_path):
    path = written(change(official("squeeze", tune)), tmp_path / "wrong.pth")
    with pytest.raises(ValueError, match=message) as caught:
        RLPIPS(squeeze, path)
    assert str(path) in str(caught.value)


def test_a_checkpoint_of_another_trunk_is_refused(squeeze, tmp_path):
    with pytest.raises(ValueError, match="expected 128 numbers"):
        RLPIPS(squeeze, written(official("alex"), tmp_path / "alex.pth"))


@pytest.mark.parametrize("held", [Payload(), {"lin0.model.1.weight": Payload()}, [torch.ones(1)]])
def test_nothing_but_tensors_is_unpickled(held, squeeze, tmp_path):
    with pytest.raises(ValueError, match=r"no readable weights|expected tensors by name"):
        RLPIPS(squeeze, written(held, tmp_path / "pickled.pth"))


def test_a_missing_or_damaged_file(squeeze, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"latest_net_linf_x1\.pth does not exist"):
        RLPIPS("alex", tmp_path / "latest_net_linf_x1.pth")
    torch.save(official("squeeze"), path := tmp_path / "half.pth")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="no readable weights"):
        read_checkpoint(path, squeeze)
