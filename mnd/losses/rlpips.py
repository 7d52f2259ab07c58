"""R-LPIPS: LPIPS with weights that were trained against attacks on it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from .images import Distance, check_choice
from .linear import brings_trunk
from .lpips import LPIPS, PACKAGED
from .pyramid import RLPIPS2
from .trunks import Trunk, load_trunk

VERSIONS = ("1", "2")
"""Of the packaged R-LPIPS; every one of them stays."""


class RLPIPS(LPIPS):
    """`rlpips` with its trunk and its weights.

    Args:
        trunk: a name of `mnd.losses.trunks.NAMES`, or a `Trunk`; a tuned file fills it with its own weights.
        weights: a checkpoint of R-LPIPS (`latest_net_linf_x0.pth` and its like, for `alex`, `vgg` or
            `squeeze`), a file of `scripts/train_rlpips.py`, or a tensor `(C,)` for each tap; by default this
            package's own, which exist for `efficientnet-lite0`.
        version: what a report calls these weights.

    Raises:
        ValueError: there is no such trunk, or the weights do not fit it.
        FileNotFoundError: weights are not on this machine; the message says how to get them.

    >>> RLPIPS().label
    'R-LPIPS (efficientnet-lite0, version 1)'
    """

    title = "R-LPIPS"

    def __init__(
        self,
        trunk: str | Trunk = "efficientnet-lite0",
        weights: Path | str | Sequence[Tensor] | None = None,
        version: str | None = None,
    ) -> None:
        if isinstance(trunk, str):
            # a tuned file has the whole trunk in it: the one it was tuned from need not be on this machine
            tuned = isinstance(weights, (str, Path)) and brings_trunk(weights)
            trunk = load_trunk(trunk, pretrained=not tuned)
        super().__init__(trunk, weights, version)

    @classmethod
    def published(cls, trunk: str) -> tuple[Path, str]:
        """The file of this package's own weights for a trunk, and their version.

        Raises:
            FileNotFoundError: there are none; those of the paper are no part of any package.
        """
        if (own := PACKAGED / f"rlpips-{trunk}.safetensors").is_file():
            return own, "1"
        raise FileNotFoundError(
            f"there are no packaged R-LPIPS weights for the trunk {trunk!r}: give a checkpoint of R-LPIPS"
            " (latest_net_linf_x0.pth, say) as weights=, train some with scripts/train_rlpips.py, or take the"
            " trunk 'efficientnet-lite0'"
        )


def packaged_rlpips(version: str = "1") -> RLPIPS | RLPIPS2:
    """The packaged R-LPIPS of a version: `1`, on the offline trunk, or `2`, on a pyramid and far more robust.

    Raises:
        ValueError: there is no such version.

    >>> packaged_rlpips("2").label
    'R-LPIPS (pyramid, version 2)'
    """
    check_choice("version", version, VERSIONS)
    return RLPIPS() if version == "1" else RLPIPS2()


@lru_cache(maxsize=8)
def _metric(trunk: str, dtype: torch.dtype, device: torch.device, version: str) -> Distance:
    metric = RLPIPS(trunk) if version == "1" else packaged_rlpips(version)
    return metric.to(device, dtype)


def rlpips(x: Tensor, y: Tensor, trunk: str = "efficientnet-lite0", version: str = "1") -> Tensor:
    """The learned perceptual distance of two pictures that is hard to mislead, smaller is nearer.

    `d = sum_l mean_hw sum_c w_lc (f_lc(x) - f_lc(y))^2`, as `lpips`; but the weights w (and those of f, where
    they are tuned) minimise `BCE(G(d0, d1), judge)` for triplets of which one picture was changed, by an
    attack, to maximise it: d0 and d1 are the distances of two pictures from a reference, G a small ranking
    network. Ghazanfari, Garg, Krishnamurthy, Khorrami and Araujo 2023, arXiv 2307.15157. The packaged weights
    were trained by this project, with that recipe and its own trunk: `scripts/train_rlpips.py`.

    Args:
        x: `(B, 3, H, W)` in **[0, 1]**: other implementations take [-1, 1], this one converts by itself.
        y: the same.
        trunk: `efficientnet-lite0`, the one with packaged weights; for others see `RLPIPS`. Of version 1.
        version: `1`, or `2`: see `RLPIPS2`, which is not symmetric, x is the clean picture.

    Returns:
        `(B,)`, >= 0, exactly 0 for equal pictures; the scale is its own, not that of `lpips`.

    Raises:
        ValueError: the pictures do not fit the description, or are smaller than the trunk allows; there is no
            such version.
        FileNotFoundError: there are no packaged weights for the trunk.

    >>> x = torch.rand(1, 3, 64, 64)
    >>> rlpips(x, x).item()
    0.0
    """
    distance: Tensor = _metric(trunk, x.dtype, x.device, version)(x, y)
    return distance
