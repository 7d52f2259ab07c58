"""The tensors of a TorchScript archive, without running what else is in it."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "LongStorage": torch.int64,
}
RECORDS = {"data.pkl", "constants.pkl"}
"""What such an archive has beside its tensors and its code; torch before 1.4 wrote another."""


def is_torchscript(path: Path) -> bool:
    """Whether a file is an archive as `torch.jit.save` writes it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
    return names >= RECORDS


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """The parameters and buffers of a saved module, by the names of its state dict.

    `torch.jit.load` would compile the code of the archive, and may run some of it.

    Raises:
        ValueError: the archive holds something else than modules, numbers and dense tensors.
    """
    with zipfile.ZipFile(path) as archive:
        top = archive.namelist()[0].partition("/")[0]

        def read(name: str) -> bytes:
            part = archive.getinfo(f"{top}/{name}")
            if part.compress_type != zipfile.ZIP_STORED:  # torch stores numbers as they are
                raise ValueError(f"{name} is compressed")
            return archive.read(part)

        try:
            return dict(_tensors(_Unpickler(read).load()))
        except Exception as error:  # a broken pickle can fail in any way
            raise ValueError(f"no TorchScript of tensors alone: {type(error).__name__}: {error}") from error


def _rebuilt(storage: tuple[bytes, torch.dtype], at: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    return _view(*storage, at, shape, strides)


def _view(data: bytes, kind: torch.dtype, at: Any, shape: Any, strides: Any) -> Tensor:
    """A tensor of its own in a storage: `at` elements from its beginning.

    Raises:
        RuntimeError: it would reach out of the storage.
    """
    values = np.frombuffer(data, torch.zeros(0, dtype=kind).numpy().dtype)
    shape, strides = [int(side) for side in shape], [int(step) for step in strides]
    flat = torch.from_numpy(values.copy())
    return flat.as_strided(shape, strides, int(at)).clone(memory_format=torch.contiguous_format)


class _Module:
    """Stands for any class of the archive's own: what it has, and nothing that it does."""


class _Unpickler(pickle.Unpickler):
    """Knows modules, tensors and ordered dictionaries, and refuses everything else."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        super().__init__(io.BytesIO(read("data.pkl")))
        self.read = read

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle" and name.startswith("build_") and name.endswith("list"):
            return list
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is neither a module nor a tensor")

    def persistent_load(self, pid: Any) -> tuple[bytes, torch.dtype]:
        _, kind, key, *_ = pid
        return self.read(f"data/{key}"), kind


def _tensors(module: _Module, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    for name, value in vars(module).items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        elif isinstance(value, _Module):
            yield from _tensors(value, f"{prefix}{name}.")
