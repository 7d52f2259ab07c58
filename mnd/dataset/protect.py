"""Protect a data set: a source, what is left of it to do, an engine, a manifest."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from ..base.disks import DiskWarning
from ..base.files import shown, try_folder
from ..base.types import Progress
from ..cloaking.record import without_person
from ..cloaking.settings import CloakSettings
from ..photo.walking import Kind, called, counted, said
from . import engines, fingerprint
from .assembler import Assembler
from .engines import Job
from .items import Other, Shard
from .lines import Line
from .manifest import Index, Manifest, locked, manifest_path, manifests, shortened, tag
from .outputs import aside, check_places, shard_of
from .planner import Planner
from .settings import ProtectSettings, Settings, both_settings
from .sources import ALONE, Chosen, source
from .verifier import VerifyJob, VerifyPlanner
from .worker import ProtectJob

PHOTOS = ("protected", "whole", "copied", "skipped", "held", "failed")
"""What can have become of a photo."""
NAMED = 3
"""So many names stand for all of a kind."""


class RunProgress(Protocol):
    """Somebody who wants to know how it goes."""

    def loading(self, stage: str, done: int, total: int) -> None:
        """Before the first photo: downloads."""

    def record(self, record: Line, known: bool) -> None:
        """A photo is done, or is `known` to be done by an earlier run."""

    def note(self, text: str) -> None:
        """Something that people should know."""


class NullProgress:
    """Nobody wants to know."""

    def loading(self, stage: str, done: int, total: int) -> None:
        """Say nothing."""

    def record(self, record: Line, known: bool) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


class _Counted(NullProgress):
    """Tells a plain function how many photos are done."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._done = progress, 0

    def loading(self, stage: str, done: int, total: int) -> None:
        """A download."""
        self._progress(stage, done, total)

    def record(self, record: Line, known: bool) -> None:
        """One more."""
        del known
        if record["status"] not in ("other", "shard"):
            self._done += 1
            self._progress("photos", self._done, 0)


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
    """Members of tar files that were copied as they are and may show faces: numbers by kind."""
    empty: bool = False
    """There is no photo in the source; a part of a divided one may have none."""

    @property
    def done(self) -> bool:
        """There were photos, nothing is left to do, nothing failed, and nothing was held back."""
        return self.finished and not (self.failed or self.held or self.empty)


@dataclass(frozen=True, slots=True)
class _Way:
    """How a run goes through its source: protecting, or verifying what was made."""

    planner: type[Planner]
    job: Job
    settings: ProtectSettings
    say: Callable[[Line], None]
    """Takes a line about what needs no worker."""
    take: Callable[[Line], None]
    """Takes what a worker says."""


