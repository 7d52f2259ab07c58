"""Many photos, one after the other: nothing that one of them does stops the others."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..base.files import cloaked_path
from .record import Record

log = logging.getLogger(__name__)

Cloak = Callable[[Path, Path], Record]
"""Cloak a photo into a file; the record."""
Failed = Callable[[Path, str, str], Record]
"""The record of a photo that could not be tried: kind and message of its error."""


def destinations(
    photos: Sequence[Path],
    out: Path | str | None,
    places: Sequence[Path] | None = None,
    suffix: str | None = None,
) -> list[Path]:
    """Where each photo goes: beside it, or to the file or folder `out`.

    Args:
        photos: one or several.
        out: of one photo a file or a folder, of several a folder.
        places: what each is called below a folder; by default by its name alone.
        suffix: of the format that all are written in; None: each has its own.

    Raises:
        ValueError: several photos would go to one file.

    >>> [path.name for path in destinations([Path("a.jpg"), Path("b.png")], None)]
    ['a.cloaked.jpg', 'b.cloaked.png']
    """
    if out is None or (len(photos) == 1 and (places is None or cloaked_path(photos[0], out) == Path(out))):
        # a folder such as `.` has no name to change; it is refused when its turn comes
        return [cloaked_path(photo, out, suffix) if photo.name else photo for photo in photos]
    from ..photo.walking import suffixes, unsupported

    folder = Path(out)
    of_a_photo = folder.name.lower().endswith(suffixes()) or unsupported(folder.name)
    if folder.is_file() or (not folder.is_dir() and of_a_photo):
        raise ValueError(f"out is {str(out)!r}, expected a folder, since there are {len(photos)} photos")
    names = [Path(photo.name or "folder") for photo in photos] if places is None else places
    return [folder / cloaked_path(name, suffix=suffix) for name in names]


@contextlib.contextmanager
def folder_for(photos: Sequence[Path], out: Path | str | None, outs: Sequence[Path] = ()) -> Iterator[None]:
    """Make the folder `out`, where it is one, and take it away again if nothing was saved in it.

    Args:
        photos: that go there.
        out: as for `destinations`.
        outs: where each goes; folders below `out` are made as well.
    """
    # what is a folder where there is one photo is `cloaked_path`'s rule
    several = out is not None and (len(photos) > 1 or cloaked_path("photo", out) != Path(out))
    folders = [Path(out), *(path.parent for path in outs)] if several and out is not None else []
    missing = {p for folder in folders for p in (folder, *folder.parents) if not p.exists()}
    for folder in folders:
        # what cannot be made is said of each photo that was to be saved there
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for made in sorted(missing, key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(OSError):
                made.rmdir()


def each(photos: Sequence[Path], outs: Sequence[Path], cloak: Cloak, failed: Failed) -> Iterator[Record]:
    """The record of each photo, as soon as it is done.

    A name that is also that of another photo is refused, and a fault of this program is logged in full and
    becomes an error of the kind `unexpected`.
    """
    for place, (photo, out) in enumerate(zip(photos, outs, strict=True)):
        if why := clash(place, photos, outs):
            yield failed(photo, *why)
            continue
        try:
            record = cloak(photo, out)
        except Exception as error:
            log.exception("%s: a fault of this program", ascii(str(photo)))
            record = failed(photo, "unexpected", f"{type(error).__name__}: {error}")
        yield record


def clash(place: int, photos: Sequence[Path], outs: Sequence[Path]) -> tuple[str, str] | None:
    """Why a photo must not be saved under its name, even where overwriting is allowed: kind and message."""
    mine = os.path.realpath(outs[place])
    for other in (photo for at, photo in enumerate(photos) if at != place):
        if os.path.realpath(other) == mine:
            return "original", f"{outs[place]}: this is one of the photos to cloak, expected another name"
    for at in range(place):
        if os.path.realpath(outs[at]) == mine:
            return "exists", f"{outs[place]}: {photos[at]} goes there already, expected another name"
    return None
