"""What an ONNX file says of itself, and those that cannot be attacked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.distribution import pip_install
from ...base.files import shown
from ..json_card import LARGEST

EIGHT_BITS = ("QLinear", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger",
              "MatMulInteger", "QGemm", "QAttention")  # fmt: skip
"""How the operators of quantised networks are called, or how their names begin or end."""
STANDARD = ("", "ai.onnx")
"""Domains of ONNX's own operators."""
FLOATS = (1, 10)
"""ONNX's numbers for float32 and float16."""


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A network for pictures in an ONNX file."""

    path: Path
    model: Any
    """The `onnx.ModelProto`."""
    input: str
    shape: tuple[int | None, ...]
    """Of its input, four numbers; None where any will do."""
    outputs: dict[str, tuple[int | None, ...]]
    """Their shapes by their names; empty where the file does not say."""
    opset: int
    producer: str

    @property
    def colours_last(self) -> bool:
        """`(B, H, W, 3)`, as TensorFlow has pictures, and not `(B, 3, H, W)`."""
        return self.shape[1] != 3 and self.shape[3] == 3

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width that it takes; None: any."""
        height, width = self.shape[1:3] if self.colours_last else self.shape[2:4]
        return None if height is None or width is None else (height, width)

    def output(self, name: str | None = None) -> str:
        """The output of this name, or the only one.

        Raises:
            ValueError: there are several and none is named, or there is none of this name.
        """
        names = ", ".join(shown(it) for it in self.outputs)
        if name is None and len(self.outputs) != 1:
            told = f'"output" in the card to name the embedding: {names}'
            raise ValueError(f"{self.path}: has {len(self.outputs)} outputs, expected {told}")
        if name is not None and name not in self.outputs:
            raise ValueError(f"{self.path}: has no output {shown(name)!r}, expected {names}")
        return next(iter(self.outputs)) if name is None else name


def read(path: Path) -> OnnxFile:
    """The file at a path, as far as it says what it is; nothing is converted.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no whole ONNX file, or no network for pictures that has a gradient; or the package
            onnx is not installed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist")
    model = _parsed(path)
    graph = model.graph
    _check_weights(path, graph)
    _check_operators(path, graph)
    weights = {it.name for it in graph.initializer}
    inputs = [it for it in graph.input if it.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(shown(it.name) for it in inputs)
        raise ValueError(f"{path}: has {len(inputs)} inputs ({names}), expected one, of pictures")
    [given] = inputs
    shape = _shape(given)
    if given.type.tensor_type.elem_type not in FLOATS:
        raise ValueError(
            f"{path}: input {shown(given.name)!r} takes numbers of another kind, expected float32"
        )
    if len(shape) != 4 or not {3, None} & {shape[1], shape[3]}:
        sides = " x ".join("any" if n is None else str(n) for n in shape)
        told = "expected pictures of three colours, (B, 3, H, W) or (B, H, W, 3)"
        raise ValueError(f"{path}: input {shown(given.name)!r} is {sides or 'a number'}, {told}")
    if any(side is not None and side > LARGEST for side in shape[1:]):
        raise ValueError(f"{path}: takes pictures of {shape[1:]}, expected sides of at most {LARGEST} pixels")
    opset = next((it.version for it in model.opset_import if it.domain in ("", "ai.onnx")), 0)
    outputs = {it.name: _shape(it) for it in graph.output}
    return OnnxFile(path, model, given.name, shape, outputs, opset, model.producer_name)


def _parsed(path: Path) -> Any:
    try:
        import onnx
    except ImportError as error:
        told = pip_install("[onnx]")
        raise ValueError(f"{path}: ONNX files need the package onnx: {told}") from error
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(path.read_bytes(), "protobuf")
    except (DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: no whole ONNX file ({error}), expected one as it was exported") from error
    if not model.graph.node or not model.opset_import:  # some other files read as an empty one
        raise ValueError(f"{path}: no ONNX file, expected one with a network")
    return model


def _check_weights(path: Path, graph: Any) -> None:
    """Weights that are whole and in this file: the sum in a card is that of one file."""
    import onnx

    if graph.sparse_initializer:
        raise ValueError(f"{path}: has sparse weights, expected dense ones, as exports have them")
    for it in graph.initializer:
        if it.data_location == onnx.TensorProto.EXTERNAL:
            other = next(
                (entry.value for entry in it.external_data if entry.key == "location"), "another file"
            )
            told = "expected one file: onnx.save(onnx.load(OLD), NEW)"
            raise ValueError(f"{path}: its weights are in {shown(other)}, {told}")
        try:
            onnx.numpy_helper.to_array(it)
        except Exception as error:  # the package's, for each wrong field another
            raise ValueError(f"{path}: weight {shown(it.name)!r} is damaged ({error})") from error


def _check_operators(path: Path, graph: Any) -> None:
    """Refuse eight bits, all steps and so no gradient, and operators of one runtime."""
    kinds = {it.op_type for it in graph.node}
    if steps := sorted(kind for kind in kinds if kind.startswith(EIGHT_BITS)):
        told = "expected the float32 file that it was made from (SFace: ..._2021dec.onnx, not ..._int8.onnx)"
        raise ValueError(f"{path}: is quantised ({', '.join(steps)}) and has no gradient, {told}")
    if own := sorted({shown(f"{it.domain}.{it.op_type}") for it in graph.node if it.domain not in STANDARD}):
        told = "expected the file as it was exported from training"
        raise ValueError(f"{path}: has operators of one runtime alone ({', '.join(own)}), {told}")


def _shape(given: Any) -> tuple[int | None, ...]:
    """A name in place of a number, or nothing at all, stands for any."""
    dims = given.type.tensor_type.shape.dim
    return tuple(it.dim_value if it.dim_value > 0 else None for it in dims)