class Protection:
    """One run of `mnd protect`.

    Args:
        src: a folder, a tar file, or a list of paths.
        dst: the folder of the results; it is made.
        cloak: how each photo is cloaked.
        settings: how the data set is gone through.
        watcher: told of everything that happens.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: one of the two lies in the other, the source is of no known kind, or a list without paths.
        ModuleNotFoundError: a package is not installed.
    """

    def __init__(
        self,
        src: Path | str,
        dst: Path | str,
        cloak: CloakSettings | None = None,
        settings: ProtectSettings | None = None,
        watcher: RunProgress | None = None,
    ) -> None:
        self.src, self.dst = Path(src), Path(dst)
        self.cloak, self.settings = cloak or CloakSettings(), settings or ProtectSettings()
        self.watcher = watcher or NullProgress()
        whole = source(self.src, self.dst, self.settings.column)
        self.source = Chosen(whole, self.settings.wants, self.settings.refuses)
        check_places(self.src, self.dst)
        self.engine = engines.load(self.settings.engine)
        self._counts: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        """Inputs that are no photos, by what they are called."""
        self._quality = {"ssim": Mean(), "psnr": Mean()}
        self._notes: list[str] = []
        self._planner: Planner | None = None
        self._report: Path | None = None
        self._earlier = 0
        self._finished = False
        self._start = time.perf_counter()

    def count(self) -> int | None:
        """How many photos there are in all; None where shards have to be opened to know."""
        photos, part = 0, self.settings.part
        for found in self.source:
            if isinstance(found, Shard):
                return None
            mine = part is None or shard_of(found.name, part[1]) == part[0]
            photos += mine and not isinstance(found, Other)
        return photos

    def run(self) -> Summary:
        """Do what is left to do.

        Raises:
            LockedError: another run writes to the same manifest.
            ManifestError: the manifest is broken elsewhere than at its end.
            ValueError: a setting does not fit this machine, or a target is not known.
            OSError: weights are missing, the disk is full, or DST cannot be written to. What is in the
                manifest is done, and another run goes on from there.
        """
        if self.settings.verify and not manifests(self.dst):
            raise FileNotFoundError(f"{self.dst}: has no manifest, expected the results of mnd protect")
        self.dst.mkdir(parents=True, exist_ok=True)
        part = self.settings.part
        with self._disk_noted():
            try_folder(self.dst)  # before anything is loaded
            with locked(self.dst, part), aside(self.dst, tag(part)) as folder:
                if not self.settings.report_originals:
                    self._remove_private_report()  # also where this run will not come to its own
                self._protect(folder)
                self._write_report(folder)
        return self.summary()

    @contextlib.contextmanager
    def _disk_noted(self) -> Iterator[None]:
        """What the disk of the results cannot promise becomes a note, at once."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", DiskWarning)
            before = warnings.showwarning

            def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
                if issubclass(category, DiskWarning):
                    self._note(str(message))
                else:
                    before(message, category, *rest, **more)

            warnings.showwarning = show
            yield

    def _protect(self, folder: Path) -> None:
        """All but the report."""
        part = self.settings.part
        with contextlib.closing(Index()) as index:
            self.cloak, targets = fingerprint.named(self.cloak, self.watcher.loading)
            known = fingerprint.known_by(self.cloak)
            for line in known.passed if known else ():
                self._note(f"gallery: {line}")
            header = fingerprint.header(self.cloak, self.settings, targets, self.src, known)
            self._manifest = Manifest(manifest_path(self.dst, part))
            with contextlib.closing(self._manifest):
                if self._manifest.repaired:
                    self._note(self._manifest.repaired)
                self._read(index)
                if index.header != header and not self.settings.verify:
                    self._manifest.append([header])
                self._work(index, header["settings_sha256"], folder)
        self._finished = True
        self._note_what_is_left()

    def _note_what_is_left(self) -> None:
        """What may still show faces in the results, and a source without photos."""
        for kind, names in sorted(self._planner.left.items() if self._planner else ()):
            named = ", ".join(map(shown, names[:NAMED])) + (", ..." if len(names) > NAMED else "")
            self._note(
                f"{counted(kind, len(names))} in tar files copied as they are, may show faces: {named}"
            )
        if self._empty:
            self._note(f"{self.src}: found no photos, expected at least one; there: {said(self._others)}")

    @property
    def _empty(self) -> bool:
        photos = sum(self._counts[status] for status in PHOTOS)
        return self._finished and self.settings.part is None and photos == 0

    def _remove_private_report(self) -> None:
        """An earlier run may have been asked for a page that nobody asks for any more."""
        from .report.page import remove_private

        if remove_private(self.dst):
            self._note("removed the private report of an earlier run, which showed photos as they were")

    def _write_report(self, folder: Path) -> None:
        """The page about the data set; a run whose work is done does not fail for it."""
        from .report.page import write_report

        try:
            originals = self.source if self.settings.report_originals else None
            self._report = write_report(self.dst, originals, folder)
        except (OSError, ValueError) as error:
            self._note(f"there is no report: {error}")

    def _read(self, index: Index) -> None:
        """What is known already: of other shards too, in case the number of machines has changed."""
        own = self._manifest.path
        for path in manifests(self.dst):
            if path != own:
                index.add(path, torn=True)
        others = len(index)
        index.header = None
        index.add(own)
        self._earlier = len(index) - others

    def _work(self, index: Index, sha256: str, folder: Path) -> None:
        """Hand to the engine what is left to do, and write down what comes back."""
        assembler = Assembler(self.dst, folder, self.settings.overwrite, self._append, self.settings.wants)
        way = self._verifying(sha256) if self.settings.verify else self._protecting(sha256, folder, assembler)
        self._planner = way.planner(
            self.source, index, self.dst, self.settings, sha256,
            say=way.say, known=self._known, opened=assembler.open,
        )  # fmt: skip
        items = (assembler.given(task.item) for task in self._planner)
        with contextlib.closing(self.engine(way.job, items, way.settings)) as records:
            for record in records:
                way.take(record)

    def _protecting(self, sha256: str, folder: Path, assembler: Assembler) -> _Way:
        """What is not done yet is done, and written down."""

        def take(record: Line) -> None:
            self._append(record)
            assembler.told(record)

        how = self.settings
        job = ProtectJob(self.cloak, how.no_face, self.dst, folder, sha256, how.side_by_side)
        return _Way(Planner, job, how, self._append, take)

    def _verifying(self, sha256: str) -> _Way:
        """Every result is looked at again, one after the other, and nothing is changed."""
        job = VerifyJob(self.cloak, self.dst, sha256)
        return _Way(VerifyPlanner, job, replace(self.settings, batch=1), self._verified, self._verified)

    # what is known --------------------------------------------------------------------------------------

    def _append(self, line: Line) -> None:
        """A line of this run."""
        line = shortened(line)
        self._manifest.append([line])
        self._count(line)
        self.watcher.record(line, False)

    def _verified(self, line: Line) -> None:
        """A result that was looked at again: the manifest is told where it is not as it should be."""
        line = shortened(line)
        if line["status"] == "failed" and (line.get("error") or {}).get("kind") != "not-done":
            self._manifest.append([line])
        self._count(line)
        self.watcher.record(line, False)

    def _known(self, line: Line) -> None:
        """A line of an earlier run, which holds still."""
        self._count(line)
        self.watcher.record(line, True)

    def _count(self, line: Line) -> None:
        self._counts[line["status"]] += 1
        if line["status"] == "other":
            self._others[_called(line)] += 1
        self._counts["without person"] += without_person(line)
        quality = line.get("quality")
        if quality and line.get("protected"):
            for name, mean in self._quality.items():
                mean.add(quality.get(name))

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self.watcher.note(text)

    def summary(self) -> Summary:
        """What is known so far."""
        plan: Counter[str] = Counter() if self._planner is None else self._planner.counts
        counts = self._counts
        found = 0 if self._planner is None else self._planner.found
        return Summary(
            photos=sum(counts[status] for status in PHOTOS),
            protected=counts["protected"], whole=counts["whole"], copied=counts["copied"],
            skipped=counts["skipped"], failed=counts["failed"], others=counts["other"],
            kept=plan["kept"] + plan["failures"], new=plan["new"], changed=plan["changed"],
            lost=plan["lost"], retried=plan["retried"],
            gone=max(self._earlier - found, 0) if self._finished else 0,
            finished=self._finished, seconds=round(time.perf_counter() - self._start, 3),
            ssim=self._quality["ssim"].value, psnr=self._quality["psnr"].value,
            manifest=manifest_path(self.dst, self.settings.part), report=self._report,
            notes=tuple(self._notes), held=counts["held"], empty=self._empty,
            strangers=counts["without person"],
            left={} if self._planner is None else {k: len(v) for k, v in self._planner.left.items()},
        )  # fmt: skip


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


def protect(
    src: Path | str,
    dst: Path | str,
    *,
    settings: Settings = None,
    progress: RunProgress | Progress | None = None,
    **options: Any,
) -> Summary:
    """Protect every photo of a data set: cloak it, and write it to the same name below `dst`.

    What an earlier run has done is not done again. `dst/manifest.jsonl` has a line for each photo. Workers
    are processes that import the program that called this: a script needs `if __name__ == "__main__":`.

    Args:
        src: a folder of any depth, a tar file with pictures, or a list of paths (text, CSV, Parquet).
        dst: the folder of the results.
        settings: `CloakSettings`, `ProtectSettings`, or both; or give their fields (workers,
            no_face, targets, level, ...) as keywords.
        progress: told of everything that happens; a plain function is called with what is being done, how
            much of it is done, and 0: of how much is not known.

    Raises:
        FileNotFoundError: there is no such source, or weights are not there and may not be downloaded.
        ValueError: settings are not as described, the manifest is broken, another run works on it, or one of
            the folders lies in the other.
        OSError: the disk is full, or `dst` cannot be written to; another run goes on from there.
    """
    cloak, how = both_settings(options, settings)
    watcher = _Counted(progress) if callable(progress) else progress
    return Protection(src, dst, cloak, how, watcher).run()
