"""What the page shows: photos, their faces, what is being done, and the results; in memory alone."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..base.types import Edges
from ..cloaking.levels import Level
from ..faces.face import overlap

if TYPE_CHECKING:
    from ..cloaking.gallery import Gallery
    from ..cloaking.record import Record
    from ..cloaking.subjects import Subject
    from ..faces.detector import Search

LEVELS: tuple[Level, ...] = get_args(Level)
Kind = Literal["find", "cloak", "look", "check"]
State = Literal["reading", "found", "done", "failed"]
SAME = 0.7
"""Intersection over union from which two frames are of one face."""
RANK: dict[Kind, int] = {"find": 0, "check": 1, "cloak": 2, "look": 3}
"""What is done first; a look is what nobody has asked for yet."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a photo, and what can be done."""

    kind: str
    message: str
    advice: str = ""


class RefusedError(Exception):
    """A request that cannot be done; `status` is HTTP's."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


@dataclass(frozen=True, slots=True)
class Result:
    """A level's answer: the file, where there is one, and the record of `mnd cloak --json`."""

    level: Level
    data: bytes | None
    record: Record
    saved: str | None = None
    """Where it was written beside the original."""


@dataclass(slots=True)
class Job:
    """Something that is done to a photo, or waits for it."""

    kind: Kind
    photo: str
    level: Level | None = None
    data: bytes = b""
    """Of a file that came back."""
    name: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0
    left: float | None = None
    """Seconds, as far as can be told."""
    stopped: bool = False


@dataclass(slots=True)
class Upload:
    """A photo as the page has it."""

    id: str
    name: str
    data: bytes
    path: Path | None = None
    state: State = "reading"
    error: Trouble | None = None
    size: tuple[int, int] = (0, 0)
    """Width and height in pixels."""
    format: str = ""
    found: list[Subject] = field(default_factory=list)
    """The faces, each judged against itself; those of drawn frames come last."""
    searched: tuple[Search, bool] | None = None
    """What was found where nobody drew, and whether it was looked for on all sides."""
    drawn: list[Edges] = field(default_factory=list)
    chosen: set[int] = field(default_factory=set)
    me: int | None = None
    """Which face the user says is the person of the gallery; None: who is like it."""
    judged: list[Subject] = field(default_factory=list)
    """The same faces as the gallery knows them."""
    turn: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    strip: dict[str, bool] = field(default_factory=lambda: {"location": False, "names": False, "all": False})
    results: dict[Level, Result] = field(default_factory=dict)
    returned: list[tuple[str, Record]] = field(default_factory=list)

    def choose(self, chosen: set[int], me: int | None) -> None:
        """Which faces are changed; what was made of others is no answer any more."""
        if (chosen, me) != (self.chosen, self.me):
            self.chosen, self.me = chosen, me
            self.redo()

    def saved(self, level: Level, data: bytes, where: str) -> None:
        """A result was written beside the original, in the place of any other."""
        for name, result in self.results.items():
            if name == level and result.data is data:
                self.results[name] = replace(result, saved=where)
            elif result.saved == where:
                self.results[name] = replace(result, saved=None)

    def look(self, found: list[Subject]) -> None:
        """These faces are there: who was left out, and who is the user, stays so; others are chosen."""

        def before(box: Edges) -> int | None:
            same = (n for n, old in enumerate(self.found) if overlap(old.box, box) > SAME)
            return next(same, None)

        was = [before(subject.box) for subject in found]
        self.chosen = {n for n, old in enumerate(was) if old is None or old in self.chosen}
        self.me = was.index(self.me) if self.me is not None and self.me in was else None
        self.found = found

    def redo(self) -> None:
        """Forget the results: they are of another choice."""
        self.results.clear()
        self.returned.clear()
        if self.state == "done":
            self.state = "found"


@dataclass(slots=True)
class Known:
    """A photo of the user."""

    id: str
    name: str
    data: bytes
    error: str | None = None


