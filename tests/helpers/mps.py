"""A stand-in for Apple's MPS on the CPU: where tensors are, and what it refuses.

`with pretended():` makes "mps" a device that tensors can be on. As there, no tensor on it may be float64,
none may meet one on the CPU (a number without axes may), it gives no NumPy array, and areas are averaged only
by whole numbers of pixels (pytorch issue 96056).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

MPS = torch.device("mps")
_HERE = frozenset({"to", "cpu", "numpy", "tolist", "item", "__get__", "__set__", "__repr__", "__format__"})
_GRADIENTS = frozenset({"grad", "backward"})


class OnMps(Tensor):
    """A tensor that is said to be on MPS; its values lie on the CPU."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _call(func, args, kwargs or {})


class _Mode(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _call(func, args, kwargs or {})


def _is(device: Any) -> bool:
    return device is not None and torch.device(device).type == "mps"


def _there(value: Any) -> Any:
    """On the device."""
    if not isinstance(value, Tensor) or isinstance(value, OnMps):
        return value
    if value.dtype == torch.float64:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the framework does not support it")
    return value.as_subclass(OnMps)  # type: ignore[no-untyped-call]


def _away(value: Any) -> Any:
    """Where it really is."""
    return value.as_subclass(Tensor) if isinstance(value, OnMps) else value


def _call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = getattr(func, "__name__", "")
    with torch._C.DisableTorchFunction():
        if name == "__get__" and "device" in str(getattr(func, "__self__", "")):
            return MPS if isinstance(args[0], OnMps) else func(*args, **kwargs)
        return _on_device(func, name, args, kwargs)


def _on_device(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    flat = [v for v in tree_flatten((args, kwargs))[0] if isinstance(v, Tensor)]
    mine = [v for v in flat if isinstance(v, OnMps)]
    if name == "numpy" and mine:
        raise TypeError("can't convert mps:0 device type tensor to numpy. Use Tensor.cpu()")
    asked = _device_asked(name, args, kwargs)
    if mine and name not in _HERE | _GRADIENTS:
        others = [v for v in flat if not isinstance(v, OnMps) and v.ndim > 0]
        if others:
            got = [(tuple(v.shape), v.dtype) for v in others]
            raise RuntimeError(f"{name}: expected all tensors to be on the same device, mps:0 and cpu {got}")
    _refuse_area(name, args, kwargs, bool(mine))
    if name == "to":
        args = tuple("cpu" if _is_device(value) else value for value in args)
    made = func(*args, **_without_device(kwargs))
    if name in ("__set__", "grad_fn"):
        return made
    return tree_map(_there if (bool(mine) if asked is None else asked) else _away, made)


def _is_device(value: Any) -> bool:
    return isinstance(value, (str, torch.device))


def _device_asked(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool | None:
    """Whether the result is asked for on MPS; None: nothing is said."""
    if kwargs.get("device") is not None:
        return _is(kwargs["device"])
    if name == "to":
        for value in args[1:]:
            if isinstance(value, Tensor):
                return isinstance(value, OnMps)
            if isinstance(value, (str, torch.device)):
                return _is(value)
    return False if name == "cpu" else None


def _without_device(kwargs: dict[str, Any]) -> dict[str, Any]:
    return kwargs if kwargs.get("device") is None else kwargs | {"device": "cpu"}


def _refuse_area(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], mine: bool) -> None:
    if not mine or name not in ("interpolate", "adaptive_avg_pool2d"):
        return
    if name == "interpolate" and kwargs.get("mode") != "area":
        return
    size = kwargs.get("size", args[1] if len(args) > 1 else None)
    size = (size, size) if isinstance(size, int) else size
    if size is not None and any(old % new for old, new in zip(args[0].shape[-2:], size, strict=True)):
        raise RuntimeError("Adaptive pool MPS: input sizes must be divisible by output sizes.")


def _module_to(net: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
    """`Module.to`, which would make plain tensors of its own."""
    asked = _device_asked("to", (None, *args), kwargs)
    if asked is None:  # another layout of memory
        return net
    for part in net.modules():
        for held in (part._parameters, part._buffers):
            for name, value in held.items():
                if value is not None:
                    held[name] = (_there if asked else _away)(value.data)
    return net


@contextlib.contextmanager
def pretended() -> Iterator[None]:
    """Within, `torch.device("mps")` works as said above, and is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.mps, "is_available", lambda: True)
        patch.setattr(nn.Module, "to", _module_to)
        with _Mode():
            yield
