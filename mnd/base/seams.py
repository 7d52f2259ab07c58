"""Networks at which a graph is cut in two, so that one pass back through each serves all margins of a step.

Autograd goes back through a whole network once a margin, also where each margin looks at pictures of its own.
Where these do not overlap, one pass with all of them tells as much:

    d m_k / d y = sum_n  (d m_k / d e_n) (d e_n / d x_n) (d x_n / d y),   e_n = net(x_n) for picture n alone
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_open = threading.local()


@dataclass(frozen=True, slots=True)
class Seam:
    """A network that was asked for pictures, and both ends of the graph that was cut there."""

    pictures: Tensor
    """`(N, ...)`, at the end of the graph before the network."""
    begin: Tensor
    """The same, where the network's own graph begins."""
    end: Tensor
    """`(N, ...)`, what the network said: where its graph ends."""
    said: Tensor
    """The same, where the graph behind the network begins."""

    @staticmethod
    def of(net: Callable[[Tensor], Tensor], pictures: Tensor) -> Seam:
        """Ask the network for pictures that have a gradient."""
        begin = pictures.detach().requires_grad_()
        end = net(begin)
        return Seam(pictures, begin, end, end.detach().requires_grad_())


@contextlib.contextmanager
def cut() -> Iterator[list[Seam]]:
    """In here the networks that this thread asks by `asked` are cut; gives their seams, as they come."""
    before, _open.seams = getattr(_open, "seams", None), []
    try:
        yield _open.seams
    finally:
        _open.seams = before


def asked(net: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """`net(pictures)`, cut where somebody asked for that; what it says of each picture is of that one alone.

    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> with cut() as seams:
    ...     y = asked(torch.exp, x)
    >>> y.grad_fn is None, len(seams)
    (True, 1)
    """
    seams: list[Seam] | None = getattr(_open, "seams", None)
    if seams is None or not (torch.is_grad_enabled() and pictures.requires_grad):
        return net(pictures)
    seams.append(Seam.of(net, pictures))
    return seams[-1].said


@dataclass(slots=True)
class _Row:
    """What a margin wants of each seam."""

    y: Tensor
    slope: Tensor
    """`(B, ...)`: where it goes in the end, with what the margin knows of y without any network."""
    wants: list[Tensor | None]
    """The gradients of the margin by what each network said, `(N, ...)`; None: it did not listen."""
    looks: list[Tensor | None]
    """`(N,)`: at which pictures of each seam it looks."""


def slopes(searches: Sequence[tuple[Sequence[Tensor], Tensor]], seams: Sequence[Seam]) -> list[Tensor]:
    """`(K, B, ...)` of each of some (K margins, pictures y they are functions of): their gradients by y.

    A margin is `(B,)`; one of NaN without a graph was not asked for, and has the gradient 0.

    >>> y = torch.ones(2, requires_grad=True)
    >>> with cut() as seams:
    ...     e = asked(torch.square, y)
    >>> slopes([([e[:1], 3 * e[1:]], y)], seams)[0].tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """
    found = [torch.zeros((len(margins), *y.shape), dtype=y.dtype, device=y.device) for margins, y in searches]
    rows = [
        _wanted(margin, y, slope, seams)
        for (margins, y), into in zip(searches, found, strict=True)
        for margin, slope in zip(margins, into, strict=True)
        if looked_at(margin)
    ]
    while rows:
        together, rows = _apart(rows)
        _through(together, seams)
    return found


def looked_at(margin: Tensor) -> bool:
    """Whether the slopes of a margin are to be asked for; not of one of NaN without a gradient.

    >>> looked_at(torch.zeros(2, requires_grad=True)), looked_at(torch.full((2,), torch.nan))
    (True, False)
    """
    return margin.requires_grad or not bool(margin.isnan().all())


def _wanted(margin: Tensor, y: Tensor, slope: Tensor, seams: Sequence[Seam]) -> _Row:
    ends = [y, *(seam.said for seam in seams)]
    found: Sequence[Tensor | None] = torch.autograd.grad(
        margin.sum(), ends, retain_graph=True, allow_unused=True
    )
    direct, wants = found[0], list(found[1:])
    if direct is not None:
        slope += direct
    elif all(want is None for want in wants):
        raise RuntimeError("a margin does not depend on the pictures")
    # which pictures of each seam the margin looks at
    looks = [None if want is None else want.reshape(len(want), -1).any(1) for want in wants]
    return _Row(y, slope, wants, looks)


def _apart(rows: Sequence[_Row]) -> tuple[list[_Row], list[_Row]]:
    """As many as look at no picture together, and the others."""
    together, others = [rows[0]], []
    taken = rows[0].looks
    for row in rows[1:]:
        pairs = list(zip(row.looks, taken, strict=True))
        if any(bool((a & b).any()) for a, b in pairs if a is not None and b is not None):
            others.append(row)
        else:
            together.append(row)
            taken = [b if a is None else a if b is None else a | b for a, b in pairs]
    return together, others


def _through(rows: Sequence[_Row], seams: Sequence[Seam]) -> None:
    """Through each network once, with what all rows want of it, and on to the pictures y of each row."""
    ends: list[list[Tensor]] = [[] for _ in rows]
    pulls: list[list[Tensor]] = [[] for _ in rows]
    for at, seam in enumerate(seams):
        wants = [want for row in rows if (want := row.wants[at]) is not None]
        if not wants:
            continue
        (pull,) = torch.autograd.grad(seam.end, seam.begin, torch.stack(wants).sum(0), retain_graph=True)
        for i, row in enumerate(rows):
            if (looks := row.looks[at]) is not None:
                ends[i].append(seam.pictures)
                pulls[i].append(torch.where(looks.view(-1, *[1] * (pull.ndim - 1)), pull, 0.0))
    for i, row in enumerate(rows):
        if ends[i]:
            row.slope += torch.autograd.grad(ends[i], row.y, pulls[i], retain_graph=True)[0]
