"""Judged triplets (which of two is nearer a reference?) in BAPPS's layout, and a metric's score on them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mnd.base.files import sha256_of

PICTURES = ("ref", "p0", "p1")
FOLDERS = (*PICTURES, "judge")


def score(d0: Tensor, d1: Tensor, judge: Tensor) -> Tensor:
    """The share of people who rank as the metric does: `judge [d1 < d0] + (1 - judge) [d0 < d1]`, ties .5.

    Args:
        d0: `(B,)`, distance of p0 to the reference.
        d1: the same of p1.
        judge: `(B,)` in [0, 1], the share of people who find p1 nearer.

    Returns:
        `(B,)` in [0, 1], larger is better; Zhang et al. 2018, arXiv 1801.03924.

    Raises:
        ValueError: a distance is NaN.

    >>> d0, d1 = torch.tensor([2.0, 1.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])
    >>> [round(v, 3) for v in score(d0, d1, torch.full((3,), 0.8)).tolist()]
    [0.8, 0.2, 0.5]
    """
    picked = (d1 < d0).to(judge.dtype) + 0.5 * (d1 == d0).to(judge.dtype)
    nowhere = d0.isnan() | d1.isnan()
    if nowhere.any():
        raise ValueError(
            f"{int(nowhere.sum())} of {nowhere.numel()} triplets have a distance NaN, expected numbers"
        )
    return judge * picked + (1 - judge) * (1 - picked)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some triplets: pictures `(B, 3, H, W)` in [0, 1] and judgements `(B,)` in [0, 1]."""

    ref: Tensor
    p0: Tensor
    p1: Tensor
    judge: Tensor
    names: tuple[str, ...] = ()

    @property
    def pictures(self) -> dict[str, Tensor]:
        """The pictures by their place."""
        return {"ref": self.ref, "p0": self.p0, "p1": self.p1}

    def to(self, device: torch.device | str) -> Batch:
        """The same on another device."""
        ref, p0, p1, judge = (t.to(device) for t in (self.ref, self.p0, self.p1, self.judge))
        return Batch(ref, p0, p1, judge, self.names)

    def __len__(self) -> int:
        return len(self.judge)


