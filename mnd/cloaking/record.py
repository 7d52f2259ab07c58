"""What a record says of its photo: the object of `--json`, field by field. Imported at once, without torch.

`docs/scripting.md` has the same in words; a test keeps both together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from ..base.files import Kind as FileKind
from ..metrics.record import QualityRecord
from .settings import CloakSettings

Status = Literal["protected", "not protected", "changed, not proven", "failed", "skipped"]
"""Of a photo. protected: no target matches it. not protected: one does, or it is too visible. changed, not
proven: nobody saw the face that was changed. failed: nothing could be done. skipped: `mnd cloak` has found an
earlier result of it that no target matches, and has made nothing."""
ErrorKind = Literal[
    FileKind,
    "no-face",
    "suspected-face",
    "not-protected",
    "too-visible",
    "not-proven",
    "value",
    "file",
    "memory",
    "unexpected",
    "download",
    "offline",
    "weights",
    "worker-died",
    "not-done",
]
"""What went wrong, for programs."""


class PassedRecord(TypedDict):
    """A limit of what may be seen that a region went past."""

    limit: Literal["ssim", "iris", "stitches"]
    """SSIM of the region; how far an iris' mean colour moved; stitches of the face."""
    region: int
    """Its place among the record's regions."""
    got: float
    allowed: float
    """The least SSIM, the most of the others."""


class ErrorRecord(TypedDict):
    """What went wrong with a photo."""

    kind: str
    """One of `ErrorKind`."""
    message: str
    """For people; it names the photo."""
    passed: NotRequired[list[PassedRecord]]
    """Of `too-visible`: what was reached, where that is more than the level allows."""


class LookRecord(TypedDict):
    """What a target says of a face that is cut out in one way (`mnd.targets.looks`)."""

    value: float
    fooled: bool
    counts: bool
    """The level promises this look."""


class TargetRecord(TypedDict):
    """What a target says of a region."""

    unit: str
    threshold: float
    before: float
    """Of the clean photo, the worst of the looks that count."""
    after: float
    """Of the saved file; the same."""
    fooled: bool
    """All looks that count are."""
    channel: dict[str, bool]
    """Whether it is fooled after each way of sharing."""
    values: dict[str, float]
    """What it says then."""
    look: str
    """The look that `after` is of."""
    looks: dict[str, LookRecord]


class RegionRecord(TypedDict):
    """A face, or the whole picture."""

    box: list[int]
    """x0, y0, x1, y1 in pixels of the file."""
    kind: Literal["face", "whole"]
    targets: dict[str, TargetRecord]
    """By name."""
    grid: NotRequired[int]
    """How many times coarser than the photo the grid was on which the search began (`mnd cloak`); 1: it had
    the photo's own pixels alone, because faces are small, or because another attempt failed."""
    seen: NotRequired[bool]
    """Of a face: it was seen in the box; else nothing is proven."""
    turn: NotRequired[int]
    """Degrees counter-clockwise by which the photo has to be turned for the face to be upright."""
    person: NotRequired[bool | None]
    """Whether it is the person of the gallery; null without one."""
    who: NotRequired[str | None]
    """With a gallery for each of several people: who it is, by the name of the folder; null: none of them."""
    likeness: NotRequired[dict[str, float]]
    """With a gallery: what each target says of the clean face and the gallery."""


class GalleryRecord(TypedDict):
    """What a gallery was good for."""

    photos: int
    passed: NotRequired[list[str]]
    """A line on each photo that was passed over; not in manifests."""
    faces: int
    """In the photo."""
    person: int
    """How many of these are the gallery's person."""
    cloaks: NotRequired[int]
    """Of the person that are out already, and must not match the new one either (`--cloaks`)."""
    people: NotRequired[int]
    """Who have a gallery each, where there are several; `person` then counts the faces of all of them."""


class NamesRecord(TypedDict):
    """People whom the photo's metadata name or point at."""

    people: int
    fields: list[str]


class MetadataRecord(TypedDict):
    """What else the metadata of the saved file tell."""

    location: bool
    """Where the photo was taken."""


class ComparedRecord(TypedDict):
    """How `mnd check` laid two photos on one another."""

    how: Literal["same size", "other size", "other framing"]
    size: list[int]
    scale: float
    format: str


class AppRecord(TypedDict):
    """What an app would make of a face (`--as`, `--against`)."""

    name: str
    network: str | None
    """The target that is, or stands for, its network; null: there is none here."""
    exact: bool
    """It has the app's own weights; false: other weights stand in for them."""
    available: bool
    """It could be asked."""
    why: str | None
    """Why it could not, and what can be done about it."""
    region: int | None
    """Which of `regions`; null where it could not be asked at all."""
    measure: str
    threshold: float
    """Two photos match from here on, in its own measure."""
    rule: str
    """How it comes to a person, in words."""
    approximated: str
    """What of that is not as in the app; empty: nothing."""
    against: Literal["gallery", "original"] | None
    """Which photos of the person it was given."""
    photos: int
    """How many."""
    distances: list[float]
    """Of the cloaked face to each of them, in its measure."""
    distances_before: list[float]
    """Of the clean face."""
    matched: int
    """How many of the photos the cloaked face matches."""
    matched_before: int
    joins_cluster: bool | None
    """By its rule it would name the cloaked face as the person."""
    joins_before: bool | None


class Record(TypedDict):
    """What became of a photo."""

    mnd_record: Literal[1]
    """The version of this format (`mnd schema record`)."""
    input: str | None
    output: str | None
    """The file that was written; null where there is none."""
    protected: bool
    level: str
    seed: int
    seconds: float
    targets: list[str]
    regions: list[RegionRecord]
    quality: QualityRecord | None
    """Its regions are in the order of those above."""
    status: Status
    gallery: GalleryRecord | None
    removed: list[str]
    """What the new file does not carry of the old one."""
    hdr: NotRequired[Literal["kept", "removed"]]
    """Of a photo with a gain map: whether it is still HDR. In the regions a kept map was made anew."""
    names: NamesRecord
    metadata: MetadataRecord
    error: ErrorRecord | None
    apps: NotRequired[list[AppRecord]]
    """With `--as` or `--against`: what each app says of each face."""
    compared: NotRequired[ComparedRecord]
    """Of `mnd check` alone."""
    page: NotRequired[str | None]
    """With `--page`: the page that was written; null where there is none."""


def blank(name: str | None, settings: CloakSettings, targets: Sequence[str] | None = None) -> Record:
    """The record of a photo that nothing has been done to yet."""
    return {
        "mnd_record": 1,
        "input": name,
        "output": None,
        "protected": False,
        "level": settings.level,
        "seed": settings.seed,
        "seconds": 0.0,
        "targets": list(settings.targets if targets is None else targets),
        "regions": [],
        "quality": None,
        "status": "failed",
        "gallery": None,
        "removed": [],
        "names": {"people": 0, "fields": []},
        "metadata": {"location": False},
        "error": None,
    }


def without_person(record: Mapping[str, Any]) -> bool:
    """Whether there is a gallery, and nobody in the photo is the person of it.

    >>> without_person({"gallery": {"faces": 2, "person": 0}}), without_person({"gallery": None})
    (True, False)
    """
    gallery = record.get("gallery")
    return gallery is not None and gallery.get("faces", 0) > 0 and gallery.get("person") == 0
