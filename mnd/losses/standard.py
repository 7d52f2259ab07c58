"""The distance that `mnd cloak` keeps small."""

from __future__ import annotations

from dataclasses import replace

import torch

from .composite import Composite, Weights
from .local import Local
from .rlpips import RLPIPS

RHO = 2000.0
"""Weight of R-LPIPS: `docs/metrics.md` has the figures of others."""
WEIGHTS = Weights(beta=240.0, gamma=5.0)
"""Less of both than the composite's own: `docs/lab/search.md` has the figures of others."""
SPREAD, FLAT = 0.35, 2.0
"""Of large changes: little enough that structure stays, enough that no spot of a face stands out."""


def standard(
    rho: float,
    device: torch.device | str = "cpu",
    spread: float = SPREAD,
    flat: float = FLAT,
    beta: float = WEIGHTS.beta,
) -> Composite:
    """The composite with R-LPIPS as its learned term, `... + rho R-LPIPS`, near the clean picture.

    R-LPIPS stands in it by its quadratic model (`Local`), which asks the network a few times for a picture
    and never again; its weights are the packaged ones, so that nothing is downloaded.

    Args:
        rho: weight of R-LPIPS; 0: without it.
        device: where the pictures are.
        spread: of the composite; the larger a change has to be, the more of it the eye prefers.
        flat: of the composite; the larger, the less SSIM falls, and the more single spots stand out.
        beta: weight of the structure; the same.

    >>> standard(0.0).learned is None
    True
    """
    weights = replace(WEIGHTS, beta=beta, rho=rho)
    if rho == 0:
        return Composite(weights, spread=spread, flat=flat)
    metric = RLPIPS().to(device)
    learned = Local(metric, least=metric.trunk.least)
    return Composite(weights, learned=learned, spread=spread, flat=flat)