@dataclass(frozen=True, slots=True)
class TwoAFC:
    """A set of judged triplets, of which only the names are held: `TwoAFC.open(root, "train")`."""

    folder: Path
    names: tuple[str, ...]
    """`SUBSET/STEM` of every triplet, sorted."""

    @classmethod
    def open(cls, root: Path | str, split: str, subsets: Sequence[str] | None = None) -> TwoAFC:
        """The triplets of `ROOT/SPLIT/SUBSET/{ref,p0,p1}/*.png` and `judge/*.npy`, paired by their names.

        Args:
            subsets: which; by default every folder of the split.

        Raises:
            FileNotFoundError: a folder is missing, or there is no triplet.
            ValueError: a picture or a judgement has no partner.
        """
        folder = Path(root) / split
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder} is no folder, expected {Path(root).name}/{split}/SUBSET/ref/*.png"
            )
        found = (
            [p.name for p in sorted(folder.iterdir()) if p.is_dir()]
            if subsets is None
            else sorted(set(subsets))
        )
        names = tuple(f"{name}/{stem}" for name in found for stem in _paired(folder / name))
        if not names:
            raise FileNotFoundError(
                f"{folder}: no triplet in {len(found)} subsets, expected SUBSET/ref/*.png"
            )
        return cls(folder, names)

    def __len__(self) -> int:
        return len(self.names)

    def subset(self, name: str) -> TwoAFC:
        """The triplets of one subset."""
        return TwoAFC(self.folder, tuple(n for n in self.names if n.split("/")[0] == name))

    @property
    def subsets(self) -> tuple[str, ...]:
        """The names of the subsets."""
        return tuple(dict.fromkeys(name.split("/")[0] for name in self.names))

    def sample(self, count: int, seed: int = 0) -> TwoAFC:
        """So many triplets, drawn at random, in the order of the set; all where there are not more."""
        chosen = sorted(torch.randperm(len(self), generator=_generator(seed, 0))[:count].tolist())
        return TwoAFC(self.folder, tuple(self.names[i] for i in chosen))

    def clear(self, change: float, certainty: float) -> TwoAFC:
        """The triplets that a small attack should not decide: clearly judged, and clearly distorted.

        Args:
            change: both pictures differ from the reference by at least so many grey levels (root mean
                square): an attack that is larger than what it attacks changes the right answer too.
            certainty: the judgement is at least so far from 1/2.
        """
        kept = []
        for start in range(0, len(self), 100):
            batch = self.batch(range(start, min(start + 100, len(self))))
            apart = torch.stack(
                [(p - batch.ref).square().mean((1, 2, 3)).sqrt() for p in (batch.p0, batch.p1)]
            )
            right = (255 * apart.amin(0) >= change) & ((batch.judge - 0.5).abs() >= certainty)
            kept += [name for name, keep in zip(batch.names, right.tolist(), strict=True) if keep]
        return TwoAFC(self.folder, tuple(kept))

    def judge(self) -> Tensor:
        """Every judgement, `(N,)`."""
        return torch.tensor([self._judge(name) for name in self.names])

    def batch(self, indices: Sequence[int]) -> Batch:
        """The triplets at these places.

        Raises:
            ValueError: a file cannot be read, pictures differ in size, or a judgement is outside [0, 1].
        """
        names = tuple(self.names[i] for i in indices)
        size = self._picture(names[0], "ref").shape
        pictures = [
            torch.stack([_same(self._picture(name, kind), size, name, kind) for name in names])
            for kind in PICTURES
        ]
        ref, p0, p1 = (p.permute(0, 3, 1, 2).contiguous().float() / 255 for p in pictures)
        return Batch(ref, p0, p1, torch.tensor([self._judge(name) for name in names]), names)

    def order(self, seed: int | None, epoch: int = 0) -> list[int]:
        """The places of an epoch: shuffled by the seed and the epoch, or as they are."""
        if seed is None:
            return list(range(len(self)))
        return torch.randperm(len(self), generator=_generator(seed, epoch)).tolist()

    def batches(self, size: int, seed: int | None = None, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on, read when asked for; the last may be smaller."""
        order = self.order(seed, epoch)
        for first in range(start * size, len(order), size):
            yield self.batch(order[first : first + size])

    def _path(self, name: str, kind: str) -> Path:
        subset, stem = name.split("/")
        return self.folder / subset / kind / f"{stem}{'.npy' if kind == 'judge' else '.png'}"

    def _picture(self, name: str, kind: str) -> Tensor:
        path = self._path(name, kind)
        try:
            with Image.open(path) as image:
                return torch.from_numpy(np.array(image.convert("RGB")))
        except OSError as error:
            raise ValueError(f"{path}: no readable picture ({error})") from error

    def _judge(self, name: str) -> float:
        path = self._path(name, "judge")
        try:
            value = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(f"{path}: no readable judgement ({error})") from error
        if value.size != 1 or not 0 <= float(value.reshape(-1)[0]) <= 1:
            raise ValueError(f"{path}: the judgement is {value.tolist()}, expected one number in [0, 1]")
        return float(value.reshape(-1)[0])


def fingerprint(root: Path, *parts: TwoAFC) -> dict[str, Any]:
    """What tells one set from another: the sums of its card, if it has one, and of its names; its size."""
    card = root / "card.json"
    names = hashlib.sha256("\n".join(name for part in parts for name in part.names).encode()).hexdigest()
    counts = {part.folder.name: {s: len(part.subset(s)) for s in part.subsets} for part in parts}
    return {"card": sha256_of(card) if card.is_file() else None, "names": names, "triplets": counts}


def _paired(folder: Path) -> list[str]:
    """The names that every folder of a subset has."""
    stems = {}
    for kind in FOLDERS:
        if not (folder / kind).is_dir():
            raise FileNotFoundError(f"{folder} has no folder {kind!r}, expected {', '.join(FOLDERS)}")
        stems[kind] = {p.stem for p in (folder / kind).glob("*.npy" if kind == "judge" else "*.png")}
    for kind in FOLDERS[1:]:
        if lone := sorted(stems["ref"] ^ stems[kind]):
            raise ValueError(
                f"{folder}: {len(lone)} names are in only one of ref ({len(stems['ref'])}) and {kind}"
                f" ({len(stems[kind])}), for example {lone[:3]}, expected the same names in both"
            )
    return sorted(stems["ref"])


def _same(picture: Tensor, size: torch.Size, name: str, kind: str) -> Tensor:
    if picture.shape != size:
        got, want = (f"{s[0]}x{s[1]}" for s in (picture.shape, size))
        raise ValueError(f"{kind} of {name} has {got} pixels, expected {want}, as the others of its batch")
    return picture


def _generator(seed: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(1_000_003 * seed + epoch)
