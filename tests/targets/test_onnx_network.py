"""ONNX files as networks of torch: equal to onnxruntime, whatever the exporter, and with a gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx2pytorch")

from converters import graphs  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from mnd.targets.onnx import file, network  # noqa: E402
from mnd.targets.onnx.network import Network  # noqa: E402
from mnd.targets.onnx.operators import Gather, Slice  # noqa: E402

FORMS = {
    **{f"iresnet {opset}": (graphs.iresnet, {"opset": opset}) for opset in (7, 8, 9, 11, 13, 17, 20)},
    **{f"slopes {shape}": (graphs.iresnet, {"slope": shape}) for shape in ((1,), (1, 1, 1), (1, 0, 1, 1))},
    "mobilefacenet": (graphs.mobilefacenet, {}),
    "mobilefacenet, one": (graphs.mobilefacenet, {"batch": 1}),
    **{f"sface {opset}": (graphs.sface, {"opset": opset}) for opset in (7, 8)},
    **{f"facenet {opset}": (graphs.facenet, {"opset": opset}) for opset in (9, 11, 13, 18)},
    **{f"mobilenetv3 {opset}": (graphs.mobilenetv3, {"opset": opset}) for opset in (8, 11, 13, 14)},
    "fixed batch": (graphs.fixed_batch, {}),
}


def saved(folder: Path, model: Any) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def asked(path: Path, x: np.ndarray) -> np.ndarray:
    """What onnxruntime says of pictures `(B, 3, H, W)`, asked one by one."""
    session = onnxruntime.InferenceSession(str(path))
    given = session.get_inputs()[0]
    x = x.transpose(0, 2, 3, 1) if given.shape[1] != 3 else x
    return np.concatenate([session.run(None, {given.name: x[i : i + 1]})[0] for i in range(len(x))])


def pictures(side: int, count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("form", FORMS)
def test_equal_to_onnxruntime(tmp_path: Path, form: str) -> None:
    make, options = FORMS[form]
    path = saved(tmp_path, make(**options))
    size = file.read(path).size
    assert size is not None
    x = pictures(size[0]).requires_grad_()
    net = network.read(path, size)
    got, want = net(x), asked(path, x.detach().numpy())
    assert np.abs(got.detach().numpy() - want).max() < 1e-4 * max(1, np.abs(want).max())
    (slope,) = torch.autograd.grad(got.square().sum(), x)
    assert slope.isfinite().all()
    assert all(slope[i].abs().sum() > 0 for i in range(3))


def test_a_batch_that_stands_in_the_graph_is_asked_one_by_one(tmp_path: Path) -> None:
    assert network.read(saved(tmp_path, graphs.fixed_batch()), (112, 112)).singly
    assert not network.read(
        saved(tmp_path, graphs.sface()), (112, 112)
    ).singly  # a batch of one in name alone
    assert not network.read(saved(tmp_path, graphs.mobilenetv3()), (112, 112)).singly


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_layout_of_memory_does_not_matter(tmp_path: Path, channels_last: bool) -> None:
    net = network.read(saved(tmp_path, graphs.iresnet()), (112, 112))
    want, x = net(pictures(112)), pictures(112)
    if channels_last:
        net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    assert torch.allclose(net(x), want, atol=1e-5 * float(want.abs().max()))


def test_exports_of_torch(tmp_path: Path) -> None:
    """A fresh network has equal weights, which the exporter hands on by Identity; its rounding grows much."""
    import warnings

    from mnd.targets.mobilefacenet import MobileFaceNet

    torch.manual_seed(0)
    net, path = MobileFaceNet(64).train(), tmp_path / "net.onnx"
    x = pictures(112, 8) + torch.randn(8, 3, 1, 1)
    with torch.no_grad():
        for it in net.modules():
            if isinstance(it, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
                it.momentum = 1.0
        net(x)  # the statistics of these pictures, so that something arrives at the end
    net.eval()
    for opset in (11, 17):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(net, (pictures(112, 1),), str(path), dynamo=False, opset_version=opset)
        with torch.no_grad():
            got, want = network.read(path, (112, 112))(x), net(x)
        assert torch.allclose(got, want, atol=5e-4)
        assert np.allclose(got.numpy(), asked(path, x.numpy()), atol=5e-4)


def test_numbers_of_16_bits_become_whole(tmp_path: Path) -> None:
    model = graphs.iresnet()
    want = network.read(saved(tmp_path, model), (112, 112))(pictures(112))
    weights = [
        numpy_helper.from_array(numpy_helper.to_array(w).astype(np.float16), w.name)
        for w in model.graph.initializer
    ]
    del model.graph.initializer[:]
    model.graph.initializer.extend(weights)
    for it in (*model.graph.input, *model.graph.output):
        it.type.tensor_type.elem_type = TensorProto.FLOAT16
    got = network.read(saved(tmp_path, model), (112, 112))(pictures(112))
    assert got.dtype == torch.float32
    assert torch.allclose(got, want, atol=0.01 * float(want.abs().max()))


def test_weights_in_nodes(tmp_path: Path) -> None:
    """Some exporters write every weight as a node of its own."""
    model = graphs.mobilefacenet()
    path = saved(tmp_path, model)
    want = asked(path, pictures(112).numpy())
    nodes = [helper.make_node("Constant", [], [w.name], value=w) for w in model.graph.initializer]
    rest = list(model.graph.node)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend([*nodes, *rest])
    got = network.read(saved(tmp_path, model), (112, 112))(pictures(112))
    assert np.abs(got.detach().numpy() - want).max() < 1e-4


@pytest.mark.parametrize(
    ("attributes", "want"),
    [
        ({"value_float": 2.0}, 2.0),
        ({"value_floats": [2.0]}, 2.0),
        ({"value_int": 2}, 2),
        ({"value_ints": [2]}, 2),
    ],
)
def test_numbers_in_nodes(attributes: dict[str, Any], want: float) -> None:
    from mnd.targets.onnx.plain import plain

    nodes = [
        helper.make_node("Constant", [], ["two"], **attributes),
        helper.make_node("Mul", ["x", "two"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    made = plain(helper.make_model(graph), "y")
    assert [it.op_type for it in made.graph.node] == ["Mul"]
    assert float(numpy_helper.to_array(made.graph.initializer[0]).ravel()[0]) == want


def test_a_weight_that_is_handed_on() -> None:
    from mnd.targets.onnx.plain import plain

    nodes = [
        helper.make_node("Identity", ["w"], ["v"]),
        helper.make_node("Mul", ["x", "v"], ["y"]),
        helper.make_node("Add", ["x", "w"], ["other"]),  # of an output that is not asked for
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y", "other")]
    weight = numpy_helper.from_array(np.float32([3]), "w")
    made = plain(helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:], [weight])), "y")
    assert [it.op_type for it in made.graph.node] == ["Mul"]
    assert [it.name for it in made.graph.initializer] == ["v"]
    assert [it.name for it in made.graph.output] == ["y"]


def test_one_of_several_outputs(tmp_path: Path) -> None:
    path = saved(tmp_path, graphs.two_outputs())
    names = list(file.read(path).outputs)
    with pytest.raises(
        ValueError, match=rf'net\.onnx: has 2 outputs, expected "output" .*{names[0]}, {names[1]}'
    ):
        network.read(path, (112, 112))
    with pytest.raises(ValueError, match=rf"has no output 'mask', expected {names[0]}"):
        network.read(path, (112, 112), "mask")
    with pytest.raises(ValueError, match="gives 1 numbers a picture, expected an embedding"):
        network.read(path, (112, 112), names[1])
    got = network.read(path, (112, 112), names[0])(pictures(112))
    assert np.abs(got.numpy() - asked(path, pictures(112).numpy())).max() < 1e-4


def _head(size: int) -> Any:
    return lambda whole: whole[: len(whole) * size // 100]


@pytest.mark.parametrize(
    "cut", [_head(1), _head(50), _head(99), _head(0), lambda _: b"hello", lambda _: bytes(100),
            lambda _: b"\xff\xd8\xff\xe0" + bytes(60), lambda whole: whole.replace(b"Conv", b"Conw")]
)  # fmt: skip
def test_what_is_no_whole_file_names_it(tmp_path: Path, cut: Any) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(cut(graphs.iresnet().SerializeToString()))
    with pytest.raises(ValueError, match=r"net\.onnx: .*expected"):
        network.read(path, (112, 112))


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            network.read(path, (112, 112))


def _grey() -> Any:
    g = graphs.Graph(11, (1, 1, 112, 112))
    return g.model({g.gemm(g.op("Flatten", g.input), 112 * 112, 64): (1, 64)})


def _sound() -> Any:
    g = graphs.Graph(11, (1, 64))
    return g.model({g.gemm(g.input, 64, 64): (1, 64)})


def _two_inputs() -> Any:
    model = graphs.iresnet()
    model.graph.input.append(helper.make_tensor_value_info("phase_train", TensorProto.BOOL, []))
    return model


def _whole_numbers() -> Any:
    model = graphs.iresnet()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    return model


def _elsewhere() -> Any:
    model = graphs.iresnet()
    weight = model.graph.initializer[0]
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="net.onnx.data")
    return model


def _optimised() -> Any:
    model = graphs.iresnet()
    model.graph.node[0].op_type, model.graph.node[0].domain = "FusedConv", "com.microsoft"
    return model


def _short() -> Any:
    model = graphs.iresnet()
    model.graph.initializer[0].raw_data = b"1234"
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (graphs.quantised, r"is quantised \(DequantizeLinear, QuantizeLinear\).*expected the float32 file"),
        (graphs.stepped, "has no gradient.*expected a float32 file without rounding"),
        (_grey, "is 1 x 1 x 112 x 112, expected pictures of three colours"),
        (_sound, "is 1 x 64, expected pictures"),
        (_two_inputs, r"has 2 inputs \(input\.1, phase_train\), expected one"),
        (_whole_numbers, "takes numbers of another kind, expected float32"),
        (_elsewhere, r"its weights are in net\.onnx\.data, expected one file: onnx\.save"),
        (_short, "weight 'weight_0' is damaged"),
        (_optimised, r"has operators of one runtime alone \(com\.microsoft\.FusedConv\)"),
    ],
)
def test_what_cannot_be_attacked(tmp_path: Path, make: Any, message: str) -> None:
    path = saved(tmp_path, make())
    with pytest.raises(ValueError, match=rf"net\.onnx: .*{message}"):
        network.read(path, (112, 112))


def test_another_size(tmp_path: Path) -> None:
    path = saved(tmp_path, graphs.iresnet())
    with pytest.raises(
        ValueError, match=r'of 112 x 112 and not of 160 x 160 .*"size": \[112, 112\] in the card'
    ):
        network.read(path, (160, 160))
    model = graphs.iresnet()
    for place in (2, 3):  # it says that any will do, which its matrix does not
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = "any"
    path = saved(tmp_path, model)
    assert file.read(path).size is None
    with pytest.raises(ValueError, match=r"net\.onnx: does not take pictures of 160 x 160"):
        network.read(path, (160, 160))


def test_operators_of_our_own() -> None:
    x = torch.arange(24.0).view(2, 3, 4)
    assert torch.equal(Gather(-1)(x, torch.tensor(2)), x[..., 2])
    assert torch.equal(Gather(1)(x, torch.tensor([[0, 2], [1, -1]])), x[:, [[0, 2], [1, -1]]])
    ends = torch.tensor([2**62])
    assert torch.equal(Slice()(x, torch.tensor([1]), ends, torch.tensor([-1])), x[..., 1:])
    assert torch.equal(Slice()(x, torch.tensor([0]), ends, torch.tensor([2]), torch.tensor([2])), x[..., ::2])
    backwards = Slice()(x, torch.tensor([-1]), -ends, torch.tensor([2]), torch.tensor([-1]))
    assert torch.equal(backwards, x.flip(2))
    assert torch.equal(Slice([1, 2], [0, 1], [2, 3])(x), x[:, 0:2, 1:3])


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    path = saved(tmp_path, graphs.iresnet())
    monkeypatch.setitem(sys.modules, "onnx2pytorch", None)
    with pytest.raises(ValueError, match=r'pip install "mnd-cloak\[onnx\]"'):
        network.read(path, (112, 112))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r'pip install "mnd-cloak\[onnx\]"'):
        network.read(path, (112, 112))


def test_is_a_module_that_can_be_copied(tmp_path: Path) -> None:
    import copy
    import pickle

    net = network.read(saved(tmp_path, graphs.mobilefacenet()), (112, 112))
    x = pictures(112)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert isinstance(other, Network)
        assert torch.equal(other(x), net(x))
