"""The distance that `mnd cloak` keeps small."""

from __future__ import annotations

import torch

from .composite import Composite, Weights
from .local import Local
from .rlpips import RLPIPS


def standard(rho: float, device: torch.device | str = "cpu") -> Composite:
    """The composite with R-LPIPS as its learned term, `... + rho R-LPIPS`, near the clean picture.

    R-LPIPS stands in it by its quadratic model (`Local`), which asks the network a few times for a picture
    and never again; its weights are the packaged ones, so that nothing is downloaded.

    Args:
        rho: weight of R-LPIPS; 0: without it.
        device: where the pictures are.

    >>> standard(0.0).learned is None
    True
    """
    if rho == 0:
        return Composite()
    metric = RLPIPS().to(device)
    return Composite(Weights(rho=rho), learned=Local(metric, least=metric.trunk.least))
