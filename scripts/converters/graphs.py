"""ONNX graphs built by hand, node by node, as exporters of several years wrote them; the weights are random.

Every function gives a whole model. What matters is the form: operator sets from 7 on, where slopes and
statistics lie, what is fixed and what is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 112
Shape = tuple[int | str, ...]


class Graph:
    """Nodes and weights that are added one after the other; each function gives the name of its output."""

    def __init__(self, opset: int, shape: Shape = (1, 3, SIDE, SIDE), name: str = "data") -> None:
        self.opset, self.shape, self.input = opset, shape, name
        self.random = np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, values: Any, kind: Any = np.float32) -> str:
        """A constant of the graph."""
        name = f"weight_{len(self.weights)}"
        array = np.asarray(values, kind)  # ascontiguousarray would make a row of a scalar
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def conv(self, x: str, inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> str:
        """A convolution that keeps the size, but for 7 x 7, which is that of what is left of a face."""
        scale = np.sqrt(2 / (inputs // groups * size * size))
        kernel = self.weight(self.random.normal(0, scale, (outputs, inputs // groups, size, size)))
        pads = [size // 2 if size < 7 else 0] * 4
        return self.op(
            "Conv", x, kernel, kernel_shape=[size] * 2, strides=[stride] * 2, pads=pads, group=groups
        )

    def norm(self, x: str, channels: int) -> str:
        """Batch normalisation; before operator set 9 it says whether statistics are one a channel."""
        wide, near = (0.7, 1.3), (-0.3, 0.3)
        values = [self.weight(self.random.uniform(*r, channels)) for r in (wide, near, near, wide)]
        spatial = {"spatial": 1} if self.opset < 9 else {}
        return self.op("BatchNormalization", x, *values, epsilon=2e-5, momentum=0.9, **spatial)

    def prelu(self, x: str, channels: int, shape: tuple[int, ...] = (0, 1, 1)) -> str:
        """A slope a channel; 0 in `shape` stands for the channels."""
        slopes = self.random.uniform(0.1, 0.4, [n or channels for n in shape])
        return self.op("PRelu", x, self.weight(slopes))

    def clip(self, x: str, low: float, high: float) -> str:
        """Its limits are attributes before operator set 11, inputs from then on."""
        if self.opset < 11:
            return self.op("Clip", x, min=low, max=high)
        return self.op("Clip", x, self.weight(low), self.weight(high))

    def gemm(self, x: str, inputs: int, outputs: int) -> str:
        """A matrix with a bias, stored with a row an output."""
        matrix = self.weight(self.random.normal(0, inputs**-0.5, (outputs, inputs)))
        bias = self.weight(self.random.normal(0, 0.1, outputs))
        return self.op("Gemm", x, matrix, bias, alpha=1.0, beta=1.0, transB=1)

    def reduced(self, kind: str, x: str, axes: list[int], since: int) -> str:
        """A sum or mean along axes that is kept; the axes are an input from the operator set `since` on."""
        if self.opset < since:
            return self.op(kind, x, axes=axes, keepdims=1)
        return self.op(kind, x, self.weight(axes, np.int64), keepdims=1)

    def bottleneck(self, x: str, inputs: int, outputs: int, stride: int, slope: tuple[int, ...]) -> str:
        """MobileFaceNet's: wider, each channel by itself, narrow again."""
        wide = inputs * 2
        y = self.prelu(self.norm(self.conv(x, inputs, wide, 1), wide), wide, slope)
        y = self.prelu(self.norm(self.conv(y, wide, wide, 3, stride, wide), wide), wide, slope)
        y = self.norm(self.conv(y, wide, outputs, 1), outputs)
        return self.op("Add", x, y) if stride == 1 and inputs == outputs else y

    def model(self, outputs: dict[str, Shape], old: bool = False) -> onnx.ModelProto:
        """The model; `old` ones list their weights among the inputs, too."""
        inputs = [helper.make_tensor_value_info(self.input, TensorProto.FLOAT, self.shape)]
        if old:
            inputs += [helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in self.weights]
        told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in outputs.items()]
        graph = helper.make_graph(self.nodes, "network", inputs, told, self.weights)
        opsets = [helper.make_opsetid("", self.opset)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=3 if old else 7)
        onnx.checker.check_model(made)
        return made