class Session:
    """All photos of the page; every thread takes `changing` or `reading` to touch them.

    Args:
        photos: so many at most.
        bytes: the largest file.
    """

    def __init__(self, photos: int, bytes: int) -> None:
        self.most, self.bytes = photos, bytes
        self.version = 0
        self.photos: dict[str, Upload] = {}
        self.gallery: dict[str, Known] = {}
        self.jobs: list[Job] = []
        """In the order in which they are done; the first may be running."""
        self.running: Job | None = None
        self.engine: Literal["idle", "loading", "working"] = "idle"
        self.error: str | None = None
        """Why nothing can be done at all."""
        self.closed = False
        self.galleries: dict[tuple[str, ...], Gallery | None] = {}
        """What the recognisers know of the photos of the user, by their numbers."""
        self.targets: list[str] = []
        """Whom the results are tried on, by name; known once they are loaded."""
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self.work = threading.Condition(self._lock)
        """Told when there is something to do."""
        self._listeners: list[Callable[[], None]] = []

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Look at it while nobody changes it."""
        with self._lock:
            yield self

    @contextmanager
    def changing(self) -> Iterator[Session]:
        """Change it; whoever listens is told."""
        with self.work:
            yield self
            self.version += 1
            self.work.notify_all()
            listeners = list(self._listeners)
        for listen in listeners:
            listen()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a function called after each change, from any thread; what ends that is given back."""
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return end

    def add(self, name: str, data: bytes, path: Path | None = None) -> str:
        """Take a photo in, and look for its faces.

        Raises:
            RefusedError: there are too many.
        """
        with self.changing():
            self.check_room(len(self.photos))
            number = f"p{next(self._numbers)}"
            self.photos[number] = Upload(number, name, data, path)
            self.ask(Job("find", number))
        return number

    def check_room(self, there: int) -> None:
        """Refuse one more where there are as many as may be.

        Raises:
            RefusedError: there are.
        """
        if there >= self.most:
            raise RefusedError(413, "too-many", f"there are {self.most} files, expected at most so many")

    def fail(self, name: str, trouble: Trouble) -> None:
        """Show a photo that could not be taken in."""
        with self.changing():
            number = f"p{next(self._numbers)}"
            self.photos[number] = Upload(number, name, b"", None, "failed", trouble)

    def know(self, name: str, data: bytes) -> str:
        """Take a photo of the user in.

        Raises:
            RefusedError: there are too many.
        """
        with self.changing():
            self.check_room(len(self.gallery))
            number = f"g{next(self._numbers)}"
            self.gallery[number] = Known(number, name, data)
            self._other_gallery()
        return number

    def unknow(self, number: str) -> None:
        """Forget a photo of the user."""
        with self.changing():
            if self.gallery.pop(number, None) is None:
                raise RefusedError(404, "missing", f"there is no photo {number}")
            self._other_gallery()

    def _other_gallery(self) -> None:
        """Faces are judged anew, and results are of another choice."""
        self.galleries.clear()
        for photo in self.photos.values():
            photo.judged, photo.me = [], None
            self.find(photo)

    def photo(self, number: str) -> Upload:
        """The photo of that number.

        Raises:
            RefusedError: it was forgotten, or never there.
        """
        if number not in self.photos:
            raise RefusedError(404, "missing", f"there is no photo {number}: it was forgotten")
        return self.photos[number]

    def ask(self, job: Job) -> None:
        """Put a job where it belongs: finding faces first, looks that nobody asked for last; each once."""
        for other in [j for j in self.jobs if (j.photo, j.level) == (job.photo, job.level) and not j.stopped]:
            if "check" in (other.kind, job.kind) or (job.kind == "find" and other is self.running):
                continue  # what runs may have looked before the last change
            if RANK[other.kind] <= RANK[job.kind]:
                return
            if other is self.running:
                other.kind = job.kind
                return
            self.jobs.remove(other)
        place = len(self.jobs)
        while place and RANK[self.jobs[place - 1].kind] > RANK[job.kind]:
            if self.jobs[place - 1] is self.running:
                break
            place -= 1
        self.jobs.insert(place, job)

    def stop(self, number: str, finding: bool = False) -> None:
        """Take what is made of a photo out of the queue, with `finding` the search for its faces, too.

        What runs ends at its next step.
        """
        for job in [j for j in self.jobs if j.photo == number and (finding or j.kind != "find")]:
            job.stopped = True
            if job is not self.running:
                self.jobs.remove(job)

    def find(self, photo: Upload) -> None:
        """Look for the faces of a photo anew: what was made of others is no answer any more."""
        photo.redo()
        self.stop(photo.id, finding=True)
        if photo.state != "failed":
            self.ask(Job("find", photo.id))

    def give_up(self, photo: Upload) -> None:
        """The user wants nothing to be done to a photo any more."""
        self.stop(photo.id, finding=photo.searched is None)
        if photo.state == "reading":
            photo.state = "found"
            photo.error = Trouble(
                "stopped", "Its faces were not looked for: it was stopped.", "Turn it, or drop it again."
            )

    def forget(self, number: str) -> None:
        """Let go of a photo and all that was made of it."""
        with self.changing():
            self.photo(number)
            self.stop(number, finding=True)
            del self.photos[number]

    def forget_all(self) -> None:
        """Let go of everything."""
        with self.changing():
            for number in list(self.photos):
                self.stop(number, finding=True)
            self.photos.clear()
            self.gallery.clear()
            self.galleries.clear()

    def close(self) -> None:
        """Let go of everything, and let nobody work any more."""
        self.forget_all()
        with self.changing():
            self.closed = True
