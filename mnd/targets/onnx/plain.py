"""A graph as the converter wants it: constants among the weights, numbers of 32 bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto


def plain(model: ModelProto, output: str) -> ModelProto:
    """A copy of the model with one output, in which weights are weights.

    Exporters hand the same weight on by `Identity`, and write others as nodes (`Constant`); the converter
    takes those of a layer from the list of weights alone. Halved numbers become whole ones: a gradient of
    16 bits is a poor one.
    """
    from onnx import ModelProto

    weights = {it.name: it for it in model.graph.initializer}
    inputs = [it for it in model.graph.input if it.name not in weights]
    rest = []
    for node in model.graph.node:
        if (value := _constant(node, weights)) is not None:
            weights[node.output[0]] = value
        else:
            rest.append(node)
    made = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    graph = made.graph
    graph.name = model.graph.name
    graph.input.extend(inputs)
    graph.output.extend(it for it in model.graph.output if it.name == output)
    graph.node.extend(_needed(rest, output))
    used = {name for node in graph.node for name in _asked(node)}
    graph.initializer.extend(_whole(it) for name, it in weights.items() if name in used)
    for node in graph.node:
        _mend(node)
    return made


def _constant(node: NodeProto, weights: dict[str, TensorProto]) -> TensorProto | None:
    """The weight that a node stands for, under the name of its output."""
    from onnx import TensorProto, numpy_helper

    found: TensorProto | None = None
    if node.op_type == "Identity":
        found = weights.get(node.input[0])
    elif node.op_type == "Constant":
        found = next((it.t for it in node.attribute if it.name == "value"), None)
        it = node.attribute[0]
        if it.name in ("value_float", "value_floats"):
            numbers = it.f if it.name == "value_float" else list(it.floats)
            found = numpy_helper.from_array(np.asarray(numbers, np.float32))
        elif it.name in ("value_int", "value_ints"):
            whole = it.i if it.name == "value_int" else list(it.ints)
            found = numpy_helper.from_array(np.asarray(whole, np.int64))
    if found is None:
        return None
    copy = TensorProto()
    copy.CopyFrom(found)
    copy.name = node.output[0]
    return copy


def _needed(nodes: list[NodeProto], output: str) -> list[NodeProto]:
    """Those that the output comes from; nodes of a graph stand in an order in which they can be asked."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted.update(_asked(node))
    return kept[::-1]


def _asked(node: NodeProto) -> Iterator[str]:
    """What a node takes; its branches see the names of the graph around them."""
    yield from node.input
    for it in node.attribute:
        for inner in it.g.node:
            yield from _asked(inner)


def _whole(weight: TensorProto) -> TensorProto:
    from onnx import TensorProto, numpy_helper

    if weight.data_type != TensorProto.FLOAT16:
        return weight
    return numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float32), weight.name)


def _mend(node: NodeProto) -> None:
    """Take away what only training needs, and make numbers of 16 bits ones of 32."""
    from onnx import TensorProto

    for it in list(node.attribute):
        if (it.name, it.i) == ("training_mode", 0):
            node.attribute.remove(it)
        elif node.op_type == "Cast" and (it.name, it.i) == ("to", TensorProto.FLOAT16):
            it.i = TensorProto.FLOAT
        elif it.HasField("t"):
            it.t.CopyFrom(_whole(it.t))
