"""Who does the work: one thread that loads everything once, and does one job after the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.runtime import give_back_memory
from ..cloaking.settings import CloakSettings, Where
from .clock import Clock
from .session import Job, Known, Result, Session, Trouble, Upload
from .words import metadata, new, nobody_there, other_file

if TYPE_CHECKING:
    from ..cloaking.gallery import Gallery
    from ..cloaking.panel import Found, Panel
    from ..faces.detector import Detector
    from ..photo.photo import Photo

log = logging.getLogger(__name__)


class StoppedError(Exception):
    """The user does not want it any more."""


class Engine(threading.Thread):
    """Takes jobs from the session until that is closed; what one of them does never stops the others.

    Args:
        session: where jobs come from and results go.
        settings: whom to fool, and where to compute; the level is the job's.
    """

    def __init__(self, session: Session, settings: CloakSettings) -> None:
        super().__init__(name="mnd-engine", daemon=True)
        self.session, self.settings = session, settings
        self.clock = Clock()
        self._panel: Panel | None = None

    def run(self) -> None:
        """Work until the session is closed."""
        while self._one():
            pass

    def _one(self) -> bool:
        """Wait for a job and do it; whether there may be another. Nothing of it is kept."""
        session = self.session
        with session.work:
            session.work.wait_for(lambda: session.jobs or session.closed)
            if session.closed:
                return False
            job = session.running = session.jobs[0]
        self._do(job)
        with session.changing():
            session.running = None
            if job in session.jobs:
                session.jobs.remove(job)
            session.engine = "working" if session.jobs else "idle"
        give_back_memory()
        return True

    def _do(self, job: Job) -> None:
        """One job, whatever comes of it."""
        do: dict[str, Callable[[Job, Upload], None]] = {"find": self._find, "check": self._check}
        with self.session.reading():
            photo = self.session.photos.get(job.photo)
        if photo is None:  # it was forgotten in the meantime
            return
        try:
            do.get(job.kind, self._cloak)(job, photo)
        except StoppedError:
            return
        except Exception as error:
            log.exception("a job of the page failed")
            self._fail(
                job, Trouble("unexpected", f"{type(error).__name__}: {error}", "this is a fault of mnd")
            )

    def _fail(self, job: Job, trouble: Trouble) -> None:
        with self.session.changing():
            photo = self.session.photos.get(job.photo)
            if photo is not None and not job.stopped:
                photo.error = trouble
                photo.state = "failed" if not photo.size[0] else photo.state

    def _progress(self, job: Job) -> Callable[[str, int, int], None]:
        """What tells the page how far a job is, and ends it where it was stopped."""

        def progress(stage: str, done: int, total: int) -> None:
            if job.stopped or self.session.closed:
                raise StoppedError
            with self.session.changing():
                loading = stage == "loading" or stage.startswith("download")
                self.session.engine = "loading" if loading else "working"
                job.stage, job.done, job.total = stage, done, total
                job.left = self.clock.left(stage, done, total)

        return progress

    def panel(self, progress: Callable[[str, int, int], None]) -> Panel | None:
        """The targets and the detector, loaded once; None where they cannot be: the page says why."""
        if self._panel is None:
            progress("loading", 0, 0)
            from ..cloaking.panel import Panel

            try:
                panel = Panel(replace(self.settings, gallery=None), progress)
                if others := [t.card.name for t in panel.targets if t.card.kind == "classifier"]:
                    raise ValueError(f"targets are {', '.join(others)}, expected recognisers of faces")
                self._panel = panel
            except (ValueError, OSError) as error:
                with self.session.changing():
                    self.session.error = str(error)
                return None
            with self.session.changing():
                self.session.error, self.session.targets = None, self._panel.names
        return self._panel

    def _find(self, job: Job, photo: Upload) -> None:
        """Read a photo, and find its faces: those that are there, and those in drawn frames."""
        from ..photo.photo import Photo, PhotoError

        progress = self._progress(job)
        progress("reading", 0, 0)
        try:
            picture = Photo.from_bytes(photo.data, name=photo.name)
        except PhotoError as error:
            self._fail(job, Trouble(error.kind, str(error), other_file(error.kind)))
            return
        with self.session.changing():
            photo.size, photo.format = (picture.pixels.shape[1], picture.pixels.shape[0]), picture.format
            photo.metadata = metadata(picture)
        panel = self.panel(progress)
        if panel is None:
            self._fail(job, Trouble("weights", self.session.error or ""))
            return
        progress("looking for faces", 0, 0)
        self._look(job, photo, picture, panel)

    def _look(self, job: Job, photo: Upload, picture: Photo, panel: Panel) -> None:
        """Who is in the photo, and what is wrong where nobody is."""
        from ..cloaking.subjects import find

        with self.session.reading():
            drawn, turned, searched = tuple(photo.drawn), photo.turn != 0, photo.searched
        if searched is None or (turned and not searched[1]):
            search = (self._everywhere(panel) if turned else panel.detector).search(picture.pixels)
            own = find(picture, panel.targets, panel.detector, Where(), search) if search.faces else []
        else:
            search, own = searched[0], photo.found[: len(searched[0].faces)]
        boxes = Where(faces="none", boxes=drawn)
        more = (
            [s for s in find(picture, panel.targets, panel.detector, boxes) if new(s, own)] if drawn else []
        )
        found = own + more
        gallery = self._gallery(panel, photo)
        with self.session.changing():
            if job.stopped:
                return
            photo.look(found)
            photo.searched = search, turned
            photo.judged = [gallery.judging(s) for s in found] if gallery is not None else found
            photo.error = None if found else nobody_there(search)
            photo.state = "done" if photo.results else "found"

    def _everywhere(self, panel: Panel) -> Detector:
        """A detector that looks for faces on their side also beside upright ones."""
        from ..faces.detector import Detector, FinderSettings

        return Detector(panel.device, FinderSettings(every_turn=True))

    def _gallery(self, panel: Panel, photo: Upload) -> Gallery | None:
        """The photos of the user without the photo itself; None where there are none with a face."""
        with self.session.reading():
            files = {k.id: k for k in self.session.gallery.values() if k.data != photo.data}
            key = tuple(files)
            if not key or key in self.session.galleries:
                return self.session.galleries.get(key)
        gallery = self._read_gallery(panel, files)
        with self.session.reading():
            if self.session.gallery.keys() >= set(key):  # else forgotten in the meantime
                self.session.galleries = {key: gallery}
        return gallery

    def _read_gallery(self, panel: Panel, files: dict[str, Known]) -> Gallery | None:
        from ..cloaking.gallery import Gallery
        from ..photo.photo import Photo
        from ..targets.face import FaceTarget

        def read(path: Path) -> Photo:
            return Photo.from_bytes(files[path.name].data, name=files[path.name].name)

        targets = [target for target in panel.targets if isinstance(target, FaceTarget)]
        gallery = Gallery.of([Path(number) for number in files], targets, panel.detector, read)
        with self.session.changing():
            for number, known in files.items():
                path = Path(number)
                unread = gallery.unreadable.get(path)
                known.error = None if path in gallery.files else unread or f"{known.name}: no face found"
        return gallery if gallery.files else None

    def _cloak(self, job: Job, photo: Upload) -> None:
        """The file of a level, by the chosen faces."""
        from ..cloaking.cloaker import Cloaker
        from ..cloaking.crops import groups

        assert job.level is not None
        progress = self._progress(job)
        panel = self.panel(progress)
        if panel is None:
            return
        with self.session.reading():
            found, strip = self._found(panel, photo), dict(photo.strip)
        if not found.subjects or photo.results.get(job.level):
            return
        settings = replace(
            self.settings,
            level=job.level,
            gallery=None,
            strip_names=strip["names"] or self.settings.strip_names,
            strip_gps=strip["location"] or self.settings.strip_gps,
            strip=strip["all"] or self.settings.strip,
        )
        self.clock.begin(len(list(groups(found.subjects, (photo.size[1], photo.size[0])))))
        cloaker = Cloaker(settings, progress, panel=panel)
        data, record = cloaker.encoded(photo.data, photo.name, photo.path, found=found)
        self.clock.end()
        with self.session.changing():
            if not job.stopped:
                photo.results[job.level] = Result(job.level, data, record)
                photo.state, photo.error = "done", None

    def _found(self, panel: Panel, photo: Upload) -> Found:
        """Whom to protect: the chosen faces, as the gallery knows them, or as the user says."""
        from ..cloaking.panel import Found

        gallery = self._gallery(panel, photo)
        subjects = list(photo.judged)
        if gallery is not None and photo.me is not None:
            for number, subject in enumerate(subjects):
                if number == photo.me:
                    subjects[number] = gallery.as_person(replace(photo.found[number], person=True))
                elif subject.person:
                    subjects[number] = replace(photo.found[number], person=False)
                subjects[number] = replace(subjects[number], likeness=subject.likeness)
        return Found([s for i, s in enumerate(subjects) if i in photo.chosen], gallery)

    def _check(self, job: Job, photo: Upload) -> None:
        """What a file is worth that came back from somewhere."""
        from ..cloaking.checker import Checker

        progress = self._progress(job)
        panel = self.panel(progress)
        if panel is None:
            return
        with self.session.reading():
            found = self._found(panel, photo)
        level = job.level or self.settings.level
        checker = Checker(replace(self.settings, level=level, gallery=None), progress, panel)
        record = checker.judged(photo.data, job.data, job.name, photo.path, found=found, channels=())
        with self.session.changing():
            if not job.stopped:
                photo.returned.append((job.name, record))
