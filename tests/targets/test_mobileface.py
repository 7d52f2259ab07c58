"""MobileFace V2 against its own published graph, run node by node by an independent reader of it."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mnd.base.files import sha256_of
from mnd.base.mxnet import read_params
from mnd.base.weights import load_state
from mnd.targets import registry
from mnd.targets.downloads import CARDS
from mnd.targets.mobileface import MobileFaceV2, renamed

FOLDER = "weights/mobileface-v2"
FILE = "MobileFace_Identification_V2-0000.params"


def run(graph: dict[str, Any], state: dict[str, Tensor], data: Tensor) -> Tensor:
    """What MXNet's documentation says that each operator of the graph does."""
    values: list[Tensor] = []
    for node in graph["nodes"]:
        inputs = [values[i] for i, *_ in node["inputs"]]
        how = {k: ast.literal_eval(v) for k, v in node.get("attrs", {}).items() if not k.startswith("__")}
        match node["op"]:
            case "null":
                name = node["name"]
                kind = "aux" if "moving" in name else "arg"
                out = data if name == "data" else state[f"{kind}:{name}"]
            case "_minus_scalar":
                out = inputs[0] - float(how["scalar"])
            case "_mul_scalar":
                out = inputs[0] * float(how["scalar"])
            case "_maximum_scalar":
                out = inputs[0].clamp(min=float(how["scalar"]))
            case "_minimum_scalar":
                out = inputs[0].clamp(max=float(how["scalar"]))
            case "elemwise_add":
                out = inputs[0] + inputs[1]
            case "Convolution":
                bias = None if how.get("no_bias") else inputs[2]
                out = F.conv2d(*inputs[:2], bias, how["stride"], how["pad"], groups=how.get("num_group", 1))
            case "BatchNorm":
                x, gamma, beta, mean, var = inputs
                shape = (1, -1) + (1,) * (x.ndim - 2)
                scale = gamma / (var + float(how.get("eps", 1e-3))).sqrt()
                out = (x - mean.view(shape)) * scale.view(shape) + beta.view(shape)
            case "Flatten":
                out = inputs[0].flatten(1)
            case "FullyConnected":
                out = inputs[0] @ inputs[1].t()
            case other:
                raise AssertionError(f"an operator {other}")
        values.append(out)
    return values[graph["heads"][0][0]]


def test_the_network_is_its_graph(shared):
    folder: Path = shared(FOLDER)
    state = read_params(folder / FILE)
    graph = json.loads((folder / "MobileFace_Identification_V2-symbol.json").read_text())
    net = MobileFaceV2().eval()
    load_state(net, renamed(net, state), folder / FILE)
    chips = torch.rand(4, 3, 112, 112, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        want, got = run(graph, state, chips), net((chips - 127.5) / 128)
    assert got.shape == (4, 256)
    assert torch.allclose(got, want, atol=1e-4)
    assert sum(p.numel() for p in net.parameters()) == 882_208


def test_the_published_file_is_the_pinned_one(shared):
    card = json.loads((CARDS / "mobileface-v2.json").read_text())
    file: Path = shared(FOLDER) / FILE
    assert (sha256_of(file), file.stat().st_size) == (card["sha256"], card["bytes"])


def test_by_name(shared, homes, noise):
    folder = homes / "mnd" / "weights"
    folder.mkdir(parents=True)
    (folder / FILE).symlink_to(shared(FOLDER) / FILE)
    target = registry.load("mobileface-v2", offline=True)
    assert "mobileface-v2" in registry.default_names()
    faces = torch.tensor([[[100.0, 112], [148, 112], [124, 140], [104, 165], [145, 165]]])
    x = noise(250, 250).requires_grad_()
    reference = target.refer(x, faces)
    assert reference.known.shape == (1, 1, 256)
    [slope] = torch.autograd.grad(target.margin(x, reference).sum(), x)
    assert slope.abs().max() > 0


def test_names_are_those_of_the_graph():
    """Names follow the order of the graph: what is not in it keeps its name, and is refused."""
    net = MobileFaceV2()
    state = {"arg:convolution35_weight": torch.zeros(1), "aux:batchnorm0_moving_var": torch.zeros(2)}
    assert list(renamed(net, state)) == ["features.11.conv.2.weight", "features.0.conv.0.1.running_var"]
    with pytest.raises(ValueError, match="unknown"):
        load_state(net, net.state_dict() | renamed(net, {"arg:fc6_weight": torch.zeros(1)}), Path("x"))
