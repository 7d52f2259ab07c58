"""Adversarial losses: margins of classifiers and recognisers, and what a positive margin costs.

A margin is positive while the target still recognises the picture; an attack pushes it to `-kappa`. Nothing
here knows of targets: logits and embeddings come in, one number per picture goes out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TEMPERATURE = 0.05
"""How far from the nearest reference another one still pulls, in units of the distance or similarity."""


def nearest(values: Tensor, largest: bool, temperature: float = TEMPERATURE) -> Tensor:
    """The largest (or smallest) of R values, whose gradient is shared among the values that are near to it.

    The value is exactly `max_r v_r`; the gradient is that of `T log sum_r exp(v_r / T)`, which is
    `softmax(v / T)`, so that an attack leaves all references at once instead of running from one to the next.

    Args:
        values: `(B, R)`.
        largest: True for a similarity, False for a distance.
        temperature: T >= 0 in units of the values; 0 gives all of the gradient to the nearest.

    Returns:
        `(B,)`.

    Raises:
        ValueError: `values` is not `(B, R)` with R >= 1, or `temperature` is negative.

    >>> nearest(torch.tensor([[0.1, 0.7, 0.3]]), largest=True)
    tensor([0.7000])
    """
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"values have shape {tuple(values.shape)}, expected (B, R) with R >= 1")
    if not temperature >= 0:
        raise ValueError(f"temperature is {temperature!r}, expected a number >= 0")
    known = values.detach()
    hard = known.amax(dim=1) if largest else known.amin(dim=1)
    # how far each lies behind the nearest: never positive, so that no temperature is too low for it
    behind = -(known - hard.unsqueeze(1)).abs()
    weights = torch.softmax(behind / max(temperature, torch.finfo(known.dtype).tiny), dim=1)
    # the bracket is exactly zero: it brings the gradient and changes not one bit of the value
    return hard + (weights * (values - known)).sum(dim=1)


def logit_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """How far the logit of the label is above the best other one: `m = z_y - max_{j != y} z_j`.

    Args:
        logits: `(B, C)`, C >= 2.
        labels: `(B,)` int64 in 0..C-1: the class that the clean picture has.

    Returns:
        `(B,)`, in logits; > 0 while the label wins (Carlini and Wagner 2016, arXiv 1608.04644).

    Raises:
        ValueError: the shapes do not fit, there are fewer than two classes, or a label is not a class.

    >>> logit_margin(torch.tensor([[3.0, 1.0, 2.5]]), torch.tensor([0]))
    tensor([0.5000])
    """
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(f"logits have shape {tuple(logits.shape)}, expected (B, C) with C >= 2")
    if labels.shape != logits.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(
            f"labels have shape {tuple(labels.shape)} and type {labels.dtype}, "
            f"expected ({logits.shape[0]},) and torch.int64"
        )
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
        low, high = int(labels.min()), int(labels.max())
        raise ValueError(f"labels are {low}..{high}, expected 0..{logits.shape[1] - 1}")
    index = labels.unsqueeze(1)
    others = logits.scatter(1, index, float("-inf"))
    return logits.gather(1, index).squeeze(1) - others.amax(dim=1)


def classifier_margin(model: Callable[[Tensor], Tensor], labels: Tensor) -> Callable[[Tensor], Tensor]:
    """The margin of a classifier as a function of pictures: `m(y) = logit_margin(model(y), labels)`.

    With it, other libraries' `(model, x, labels)` is `MND()(x, classifier_margin(model, labels))`.

    Args:
        model: pictures `(B, 3, H, W)` in [0, 1] -> logits `(B, C)`; differentiable, its own normalisation
            inside, and in `eval()` where it is a module.
        labels: `(B,)` int64, the classes that are to be lost.

    Returns:
        `(B, 3, H, W)` -> `(B,)`, in logits; > 0 while the label wins.

    Raises:
        ValueError: the model is training, where it says something else each time; when it is called: its
            output is no `(B, C)`, or labels are not as `logit_margin` has them.

    >>> model = lambda y: torch.stack([y.mean((1, 2, 3)), 1 - y.mean((1, 2, 3))], 1)
    >>> margin = classifier_margin(model, torch.tensor([0]))
    >>> round(margin(torch.full((1, 3, 8, 8), 0.75)).item(), 6)
    0.5
    """
    if getattr(model, "training", False):
        raise ValueError("the model is training, expected model.eval(): batches would change what it says")

    def margin(images: Tensor) -> Tensor:
        logits = model(images)
        if not isinstance(logits, Tensor):
            raise ValueError(f"the model gave {type(logits).__name__}, expected logits, a tensor (B, C)")
        return logit_margin(logits, labels.to(logits.device))

    return margin


def similarity_margin(
    embedding: Tensor, references: Tensor, threshold: float, temperature: float = TEMPERATURE
) -> Tensor:
    """How far the cosine similarity to the nearest reference exceeds the threshold: `max_r cos(e, r) - t`.

    Args:
        embedding: `(B, D)`, of any length.
        references: `(B, R, D)`: R pictures of the same person each.
        threshold: the similarity t at and above which the recogniser says "the same".
        temperature: see `nearest`.

    Returns:
        `(B,)` in [-1 - t, 1 - t]; > 0 while recognised.

    Raises:
        ValueError: the shapes do not fit.

    >>> similarity_margin(torch.tensor([[2.0, 0.0]]), torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), 0.25)
    tensor([0.7500])
    """
    _check_embeddings(embedding, references)
    values = F.cosine_similarity(embedding.unsqueeze(1), references, dim=-1)
    return nearest(values, largest=True, temperature=temperature) - threshold


def distance_margin(
    embedding: Tensor, references: Tensor, threshold: float, temperature: float = TEMPERATURE
) -> Tensor:
    """How far the Euclidean distance to the nearest reference stays below the threshold: `t - min_r |e - r|`.

    Where `e` is exactly a reference that one gives no gradient (a cone has none at its tip): start beside it.

    Args:
        embedding: `(B, D)`.
        references: `(B, R, D)`: R pictures of the same person each.
        threshold: the distance t below which the recogniser says "the same".
        temperature: see `nearest`.

    Returns:
        `(B,)`, at most t; > 0 while recognised.

    Raises:
        ValueError: the shapes do not fit.

    >>> distance_margin(torch.tensor([[0.0, 0.5]]), torch.tensor([[[0.0, 0.0], [3.0, 0.0]]]), 0.75)
    tensor([0.2500])
    """
    _check_embeddings(embedding, references)
    values = torch.linalg.vector_norm(embedding.unsqueeze(1) - references, dim=-1)
    return threshold - nearest(values, largest=False, temperature=temperature)


def hinge(margins: Tensor, kappa: float | Tensor = 0.0) -> Tensor:
    """What is still missing until every target is fooled: `sum_k max(m_k + kappa, 0)`.

    Args:
        margins: `(K, B)`, a row per target, or `(B,)` for one target.
        kappa: confidence >= 0 in the unit of the margins, or a tensor that broadcasts against them.

    Returns:
        `(B,)`, >= 0; 0 exactly when every margin is at most `-kappa`.

    Raises:
        ValueError: `margins` have another number of axes.

    >>> hinge(torch.tensor([[0.5, -0.25], [0.25, -1.0]]), kappa=0.5)
    tensor([1.7500, 0.2500])
    """
    return _rows(margins + kappa).clamp_min(0).sum(dim=0)


def softplus(margins: Tensor, kappa: float | Tensor = 0.0, temperature: float = TEMPERATURE) -> Tensor:
    """The hinge with a round corner: `sum_k T log(1 + exp((m_k + kappa) / T))`, which never stops pulling.

    Args:
        margins: `(K, B)`, a row per target, or `(B,)` for one target.
        kappa: confidence >= 0 in the unit of the margins, or a tensor that broadcasts against them.
        temperature: T > 0, the width of the corner; the loss lies at most `K T log 2` above the hinge.

    Returns:
        `(B,)`, > 0.

    Raises:
        ValueError: `margins` have another number of axes, or `temperature` is not positive.

    >>> softplus(torch.tensor([0.0, -10.0, 10.0]), temperature=1.0)
    tensor([6.9315e-01, 4.5399e-05, 1.0000e+01])
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature!r}, expected a number > 0")
    return temperature * F.softplus(_rows(margins + kappa) / temperature).sum(dim=0)


