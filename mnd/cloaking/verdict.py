"""The verdict on a photo: its record, filled in from the pixels of the saved file."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Collection, Iterator, Sequence
from typing import TypedDict

import torch

from ..base.files import PhotoError
from ..base.types import Pixels
from ..channel import CHECKS, sent
from ..faces.detector import Detector, FaceError
from ..metrics.record import QualityRecord
from ..targets.looks import FEW, LOOKS, Look
from ..targets.margin import Margin
from ..targets.target import Target
from .gallery import Gallery
from .levels import Level, Plan
from .people import People
from .record import (
    ErrorKind,
    ErrorRecord,
    GalleryRecord,
    Record,
    RegionRecord,
    TargetRecord,
)
from .subjects import Opinion, Subject
from .visible import in_words, too_visible


class Judged(TypedDict):
    """What was seen in a saved file."""

    regions: list[RegionRecord]
    quality: QualityRecord | None


TROUBLE: tuple[type[Exception], ...] = (ValueError, OSError, MemoryError, torch.cuda.OutOfMemoryError)
"""What a photo, a disk or a small machine can cause; `failed` has a kind for each."""


@contextlib.contextmanager
def judging(record: Record) -> Iterator[None]:
    """What goes wrong with a photo, a disk or a small machine is written into the record; so is the time."""
    start = time.perf_counter()
    try:
        yield
    except TROUBLE as error:
        failed(record, error)
    record["seconds"] = round(time.perf_counter() - start, 3)


def conclude(record: Record, withstands: Collection[str], plan: Plan | None = None) -> None:
    """The verdict on what the record shows: `protected`, `status` and, where it is not protected, why.

    `plan` says how visible it may be; without one it may be as visible as it is.
    """
    if not all_fooled(record, withstands):
        record["error"] = problem(record, "not-protected", still_recognised(record, withstands))
        record["status"] = "not protected"
    elif passed := [] if plan is None else too_visible(record, plan):
        record["error"] = problem(record, "too-visible", in_words(record, passed)) | {"passed": passed}
        record["status"] = "not protected"
    elif why := unseen(record):
        record["error"] = problem(record, "not-proven", why)
        record["status"] = "changed, not proven"
    else:
        record["status"] = "protected"
    record["protected"] = record["status"] == "protected"


def gallery_record(gallery: Gallery | People | None, subjects: Sequence[Subject]) -> GalleryRecord | None:
    """What a gallery was good for: its photos, those passed over, and how many faces are the person's."""
    if gallery is None:
        return None
    faces = [s for s in subjects if s.kind == "face"]
    told: GalleryRecord = {
        "photos": len(gallery.files),
        "passed": list(gallery.passed),
        "faces": len(faces),
        "person": sum(bool(s.person) for s in faces),
    }
    if isinstance(gallery, People):
        told["people"] = len(gallery.galleries)
    elif gallery.cloaks:
        told["cloaks"] = len(gallery.cloaks)
    return told


def regions(
    subjects: Sequence[Subject],
    before: list[list[Opinion]],
    shown: Pixels,
    detector: Detector,
    channels: Collection[str] = tuple(CHECKS),
    level: Level = "minimum",
    scale: float = 1.0,
    told: Collection[str] = (),
) -> list[RegionRecord]:
    """One entry a subject: what each target said before, says of `shown`, and of it after the channels.

    A target is fooled where all looks are that its level promises; `before` and `after` are their worst.

    Args:
        subjects: who is looked at.
        before: what each target said of the clean photo, a row a subject.
        shown: `(H, W, 3)`, the pixels of the saved file.
        detector: finds the faces again.
        channels: ways of sharing, as `mnd.channel.sent` names them.
        level: whose looks count.
        told: those of the channels that are only told, by a few looks: nothing is promised of them.
        scale: the size of `shown` over that of the photo in which the subjects were found.
    """
    height, width = shown.shape[:2]
    after = [s.opinions(shown, detector, scale) for s in subjects]

    def counts(look: Look) -> bool:
        return look.counts(level)

    later: dict[str, list[list[Opinion]]] = {}
    for name in channels:
        pixels = sent(name, shown)
        smaller = scale * pixels.shape[1] / width
        which = (lambda look: look.name in FEW) if name in told else counts
        later[name] = [s.opinions(pixels, detector, smaller, which) for s in subjects]
    entries = []
    for i, subject in enumerate(subjects):
        targets = {
            target.card.name: _told(
                target, before[i][k], after[i][k], {name: rows[i][k] for name, rows in later.items()}, level
            )
            for k, target in enumerate(subject.targets)
        }
        entry: RegionRecord = {
            "box": list(subject.area(width, height, scale)),
            "kind": subject.kind,
            "targets": targets,
        }
        if subject.kind == "face":
            entry["seen"], entry["turn"], entry["person"] = subject.found, subject.turn, subject.person
        if subject.who is not None:
            entry["who"] = subject.who or None
        if subject.likeness is not None:
            names = (target.card.name for target in subject.targets)
            entry["likeness"] = dict(zip(names, subject.likeness, strict=True))
        entries.append(entry)
    return entries


