"""Check a cloak: what the targets say of two files, margins and quality, also after the channel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ..base.files import PhotoError
from ..base.types import Pixels, Progress, nobody
from ..channel import VERIFICATION, resized
from ..faces.detector import Detector, FaceError
from ..metrics.fidelity import quality
from ..metrics.portrait import on_a_phone
from ..photo.photo import Photo
from ..targets.target import Target
from .features import add_appearances
from .panel import Found, Panel, targets_in
from .readings import Readings
from .record import Record, blank
from .settings import CloakSettings
from .shows import shows, shows_face
from .subjects import Subject, marks
from .verdict import conclude, gallery_record, judging, regions

How = Literal["same size", "other size", "other framing"]


class Checker:
    """Judges pairs of files as `mnd cloak` judges what it saved; takes the same settings.

    Args:
        settings: see `CloakSettings`.
        progress: called during loading, looking and checking.
        panel: what is loaded already, for the same targets, device and gallery.
        targets: who judges, instead of those of the settings: names, or targets as they are.

    Raises:
        ValueError: a target is not known, or a card cannot be used.
        FileNotFoundError: weights are not there and may not be downloaded.
    """

    def __init__(
        self,
        settings: CloakSettings | None = None,
        progress: Progress | None = None,
        panel: Panel | None = None,
        *,
        targets: Sequence[str | Target] | None = None,
    ) -> None:
        self.settings = settings or CloakSettings()
        self.progress = progress or nobody
        self.panel = panel or Panel(self.settings, self.progress, targets)

    @property
    def targets(self) -> Sequence[Target]:
        """Those of the panel."""
        return self.panel.targets

    @property
    def detector(self) -> Detector:
        """That of the panel."""
        return self.panel.detector

    def pair(self, original: Path | str, cloaked: Path | str) -> Record:
        """The record of a cloaked file against its original; `error` where it cannot be judged.

        `protected` asks for all that the level promises; of a file in another size or framing, which has been
        shared already, for the file as it is.
        """
        record = blank(str(original), self.settings, self.panel.names)
        with judging(record):
            clean, changed = Photo.read(original), Photo.read(cloaked)
            how, promised = self.settings, _promised(self.settings, clean)
            ways = tuple(dict.fromkeys((*VERIFICATION, *promised)))
            self._judge(
                record, clean, changed, str(cloaked), how, Path(original), promised, None, ways, thorough=True
            )
            record["output"] = str(cloaked)
        return record

    def judged(
        self,
        original: bytes,
        cloaked: bytes,
        name: str,
        path: Path | None,
        settings: CloakSettings | None = None,
        found: Found | None = None,
        channels: Collection[str] | None = None,
    ) -> Record:
        """The same of two files by their bytes; `protected` asks for all that the level has to withstand.

        Args:
            original: the clean file.
            cloaked: the other file.
            name: what the record and its messages call both.
            path: where the clean one was read, so that a gallery it lies in does not count it.
            settings: how it was cloaked, where that is not how others are; of the same targets.
            found: who is in the clean one, where that is known already.
            channels: ways of sharing that are judged, where those are not all; no others are asked for.
        """
        record, how = blank(name, self.settings, self.panel.names), settings or self.settings
        with judging(record):
            clean, changed = Photo.from_bytes(original, name=name), Photo.from_bytes(cloaked, name=name)
            promised = _promised(how, clean)
            ways = tuple(dict.fromkeys((*VERIFICATION, *promised))) if channels is None else channels
            asked = [way for way in promised if way in ways]
            self._judge(record, clean, changed, name, how, path, asked, found, ways)
        return record

    def _judge(
        self,
        record: Record,
        clean: Photo,
        changed: Photo,
        name: str,
        settings: CloakSettings,
        path: Path | None,
        withstands: Collection[str] = (),
        found: Found | None = None,
        channels: Collection[str] = tuple(VERIFICATION),
        thorough: bool = False,
    ) -> None:
        """Fill in the record; `thorough`: with all that can be said of looks."""
        if found is None:
            self.progress("looking for faces", 0, 0)
            found = self.panel.found(clean, settings.where, path)
        subjects, gallery = found
        self.progress("checking the saved file", 0, 0)
        record["gallery"] = gallery_record(gallery, subjects)
        how, scale = _compared(clean.pixels.shape, changed.pixels.shape)
        record["compared"] = {
            "how": how,
            "size": [*changed.pixels.shape[1::-1]],
            "scale": scale,
            "format": changed.format,
        }
        if how != "same size":  # it has come back from a messenger: nothing is promised of a second one
            withstands = ()
        shown = changed.pixels
        if how == "other framing":
            pairs = self._there(subjects, clean.pixels, shown, name)
        else:
            if how == "other size":
                self._check_seen(subjects, shown, scale, name)
            if not shows(clean.pixels, shown):
                raise _other_photo(name)
            pairs = [(subject, subject) for subject in subjects]
        before = [was.before(clean.pixels) for was, _ in pairs]
        subjects = [now for _, now in pairs]
        record["regions"] = regions(
            subjects, before, shown, self.panel.detector, channels, settings.level, scale
        )
        if how == "same size":
            others = changed.readings()
            Readings(subjects, before, self.panel.detector, settings.level).add(record["regions"], others)
            withstands = (*withstands, *others)
        if how != "other framing":
            height, width = shown.shape[:2]
            boxes = [s.area(width, height, scale) for s in subjects]
            same = resized(clean.pixels, shown.shape[:2])
            judged = quality(same, shown, boxes).as_json()
            add_appearances(judged, subjects, same, shown, scale, thorough)
            if thorough:
                judged["ssimulacra2_phone"] = on_a_phone(same, shown)
            record["quality"] = judged
        conclude(record, withstands)
        if settings.against:
            at = scale if how != "other framing" else 1.0
            record["apps"] = self.panel.apps.judge(
                clean.pixels, shown, pairs, self.panel.detector, gallery, at
            )

    def _check_seen(self, subjects: Sequence[Subject], shown: Pixels, scale: float, name: str) -> None:
        """Refuse to judge a photo of another size where a face is not seen any more: who knows what it shows.

        Raises:
            FaceError: there is no face where the original has one.
        """
        height, width = shown.shape[:2]
        for subject in subjects:
            asked = subject.kind == "face" and subject.found
            if asked and not subject.seen(shown, self.panel.detector, scale):
                raise FaceError(
                    f"{name}: no face was found at {list(subject.area(width, height, scale))} in this photo, "
                    f"of {width}x{height} pixels, where the original has one, expected one to judge"
                )

    def _there(
        self, subjects: Sequence[Subject], clean: Pixels, shown: Pixels, name: str
    ) -> list[tuple[Subject, Subject]]:
        """Who is in a photo of another framing, too: as in the clean one, and as there.

        A face is the one there that shows it and is recognised best; who was cut off is left out.

        Raises:
            FaceError: there is no face in it.
            PhotoError: none of them is one of the subjects'.
        """
        if all(subject.kind == "whole" for subject in subjects):
            return [(subject, subject) for subject in subjects]
        faces = self.panel.detector(shown)
        if not faces:
            height, width = shown.shape[:2]
            raise FaceError(
                f"{name}: this photo of {width}x{height} pixels has another framing than the original, "
                "and no face was found in it, expected one to judge"
            )
        pairs = []
        for subject in subjects:
            if subject.landmarks is None:
                pairs.append((subject, subject))
                continue
            there = [replace(subject, box=f.box, landmarks=marks(f), turn=f.turn) for f in faces]
            if subject.found:
                there = [
                    s
                    for s, face in zip(there, faces, strict=True)
                    if shows_face(clean, subject.landmarks, shown, marks(face))
                ]
            if there:
                pairs.append((subject, max(there, key=lambda s: s.recognised(shown))))
        if all(subject.kind == "whole" for subject, _ in pairs):
            raise _other_photo(name)
        return pairs


def _other_photo(name: str) -> PhotoError:
    return PhotoError(
        "other-photo",
        f"{name}: this file does not show the same picture as the original, "
        "expected one that was made of it: nothing can be said of another",
    )


def _promised(settings: CloakSettings, clean: Photo) -> tuple[str, ...]:
    """The ways of sharing that a cloak of this photo has to withstand: the level's, apps' and services'."""
    known = settings.gallery is not None or settings.galleries is not None
    return settings.plan_for(known, clean.pixels.shape[:2]).withstands


