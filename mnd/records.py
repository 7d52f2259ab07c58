"""The record of a photo: what `--json` prints, filled in from the pixels of the saved file."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch

from .channel import CHECKS, VERIFICATION, Pixels
from .faces import Detector, FaceError
from .files import PhotoError
from .settings import CloakSettings
from .subjects import Subject
from .targets.ensemble import Margin

Record = dict[str, Any]
TROUBLE: tuple[type[Exception], ...] = (ValueError, OSError, MemoryError, torch.cuda.OutOfMemoryError)
"""What a photo, a disk or a small machine can cause; `failed` has a kind for each."""


def blank(name: str | None, settings: CloakSettings, targets: Sequence[str] | None = None) -> Record:
    """The record of a photo that nothing has been done to yet."""
    return {
        "input": name,
        "output": None,
        "protected": False,
        "level": settings.level,
        "seed": settings.seed,
        "seconds": 0.0,
        "targets": list(settings.targets if targets is None else targets),
        "regions": [],
        "quality": None,
        "removed": [],
        "names": {"people": 0, "fields": []},
        "error": None,
    }


def regions(
    subjects: Sequence[Subject],
    before: list[list[float]],
    shown: Pixels,
    detector: Detector,
    channels: Collection[str] = tuple(CHECKS),
) -> list[Record]:
    """One entry a subject: what each target said before, says of `shown`, and of it after the channels.

    Args:
        subjects: who is looked at.
        before: what each target said of the clean photo, a row a subject.
        shown: `(H, W, 3)`, the pixels of the saved file.
        detector: finds the faces again.
        channels: names of `mnd.channel.VERIFICATION`.
    """
    height, width = shown.shape[:2]
    after = [s.scores(shown, detector) for s in subjects]
    later: dict[str, list[list[float]]] = {}
    for name in channels:
        pixels = VERIFICATION[name](shown)
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
                "values": {name: rows[i][k] for name, rows in later.items()},
            }
        entries.append({"box": list(subject.area(width, height)), "kind": subject.kind, "targets": targets})
    return entries


def all_fooled(record: Record, withstands: Collection[str] = ()) -> bool:
    """Every target is fooled by every subject, also after the channels named, and there is at least one."""
    return any(region["targets"] for region in record["regions"]) and not recognised(record, withstands)


def recognised(record: Record, withstands: Collection[str] = ()) -> int:
    """How often a target still recognises a subject, as saved or after one of the channels named."""
    told = (t for region in record["regions"] for t in region["targets"].values())
    return sum(len(list(_recognised(t, withstands))) for t in told)


def units_recognised(record: Record, withstands: Collection[str] = ()) -> set[str]:
    """The units of the targets that recognise a subject, as saved or after one of the channels named."""
    told = (t for region in record["regions"] for t in region["targets"].values())
    return {t["unit"] for t in told if any(_recognised(t, withstands))}


def problem(record: Record, kind: str, why: str) -> Record:
    """The `error` of a record: its message names the photo."""
    return {"kind": kind, "message": f"{record['input'] or 'the photo'}: {why}"}


def too_visible(record: Record, least: float) -> str:
    """Which region lost more structure than it may, in words; empty where none did, or 0 is enough."""
    if least == 0:
        return ""
    for region, told in zip(record["regions"], record["quality"]["regions"], strict=True):
        if told["ssim"] is not None and told["ssim"] < least:
            return (
                f"{region['kind']} {region['box']} has SSIM {told['ssim']:.4f}, expected at least {least:g}"
            )
    return ""


def still_recognised(record: Record, withstands: Collection[str] = ()) -> str:
    """Which targets still recognise what, as saved or after the channels named, in words."""
    rows = [
        f"{name} at {region['kind']} {region['box']}{after} ({t['unit']} {value:.3f}, "
        f"threshold {t['threshold']:g})"
        for region in record["regions"]
        for name, t in region["targets"].items()
        for after, value in _recognised(t, withstands)
    ]
    return "still recognised by " + "; ".join(rows)


def _recognised(told: Record, withstands: Collection[str]) -> Iterator[tuple[str, float]]:
    """Where a target still recognises: as saved, or after which channel; and what it says there."""
    if not told["fooled"]:
        yield "", told["after"]
    for name in withstands:
        if not told["channel"][name]:
            yield f" after {name}", told["values"][name]


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
