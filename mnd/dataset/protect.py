"""Protect a data set: a source, what is left of it to do, an engine, a manifest."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base.disks import DiskWarning
from ..base.files import shown, try_folder
from ..base.types import Progress
from ..cloaking.settings import CloakSettings
from ..photo.walking import Photos, counted, said
from . import beside, engines, fingerprint, origin
from .assembler import Assembler
from .engines import Engine, Job
from .items import Item, Other, Shard
from .lines import Line
from .manifest import Index, Manifest, locked, manifest_path, manifests, shortened, tag
from .outputs import aside, check_places
from .planner import Planner
from .progress import Counted, NullProgress, RunProgress
from .settings import ProtectSettings, Settings, both_settings
from .sources import Chosen, Source, source
from .summary import KEPT, Count, Summary
from .verifier import VerifyJob, VerifyPlanner
from .worker import ProtectJob

__all__ = ["NullProgress", "Protection", "RunProgress", "Standing", "Summary", "protect"]

NAMED = 3
"""So many names stand for all of a kind."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How a run goes through its source: protecting, or verifying what was made."""

    planner: type[Planner]
    job: Job
    settings: ProtectSettings
    say: Callable[[Line, str], None]
    """Takes a line about what needs no worker, and why it is one."""
    take: Callable[[Line, str], None]
    """Takes what a worker says, and why it was asked."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """What has to be known before the first photo."""

    cloak: CloakSettings
    """With every target named."""
    known: Photos | None
    """The photos of the gallery, or of several people's."""
    header: Line


@dataclass
class Standing:
    """What several runs with the same settings have in common, so that nothing is loaded twice."""

    found: Source
    """What is to be looked at instead of all of SRC."""
    engine: Engine
    """Whose workers outlive a run."""
    ready: _Ready | None = None
    """Made by the first run."""


