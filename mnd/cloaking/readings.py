"""What else programs may show of a saved file than its usual picture, judged like that: HDR, plain CMYK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base.types import Box, Pixels
from ..faces.detector import Detector
from ..photo.behind import GAINS
from ..photo.photo import Photo
from ..photo.ultra_hdr import Rung
from .levels import Level
from .record import Record, RegionRecord
from .subjects import Opinion, Subject
from .verdict import all_fooled, regions

RUNGS: tuple[Rung, ...] = ("curve", "mean")
"""How much of a gain map is kept, the most first."""


class Readings:
    """Judges the other readings of a photo's files, as `regions` does the usual one.

    Args:
        subjects: who is looked at.
        before: what each target said of the clean photo, a row a subject.
        detector: finds the faces again.
        level: whose looks count.
    """

    def __init__(
        self, subjects: Sequence[Subject], before: list[list[Opinion]], detector: Detector, level: Level
    ) -> None:
        self.subjects, self.before, self.detector, self.level = subjects, before, detector, level

    def add(self, rows: Sequence[RegionRecord], shown: Mapping[str, Pixels]) -> bool:
        """Write what the targets say of pictures `(H, W, 3)` beside what they say after the ways of sharing.

        Returns:
            Whether no target recognises anybody in any of them.
        """
        fooled = True
        for name, pixels in shown.items():
            seen = regions(self.subjects, self.before, pixels, self.detector, (), self.level)
            fooled = fooled and all_fooled({"regions": seen, "quality": None})
            for row, other in zip(rows, seen, strict=True):
                for target, told in row["targets"].items():
                    told["channel"][name] = other["targets"][target]["fooled"]
                    told["values"][name] = other["targets"][target]["after"]
        return fooled

    def with_hdr(
        self, photo: Photo, pixels: Pixels, changed: Sequence[Box], data: bytes, rows: Sequence[RegionRecord]
    ) -> bytes:
        """The file with its gain map, if no target recognises anybody in what viewers make of it, or `data`.

        Args:
            photo: the clean photo, with a gain map.
            pixels: of the cloaked one.
            changed: where it was changed.
            data: its file without a gain map.
            rows: the regions of its record; told what was seen, where the map is kept.
        """
        for rung in RUNGS:
            try:
                made = photo.encode(pixels, changed, rung)
            except ValueError:  # no room in the photo's XMP
                return data
            shown = photo.readings(made)
            if shown and self.add(rows, shown):
                return made
        for told in (told for row in rows for told in row["targets"].values()):
            for name in shown:
                del told["channel"][name], told["values"][name]
        return data


def tell_hdr(record: Record, photo: Photo, data: bytes) -> None:
    """Say what became of the gain map, of a photo that has one."""
    if photo.encoding.hdr is not None and photo.readings(data):
        record["hdr"] = "kept"
    elif photo.encoding.hdr is not None:
        record["hdr"], record["removed"] = "removed", [*record["removed"], GAINS]
    elif any(it.startswith("gain map") for it in photo.removed):
        record["hdr"] = "removed"
