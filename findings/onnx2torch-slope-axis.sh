#!/usr/bin/env bash
# onnx2torch 1.5.15 (PyPI), against onnxruntime 1.32.0: small graphs of the parts that face recognisers are made of.
#
# Expected: a graph that onnx's checker passes and onnxruntime runs gives the same numbers, or is refused. Observed:
#   - `PRelu` with a slope of one axis, which ONNX aligns with the LAST axis of the maps (from operator set 7 on):
#     onnx2torch does so, too, unless the slope has as many numbers as the maps have channels. Then it is one slope a
#     channel, as in torch's own layer, and for 8 channels of 8 columns the result is wrong without an error. A slope
#     (8, 1), one for each of 8 rows, has the same fate; (8, 1, 1), (1, 8) and (1,) are right;
#   - `BatchNormalization` of operator sets 7 and 8, which older files have, is refused; that of 9, with the same
#     inputs, is right;
#   - `Conv` with auto_pad SAME_UPPER, as graphs from TensorFlow have it, is refused; with the same padding written
#     out as pads it is right.
# So "it converts" says nothing about the numbers, and what is refused can often be rewritten into what is not.
#
# Output seen:
#   PRelu (8,), 8 channels, 8 columns:   wrong
#   PRelu (8, 1), 8 channels, 8 rows:    wrong
#   PRelu (4,), 8 channels, 4 columns:   right
#   PRelu (8, 1, 1):                     right
#   PRelu (1, 8), 8 columns:             right
#   PRelu (1,):                          right
#   BatchNormalization, operator set 8:  refused, Converter is not implemented
#   BatchNormalization, operator set 9:  right
#   Conv, SAME_UPPER:                    refused, "SAME_UPPER" auto_pad is not implemented
#   Conv, pads 0 0 1 1:                  right
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-compile onnx2torch==1.5.15 onnx==1.23.2 onnxruntime==1.32.0 torch==2.14.1 \
  torchvision==0.29.1 numpy==2.4.6
"$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, checker, helper, numpy_helper
from onnx2torch import convert

print("onnx2torch", importlib.metadata.version("onnx2torch"))
noise = np.random.default_rng(0)


def graph(kind, weights, shape, opset, **attributes):
    """One operator on a map of features."""
    drawn = [noise.uniform(0.5, 1.5, size).astype(np.float32) for size in weights]
    values = [numpy_helper.from_array(it, f"w{i}") for i, it in enumerate(drawn)]
    node = helper.make_node(kind, ["x", *(it.name for it in values)], ["y"], **attributes)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)
    made = helper.make_graph([node], kind, [x], [y], values)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    checker.check_model(model, full_check=True)
    return model


def said(kind, weights, shape, opset, **attributes):
    model = graph(kind, weights, shape, opset, **attributes)
    maps = noise.standard_normal(shape).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"x": maps})
    try:
        given = convert(model).eval()(torch.from_numpy(maps)).detach().numpy()
    except NotImplementedError as error:
        return f"refused, {str(error).split('(')[0]}"
    return "right" if np.allclose(given, wanted, atol=1e-4) else "wrong"


MAPS, NARROW = (1, 8, 8, 8), (1, 8, 8, 4)
NORM, CONV = [(8,)] * 4, [(4, 8, 3, 3)]
STRIDE = {"kernel_shape": [3, 3], "strides": [2, 2]}
rows = [
    ("PRelu (8,), 8 channels, 8 columns", "wrong", said("PRelu", [(8,)], MAPS, 11)),
    ("PRelu (8, 1), 8 channels, 8 rows", "wrong", said("PRelu", [(8, 1)], MAPS, 11)),
    ("PRelu (4,), 8 channels, 4 columns", "right", said("PRelu", [(4,)], NARROW, 11)),
    ("PRelu (8, 1, 1)", "right", said("PRelu", [(8, 1, 1)], MAPS, 11)),
    ("PRelu (1, 8), 8 columns", "right", said("PRelu", [(1, 8)], MAPS, 11)),
    ("PRelu (1,)", "right", said("PRelu", [(1,)], MAPS, 11)),
    ("BatchNormalization, operator set 8", "refused", said("BatchNormalization", NORM, MAPS, 8)),
    ("BatchNormalization, operator set 9", "right", said("BatchNormalization", NORM, MAPS, 9)),
    ("Conv, SAME_UPPER", "refused", said("Conv", CONV, MAPS, 11, auto_pad="SAME_UPPER", **STRIDE)),
    ("Conv, pads 0 0 1 1", "right", said("Conv", CONV, MAPS, 11, pads=[0, 0, 1, 1], **STRIDE)),
]
for name, wanted, found in rows:
    print(f"{name + ':':36} {found}")
for name, wanted, found in rows:
    assert found.startswith(wanted), f"changed: {name} was {wanted}"
PY