class Protection:
    """One run of `mnd protect`.

    Args:
        src: a folder, a tar file, a pattern with braces for several, or a list of paths.
        dst: the folder of the results; it is made.
        cloak: how each photo is cloaked.
        settings: how the data set is gone through.
        watcher: told of everything that happens.
        ask: asked where the results of another source are in `dst`; by default that is refused.
        standing: what this run has in common with others.

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
        *,
        ask: Callable[[str], bool] | None = None,
        standing: Standing | None = None,
    ) -> None:
        self.src, self.dst = Path(src), Path(dst)
        self.cloak, self.settings = cloak or CloakSettings(), settings or ProtectSettings()
        if self.cloak.format is not None:
            why = "expected none: the photos of a data set keep their formats"
            raise ValueError(f"format is {self.cloak.format!r}, {why}")
        if self.settings.burst and not self.src.is_dir() and self.src.exists():
            raise ValueError(f"{self.src}: got burst, expected a folder, whose pictures are the frames")
        self.watcher = watcher or NullProgress()
        self._ask = ask or _nobody_agrees
        self._standing = standing
        self._whole = standing.found if standing else source(self.src, self.dst, self.settings.column)
        self.source = Chosen(self._whole, self.settings.wants, self.settings.refuses)
        check_places(self.src, self.dst, self.source.root)
        cloaks = self.cloak.cloaks
        if cloaks is not None and cloaks.resolve().is_relative_to(self.dst.resolve()):
            why = "expected a folder that this run does not fill: its photos are part of what a run rests on"
            raise ValueError(f"cloaks {cloaks}: lies inside the results {self.dst}, {why}")
        self.engine = standing.engine if standing else engines.load(self.settings.engine)
        self._count = Count()
        self._reasons: dict[str, str] = {}
        """Why the photos in work are done, by name."""
        self._notes: list[str] = []
        self._planner: Planner | None = None
        self._sources = 1
        self._report: Path | None = None
        self._earlier = 0
        self._finished = False
        self._start = time.perf_counter()

    def count(self) -> int | None:
        """How many photos there are in all; None where shards have to be opened to know."""
        photos = 0
        for found in self.source:
            if isinstance(found, Shard):
                return None
            photos += self.settings.is_of_part(found.name) and not isinstance(found, Other)
        return photos

    def run(self) -> Summary:
        """Do what is left to do.

        Raises:
            LockedError: another run writes to the same manifest.
            OtherSourceError: the results of another source are in DST, and nobody said that this is meant.
            ManifestError: the manifest is broken elsewhere than at its end.
            ValueError: a setting does not fit this machine, or a target is not known.
            OSError: weights are missing, the disk is full, or DST cannot be written to. What is in the
                manifest is done, and another run goes on from there.
        """
        if self.settings.verify and not manifests(self.dst):
            raise FileNotFoundError(f"{self.dst}: has no manifest, expected the results of mnd protect")
        self.dst.mkdir(parents=True, exist_ok=True)
        with self._disk_noted():
            try_folder(self.dst)  # before anything is loaded
            with locked(self.dst, self.settings.part):
                self._run()
        return self.summary()

    def run_locked(self) -> Summary:
        """The same for somebody who has the lock of the manifest, and has tried the folder."""
        with self._disk_noted():
            self._run()
        return self.summary()

    def _run(self) -> None:
        with aside(self.dst, tag(self.settings.part)) as folder:
            if not self.settings.report_originals:
                self._remove_private_report()  # also where this run will not come to its own
            self._protect(folder)
            self._write_report(folder)

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
        with contextlib.closing(Index()) as index:
            ready = self._ready()
            self.cloak, header = ready.cloak, ready.header
            self._manifest = Manifest(manifest_path(self.dst, self.settings.part))
            with contextlib.closing(self._manifest):
                if self._manifest.repaired:
                    self._note(self._manifest.repaired)
                self._read(index)
                if not self.settings.verify:
                    self._check_origin(index, header)
                if index.header != header and not self.settings.verify:
                    self._manifest.append([header])
                self._work(index, header["settings_sha256"], folder)
        self._copy_what_is_beside()
        self._finished = True
        self._note_what_is_left()

    def _ready(self) -> _Ready:
        """The targets and the gallery, looked at once."""
        if self._standing is not None and self._standing.ready is not None:
            return self._standing.ready
        cloak, targets = fingerprint.named(self.cloak, self.watcher.loading)
        known = fingerprint.known_by(cloak)
        for line in known.passed if known else ():
            self._note(f"gallery: {line}")
        ready = _Ready(cloak, known, fingerprint.header(cloak, self.settings, targets, self.src, known))
        if self._standing is not None:
            self._standing.ready = ready
        return ready

    def _check_origin(self, index: Index, header: Line) -> None:
        """Have somebody agree before the results of two sources lie in one folder.

        Raises:
            OtherSourceError: nobody does.
        """
        self._sources = len(index.origins | {origin.origin(header)})
        if self.settings.add_source:
            return
        why = origin.other(index, header, self._whole)
        if why and not self._ask(f"{self.dst} {why}. Put both there?"):
            expected = "a folder of its own (--add-source puts both there)"
            raise origin.OtherSourceError(f"{self.dst}: {why}; expected {expected}")

    def _copy_what_is_beside(self) -> None:
        """Tables about the pictures of a folder, whose results are there now."""
        if self._planner is None or self.settings.verify or not self.src.is_dir():
            return
        for name in self._planner.beside:
            if told := beside.copied(name, self.src, self.dst, self.settings.overwrite):
                self._note(told)

    def _note_what_is_left(self) -> None:
        """What may still show faces in the results, and a source without photos."""
        for kind, names in sorted(self._planner.left.items() if self._planner else ()):
            named = ", ".join(map(shown, names[:NAMED])) + (", ..." if len(names) > NAMED else "")
            where = "in tar and Parquet files copied as they are, may show faces"
            self._note(f"{counted(kind, len(names))} {where}: {named}")
        if self._empty:
            self._note(
                f"{self.src}: found no photos, expected at least one; there: {said(self._count.others)}"
            )

    @property
    def _empty(self) -> bool:
        whole = self.settings.part is None and self._standing is None
        return self._finished and whole and self._count.photos == 0

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
        with contextlib.closing(self.engine(way.job, self._tasks(assembler), way.settings)) as records:
            for record in records:
                way.take(record, self._reasons.pop(record["input"], ""))

    def _tasks(self, assembler: Assembler) -> Iterator[Item]:
        """What is to be worked on; why is remembered until it is done."""
        assert self._planner is not None
        for task in self._planner:
            self._reasons[task.item.name] = task.why
            yield assembler.given(task.item)

    def _protecting(self, sha256: str, folder: Path, assembler: Assembler) -> _Way:
        """What is not done yet is done, and written down."""

        def take(record: Line, why: str) -> None:
            self._append(record, why)
            assembler.told(record)

        how = self.settings
        job = ProtectJob(self.cloak, how.no_face, self.dst, folder, sha256, how.side_by_side)
        return _Way(Planner, job, how, self._append, take)

    def _verifying(self, sha256: str) -> _Way:
        """Every result is looked at again, one after the other, and nothing is changed."""
        job = VerifyJob(self.cloak, self.dst, sha256)
        return _Way(VerifyPlanner, job, replace(self.settings, batch=1), self._verified, self._verified)

    # what is known --------------------------------------------------------------------------------------

    def _append(self, line: Line, why: str = "") -> None:
        """A line of this run, and why it was done."""
        line = shortened(line)
        self._manifest.append([line])
        self._count.add(line, why)
        self.watcher.record(line, False)

    def _verified(self, line: Line, why: str) -> None:
        """A result that was looked at again: the manifest is told where it is not as it should be."""
        del why
        line = shortened(line)
        undone = (line.get("error") or {}).get("kind") == "not-done"
        if line["status"] == "failed" and not undone:
            self._manifest.append([line])
        self._count.add(line, "" if undone else KEPT)
        self.watcher.record(line, False)

    def _known(self, line: Line) -> None:
        """A line of an earlier run, which holds still."""
        self._count.add(line, KEPT)
        self.watcher.record(line, True)

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self.watcher.note(text)

    def summary(self) -> Summary:
        """What is known so far."""
        count, planner = self._count, self._planner
        statuses, reasons = count.statuses, count.reasons
        found = 0 if planner is None else planner.found
        return Summary(
            photos=count.photos, others=statuses["other"],
            protected=statuses["protected"], whole=statuses["whole"], copied=statuses["copied"],
            skipped=statuses["skipped"], failed=statuses["failed"], held=statuses["held"],
            kept=reasons[KEPT], new=reasons["new"], changed=reasons["changed"],
            lost=reasons["lost"], retried=reasons["retried"],
            gone=max(self._earlier - found, 0) if self._finished else 0,
            finished=self._finished, seconds=round(time.perf_counter() - self._start, 3),
            ssim=count.ssim.value, psnr=count.psnr.value,
            manifest=manifest_path(self.dst, self.settings.part), report=self._report,
            notes=tuple(self._notes), empty=self._empty,
            left={} if planner is None else {k: len(v) for k, v in planner.left.items()},
            failures=tuple(count.failures), failed_before=count.failed_before,
            sources=self._sources, strangers=count.strangers,
            people=dict(count.people) if count.several else None, unknown=count.unknown,
            against=tuple(count.against), levels=tuple(count.levels),
        )  # fmt: skip


def _nobody_agrees(question: str) -> bool:
    """What is asked where nobody is there to answer is not meant."""
    del question
    return False


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
        src: a folder of any depth, a tar file with pictures, several of them by a pattern with braces, or a
            list of paths (text, CSV, Parquet).
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
    watcher = Counted(progress) if callable(progress) else progress
    return Protection(src, dst, cloak, how, watcher).run()
