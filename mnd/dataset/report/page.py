"""The report of a data set: counts, how quality and margins are spread, the worst photos, every failure.

It is made from the manifests alone, line by line: what is kept are counts and the few worst lines.
"""

from __future__ import annotations

import bisect
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.files import write_atomic
from ...base.html import PRIVATE, pairs, render
from ...cloaking.levels import in_which_file
from ...cloaking.record import without_person
from ...photo.walking import said as in_words
from ..lines import Line
from ..manifest import Index, manifests
from ..sources import Source
from .examples import Example, least_ssim, shown
from .histogram import Histogram, Spread

REPORT = "report.html"
PRIVACY = (
    "This page shows photos as they were before they were protected. It lies in the folder of the results: "
    "take it out before you give that to anybody, or run again without --report-originals."
)
_EARLIER = b"This page shows photos as they were before they were protected."
"""What such a page said before it had a mark."""
WORST = 12
"""So many photos are shown."""
LISTED = 20_000
"""So many failures are listed; a browser does not open a page with millions."""
STATUSES = {
    "protected": "protected",
    "whole": "protected as whole pictures, no face found",
    "copied": "copied as they are, no face found: not protected",
    "skipped": "left out, no face found",
    "held": "held back, a face is suspected or not proven to be protected: there is no result",
    "failed": "failed: there is no result",
    "other": "files that are no pictures",
    "shard": "tar and Parquet files",
}
"""What the counts are called."""
_MEASURES = {
    "ssim": ("SSIM of the photo", 4),
    "region": ("SSIM of each changed region", 4),
    "psnr": ("PSNR of the photo, dB", 1),
    "seconds": ("Seconds a photo", 2),
}
"""Title and digits."""


@dataclass
class TargetMargins:
    """What one target says of all results."""

    name: str
    unit: str
    threshold: float
    spread: Spread = field(default_factory=Spread)
    recognised: int = 0
    survived: Counter[str] = field(default_factory=Counter)
    """Regions that still fool it after each channel."""

    @property
    def histogram(self) -> Histogram | None:
        """With the threshold on the axis."""
        return self.spread.histogram(self.threshold)

    @property
    def note(self) -> str:
        """What stands below the plot."""
        count = self.spread.count
        said = f"threshold {self.threshold:g}, median {self.spread.quantile(0.5):.3f}; "
        said += f"{self.recognised:,} of {count:,} regions recognised"
        later = [f"{100 * number / count:.1f} % after {name}" for name, number in self.survived.items()]
        return f"{said}; not recognised: {', '.join(later)}" if later else said


