"""What has become of a data set: counts that add up, and the first of what failed by name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..cloaking.record import without_person
from ..photo.walking import Kind, called
from .lines import Line
from .sources import ALONE

PHOTOS = ("protected", "whole", "copied", "skipped", "held", "failed")
"""What can have become of a photo."""
LISTED = 10
"""So many of those that failed or were held back are named at the end."""
KEPT = "kept"
"""Why nothing was done about a photo: an earlier run has done it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a data set, by this run and those before it."""

    photos: int
    """Found in the source, and done or failed; of an interrupted run: so far."""
    protected: int
    whole: int
    """Protected as whole pictures, since no face was found in them."""
    copied: int
    """Without a face, and copied as they are: not protected."""
    skipped: int
    """Without a face, and left out."""
    failed: int
    others: int
    """Files that are no pictures."""
    kept: int
    """Photos that an earlier run had done: protected, copied, skipped or failed, and not tried again."""
    new: int
    changed: int
    """Done again, since the photo or the settings have changed."""
    lost: int
    """Done again, since the result was gone or was not what had been written."""
    retried: int
    gone: int
    """Inputs that an earlier run knows and that are not there any more; their results stay."""
    finished: bool
    """Everything was looked at."""
    seconds: float
    ssim: float | None
    """Mean over the photos that are protected, earlier ones too."""
    psnr: float | None
    manifest: Path
    report: Path | None
    """The page about all of it; of an interrupted run there is none."""
    notes: tuple[str, ...]
    held: int = 0
    """Held back, since a face is suspected or could not be proven to be protected: there is no result."""
    strangers: int = 0
    """With a gallery: those in which no face is the person's; they are judged against themselves alone."""
    left: dict[str, int] = field(default_factory=dict)
    """Members of tar and Parquet files that were copied as they are and may show faces: numbers by kind."""
    empty: bool = False
    """There is no photo in the source; a part of a divided one may have none."""
    failures: tuple[str, ...] = ()
    """A line on each of the first ten that failed or were held back, of earlier runs too."""
    sources: int = 1
    """Whose results are in the folder; those that are `gone` may be of another."""
    people: dict[str, int] | None = None
    """With a gallery for each of several people: the photos that each is in, by name."""
    failed_before: int = 0
    """Failed, or were held back, in an earlier run, and were not tried again."""
    unknown: int = 0
    """With a gallery: faces that are nobody's of whom there are photos, in all photos."""
    against: tuple[str, ...] = ()
    """Whom those that are protected were tried on: all of them, by name."""
    levels: tuple[str, ...] = ()
    """Those at which they were made."""

    @property
    def done(self) -> bool:
        """There were photos, nothing is left to do, nothing failed, and nothing was held back."""
        return self.finished and not (self.failed or self.held or self.empty)

    @property
    def undone(self) -> int:
        """Photos without a result that nothing was tried with: those of a run that only verifies."""
        return self.photos - self.kept - self.new - self.changed - self.lost - self.retried


class Count:
    """What is known of the lines of a run, those of earlier runs too."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        """Inputs that are no photos, by what they are called."""
        self.reasons: Counter[str] = Counter()
        """Photos by why they were done: new, changed, lost, retried; or `KEPT`."""
        self.people: Counter[str] = Counter()
        self.against: dict[str, None] = {}
        """Whom those that are protected were tried on, in the order in which they come; so `levels`."""
        self.levels: dict[str, None] = {}
        self.several = False
        """There is a gallery for each of several people."""
        self.strangers = self.unknown = self.failed_before = 0
        self.ssim, self.psnr = Mean(), Mean()
        self.failures: list[str] = []

    @property
    def photos(self) -> int:
        """Inputs that are photos."""
        return sum(self.statuses[status] for status in PHOTOS)

    def add(self, line: Line, why: str) -> None:
        """Take in the line of an input, and why there is one: empty, where nothing was done."""
        status = line["status"]
        self.statuses[status] += 1
        if status == "other":
            self.others[_called(line)] += 1
        if status in PHOTOS:
            self.reasons[why] += 1
        if status in ("failed", "held"):
            self.failed_before += why == KEPT
            self.failures += [failure(line)] if len(self.failures) < LISTED else []
        self._add_people(line)
        if line.get("protected"):
            self.against |= dict.fromkeys(line.get("targets") or ())
            self.levels |= dict.fromkeys(filter(None, [line.get("level")]))
        quality = line.get("quality")
        if quality and line.get("protected"):
            self.ssim.add(quality.get("ssim"))
            self.psnr.add(quality.get("psnr"))

    def _add_people(self, line: Line) -> None:
        self.strangers += without_person(line)
        if gallery := line.get("gallery"):
            self.several |= "people" in gallery
            self.unknown += max(gallery.get("faces", 0) - gallery.get("person", 0), 0)
            self.people.update({who for r in line.get("regions") or () if (who := r.get("who"))})


def failure(line: Line) -> str:
    """What a line says that failed, or was held back.

    >>> failure({"input": "a.jpg", "status": "held", "error": {"message": "there may be a face"}})
    'a.jpg: held back: there may be a face'
    """
    name, message = line["input"], (line.get("error") or {}).get("message") or "failed"
    message = message.removeprefix(f"{name}: ")
    held = "held back: " if line["status"] == "held" else ""
    return message if name in message and not held else f"{name}: {held}{message}"


def _called(line: Line) -> str:
    """What an input is called that is no photo."""
    why = line.get("why") or ""
    if why == ALONE:
        return "picture left alone"
    kind: Kind = "hidden" if why in ("hidden", "a system file") else "other"
    return called("tar" if why.startswith("a tar file") else kind)


class Mean:
    """Of numbers that come one by one."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, value: float | None) -> None:
        """Another number; None is none."""
        if value is not None:
            self._sum, self._count = self._sum + value, self._count + 1

    @property
    def value(self) -> float | None:
        """None where there were no numbers."""
        return self._sum / self._count if self._count else None
