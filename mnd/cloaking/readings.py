"""What else programs may show of a saved file than its usual picture, judged like that: HDR, plain CMYK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base.types import Box, Pixels
from ..faces.detector import Detector
from ..photo.behind import GAINS
from ..photo.gain_map import RUNGS
from ..photo.photo import Photo
from ..photo.ultra_hdr import MAP
from .levels import Level
from .record import Record, RegionRecord
from .subjects import Opinion, Subject
from .verdict import regions


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

    def add(self, rows: Sequence[RegionRecord], shown: Mapping[str, Pixels], strict: bool = False) -> bool:
        """Write what the targets say of pictures `(H, W, 3)` beside what they say after the ways of sharing.

        A gain map in which no face is found shows nobody.

        Args:
            rows: the regions of a record, in the order of the subjects.
            shown: the pictures by name.
            strict: of a gain map, too, the place counts where the face was.

        Returns:
            Whether no target recognises anybody in any of them.
        """
        fooled = True
        for name, pixels in shown.items():
            seen = regions(self.subjects, self.before, pixels, self.detector, (), self.level)
            for subject, row, other in zip(self.subjects, rows, seen, strict=True):
                asked = name == MAP and not strict and subject.kind == "face"
                nobody = asked and subject.seen(pixels, self.detector) is None
                for target, told in row["targets"].items():
                    told["channel"][name] = nobody or other["targets"][target]["fooled"]
                    told["values"][name] = other["targets"][target]["after"]
                    fooled = fooled and (told["channel"][name] or not row.get("seen", True))
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
        tried: set[str] = set()
        for rung in RUNGS:
            try:
                made = photo.encode(pixels, changed, rung)
            except ValueError:  # no room in the photo's XMP
                break
            shown = photo.readings(made)
            if shown and self.add(rows, shown, strict=rung == "curve"):
                return made
            tried |= shown.keys()
        # of what is not in the file nothing is told
        for told in (told for row in rows for told in row["targets"].values()):
            for name in tried:
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
