"""Models to fool: face recognisers and classifiers by name, each with a card that says what "the same" is.

Images `(B, 3, H, W)` in [0, 1] and landmarks `(B, 5, 2)` go in; scores and margins `(B,)` come out, positive
while the target still recognises. It asks `losses` for margins and `base` for weights.

    target = load("dlib")                          # or `find("dlib").card` without loading it
    reference = target.refer(clean, landmarks)     # what it knows of the clean picture
    target.margin(changed, reference)              # differentiable in `changed`

One of your own is a `FaceTarget(card, network)`, which `Cloaker(targets=[...])` takes as it is; by name it is
`FILE.py:NAME`, registered by `register(card, weights)`, also from the entry point of a package in the group
`mnd.targets`, or described by a JSON card (`card:PATH`); see `docs/extending.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .card import TargetCard
    from .classifier import Classifier, Preprocess
    from .face import FaceTarget
    from .registry import find, load, names, register
    from .target import Reference, Target

__all__ = [
    "Classifier",
    "FaceTarget",
    "Preprocess",
    "Reference",
    "Target",
    "TargetCard",
    "find",
    "load",
    "names",
    "register",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "card": ["TargetCard"],
        "classifier": ["Classifier", "Preprocess"],
        "face": ["FaceTarget"],
        "registry": ["find", "load", "names", "register"],
        "target": ["Reference", "Target"],
    },
)
