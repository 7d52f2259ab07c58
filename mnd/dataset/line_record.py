"""What the lines of a manifest say, field by field (`mnd schema manifest`); see `docs/datasets.md`, too."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from ..cloaking.record import AppRecord, ErrorRecord, GalleryRecord, MetadataRecord, NamesRecord, RegionRecord
from ..metrics.record import QualityRecord

LineStatus = Literal["protected", "whole", "copied", "skipped", "held", "failed", "other", "shard"]


class HeaderRecord(TypedDict):
    """The first line of each run with other settings."""

    mnd_manifest: Literal[1]
    """The version of this format."""
    mnd: str | None
    """The version of mnd."""
    settings: dict[str, Any]
    """The plan of the level, each target with the sum of its weights, and whatever else changes results."""
    settings_sha256: str
    source: str
    """The name of SRC."""
    source_place: str | None
    """Two bytes of a hash of where it is."""
    shard: str | None
    """I/N of a run that does a part of the data set."""
    versions: dict[str, str | None]


class LineRecord(TypedDict):
    """What became of an input; a later line of the same input stands instead of an earlier one."""

    input: str
    """Relative to SRC; of a photo in a tar file the names of both."""
    output: str | None
    """Relative to DST; null where there is no result."""
    protected: bool
    status: LineStatus
    error: ErrorRecord | None
    mnd_record: NotRequired[Literal[1]]
    """Of photos: the version of the record that the line is."""
    level: NotRequired[str]
    seed: NotRequired[int]
    seconds: NotRequired[float]
    targets: NotRequired[list[str]]
    regions: NotRequired[list[RegionRecord]]
    quality: NotRequired[QualityRecord | None]
    gallery: NotRequired[GalleryRecord | None]
    removed: NotRequired[list[str]]
    names: NotRequired[NamesRecord]
    metadata: NotRequired[MetadataRecord]
    apps: NotRequired[list[AppRecord]]
    compared: NotRequired[dict[str, Any]]
    suspected: NotRequired[bool]
    """A face may be in it that was not found for sure."""
    input_digest: NotRequired[str]
    """Of an input whose name is long: a hash of the whole of it."""
    input_sha256: NotRequired[str | None]
    output_sha256: NotRequired[str | None]
    input_stat: NotRequired[list[int] | None]
    """Bytes, and nanoseconds of the last change."""
    output_stat: NotRequired[list[int] | None]
    settings_sha256: NotRequired[str]
    """Of the header that the photo was done under."""
    follows: NotRequired[list[str | None] | None]
    """Of a frame of a burst: SHA-256 of the frame before and of its result, null where it has none; null of
    the first frame."""
    worker: NotRequired[str | None]
    """Machine and process."""
    why: NotRequired[str]
    """Of what is no picture."""
    left: NotRequired[dict[str, int]]
    """Of a tar file: how many of its members were left as they are, by why."""
    left_by: NotRequired[list[list[str]]]
    """The patterns of --include and --exclude by which they were."""
