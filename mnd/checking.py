"""Check a cloak: what the targets say of two files, margins and quality, also after the channel."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .channel import VERIFICATION
from .cloaking import Cloaker
from .photo import Photo
from .quality import quality
from .records import TROUBLE, Record, all_fooled, failed, problem, regions, still_recognised
from .settings import CloakSettings
from .subjects import find


class Checker(Cloaker):
    """Judges pairs of files as `mnd cloak` judges what it saved; takes the same settings."""

    def pair(self, original: Path | str, cloaked: Path | str) -> Record:
        """The record of a cloaked file against its original; `error` where it cannot be judged.

        `protected` says whether every target is fooled by the cloaked file as it is.
        """
        start = time.perf_counter()
        record = self._record(original)
        try:
            clean, changed = Photo.read(original), Photo.read(cloaked)
            self._judge(record, clean, changed, str(cloaked), self.settings, Path(original))
            record["output"] = str(cloaked)
        except TROUBLE as error:
            failed(record, error)
        record["seconds"] = round(time.perf_counter() - start, 3)
        return record

    def judged(
        self, original: bytes, cloaked: bytes, name: str, path: Path, settings: CloakSettings | None = None
    ) -> Record:
        """The same of two files by their bytes; `protected` asks for all that the level has to withstand.

        Args:
            original: the clean file.
            cloaked: the other file.
            name: what the record and its messages call both.
            path: where the clean one was read, so that a gallery it lies in does not count it.
            settings: how it was cloaked, where that is not how others are; of the same targets.
        """
        start, record, how = time.perf_counter(), self._record(name), settings or self.settings
        try:
            clean, changed = Photo.from_bytes(original, name=name), Photo.from_bytes(cloaked, name=name)
            self._judge(record, clean, changed, name, how, path, how.plan.withstands)
        except TROUBLE as error:
            failed(record, error)
        record["seconds"] = round(time.perf_counter() - start, 3)
        return record

    def _judge(
        self,
        record: Record,
        clean: Photo,
        changed: Photo,
        name: str,
        settings: CloakSettings,
        path: Path,
        withstands: Collection[str] = (),
    ) -> None:
        """Fill in the record."""
        if clean.pixels.shape != changed.pixels.shape:
            (h0, w0), (h1, w1) = clean.pixels.shape[:2], changed.pixels.shape[:2]
            raise ValueError(
                f"{name}: the photo is {w1}x{h1} pixels, expected {w0}x{h0} as {record['input']}"
            )
        subjects = find(clean, settings, self.targets, self.detector, self._gallery(path))
        before = [s.scores(clean.pixels, self.detector) for s in subjects]
        record["regions"] = regions(subjects, before, changed.pixels, self.detector, VERIFICATION)
        boxes = [s.area(*clean.pixels.shape[1::-1]) for s in subjects]
        record["quality"] = quality(clean.pixels, changed.pixels, boxes).as_json()
        record["protected"] = all_fooled(record, withstands)
        if not record["protected"]:
            record["error"] = problem(record, "not-protected", still_recognised(record, withstands))


def check(
    original: Path | str, cloaked: Path | str, *, settings: CloakSettings | None = None, **options: Any
) -> Record:
    """What the targets say of a cloaked file against its original: the object of `mnd check --json`.

    Args:
        original: the clean file.
        cloaked: the other file, of the same size in pixels.
        settings: see `CloakSettings`; or give its fields (targets, gallery, device, ...) as keywords.

    Raises:
        ValueError: settings are not as described, or a target is not known.
    """
    return Checker(CloakSettings.of(settings, options)).pair(original, cloaked)
