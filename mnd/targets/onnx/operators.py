"""Operators that the converter's own version asks torch for in a way that torch gives up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Gather(nn.Module):
    """Rows of `data` along an axis; the axis may be counted from the end."""

    def __init__(self, dim: int = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, data: Tensor, indices: Tensor) -> Tensor:
        place: tuple[Any, ...] = (*[slice(None)] * (self.dim % data.ndim), indices.long())
        return data[place]


class Slice(nn.Module):
    """Parts of `data` along some axes; before operator set 10 they stand in the node itself."""

    def __init__(self, dim: Any = None, starts: Any = None, ends: Any = None, steps: Any = None) -> None:
        super().__init__()
        self.usual = (starts, ends, [dim] if isinstance(dim, int) else dim, steps)

    def forward(self, data: Tensor, *given: Any) -> Tensor:
        starts, ends, axes, steps = (
            None if it is None else [int(n) for n in it] for it in (*given, *self.usual[len(given) :])
        )
        assert starts is not None
        assert ends is not None
        for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
            axis = place if axes is None else axes[place]
            part = range(
                *slice(start, end, None if steps is None else steps[place]).indices(data.shape[axis])
            )
            if part.step == 1:
                data = data.narrow(axis, part.start, len(part))
            else:
                data = data.index_select(axis, torch.tensor(part, device=data.device))
        return data


def mended(net: nn.Module) -> nn.Module:
    """The converted network with these operators in place of the converter's."""
    from onnx2pytorch import operations

    for name, it in list(net.named_children()):
        if isinstance(it, operations.Gather):
            setattr(net, name, Gather(it.dim))
        elif isinstance(it, operations.Slice):
            setattr(net, name, Slice(it.dim, it.starts, it.ends, it.steps))
    return net
