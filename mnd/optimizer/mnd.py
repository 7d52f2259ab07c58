"""MND: the search for the smallest noticeable change that fools every target; tensors in, tensors out.

The paper (Sun, Jin and Lin 2022) minimises an adversarial loss and a perceptual one together. Here they are

    adversarial     margin_k(y), one a target: `mnd.losses.adversarial`
    perceptual      D(x, y) = alpha magnitude + beta structure + gamma gradient: `mnd.losses.composite`

and the weight between them is none that somebody chooses: it is the multiplier that just fools the target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from ..base.seams import Seam, cut, slopes
from ..losses.composite import Composite
from ..losses.curvature import Metric
from ..losses.images import check_images
from .geometry import Geometry
from .limits import Limits
from .run import Run
from .settings import Result, SearchSettings
from .start import Start

Margins = Callable[[Tensor], Tensor] | Sequence[Callable[[Tensor], Tensor]]
"""`(B, 3, H, W)` -> `(B,)` or `(K, B)`, or one such function a target; > 0: still recognised. A row of NaN
says that a target was not looked at in this step: its last linear model stands then, and the picture is not
kept. The first step and the last one look at all."""
Slopes = Callable[[Sequence[Tensor], Tensor], Tensor]
"""Rows of margins, each `(B,)`, and the pictures -> `(K, B, 3, H, W)`, their gradients; see `gradients`."""


class MND:
    """The y on the file's grey levels that solves

        min_y  D(x, y)   subject to   margin_k(y) <= -kappa   for every target k

    At the optimum the slopes balance, `grad D(y) = - sum_k lambda_k grad margin_k(y)`. With `v` and `primal`
    of the geometry of D (`mnd.optimizer.geometry`), each step t does

        G_k   <- beta_t G_k + (1 - beta_t) v grad margin_k(y) / |v grad margin_k(y)|
        s_k   <- max(0, s_k + gain (margin_k(y) + kappa))
        lambda_k: the least for which  margin_k(y) + kappa + s_k + grad margin_k(y) . (y(lambda) - y) <= 0
        y(lambda) = round(x + primal(- sum_k lambda_k G_k))

    The slack s is what the linear model of a margin missed, an integral control, so that the search settles
    on the border; *rounding is part of the model*. Every step's picture is judged as it would be saved; the
    best one judged is returned (see `keep`).

    The objective is that of Sun, Jin and Lin 2022, arXiv 2206.08638; the search is ours.

    Args:
        distance: D, by default the composite of the paper.
        settings: see `SearchSettings`.
        slopes: who computes the margins' gradients; by default `gradients`.

    >>> x = torch.full((1, 3, 16, 16), 0.5)
    >>> result = MND()(x, lambda y: y.mean((1, 2, 3)) - 0.49)
    >>> bool(result.success), bool(result.image.mean() <= 0.49)
    (True, True)
    """

    def __init__(
        self,
        distance: Metric | None = None,
        settings: SearchSettings | None = None,
        slopes: Slopes | None = None,
    ) -> None:
        self.distance = distance or Composite()
        self.settings = settings or SearchSettings()
        self.slopes = slopes

    def __call__(
        self,
        x: Tensor,
        margins: Margins,
        mask: Tensor | None = None,
        grey: bool = False,
        progress: Callable[[int], None] | None = None,
        accept: Callable[[Tensor], bool] | None = None,
        limits: Limits | None = None,
        geometry: Geometry | None = None,
        start: Start | None = None,
    ) -> Result:
        """Search for every picture of a batch by itself.

        Args:
            x: `(B, 3, H, W)` in [0, 1], the clean pictures.
            margins: what the targets say, see `Margins`; differentiable.
            mask: `(B or 1, 1 or 3, H, W)`, 1 where pixels may change; everywhere by default.
            grey: the three channels change alike.
            progress: called with the number of steps done.
            accept: asked of the picture that would be returned: where it says no, margins have become
                stricter, and the search goes on (see `patience`).
            limits: what no change may do.
            geometry: where that is known already, with the mask and `grey` in it; by default that of D.
            start: where another search of the same targets stood; by default a random change of no size.

        Raises:
            ValueError: x is no batch of pictures, or margins have another shape or are not finite; a target
                that was not looked at in the first or the last step; the distance gives no number an image.
        """
        check_images(x)
        geometry = geometry or Geometry.of(self.distance, x, mask, grey)
        run = Run(self.distance, self.settings, x, geometry, grey, limits or Limits(), start)
        step, end = 0, self.settings.steps
        latest = end + self.settings.rounds * self.settings.patience
        while step < end:
            m, g = _slopes(margins, run.y, grey, self.slopes)
            seen = _seen(m)
            if step in (0, end - 1) and not seen.all():
                raise _not_finite(m)
            m, g = run.recalled(m, g, seen)
            run.judge(m, step + 1 == latest, bool(seen.all()) and step >= self.settings.ready)
            step += 1
            if progress is not None:
                progress(min(step, self.settings.steps))
            if step == end < latest and accept is not None and not accept(run.best):
                end += self.settings.patience
                run.forget()
            if step < end:
                run.move(m, g, seen, step - 1)
        return run.result()


def gradients(rows: Sequence[Tensor], y: Tensor, seams: Sequence[Seam] = ()) -> Tensor:
    """`(K, B, 3, H, W)`: the gradient of each row of margins `(B,)` by the pictures `y`.

    Args:
        rows: K rows, functions of y.
        y: `(B, 3, H, W)`.
        seams: the networks on the way that were cut, see `mnd.base.seams`.
    """
    return slopes([(rows, y)], seams)[0]


def _slopes(margins: Margins, y: Tensor, grey: bool, others: Slopes | None) -> tuple[Tensor, Tensor]:
    """Margins `(K, B)` at y, and the gradient of each, `(K, B, 3, H, W)`."""
    y = y.detach().requires_grad_(True)
    context: AbstractContextManager[list[Seam]] = nullcontext([]) if others else cut()
    with context as seams:
        parts = [margins(y)] if callable(margins) else [margin(y) for margin in margins]
    rows = [row for part in parts for row in (part if part.ndim == 2 else part[None])]
    m = torch.stack([row.detach() for row in rows]).to(y.dtype)
    if m.shape[1:] != y.shape[:1]:
        raise _shape(m, len(y))
    if not m[_seen(m)[:, 0]].isfinite().all():
        raise _not_finite(m)
    # no network is asked for the slopes of what was not looked at
    rows = [row if told else row.detach() for row, told in zip(rows, _seen(m), strict=True)]
    g = others(rows, y) if others else gradients(rows, y, seams)
    return m, (g.mean(2, keepdim=True).expand_as(g) if grey else g)


def _seen(m: Tensor) -> Tensor:
    """`(K, 1)`: which rows of margins `(K, B)` were looked at."""
    return ~m.isnan().all(1, keepdim=True)


def _shape(m: Tensor, count: int) -> ValueError:
    got = f"margins have shape {tuple(m.shape)}"
    return ValueError(
        f"{got}, expected (targets, {count}): one number for each of {count} images, > 0 while recognised. "
        "Of a classifier: mnd.losses.classifier_margin(model, labels)"
    )


def _not_finite(m: Tensor) -> ValueError:
    values = str(m.tolist())
    told = values if len(values) < 300 else f"{values[:300]} ..."
    return ValueError(
        f"margins are {told}, expected finite numbers, one for each of {m.shape[1]} images; "
        "NaN for a target that a step between the first and the last did not look at"
    )
