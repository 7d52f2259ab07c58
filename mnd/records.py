"""The record of a photo: what `--json` prints, filled in from the pixels of the saved file."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

import torch

from .channel import CHECKS, Pixels
from .faces import Detector, FaceError
from .files import PhotoError
from .subjects import Subject
from .targets.ensemble import Margin

Record = dict[str, Any]
TROUBLE: tuple[type[Exception], ...] = (ValueError, OSError, MemoryError, torch.cuda.OutOfMemoryError)
"""What a photo, a disk or a small machine can cause; `failed` has a kind for each."""


def regions(
    subjects: Sequence[Subject], before: list[list[float]], shown: Pixels, detector: Detector
) -> list[Record]:
    """One entry a subject: what each target said before, says of `shown`, and of it after the channel."""
    height, width = shown.shape[:2]
    after = [s.scores(shown, detector) for s in subjects]
    later: dict[str, list[list[float]]] = {}
    for name, step in CHECKS.items():
        pixels = step(shown)
        scale = pixels.shape[1] / width
        later[name] = [s.scores(pixels, detector, scale) for s in subjects]
    entries = []
    for i, subject in enumerate(subjects):
        targets = {}
        for k, target in enumerate(subject.targets):
            targets[target.card.name] = {
                "unit": target.card.unit,
                "threshold": target.card.threshold,
                "before": before[i][k],
                "after": after[i][k],
                "fooled": Margin.of(target.card, after[i][k]).fooled,
                "channel": {name: Margin.of(target.card, rows[i][k]).fooled for name, rows in later.items()},
            }
        entries.append({"box": list(subject.area(width, height)), "kind": subject.kind, "targets": targets})
    return entries


def all_fooled(record: Record) -> bool:
    """Every target is fooled by every subject, and there is at least one."""
    verdicts = [t["fooled"] for region in record["regions"] for t in region["targets"].values()]
    return bool(verdicts) and all(verdicts)


def still_recognised(record: Record) -> str:
    """Which targets still recognise what, in words."""
    rows = [
        f"{name} at {region['kind']} {region['box']} ({t['unit']} {t['after']:.3f}, "
        f"threshold {t['threshold']:g})"
        for region in record["regions"]
        for name, t in region["targets"].items()
        if not t["fooled"]
    ]
    return f"{record['input'] or 'the photo'}: still recognised by " + "; ".join(rows)


def failed(record: Record, error: Exception) -> None:
    """Write an error into a record: nothing was written, and this is why.

    Raises:
        the error itself, when it is no fault of the photo or the disk but of this program.
    """
    if isinstance(error, (PhotoError, FaceError)):
        kind = error.kind
    elif isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        kind = "memory"
    elif isinstance(error, OSError):
        kind = "disk-full" if error.errno == errno.ENOSPC else "file"
    elif isinstance(error, ValueError):
        kind = "value"
    else:
        raise error
    name, text = record["input"], str(error) or type(error).__name__
    message = text if not name or str(name) in text else f"{name}: {text}"
    record.update(output=None, protected=False, error={"kind": str(kind), "message": message})