class Tally:
    """What is known of the lines of a manifest so far."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        """Failures by kind."""
        self.spreads = {name: Spread() for name in _MEASURES}
        self.margins: dict[tuple[str, str, float], TargetMargins] = {}
        self.unchanged = 0
        """Results that are equal to the photo, whose PSNR is infinite."""
        self.worst: list[tuple[float, str, Line]] = []
        """Least SSIM, name and line of the photos that were changed most visibly, those first."""
        self.failures: list[int] = []
        """Where the lines of failures are, and of photos that were held back."""
        self.left: Counter[str] = Counter()
        """Members of tar and Parquet files that were copied as they are and may show faces, by kind."""
        self.levels: set[str] = set()
        """At which the protected ones were made."""
        self.strangers = 0
        """Photos in which no face is that of the gallery's person."""
        self.several = False
        """There is a gallery for each of several people; the page has none of their names."""

    def add(self, place: int, line: Line) -> None:
        """Take in the line that stands for an input."""
        status = line["status"]
        self.statuses[status] += 1
        self.strangers += without_person(line)
        self.several |= "people" in (line.get("gallery") or {})
        if status == "shard":
            self.left.update(line.get("left") or {})
        elif status in ("failed", "held"):
            self.kinds[(line.get("error") or {}).get("kind") or "unknown"] += 1
            if len(self.failures) < LISTED:
                self.failures.append(place)
        elif status in ("protected", "whole"):
            self._protected(line)

    def _protected(self, line: Line) -> None:
        self.spreads["seconds"].add(line.get("seconds"))
        self.levels.update(filter(None, [line.get("level")]))
        for region in line.get("regions") or ():
            for name, told in region["targets"].items():
                self._judged(name, told)
        quality = line.get("quality")
        if not quality:
            return
        self.unchanged += quality.get("psnr") is None
        for name in ("ssim", "psnr"):
            self.spreads[name].add(quality.get(name))
        for region in quality.get("regions") or ():
            self.spreads["region"].add(region.get("ssim"))
        self._rank(line, quality)

    def _judged(self, name: str, told: Mapping[str, Any]) -> None:
        key = name, told["unit"], told["threshold"]
        if key not in self.margins:
            self.margins[key] = TargetMargins(*key)
        found = self.margins[key]
        found.spread.add(told["after"])
        found.recognised += not told["fooled"]
        for step, fooled in (told.get("channel") or {}).items():
            found.survived[step] += bool(fooled)

    def _rank(self, line: Line, quality: Mapping[str, Any]) -> None:
        least = least_ssim(quality)
        if least is not None:
            # names differ: lines are never compared
            bisect.insort(self.worst, (least, f"{line['input']}{line.get('input_digest', '')}", line))
            del self.worst[WORST:]

    @property
    def photos(self) -> int:
        """Inputs that are pictures."""
        return sum(self.statuses.values()) - self.statuses["other"] - self.statuses["shard"]

    @property
    def protected(self) -> int:
        """Photos on which every target fails."""
        return self.statuses["protected"] + self.statuses["whole"]


def tally(index: Index) -> Tally:
    """Go through all lines that stand, once."""
    found = Tally()
    for place in index.places():
        found.add(place, index.at(place))
    return found


def write_report(dst: Path, source: Source | None = None, aside: Path | None = None) -> Path:
    """Make `dst/report.html` of all manifests in `dst`; the path of the page. An earlier one is replaced.

    No photo is shown as it was before, and no difference, from which it could be computed, unless `source`
    is given.

    Args:
        dst: the folder of the results.
        source: where the photos are; the page then shows the worst of them, and must not be published.
        aside: folder for the page while it is written.

    Raises:
        FileNotFoundError: there is no manifest.
        ManifestError: a manifest is broken elsewhere than at its end.
        PhotoError: the page cannot be written.
    """
    paths = manifests(dst)
    if not paths:
        raise FileNotFoundError(f"{dst}: has no manifest, expected the results of mnd protect")
    with contextlib.closing(Index()) as index:
        for path in paths:
            index.add(path, torn=True)
        found = tally(index)
        worst = shown(dst, [line for _, _, line in found.worst], source)
        context = _context(found, index, paths, worst) | {"privacy": PRIVACY if source else ""}
        page = render("dataset.html", context, __package__)
    # names of files need not be text
    return write_atomic(dst / REPORT, page.encode("utf-8", "backslashreplace"), True, aside)


def remove_private(dst: Path) -> bool:
    """Take an earlier page away if it shows photos as they were; whether there was one."""
    page = dst / REPORT
    told = page.read_bytes() if page.is_file() else b""
    private = PRIVATE in told or _EARLIER in told
    if private:
        page.unlink()
    return private


def _context(found: Tally, index: Index, paths: list[Path], worst: list[Example]) -> dict[str, Any]:
    header = index.header or {}
    return {
        "sentences": sentences(found),
        "source": header.get("source") or "",
        "counts": [(words, found.statuses[name]) for name, words in STATUSES.items() if found.statuses[name]],
        "quality": [
            (_MEASURES[name][0], told, spread_note(spread, _MEASURES[name][1]))
            for name, spread in found.spreads.items()
            if (told := spread.histogram()) is not None
        ],
        "unchanged": found.unchanged,
        "margins": [
            (f"{margins.name}, {margins.unit}", told, margins.note)
            for _, margins in sorted(found.margins.items())
            if (told := margins.histogram) is not None
        ],
        "worst": worst,
        "kinds": sorted(found.kinds.items(), key=lambda kind: (-kind[1], kind[0])),
        "failures": sorted(_failures(found, index)),
        "unlisted": found.statuses["failed"] + found.statuses["held"] - len(found.failures),
        "facts": _facts(header),
        "manifests": [path.name for path in paths],
    }


