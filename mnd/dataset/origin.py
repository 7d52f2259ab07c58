"""Whether the results in a folder are of the very source that is to be protected into it now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ..base.errors import MndError
from ..base.files import PhotoError, shown
from ..photo.walking import counted
from .items import Found, Item, Shard, Stat
from .lines import Line
from .manifest import Index
from .outputs import digest

SAMPLE = 100
"""So many of the inputs that a manifest knows are looked for in a source."""
READ = 10
"""So many of those that are found are read: photos of one size and name need not be the same."""

Origin = tuple[str, str]
"""The name of a source, and its `place`."""


class OtherSourceError(MndError, ValueError):
    """The folder of results has those of another source in it."""


def place(src: Path) -> str:
    """What a source is told apart by from others of its name: two bytes, from which no path can be guessed.

    >>> place(Path("/a/photos")) == place(Path("/b/photos")), len(place(Path("/a/photos")))
    (False, 4)
    """
    return digest(os.path.realpath(src)).hex()[:4]


def origin(header: Line) -> Origin:
    """The source that a header of a manifest tells of; those of earlier versions know no place."""
    return header.get("source") or "", header.get("source_place") or ""


def other(index: Index, header: Line, found: Iterable[Found]) -> str:
    """Why to ask before the results of a source are put beside those that are there; empty: no reason.

    A source is the same where name and place are those of an earlier run, or where at least half of what the
    manifests know (of a sample) is in it, of the same size: that is one that was moved.

    Args:
        index: what the manifests in the folder say.
        header: the one that this run is going to write.
        found: what is in the source.
    """
    name, where = origin(header)
    known = index.origins
    if not known or not len(index) or {(name, where), (name, "")} & known or _moved(index, found):
        return ""
    names = ", ".join(sorted({repr(old) for old, _ in known}))
    those = f"the results of {counted('input', len(index))} of {names}"
    return f"has {those}, another source than {name!r}, which has hardly any of these in it"


def _moved(index: Index, found: Iterable[Found]) -> bool:
    """Whether what the manifests know is in a source."""
    places = index.places()
    lines = map(index.at, places[:: max(len(places) // SAMPLE, 1)])
    known = {line["input"]: line for line in lines if line.get("input_stat")}
    there = read = 0
    for it in found:
        if not isinstance(it, (Item, Shard)) or (line := known.get(shown(it.name))) is None:
            continue
        stat = Stat.of(it.path)
        if stat is None or stat.size != line["input_stat"][0]:
            continue
        if isinstance(it, Item) and read < READ:
            read += 1
            there += _holds(it, line.get("input_sha256"))
        else:
            there += 1
        if 2 * there >= len(known):
            return True
    return False


def _holds(item: Item, sha256: str | None) -> bool:
    """Whether a photo is the very one of a line."""
    try:
        return hashlib.sha256(item.read()[0]).hexdigest() == sha256
    except PhotoError:
        return False
