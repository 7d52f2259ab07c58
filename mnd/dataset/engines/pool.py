"""What pools of workers have in common wherever they work: who gets which items, and what a death means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from ..frames import Turns
from ..items import Item
from ..lines import Line
from . import Job

STARTS = 3
"""After so many workers in a row that died before they were ready, the run ends."""
DEATHS, LOSSES = 2, 5
"""A photo is given up when so many workers died of it, or so many machines were lost with it."""
BATCH, PER_GPU = 16, 8
"""Where nobody said how many: photos side by side in a worker on a GPU; and photos in work on each GPU, which
says how many workers it has."""


class Worker(ABC):
    """Somebody who works, and the items that it has and has not answered."""

    def __init__(self) -> None:
        self.ready = False
        self.fresh = True
        """It has had nothing yet but items in whose work another worker died, one by one."""
        self.items: list[Item] = []

    def give(self, items: list[Item], suspect: bool = False) -> None:
        """Its next items."""
        self.items, self.fresh = items, suspect
        self.send(items)

    @abstractmethod
    def send(self, items: list[Item]) -> None:
        """Have it work on them; that it has died meanwhile is noticed when it is heard."""


W = TypeVar("W", bound=Worker)


class Pool(ABC, Generic[W]):
    """The workers, and the items that wait for one.

    Args:
        make: what they do.
        items: all items; taken as they are needed.
        count: of workers, at most.
        batch: items that each has at once, at most.
    """

    def __init__(self, make: Job, items: Iterator[Item], count: int = 1, batch: int = 1) -> None:
        self.make, self._items, self.count, self.batch = make, items, count, batch
        self.workers: list[W] = []
        self._next: deque[Item] = deque()
        """Items for workers that are on their way, and a batch for who is ready first."""
        self._suspects: deque[Item] = deque()
        """Items in whose work a worker died: each is tried again alone."""
        self._turns = Turns()
        self._tries: Counter[tuple[str, bool]] = Counter()
        """How often an item's worker died, and whether its machine was lost."""
        self._stillborn = 0

    def go_on(self, items: Iterator[Item]) -> None:
        """Take other items, once all that were there are done; whoever is ready stays so."""
        self._items = items
        self._tries.clear()
        self._stillborn = 0

    @abstractmethod
    def enlist(self) -> W:
        """A new worker, on its way."""

    @abstractmethod
    def part(self, worker: W) -> None:
        """End a worker that has nothing to do, or is dead."""

    @abstractmethod
    def answers(self) -> Iterator[Line]:
        """Wait until somebody has something to say, and hear who has."""

    @abstractmethod
    def dismiss(self) -> None:
        """End all workers, whatever they do."""

    def start(self) -> bool:
        """Give everybody something to do, with new workers where they help; False: all is done."""
        for worker in list(self.workers):
            if worker.ready and not worker.items:
                self._feed(worker)
        while len(self.workers) < self.count and self._unassigned():
            # it is fed once it is ready: what it dies of before that is no item's fault
            self.workers.append(self.enlist())
        self._fetch(self.batch)
        return bool(self._next or self._suspects) or any(worker.items for worker in self.workers)

    def _fetch(self, least: int) -> None:
        """Have so many items wait, if there are; of a burst one at a time."""
        while len(self._next) < least and (item := next(self._items, None)) is not None:
            if self._turns.has(item):
                self._next.append(item)

    def _follow(self, item: Item) -> None:
        """An item is done: the next frame of its burst, if it is of one, is the next one of all."""
        if frame := self._turns.after(item):
            self._next.appendleft(frame)

    def _taken(self) -> list[Item]:
        """A batch of those that wait."""
        return [self._next.popleft() for _ in range(min(self.batch, len(self._next)))]

    def _unassigned(self) -> bool:
        """Whether there is more to do than those who are not ready yet will take."""
        coming = sum(not worker.ready for worker in self.workers) - len(self._suspects)
        if coming < 0:
            return True
        self._fetch(coming * self.batch + 1)
        return len(self._next) > coming * self.batch

    def _feed(self, worker: W) -> None:
        """Items for a worker that has none: one that has ended a worker is for a fresh one alone."""
        if self._suspects and worker.fresh:
            worker.give([self._suspects.popleft()], suspect=True)
            return
        self._fetch(self.batch)
        if items := self._taken():
            worker.give(items)
        elif self._suspects:
            self.part(worker)  # it makes room for a fresh one
            self.workers.remove(worker)

    def heard(self, worker: W, kind: str, what: Any) -> Iterator[Line]:
        """What a worker says: that it is ready, its records, or that it is broken."""
        if kind == "broken":
            raise what
        if kind == "ready":
            worker.ready, self._stillborn = True, 0
            return
        for item in worker.items:
            self._follow(item)
        worker.items = []
        if self._next and not self._suspects:
            # it works on while these records are written down
            worker.give(self._taken())
        yield from what

    def reap(self, worker: W, how: str, lost: bool = False) -> Iterator[Line]:
        """Take a dead worker's items back, unless too many died of them; `lost`: it was no item's fault."""
        self.workers.remove(worker)
        self.part(worker)
        if not worker.ready and not lost:
            self._stillborn += 1
            if self._stillborn >= STARTS:
                raise OSError(f"{STARTS} workers in a row died at their start ({how}): too little memory?")
        for item in worker.items:
            self._tries[item.name, lost] += 1
            tries = self._tries[item.name, lost]
            if tries < (LOSSES if lost else DEATHS):
                (self._next if lost else self._suspects).append(item)
                continue
            what = "the machine was lost" if lost else "the worker died of it"
            why = f"{item.name}: {what} {tries} times ({how}), expected a record"
            self._follow(item)
            yield self.make.failed(item, "worker-died", why)