def iresnet(
    opset: int = 11,
    slope: tuple[int, ...] = (0, 1, 1),
    widths: tuple[int, ...] = (8, 16, 24, 32),
    depths: tuple[int, ...] = (1, 1, 1, 1),
    dimensions: int = 64,
) -> onnx.ModelProto:
    """InsightFace's residual networks, as w600k_r50: a batch of any size, a norm behind the last matrix."""
    g = Graph(opset, ("None", 3, SIDE, SIDE), "input.1")
    x = g.prelu(g.norm(g.conv(g.input, 3, widths[0]), widths[0]), widths[0], slope)
    inputs = widths[0]
    for width, depth in zip(widths, depths, strict=True):
        for block in range(depth):
            stride = 1 if block else 2
            y = g.norm(g.conv(g.norm(x, inputs), inputs, width), width)
            y = g.norm(g.conv(g.prelu(y, width, slope), width, width, 3, stride), width)
            x = g.op("Add", y, x if block else g.norm(g.conv(x, inputs, width, 1, stride), width))
            inputs = width
    x = g.op("Flatten", g.norm(x, inputs), axis=1)
    return g.model({g.norm(g.gemm(x, inputs * 49, dimensions), dimensions): ("None", dimensions)})


def mobilefacenet(
    opset: int = 11, slope: tuple[int, ...] = (0, 1, 1), batch: int | str = "None", dimensions: int = 64
) -> onnx.ModelProto:
    """MobileFaceNet with PReLU, as w600k_mbf."""
    g = Graph(opset, (batch, 3, SIDE, SIDE), "input.1")
    x = g.op("Flatten", _trunk(g, g.input, slope), axis=1)
    return g.model({g.norm(g.gemm(x, 32, dimensions), dimensions): (batch, dimensions)})


def sface(opset: int = 8) -> onnx.ModelProto:
    """As MXNet wrote them, SFace for one: a batch of one, pixels scaled inside, weights among the inputs."""
    g = Graph(opset)
    x = g.op("Mul", g.op("Sub", g.input, g.weight([127.5])), g.weight([1 / 128]))
    x = g.op("Dropout", _trunk(g, x, (0, 1, 1)))
    matrix = g.weight(g.random.normal(0, 0.2, (64, 32)))
    x = g.op("Gemm", g.op("Flatten", x), matrix, g.weight(np.zeros(64)), transB=1)
    return g.model({g.norm(x, 64): (1, 64)}, old=True)


def _trunk(g: Graph, x: str, slope: tuple[int, ...]) -> str:
    x = g.prelu(g.norm(g.conv(x, 3, 16, 3, 2), 16), 16, slope)
    for outputs, stride in ((16, 2), (16, 1), (24, 2), (32, 2), (32, 1)):
        x = g.bottleneck(x, 16 if outputs in (16, 24) else 24 if stride == 2 else 32, outputs, stride, slope)
    return g.norm(g.conv(x, 32, 32, 7, 1, 32), 32)


def facenet(opset: int = 13) -> onnx.ModelProto:
    """As tf2onnx writes FaceNet: colours last, branches side by side, embeddings of length one."""
    g = Graph(opset, ("unk__1", 160, 160, 3), "input_1:0")
    x = g.op("Transpose", g.input, perm=[0, 3, 1, 2])
    x = g.op("Relu", g.norm(g.conv(x, 3, 16, 3, 4), 16))
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    branches = [g.op("Relu", g.norm(g.conv(x, 16, 8, size), 8)) for size in (1, 3, 5)]
    y = g.conv(g.op("Concat", *branches, axis=1), 24, 16, 1)
    x = g.op("Relu", g.op("Add", x, g.op("Mul", y, g.weight(0.17))))
    x = g.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    mean = g.reduced("ReduceMean", x, [2, 3], 18)
    if opset < 13:
        x = g.op("Squeeze", mean, axes=[2, 3])
    else:
        x = g.op("Squeeze", mean, g.weight([2, 3], np.int64))
    x = g.op("MatMul", x, g.weight(g.random.normal(0, 0.2, (16, 128))))
    x = g.norm(x, 128)
    square = g.reduced("ReduceSum", g.op("Mul", x, x), [1], 13)
    x = g.op("Mul", x, g.op("Reciprocal", g.op("Sqrt", g.op("Max", square, g.weight(1e-10)))))
    return g.model({x: ("unk__1", 128)})


