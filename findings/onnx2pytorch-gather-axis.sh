#!/usr/bin/env bash
# onnx2pytorch 0.6.0 (PyPI), against onnxruntime 1.32.0: `Gather` with an axis that is counted from the end.
#
# ONNX lets `axis` be negative: -1 is the last. Expected: the converted network gives what onnxruntime gives, or the
# conversion is refused. Observed for a graph that swaps red and blue of photos whose colours are the last axis
# (`Gather`, axis -1, indices 2 1 0):
#   - for three photos, the photos come back in reverse order with their colours unswapped: no error, and the shape
#     is right, so that photos have each other's embeddings;
#   - for five photos, three come back; for one, an IndexError;
#   - with axis 3, the same graph is equal to onnxruntime.
# So a converted network has to be compared with onnxruntime on more than one photo, and on photos that differ.
#
# Output seen:
#   axis 3, 3 photo(s): equal to onnxruntime
#   axis -1, 3 photo(s): photos 2 1 0, colours unswapped, shape (3, 8, 8, 3)
#   axis -1, 5 photo(s): photos 2 1 0, colours unswapped, shape (3, 8, 8, 3)
#   axis -1, 1 photo(s): IndexError: index 2 is out of bounds for dimension 0 with size 1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-compile onnx2pytorch==0.6.0 onnx==1.23.2 onnxruntime==1.32.0 torch==2.14.1 \
  numpy==2.4.6
"$dir/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, checker, helper, numpy_helper
from onnx2pytorch import ConvertModel

print("onnx2pytorch", importlib.metadata.version("onnx2pytorch"))
noise = np.random.default_rng(0)


def swap(axis):
    """Photos (N, 8, 8, 3) with red and blue exchanged."""
    photos, swapped = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 8, 8, 3]) for n in ("x", "y"))
    order = numpy_helper.from_array(np.array([2, 1, 0]), "order")
    node = helper.make_node("Gather", ["x", "order"], ["y"], axis=axis)
    graph = helper.make_graph([node], "swap", [photos], [swapped], [order])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model, full_check=True)
    return model


def both(axis, count):
    photos = noise.random((count, 8, 8, 3), dtype=np.float32)
    session = onnxruntime.InferenceSession(swap(axis).SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"x": photos})
    assert np.array_equal(wanted, photos[..., ::-1])
    try:
        return photos, wanted, ConvertModel(swap(axis)).eval()(torch.from_numpy(photos)).numpy()
    except IndexError as error:
        return photos, wanted, error


seen = {}
for axis, count in ((3, 3), (-1, 3), (-1, 5), (-1, 1)):
    photos, wanted, given = both(axis, count)
    if isinstance(given, IndexError):
        seen[axis, count] = f"IndexError: {given}"
    elif np.array_equal(given, wanted):
        seen[axis, count] = "equal to onnxruntime"
    elif np.array_equal(given, photos[[2, 1, 0]]):
        seen[axis, count] = f"photos 2 1 0, colours unswapped, shape {given.shape}"
    else:
        seen[axis, count] = f"something else, shape {given.shape}"
    print(f"axis {axis}, {count} photo(s): {seen[axis, count]}")
assert seen[3, 3] == "equal to onnxruntime", "changed: a positive axis differs"
assert seen[-1, 3].startswith("photos 2 1 0") and seen[-1, 5].startswith("photos 2 1 0"), "changed: batches"
assert seen[-1, 1].startswith("IndexError"), "changed: one photo"
PY