def _told(
    target: Target, before: Opinion, after: Opinion, later: dict[str, Opinion], level: Level
) -> TargetRecord:
    """What a target says of one subject: the worst of the looks that count, and each of them."""
    card = target.card

    def chosen(opinion: Opinion) -> list[str]:
        return [name for name in opinion if name not in LOOKS or LOOKS[name].counts(level)]

    def margin(opinion: Opinion, name: str) -> Margin:
        return Margin.of(card, opinion[name])

    def worst(opinion: Opinion) -> str:
        return max(chosen(opinion), key=lambda name: margin(opinion, name).margin)

    least = worst(after)
    return {
        "unit": card.unit,
        "threshold": card.threshold,
        "before": before[worst(before)],
        "after": after[least],
        "fooled": margin(after, least).fooled,
        "channel": {name: margin(opinion, worst(opinion)).fooled for name, opinion in later.items()},
        "values": {name: opinion[worst(opinion)] for name, opinion in later.items()},
        "look": least,
        "looks": {
            name: {
                "value": after[name],
                "fooled": margin(after, name).fooled,
                "counts": name in chosen(after),
            }
            for name in after
        },
    }


def unseen(record: Record) -> str:
    """Which regions were changed although nobody saw a face in them, in words; empty where none was."""
    rows = [f"{r['kind']} {r['box']}" for r in record["regions"] if not r.get("seen", True)]
    if not rows:
        return ""
    return (
        f"changed, not proven: no face was seen in {'; '.join(rows)}, so no recogniser could be asked; "
        "expected a box close around an upright or turned face"
    )


def all_fooled(record: Judged, withstands: Collection[str] = ()) -> bool:
    """Every target is fooled by every subject, also after the channels named, and there is at least one."""
    return any(region["targets"] for region in record["regions"]) and not recognised(record, withstands)


def recognised(record: Judged, withstands: Collection[str] = ()) -> int:
    """How often a target still recognises a subject, as saved or after one of the channels named."""
    told = (t for region in _seen(record) for t in region["targets"].values())
    return sum(len(list(_recognised(t, withstands))) for t in told)


def units_recognised(record: Judged, withstands: Collection[str] = ()) -> set[str]:
    """The units of the targets that recognise a subject, as saved or after one of the channels named."""
    told = (t for region in _seen(record) for t in region["targets"].values())
    return {t["unit"] for t in told if any(_recognised(t, withstands))}


def problem(record: Record, kind: ErrorKind, why: str) -> ErrorRecord:
    """The `error` of a record: its message names the photo."""
    return {"kind": kind, "message": f"{record['input'] or 'the photo'}: {why}"}


def still_recognised(record: Judged, withstands: Collection[str] = ()) -> str:
    """Which targets still recognise what, as saved or after the channels named, in words."""
    rows = [
        f"{name} at {region['kind']} {region['box']}{after} ({t['unit']} {value:.3f}, "
        f"threshold {t['threshold']:g})"
        for region in _seen(record)
        for name, t in region["targets"].items()
        for after, value in _recognised(t, withstands)
    ]
    return "still recognised by " + "; ".join(rows)


def _seen(record: Judged) -> list[RegionRecord]:
    """The regions of which verdicts mean something: a face was seen there, or none is expected."""
    return [region for region in record["regions"] if region.get("seen", True)]


def _recognised(told: TargetRecord, withstands: Collection[str]) -> Iterator[tuple[str, float]]:
    """Where a target still recognises: as saved, or after which channel; and what it says there."""
    if not told["fooled"]:
        look = told.get("look", "aligned")
        yield "" if look in ("aligned", "whole") else f" seen as {look}", told["after"]
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
    record["output"], record["protected"], record["status"] = None, False, "failed"
    record["error"] = {"kind": str(kind), "message": message}
