"""Every classifier of torchvision by its name, `torchvision:resnet50`, with its own default weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ..base.near import did_you_mean
from ..base.weights import read_state, torchvision_file
from .card import TargetCard
from .classifier import Classifier, Interpolation, Preprocess
from .registry import Entry, register_family
from .target import Target


def names() -> list[str]:
    """The names of all of torchvision's classifiers."""
    import torchvision.models as models

    found: list[str] = models.list_models(module=models)
    return found


def _default(name: str) -> Any:
    import torchvision.models as models

    if name not in (known := names()):
        raise ValueError(f"torchvision has no classifier {name!r}{did_you_mean(name, known)}")
    return models.get_model_weights(name).DEFAULT


@register_family("torchvision", names)
def entry(name: str) -> Entry:
    """What is known of a classifier before its weights are loaded.

    Raises:
        ValueError: torchvision has no classifier of this name.
    """
    weights = _default(name)
    transform = weights.transforms()
    where = torchvision_file(name)
    card = TargetCard(
        name=f"torchvision:{name}",
        kind="classifier",
        unit="logit margin",
        threshold=0.0,
        size=(transform.crop_size[0], transform.crop_size[-1]),
        source=f"torchvision {weights}",
        licence=weights.meta.get("license", "BSD-3-Clause"),
        threshold_at="another class has the larger logit",
        weights=weights.url,
        download=where.size,
        mean=tuple(transform.mean),
        std=tuple(transform.std),
    )
    return Entry(card, where, partial(load, name))


def load(name: str, card: TargetCard, path: Path) -> Target:
    """A classifier by torchvision's own loading code, once its weights are on this machine.

    Raises:
        ValueError: the file is damaged.
    """
    import torchvision.models as models

    read_state(path)  # nothing but tensors may be in it: torch.hub would accept any pickle
    weights = _default(name)
    transform = weights.transforms()
    try:
        net = models.get_model(name, weights=weights)
    except RuntimeError as error:  # load_state_dict's complaint
        raise ValueError(f"{path}: not the weights of torchvision's {name}: {error}") from error
    interpolation: Interpolation = "bicubic" if transform.interpolation.value == "bicubic" else "bilinear"
    crop = (transform.crop_size[0], transform.crop_size[-1])
    return Classifier(card, net, Preprocess(transform.resize_size[0], crop, interpolation))