class Hinge(nn.Module):
    """`hinge` with its settings.

    >>> Hinge(kappa=0.5)(torch.tensor([0.25]))
    tensor([0.7500])
    """

    def __init__(self, kappa: float = 0.0) -> None:
        super().__init__()
        self.kappa = kappa

    def forward(self, margins: Tensor) -> Tensor:
        return hinge(margins, self.kappa)


class Softplus(nn.Module):
    """`softplus` with its settings.

    >>> Softplus(temperature=1.0)(torch.tensor([0.0]))
    tensor([0.6931])
    """

    def __init__(self, kappa: float = 0.0, temperature: float = TEMPERATURE) -> None:
        super().__init__()
        self.kappa, self.temperature = kappa, temperature

    def forward(self, margins: Tensor) -> Tensor:
        return softplus(margins, self.kappa, self.temperature)


def _rows(margins: Tensor) -> Tensor:
    """Margins as `(K, B)`."""
    if margins.ndim not in (1, 2):
        raise ValueError(f"margins have shape {tuple(margins.shape)}, expected (B,) or (K, B)")
    return margins if margins.ndim == 2 else margins.unsqueeze(0)


def _check_embeddings(embedding: Tensor, references: Tensor) -> None:
    if embedding.ndim != 2:
        raise ValueError(f"the embedding has shape {tuple(embedding.shape)}, expected (B, D)")
    batch, length = embedding.shape
    fits = references.ndim == 3 and references.shape[0] == batch and references.shape[2] == length
    if not fits or references.shape[1] == 0:
        got = tuple(references.shape)
        raise ValueError(f"the references have shape {got}, expected ({batch}, R, {length}) with R >= 1")
