"""Batching across photos: searches in threads, whose networks see the pictures of all at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..base.seams import Seam, slopes

CHUNK, CHUNK_ON_GPU = 4, 16
"""Pictures in a forward. A core gains nothing from more, and loses where there are fewer; a GPU has room."""
CONCURRENCY_ON_GPU = 4
"""Threads that work at once, where much of their work is waiting for a GPU. On a CPU it is one: several would
take the cores of other workers, and drive each other's pictures out of the caches."""


@dataclass(eq=False)
class _Asked:
    """What a thread waits for."""

    who: int
    together: Callable[[list[_Asked]], list[Any]]
    """Answers several of a kind at once."""
    kind: object
    """What can be answered together; None: the slopes of a step, for which networks do not wait."""
    question: Any
    answer: Any = None
    error: Exception | None = None
    done: bool = False


class Batcher:
    """A dynamic batcher for the searches of several photos, each in a thread that runs the usual code.

    Who asks a network for something that will have a gradient (`shared`), or for the gradients of a step
    (`gradients`), waits until every member waits for either. Then one of the threads answers the
    questions of all: networks first, and the gradients when there is nobody left who needs a network before.

    A forward always has `chunk` pictures, with empty ones where there are too few, and what a network makes
    of one picture does not depend on the others. The answer to a question is so the same in any company, bit
    by bit, and nobody is hurt by an error of another: what cannot be answered together is answered singly.

    No thread ever waits inside of a backward pass: on a GPU all of them share one thread of autograd's.

    Args:
        chunk: pictures in a forward.
        concurrency: members that work at the same time; the others wait.

    >>> batcher, net = Batcher(chunk=4), nn.Flatten()
    >>> batcher.shared(net)(torch.rand(1, 3, 2, 2, requires_grad=True)).shape
    torch.Size([1, 12])
    """

    def __init__(self, chunk: int = CHUNK, concurrency: int = 1) -> None:
        if chunk < 1 or concurrency < 1:
            raise ValueError(f"chunk and concurrency are {chunk} and {concurrency}, expected at least 1")
        self.chunk = chunk
        self._working = threading.Semaphore(concurrency)
        self._changed = threading.Condition()
        self._members: set[int] = set()
        """The threads in them."""
        self._waiting: list[_Asked] = []
        self._seams: list[tuple[set[int], Seam]] = []
        """The forwards through which gradients will go back, and the threads whose pictures were in them."""

    @staticmethod
    def on(device: str) -> Batcher:
        """The batcher for a kind of device.

        >>> Batcher.on("cpu").chunk, Batcher.on("cuda").chunk
        (4, 16)
        """
        return Batcher() if device == "cpu" else Batcher(CHUNK_ON_GPU, CONCURRENCY_ON_GPU)

    @contextlib.contextmanager
    def member(self) -> Iterator[None]:
        """A thread in here is waited for, whatever it does; the others go on when it leaves."""
        me = threading.get_ident()
        with self._changed:
            self._members.add(me)
        try:
            with self._working:
                yield
        finally:
            with self._changed:
                self._members.remove(me)
                self._forget({me})  # an error may have ended a step between its forward and its gradients
                self._changed.notify_all()

    def shared(self, net: nn.Module) -> nn.Module:
        """The network `(B, ...)` -> `(B, ...)`, to be asked by all; without a gradient it answers at once.

        What it says has its gradients from `gradients` alone: autograd's own path ends at it.
        """
        return _Shared(net, self)

    def gradients(self, rows: Sequence[Tensor], y: Tensor) -> Tensor:
        """`mnd.optimizer.mnd.gradients`, of the rows of all who wait for them."""
        answer: Tensor = self._ask(self._slopes, None, (rows, y))
        return answer

    def outputs(self, net: nn.Module, x: Tensor) -> Tensor:
        """`net(x)`, of the pictures of all who wait for it."""

        def together(asked: list[_Asked]) -> list[Tensor]:
            return self._forward(net, asked)

        kind = (id(net), x.shape[1:], x.dtype, x.device)
        answer: Tensor = self._ask(together, kind, x)
        return answer

    def _ask(self, together: Callable[[list[_Asked]], list[Any]], kind: object, question: Any) -> Any:
        asked = _Asked(threading.get_ident(), together, kind, question)
        is_member = asked.who in self._members
        if is_member:
            self._working.release()
        try:
            self._wait(asked)
        finally:
            if is_member:
                self._working.acquire()
        if asked.error is not None:
            try:
                raise asked.error
            finally:
                asked.error = None  # it knows this frame: together they would keep what failed in memory
        return asked.answer

    def _wait(self, asked: _Asked) -> None:
        """Until it is answered, by this thread if it is the last one."""
        with self._changed:
            self._waiting.append(asked)
            while not asked.done:
                if self._members <= {one.who for one in self._waiting}:
                    self._answer()
                else:
                    self._changed.wait()

    def _answer(self) -> None:
        """Answer all who need a network, or else all. Nobody works now, so that the lock keeps nobody."""
        now = [asked for asked in self._waiting if asked.kind is not None] or list(self._waiting)
        for kind in dict.fromkeys(asked.kind for asked in now):
            _settle([asked for asked in now if asked.kind == kind])
        self._waiting = [asked for asked in self._waiting if not asked.done]
        self._changed.notify_all()

    def _forward(self, net: nn.Module, asked: list[_Asked]) -> list[Tensor]:
        """What the network says to each, in forwards of exactly `chunk` pictures."""
        # rows are cut and joined one by one: each chunk, and each gradient, has memory that begins with it,
        # as kernels may add up otherwise where it does not
        rows = [(one.who, row) for one in asked for row in one.question.unbind()]
        said: list[Tensor] = []
        for start in range(0, len(rows), self.chunk):
            chunk = rows[start : start + self.chunk]
            empty = [torch.zeros_like(chunk[0][1])] * (self.chunk - len(chunk))
            x = torch.stack([row for _, row in chunk] + empty)
            x = x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
            seam = Seam.of(net, x)
            self._seams.append(({who for who, _ in chunk}, seam))
            said += seam.said.unbind()[: len(chunk)]
        told = iter(said)
        return [torch.stack([next(told) for _ in one.question]) for one in asked]

    def _slopes(self, asked: list[_Asked]) -> list[Tensor]:
        """The gradients of each: back through each forward once, for all who had a picture in it."""
        found = slopes([one.question for one in asked], [seam for _, seam in self._seams])
        self._forget({one.who for one in asked})
        return found

    def _forget(self, whose: set[int]) -> None:
        """The forwards in which nobody but these had pictures are gone back through no more."""
        self._seams = [(left, seam) for who, seam in self._seams if (left := who - whose)]


class _Shared(nn.Module):
    """A network that is asked at a batcher."""

    def __init__(self, net: nn.Module, batcher: Batcher) -> None:
        super().__init__()
        self.net, self._batcher = net, batcher

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and x.requires_grad:
            return self._batcher.outputs(self.net, x)
        out: Tensor = self.net(x)
        return out


def _settle(asked: list[_Asked]) -> None:
    """Answer questions of one kind together; where that fails, each alone, and tell who is to blame."""
    try:
        answers = asked[0].together(asked)
        for one, answer in zip(asked, answers, strict=True):
            one.answer, one.done = answer, True
    except Exception as error:
        if len(asked) > 1:
            for one in asked:
                _settle([one])
        else:
            asked[0].error, asked[0].done = error, True