def spread_note(spread: Spread, digits: int) -> str:
    """What stands below a plot.

    >>> spread = Spread()
    >>> spread.add(0.5)
    >>> spread_note(spread, 2)
    'mean 0.50, median 0.50, from 0.50 to 0.50'
    """
    told = (spread.mean or 0.0, spread.quantile(0.5), spread.least, spread.most)
    mean, median, least, most = (f"{value:.{digits}f}" for value in told)
    return f"mean {mean}, median {median}, from {least} to {most}"


def _failures(found: Tally, index: Index) -> Iterator[tuple[str, str, str]]:
    """Input, kind and message of each that is listed."""
    for place in found.failures:
        line = index.at(place)
        error = line.get("error") or {}
        yield line["input"], error.get("kind") or "", error.get("message") or ""


def _means(found: Tally) -> str:
    """Against whom, and what was not tried."""
    names = list(dict.fromkeys(name for name, _, _ in found.margins))
    if not names:
        return ""
    verb = "matches" if len(names) == 1 else "match"
    told = f"{' and '.join(names)} no longer {verb} a face in the saved file, {in_which_file(found.levels)}"
    return f": {told}. Not tried: any other recogniser; most will still match"


def sentences(found: Tally) -> list[str]:
    """What has become of the data set, in words.

    >>> sentences(Tally())
    ['There are no photos.']
    """
    photos, counts = found.photos, found.statuses
    if not photos:
        return ["There are no photos."]
    said = [f"{found.protected:,} of {photos:,} photos are protected{_means(found)}."]
    if counts["copied"]:
        said.append(f"{counts['copied']:,} show no face that was found, and were copied as they are.")
    if counts["skipped"]:
        said.append(f"{counts['skipped']:,} show no face that was found, and were left out.")
    if counts["held"]:
        text = "may show a face, or could not be proven to be protected, and were held back"
        said.append(f"{counts['held']:,} {text}: each is named below.")
    if found.strangers:
        whom = "nobody of the galleries" if found.several else "nobody who is the person of the gallery"
        text = f"show {whom}, and are judged against themselves alone"
        said.append(f"{found.strangers:,} {text}.")
    if found.left:
        said.append(f"Tar files have in them, as they were: {in_words(found.left)}. These may show faces.")
    if counts["failed"]:
        said.append(f"{counts['failed']:,} failed and have no result: each is named below.")
    if found.spreads["ssim"].count:
        spread, region = found.spreads["ssim"], found.spreads["region"]
        text = f"Half of the protected ones have an SSIM of at least {spread.quantile(0.5):.4f}"
        text += f", their changed regions {region.quantile(0.5):.4f}" if region.count else ""
        said.append(f"{text}.")
    return said


def _facts(header: Line) -> list[tuple[str, list[tuple[str, str]]]]:
    """Settings, targets and versions; photos of the gallery are counted, not named."""
    settings = dict(header.get("settings") or {})
    targets, plan = settings.pop("targets", None) or [], settings.pop("plan", None) or {}
    gallery = settings.pop("gallery", None)
    settings["gallery"] = None if gallery is None else f"{len(gallery)} photos"
    if galleries := settings.pop("galleries", None):
        people = {str(name).partition("/")[0] for name, _ in galleries}
        settings["galleries"] = f"{len(galleries)} photos of {len(people)} people"
    told = [
        ("Settings", pairs(settings)),
        ("Plan of the level", pairs(plan)),
        ("Versions", pairs(header.get("versions") or {})),
    ]
    return told + [(f"Target {target.get('name')}", pairs(target)) for target in targets]