def mobilenetv3(opset: int = 11) -> onnx.ModelProto:
    """Squeeze and excite, hard swishes spelt out, and a `view` that asks for the size of the batch."""
    g = Graph(opset, ("batch", 3, SIDE, SIDE))

    def swish(x: str) -> str:
        if g.opset >= 14:
            return g.op("HardSwish", x)
        shifted = g.clip(g.op("Add", x, g.weight(3.0)), 0.0, 6.0)
        return g.op("Div", g.op("Mul", x, shifted), g.weight(6.0))

    x = swish(g.norm(g.conv(g.input, 3, 16, 3, 4), 16))
    y = g.norm(g.conv(x, 16, 16, 3, 1, 16), 16)
    small = g.op("Relu", g.conv(g.op("GlobalAveragePool", y), 16, 8, 1))
    gate = g.op("HardSigmoid", g.conv(small, 8, 16, 1), alpha=1 / 6, beta=0.5)
    x = g.op("LeakyRelu", g.op("Add", x, g.op("Mul", y, gate)), alpha=0.1)
    x = g.op("GlobalAveragePool", swish(g.conv(x, 16, 32, 1)))
    batch = g.op("Gather", g.op("Shape", x), g.weight(0, np.int64), axis=0)
    rest = g.weight([-1], np.int64)
    if opset < 13:
        batch = g.op("Unsqueeze", batch, axes=[0])
    else:
        batch = g.op("Unsqueeze", batch, g.weight([0], np.int64))
    x = g.op("Reshape", x, g.op("Concat", batch, rest, axis=0))
    return g.model({g.gemm(x, 32, 64): ("batch", 64)})


def fixed_batch(opset: int = 11) -> onnx.ModelProto:
    """One picture at a time: its size stands in a constant, so that two would become one long row."""
    g = Graph(opset)
    x = g.op("Relu", g.norm(g.conv(g.conv(g.input, 3, 8, 3, 4), 8, 8, 3, 4), 8))
    x = g.op("Reshape", x, g.weight([1, 8 * 49], np.int64))
    return g.model({g.gemm(x, 8 * 49, 64): (1, 64)})


def two_outputs(opset: int = 11) -> onnx.ModelProto:
    """AdaFace's: the direction of the embedding and its length."""
    g = Graph(opset, ("batch", 3, SIDE, SIDE), "input")
    x = g.gemm(g.op("Flatten", g.conv(g.op("Relu", g.conv(g.input, 3, 8, 3, 4)), 8, 8, 3, 4)), 392, 64)
    length = g.reduced("ReduceL2", x, [1], 18)
    return g.model({g.op("Div", x, length): ("batch", 64), length: ("batch", 1)})


def stepped(opset: int = 11) -> onnx.ModelProto:
    """Its last step rounds, so that no gradient comes through."""
    g = Graph(opset, ("batch", 3, SIDE, SIDE))
    x = g.gemm(g.op("Flatten", g.conv(g.conv(g.input, 3, 8, 3, 4), 8, 8, 3, 4)), 392, 64)
    return g.model({g.op("Round", x): ("batch", 64)})


def quantised(opset: int = 13) -> onnx.ModelProto:
    """Eight bits between two layers, as quantisers write it."""
    g = Graph(opset, ("batch", 3, SIDE, SIDE))
    x, scale, zero = g.conv(g.input, 3, 8, 3, 4), g.weight(0.05), g.weight(0, np.int8)
    x = g.op("DequantizeLinear", g.op("QuantizeLinear", x, scale, zero), scale, zero)
    return g.model({g.gemm(g.op("Flatten", g.conv(x, 8, 8, 3, 4)), 392, 64): ("batch", 64)})
