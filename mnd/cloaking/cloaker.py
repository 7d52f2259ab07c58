"""Cloak one photo: its subjects, the search, the file, and the proof on the very bytes of that file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ..base.errors import MndError
from ..base.files import PhotoError, cloaked_path, write_checked
from ..base.runtime import give_back_memory
from ..base.types import Pixels, Progress, nobody
from ..channel import CHECKS
from ..faces.detector import Detector
from ..metrics.fidelity import quality
from ..optimizer.batching import Batcher
from ..photo.converting import converted
from ..photo.photo import Photo
from ..photo.second_reader import disagreement
from ..targets.frozen import FrozenNetwork
from ..targets.target import Target
from . import inputs
from .burst import Frame
from .crops import groups, support
from .features import add_appearances
from .levels import Plan
from .many import destinations, each, folder_for
from .panel import Found, Panel, targets_in
from .readings import Readings, tell_hdr
from .record import Record, blank
from .searching import Asked, coarseness, search
from .settings import CloakSettings, Where
from .subjects import Opinion, Subject
from .verdict import (
    Judged,
    all_fooled,
    conclude,
    gallery_record,
    judging,
    recognised,
    regions,
    units_recognised,
)
from .visible import badness, too_visible

ATTEMPTS = 3
"""When the saved file is still recognised, the search is done again with more head-room; when it is too
visible, as `Plan.calmer` says; and the last attempt is held back by nothing but an iris or stitches."""


class NotProtectedError(MndError, ValueError):
    """A photo that could not be cloaked, or not be proven to be: `record` says what was reached or wrong."""

    def __init__(self, record: Record) -> None:
        assert record["error"] is not None
        super().__init__(record["error"]["message"])
        self.record = record

    def __reduce__(self) -> tuple[type[NotProtectedError], tuple[Record]]:
        # so that a worker process can hand the error back whole
        return type(self), (self.record,)


class Cloaker:
    """Cloaks photos; targets and the gallery are loaded once, and may be used by several threads.

    Args:
        settings: see `CloakSettings`.
        progress: called during loading and searching.
        batcher: where the searches of several threads ask the networks together, as
            `mnd.optimizer.batching` says.
        panel: what is loaded already, for the same targets, device and gallery.
        targets: whom to fool, instead of those of the settings: names, or targets as they are
            (`mnd.targets.FaceTarget`).

    Raises:
        ValueError: a target is not known, a card cannot be used, or the gallery shows no face.
        FileNotFoundError: weights are not there and may not be downloaded; or the network of an app is not.
    """

    def __init__(
        self,
        settings: CloakSettings | None = None,
        progress: Progress | None = None,
        batcher: Batcher | None = None,
        panel: Panel | None = None,
        *,
        targets: Sequence[str | Target] | None = None,
    ) -> None:
        self.settings = settings or CloakSettings()
        self.progress = progress or nobody
        self.panel = panel or Panel(self.settings, self.progress, targets)
        if missing := self.panel.apps.missing:
            raise FileNotFoundError("; ".join(missing))
        plan = self.settings.plan
        self.distance = self.panel.distance(self.settings.rho, plan.spread, plan.flat)
        self.batcher = batcher
        if batcher is not None:
            for target in self.panel.targets:
                if isinstance(target, FrozenNetwork):
                    target.ask(batcher.shared)

    @property
    def targets(self) -> Sequence[Target]:
        """Those of the panel."""
        return self.panel.targets

    @property
    def detector(self) -> Detector:
        """That of the panel."""
        return self.panel.detector

    def photo(self, path: Path | str, out: Path | str | None = None, overwrite: bool = False) -> Record:
        """Cloak one photo and write it; the record is that of `--json`.

        A photo that cannot be done is no exception: its record has an `error` and no `output`. One that was
        changed where nobody saw a face ("changed, not proven") has both.
        """
        record = self._record(path)
        with judging(record):
            photo = converted(Photo.read(path, **self.settings.stripping), self.settings.format)
            destination = cloaked_path(path, out, self.settings.suffix)
            photo.check_output(destination, overwrite)
            data = self._cloak(photo, record, Path(path))
            if data is not None:
                write_checked(destination, data, overwrite)
                record["output"] = str(destination)
                if (posted := self.panel.posted()) is not None:
                    posted.add(Photo.from_bytes(data, name=str(destination)))
        return record

    def photos(
        self, paths: Sequence[Path | str] | Path | str, out: Path | str | None = None, overwrite: bool = False
    ) -> Iterator[Record]:
        """Cloak many photos and write them beside each, or into the folder `out`: the record of each.

        Nothing that one of them does stops the others; a fault of this program, too, is told in its record.

        Raises:
            ValueError: several photos would go to one file.
        """
        photos = [Path(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]

        def failed(photo: Path, kind: str, message: str) -> Record:
            return self._record(photo) | {"error": {"kind": kind, "message": message}}

        def cloak(photo: Path, to: Path) -> Record:
            return self.photo(photo, to, overwrite)

        outs = destinations(photos, out, suffix=self.settings.suffix)

        def records() -> Iterator[Record]:
            with folder_for(photos, out):
                yield from each(photos, outs, cloak, failed)

        return records()

    def picture(self, photo: Photo) -> tuple[Pixels, Record]:
        """Cloak a photo in memory: the pixels as its saved file would show them, and the record.

        Raises:
            NotProtectedError: a target still recognises it, or nobody saw a face where it was changed
                (`keep_best` gives it all the same), or it cannot be done.
        """
        record, data = self._record(photo.path), None
        with judging(record):
            data = self._cloak(photo, record, photo.path)
        if data is None or not (record["protected"] or self.settings.keep_best):
            raise NotProtectedError(record)
        return photo.decode(data), record

    def encoded(
        self,
        data: bytes,
        name: str,
        path: Path | None = None,
        where: Where | None = None,
        found: Found | None = None,
        before: Frame | None = None,
    ) -> tuple[bytes | None, Record]:
        """Cloak the photo that a file of these bytes is: the bytes of its cloaked file, and the record.

        Nothing is written. There are no bytes where the record says "not protected"; where it says "changed,
        not proven" there are, and an error too.

        Args:
            data: the file.
            name: what the record and its messages call it.
            path: where it was read, so that a gallery it lies in does not count it; None: nowhere.
            where: which faces, where that is not what the settings say.
            found: whom to protect, where that is known already.
            before: the frame before, whose change this one takes over where it shows the same face.
        """
        record, made = self._record(name), None
        with judging(record):
            photo = Photo.from_bytes(data, name=name, **self.settings.stripping)
            photo = converted(photo, self.settings.format)
            made = self._cloak(photo, record, path, where, found, before)
        return made, record

    def _record(self, path: Path | str | None) -> Record:
        return blank(None if path is None else str(path), self.settings, self.panel.names)

    def _cloak(
        self,
        photo: Photo,
        record: Record,
        path: Path | None,
        where: Where | None = None,
        found: Found | None = None,
        frame: Frame | None = None,
    ) -> bytes | None:
        """The bytes of the cloaked file, once it withstands what it has to; the record is filled in."""
        settings = self.settings
        record["names"], record["metadata"] = photo.names, {"location": photo.location}
        plans = [settings.plan_for(known, photo.pixels.shape[:2]) for known in (False, True)]
        data, best = b"", (True, True, math.inf, math.inf)
        withstands = (*plans[0].withstands, *photo.encoding.read_as)
        if found is None:
            self.progress("looking for faces", 0, 0)
            found = self.panel.found(photo, where or settings.where, path)
        subjects, gallery = found
        record["gallery"] = gallery_record(gallery, subjects)
        record["removed"] = list(photo.removed)  # not before: a photo without a face may be copied as it is
        before = [s.before(photo.pixels) for s in subjects]
        begun = None if frame is None else frame.moved(photo.pixels, subjects)
        ever: set[str] = set()
        for attempt in range(ATTEMPTS):
            # what could not be done with the change of the frame before is tried without it in the end
            start = begun if attempt < ATTEMPTS - 1 else None
            tried, seen = self._attempt(photo, subjects, before, plans, attempt, start)
            passed = {one["limit"] for one in too_visible(seen, plans[0])}
            ever |= passed
            bad = badness(seen, plans[0], recognised(seen, withstands))
            if bad < best:
                data, best = tried, bad
                record["regions"], record["quality"] = seen["regions"], seen["quality"]
            if not passed and all_fooled(seen, withstands):
                break
            if passed:
                calmer = [plan.calmer(passed) for plan in plans]
                if calmer == plans:
                    break
                plans = calmer
            else:
                plans = [plan.harder(units_recognised(seen, withstands)) for plan in plans]
            if attempt == ATTEMPTS - 2 and ever <= {"ssim"}:
                plans = [plan.freer().freer() for plan in plans]
        conclude(record, withstands, plans[0])
        tell_hdr(record, photo, data)
        if settings.against:
            pairs = [(subject, subject) for subject in subjects]
            record["apps"] = self.panel.apps.judge(
                photo.pixels, photo.decode(data), pairs, self.panel.detector, gallery
            )
        written = record["protected"] or record["status"] == "changed, not proven" or settings.keep_best
        return data if written else None

    def _attempt(
        self,
        photo: Photo,
        subjects: list[Subject],
        before: list[list[Opinion]],
        plans: Sequence[Plan],
        attempt: int,
        begun: Tensor | None,
    ) -> tuple[bytes, Judged]:
        """A file, and what its bytes show: regions and quality, as in a record."""
        pixels = photo.pixels.copy()
        slopes = None if self.batcher is None else self.batcher.gradients
        asked = Asked(self.distance, slopes, self.panel.device, self.settings.seed, self.progress)
        grids: dict[int, int] = {}
        stage = "search" if attempt == 0 else f"search, attempt {attempt + 1}"
        for group in groups(subjects, photo.pixels.shape[:2]):
            chosen = [plans[bool(s.person)] for s in group]
            # the last attempt gives the coarser grid up, too
            factor = coarseness(group) if attempt < ATTEMPTS - 1 else 1
            grids |= dict.fromkeys(map(id, group), factor)
            search(photo, group, pixels, chosen, asked, stage, factor, begun)
        give_back_memory()
        self.progress("checking the saved file", 0, 0)
        changed = [support(s, photo.pixels.shape[:2]) for s in subjects]
        data = photo.encode(pixels, changed, hdr=None)
        shown = photo.decode(data)
        withstands = plans[0].withstands
        channels = dict.fromkeys((*CHECKS, *withstands))
        others = [name for name in channels if name not in withstands]
        areas = [s.area(*photo.pixels.shape[1::-1]) for s in subjects]
        made = photo.roundtrip(pixels, (0, 0, *photo.pixels.shape[1::-1]))
        if why := disagreement(data, photo.pixels, made, changed):
            raise PhotoError("not-as-made", why)
        judged = quality(photo.pixels, shown, areas).as_json()
        add_appearances(judged, subjects, photo.pixels, shown)
        seen: Judged = {
            "regions": regions(
                subjects, before, shown, self.panel.detector, channels, self.settings.level, told=others
            ),
            "quality": judged,
        }
        for subject, region in zip(subjects, seen["regions"], strict=True):
            region["grid"] = grids[id(subject)]
        readings = Readings(subjects, before, self.panel.detector, self.settings.level)
        if photo.encoding.read_as:
            readings.add(seen["regions"], photo.readings(data))
        if photo.encoding.hdr is not None and all_fooled(seen):
            data = readings.with_hdr(photo, pixels, changed, data, seen["regions"])
        return data, seen


def cloak(
    photo: Any,
    out: Path | str | None = None,
    *,
    overwrite: bool = False,
    settings: CloakSettings | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Any:
    """Cloak a photo; the same kind comes out as went in.

    Args:
        photo: a path (the cloaked photo is written beside it or to `out`, and its path comes back), a PIL
            image, an array `(H, W, 3)` or `(H, W)` of uint8, or a tensor `(3, H, W)` or `(1, 3, H, W)` in
            [0, 1].
        out: a file or folder, for a path only.
        overwrite: replace an existing output; the original never.
        settings: see `CloakSettings`; or give its fields as keywords. `targets` then may have targets as they
            are (`mnd.targets.FaceTarget`) among the names.
        progress: called during loading and searching.

    Raises:
        NotProtectedError: a target still recognises it, no face was found, a file cannot be read or
            written; its `record` says which. What is not protected is not returned, unless `keep_best`; a
            file that was changed where nobody saw a face is written, and the record has its `output`.
        ValueError: settings or the kind of photo are not as described.

    >>> import skimage
    >>> cloaked = cloak(skimage.data.astronaut(), targets=("dlib",), level="minimum", steps=8)
    >>> cloaked.shape, cloaked.dtype
    ((512, 512, 3), dtype('uint8'))
    """
    targets = targets_in(options)
    settings = CloakSettings.of(settings, options)
    if isinstance(photo, (str, Path)):
        record = Cloaker(settings, progress, targets=targets).photo(photo, out, overwrite)
        if record["output"] is None or not (record["protected"] or settings.keep_best):
            raise NotProtectedError(record)
        return type(photo)(record["output"])
    if out is not None:
        raise ValueError(f"got out={str(out)!r} for a {type(photo).__name__}, expected it with a path only")
    as_photo, back = inputs.as_photo(photo)
    pixels, _ = Cloaker(settings, progress, targets=targets).picture(as_photo)
    return back(pixels)
