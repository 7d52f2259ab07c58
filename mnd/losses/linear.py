"""The trained weights of a learned metric: read from the files that exist in the field, and checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..base.weights import read_state
from .trunks import Trunk

SLICE = "net.slice"
"""How LPIPS's names of the layers of a trunk begin: `net.sliceN.LAYER...`, N from 1."""


def read_checkpoint(path: Path | str, trunk: Trunk) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The linear weights of every tap, `(C,)` each, and the tuned weights of the trunk where there are any.

    The names are those of LPIPS: `linK.model.1.weight`, and `net.sliceN.LAYER...` for a tuned trunk; a
    `.npz` (E-LPIPS's), a `.pth` (LPIPS's and R-LPIPS's, nothing but tensors in it) or a `.safetensors`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds other weights; the message says which tensor is not as expected.
    """
    path = Path(path)
    state = _arrays(path) if path.suffix == ".npz" else read_state(path)
    if "powers" in state and "base" in state:
        raise ValueError(
            f"{path}: weights of R-LPIPS version 2, expected linear ones for {trunk.name!r}:"
            " RLPIPS2(weights=...) reads them"
        )
    linear = []
    for index, channels in enumerate(trunk.channels):
        name = f"lin{index}.model.1.weight"
        if name not in state:
            raise ValueError(
                f"{path}: no tensor {name!r} among {sorted(state)[:4]}, expected lin0.."
                f"lin{len(trunk.channels) - 1}.model.1.weight, the linear weights for {trunk.name!r}"
            )
        linear.append(_weight(state[name], channels, f"{path}: {name}"))
    extra = f"lin{len(trunk.channels)}.model.1.weight"
    if extra in state:
        raise ValueError(
            f"{path}: has {extra}, expected {len(trunk.channels)} taps, for {trunk.name!r}: another trunk?"
        )
    _check_scaling(state, trunk, path)
    return linear, _tuned(state, trunk, path)


def brings_trunk(path: Path | str) -> bool:
    """Whether a file has the weights of the trunk too, not only the linear ones.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read.
    """
    path = Path(path)
    return path.suffix != ".npz" and any(name.startswith(SLICE) for name in read_state(path))


def check_linear(weights: Sequence[Tensor], trunk: Trunk) -> list[Tensor]:
    """Linear weights that fit a trunk, `(C,)` each.

    Raises:
        ValueError: their number or a shape is another, or one is negative or not finite.
    """
    if len(weights) != len(trunk.channels):
        raise ValueError(
            f"got linear weights of {len(weights)} taps, expected {len(trunk.channels)} for {trunk.name!r}"
        )
    return [
        _weight(weight, channels, f"linear weights of tap {index}")
        for index, (weight, channels) in enumerate(zip(weights, trunk.channels, strict=True))
    ]


def _weight(weight: Tensor, channels: int, name: str) -> Tensor:
    if weight.numel() != channels or max(weight.shape) != channels:
        raise ValueError(f"{name} has shape {tuple(weight.shape)}, expected {channels} numbers")
    weight = weight.detach().flatten().float().clone()
    if not (weight.isfinite().all() and (weight >= 0).all()):
        raise ValueError(f"{name} has values {weight.min():g}..{weight.max():g}, expected finite ones >= 0")
    return weight


def _tuned(state: dict[str, Tensor], trunk: Trunk, path: Path) -> dict[str, Tensor]:
    """The state of the trunk's stages, by the names of this package; empty where the file has none."""
    tuned = {}
    for name, tensor in state.items():
        if name.startswith(SLICE):
            stage, _, rest = name.removeprefix(SLICE).partition(".")
            tuned[f"stages.{int(stage) - 1}.{rest}" if stage.isdecimal() else name] = tensor.float()
    want = trunk.state_dict()
    if tuned and tuned.keys() != want.keys():
        missing, unknown = sorted(want.keys() - tuned.keys())[:2], sorted(tuned.keys() - want.keys())[:2]
        raise ValueError(
            f"{path}: not a tuned trunk {trunk.name!r}: tensors missing {missing}, unknown {unknown}"
        )
    for name, tensor in tuned.items():
        if tensor.shape != want[name].shape:
            raise ValueError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, expected {tuple(want[name].shape)}"
            )
    return tuned


def _check_scaling(state: dict[str, Tensor], trunk: Trunk, path: Path) -> None:
    """Refuse weights that were trained on pictures scaled in another way (LPIPS's are in [-1, 1])."""
    for name, own in (("shift", 2 * trunk.mean - 1), ("scale", 2 * trunk.std)):
        got = state.get(f"scaling_layer.{name}")
        if got is not None and (
            got.numel() != 3 or not torch.allclose(got.float().view(own.shape), own, atol=1e-3)
        ):
            raise ValueError(
                f"{path}: scaling_layer.{name} is {got.flatten().tolist()}, expected"
                f" {[round(v, 4) for v in own.flatten().tolist()]}, as {trunk.name!r} has it"
            )


def _arrays(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path}: no readable weights ({type(error).__name__}: {error})") from error
