"""How apps come from pairs of photos to a person: pure functions of embeddings."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .profile import Measure, Profile

ORDERS, SWEEPS = 20, 100
"""Of whispers: orders that are tried, and how often everybody listens at most."""
TRIM = 0.15
"""What a trimmed mean leaves out at either end, as a share of the photos (Frigate)."""


def _cosine(one: Tensor, several: Tensor) -> Tensor:
    return F.cosine_similarity(one[None], several, dim=1)


def _euclidean(one: Tensor, several: Tensor) -> Tensor:
    found: Tensor = torch.linalg.vector_norm(one[None] - several, dim=1)
    return found


MEASURES: dict[Measure, Callable[[Tensor, Tensor], Tensor]] = {
    "euclidean distance": _euclidean,
    "euclidean distance of unit vectors": lambda one, several: _euclidean(
        F.normalize(one, dim=0), F.normalize(several, dim=1)
    ),
    "cosine distance": lambda one, several: 1 - _cosine(one, several),
    "cosine similarity": _cosine,
}
"""Of one embedding `(D,)` and several `(R, D)`: `(R,)`."""


def values(profile: Profile, face: Tensor, known: Tensor) -> list[float]:
    """How far a face `(D,)` is from each photo of a person `(R, D)`, or how much alike, as the app has it."""
    told: list[float] = MEASURES[profile.measure](face.cpu().double(), known.cpu().double()).tolist()
    return told


def matched(profile: Profile, face: Tensor, known: Tensor) -> int:
    """How many photos of a person `(R, D)` a face `(D,)` matches."""
    return sum(profile.matches(value) for value in values(profile, face, known))


def joins(profile: Profile, face: Tensor, known: Tensor) -> bool:
    """Whether the app would give a face `(D,)` the name of the person of these photos `(R, D)`.

    nearest: it matches one of them. linked, whispers: see these functions. mean: it matches the trimmed mean.

    >>> from .profile import profiles
    >>> photos = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> joins(profiles()["face_recognition"], torch.tensor([1.0, 0.5]), photos)
    True
    """
    if profile.rule == "mean":
        return bool(matched(profile, face, trimmed_mean(known.cpu().double())[None]))
    if profile.rule == "nearest":
        return bool(matched(profile, face, known))
    everybody = torch.cat([known, face[None]])  # it came last
    near = torch.tensor(
        [[profile.matches(value) for value in values(profile, one, everybody)] for one in everybody.unbind()]
    )
    return linked(near, min(profile.least, len(known))) if profile.rule == "linked" else whispered(near)


def linked(near: Tensor, least: int) -> bool:
    """Whether the last face is in one cluster with another one.

    Clusters are chains of faces that match (single link) around a core: a face that has `least` faces, itself
    among them, that match it.

    Args:
        near: `(N, N)`, whether two faces match.
        least: how many a core needs.

    >>> chain = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 1, 1]]).bool()
    >>> linked(chain, 3), linked(chain, 4), linked(torch.eye(3).bool(), 1)
    (True, False, False)
    """
    near = near | torch.eye(len(near), dtype=torch.bool)
    cluster = near[-1]
    for _ in range(len(near)):
        cluster = near[cluster].any(0)
    core = near.sum(1) >= least
    return bool(cluster[:-1].any() and core[cluster].any())


def whispered(near: Tensor) -> bool:
    """Whether the last face gets the label of another one by Chinese whispers (Biemann 2006), as in dlib.

    Everybody begins with a label of his own and takes, again and again, the one that most of those who match
    him have, himself among them; of several the lowest. The order is chance: it counts if the label comes
    along in one of `ORDERS` orders.

    Args:
        near: `(N, N)`, whether two faces match.

    >>> whispered(torch.ones(3, 3).bool()), whispered(torch.eye(3).bool())
    (True, False)
    """
    friends = [[j for j, it in enumerate(row) if it or i == j] for i, row in enumerate(near.tolist())]
    if len(friends[-1]) == 1:
        return False
    return any(labels[-1] in labels[:-1] for labels in (_whispers(friends, seed) for seed in range(ORDERS)))


def _whispers(friends: Sequence[Sequence[int]], seed: int) -> list[int]:
    """The labels in the end, by the order of one seed."""
    labels, order, draw = list(range(len(friends))), list(range(len(friends))), random.Random(seed)
    for _ in range(SWEEPS):
        before = labels.copy()
        draw.shuffle(order)
        for one in order:
            counted = Counter(labels[friend] for friend in friends[one])
            labels[one] = min(counted, key=lambda label: (-counted[label], label))
        if labels == before:
            break
    return labels


def trimmed_mean(known: Tensor) -> Tensor:
    """`(D,)`: of each number of embeddings `(R, D)` the mean without its largest and its smallest.

    int(.15 R) are left out at either end, as by SciPy's `trim_mean`: none of fewer than seven photos.

    >>> trimmed_mean(torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [90.0]])).tolist()
    [3.0]
    """
    out = int(TRIM * len(known))
    return known.sort(0).values[out : len(known) - out].mean(0)
