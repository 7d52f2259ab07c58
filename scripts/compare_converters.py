"""Which converter from ONNX to torch reads the graphs of face recognisers: the table of docs/lab/onnx.md.

    python scripts/compare_converters.py [FILE.onnx ...]

Needs onnx, onnxruntime and the converters (onnx2torch, onnx2pytorch, onnx2fx); those that are not installed
are left out. Every cell: the largest difference from onnxruntime over the largest value, for three pictures
(asked one by one where the graph takes one), or the kind of error; the last rows are milliseconds of the
processor for one picture there and back.
"""

from __future__ import annotations

import io
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from converters import graphs
from torch import Tensor, nn

from mnd.targets.onnx.file import OnnxFile

Converter = Callable[[onnx.ModelProto], nn.Module]


def converters() -> dict[str, Converter]:
    """Those that are installed, and our own use of one of them."""
    found: dict[str, Converter] = {}
    for package, name in (
        ("onnx2torch", "convert"),
        ("onnx2pytorch", "ConvertModel"),
        ("onnx2fx", "convert"),
    ):
        try:
            found[package] = getattr(__import__(package), name)
        except ImportError:
            print(f"{package} is not installed", file=sys.stderr)
    return found | {"mnd": ours}


def ours(model: onnx.ModelProto) -> nn.Module:
    """As a card reads it."""
    from mnd.targets.onnx.network import converted

    name, x = pictures(model, 1)
    shape = tuple(x.shape)
    outputs = {it.name: () for it in model.graph.output}
    read = OnnxFile(Path("graph"), model, name, shape, outputs, 0, "")
    net = converted(read, read.size, next(iter(outputs)))
    return net if not net.colours_last else Back(net)


class Back(nn.Module):
    """Pictures in the layout of the file."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.permute(0, 3, 1, 2))


def exported(net: nn.Module, side: int, opset: int, dynamic: bool = True) -> onnx.ModelProto:
    """What torch's own exporter makes of a network, whose statistics are those of noise."""
    data, norms = io.BytesIO(), (nn.BatchNorm1d, nn.BatchNorm2d)
    for it in net.modules():
        if isinstance(it, norms):
            it.momentum = 1.0
    with torch.no_grad():
        net.train()(torch.rand(4, 3, side, side) * 2 - 1)
    axes = {"input": {0: "batch"}, "output": {0: "batch"}} if dynamic else None
    torch.onnx.export(
        net.eval(), (torch.rand(1, 3, side, side),), data, dynamo=False, opset_version=opset,
        input_names=["input"], output_names=["output"], dynamic_axes=axes,
    )  # fmt: skip
    return onnx.load_model_from_string(data.getvalue())


def models(files: list[str]) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Graphs by hand, torch's exports, and files."""
    from facenet_pytorch import InceptionResnetV1

    from mnd.targets.mobilefacenet import MobileFaceNet

    for opset in (7, 8, 9, 11, 13, 17, 20):
        yield f"iresnet, operator set {opset}", graphs.iresnet(opset)
    for shape in ((0, 1, 1), (1, 0, 1, 1), (1,), (1, 1, 1)):
        yield f"iresnet, slopes {shape}", graphs.iresnet(11, shape)
    yield "IResNet50", graphs.iresnet(11, (0, 1, 1), (64, 128, 256, 512), (3, 4, 14, 3), 512)
    yield "MobileFaceNet, PReLU", graphs.mobilefacenet()
    for opset in (7, 8):
        yield f"SFace's form, operator set {opset}", graphs.sface(opset)
    for opset in (9, 11, 13, 18):
        yield f"FaceNet by tf2onnx, operator set {opset}", graphs.facenet(opset)
    for opset in (8, 11, 13, 14):
        yield f"MobileNetV3, operator set {opset}", graphs.mobilenetv3(opset)
    yield "batch of one in a constant", graphs.fixed_batch()
    yield "two outputs", graphs.two_outputs()
    for opset in (11, 17):
        yield f"torch: our MobileFaceNet, operator set {opset}", exported(MobileFaceNet(), 112, opset)
    yield "torch: InceptionResnetV1", exported(InceptionResnetV1(), 160, 11)
    try:
        import timm
    except ImportError:
        timm = None
    for name in (
        "ghostnet_100",
        "mobilenetv3_large_100",
        "vit_tiny_patch16_224",
        "swin_tiny_patch4_window7_224",
    ):
        if timm is not None:
            side = 224 if "224" in name else 112
            yield f"torch: {name}", exported(timm.create_model(name, num_classes=128), side, 17)
    for file in files:
        yield Path(file).name, onnx.load(file)


def pictures(model: onnx.ModelProto, count: int) -> tuple[str, np.ndarray[Any, Any]]:
    """The input's name, and noise of its shape."""
    weights = {w.name for w in model.graph.initializer}
    [given] = [it for it in model.graph.input if it.name not in weights]
    shape = [d.dim_value for d in given.type.tensor_type.shape.dim]
    shape = [
        n or (3 if 0 < place < 4 and shape[1] != 3 and place == 3 else 112) for place, n in enumerate(shape)
    ]
    return given.name, np.random.default_rng(1).uniform(-1, 1, (count, *shape[1:])).astype(np.float32)


def difference(model: onnx.ModelProto, convert: Converter) -> str:
    """A cell of the table."""
    try:
        net = convert(model).eval()
        name, x = pictures(model, 3)
        judge = onnxruntime.InferenceSession(model.SerializeToString())
        one = judge.get_inputs()[0].shape[0] == 1
        parts = [x[i : i + 1] for i in range(3)] if one else [x]
        wants = [judge.run(None, {name: part})[0] for part in parts]
        worst = 0.0
        for part, want in zip(parts, wants, strict=True):
            given = torch.from_numpy(part).requires_grad_()
            got = net(given)
            got = got[0] if isinstance(got, (list, tuple)) else got
            (slope,) = torch.autograd.grad(got.square().sum(), given)
            if not torch.isfinite(slope).all() or not slope.abs().sum() > 0:
                return "no gradient"
            worst = max(worst, float(np.abs(got.detach().numpy() - want).max() / np.abs(want).max()))
        return f"{worst:.0e}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:60]}".replace("|", "/").replace("\n", " ")


def milliseconds(model: onnx.ModelProto, convert: Converter) -> str:
    """Of the processor, for one picture there and back, the best of five."""
    net = convert(model).eval().requires_grad_(False)
    _, x = pictures(model, 1)
    times = []
    for _ in range(5):
        given = torch.from_numpy(x).requires_grad_()
        start = time.process_time()
        torch.autograd.grad(net(given).square().sum(), given)
        times.append(time.process_time() - start)
    return f"{1000 * min(times):.0f}"


def main(files: list[str]) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    known = converters()
    print("| graph |", " | ".join(known), "|\n|---|", "---|" * len(known), sep="")
    for name, model in models(files):
        print(
            f"| {name} |",
            " | ".join(difference(model, convert) for convert in known.values()),
            "|",
            flush=True,
        )
    deep = graphs.iresnet(11, (0, 1, 1), (64, 128, 256, 512), (3, 4, 14, 3), 512)
    read = ((Path(file).name, onnx.load(file)) for file in files)
    for name, model in (("IResNet50", deep), ("MobileFaceNet, PReLU", graphs.mobilefacenet()), *read):
        print(f"| {name}, ms |", " | ".join(milliseconds(model, convert) for convert in known.values()), "|")


if __name__ == "__main__":
    main(sys.argv[1:])