def _compared(clean: tuple[int, ...], changed: tuple[int, ...]) -> tuple[How, float]:
    """How two photos of these shapes `(H, W, 3)` lie on one another, and the new size over the old.

    >>> _compared((300, 340, 3), (225, 255, 3)), _compared((300, 340, 3), (300, 300, 3))
    (('other size', 0.75), ('other framing', 1.0))
    """
    if clean == changed:
        return "same size", 1.0
    scale = changed[1] / clean[1]
    # whoever resizes rounds one side or both
    if abs(changed[0] - clean[0] * scale) <= max(1.0, scale, 0.005 * changed[0]):
        return "other size", scale
    return "other framing", 1.0


def check(
    original: Path | str,
    cloaked: Path | str,
    *,
    settings: CloakSettings | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Record:
    """What the targets say of a cloaked file against its original: the object of `mnd check --json`.

    Args:
        original: the clean file.
        cloaked: the other file. Of another size its regions are scaled; where its proportions are others (a
            crop), the face is found again. `compared` says which.
        settings: see `CloakSettings`; or give its fields (targets, gallery, device, ...) as keywords. There
            `targets` may have targets as they are among the names.
        progress: called during loading.

    Raises:
        ValueError: settings are not as described, or a target is not known.
    """
    targets = targets_in(options)
    return Checker(CloakSettings.of(settings, options), progress, targets=targets).pair(original, cloaked)
