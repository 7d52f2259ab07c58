"""`mnd cloak`."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..base.files import cloaked_path
from ..cloaking.settings import CloakSettings
from .app import DONE, FAILED, NotReadyError, Record, UsageError, app, failed_record, loaded, tell
from .options import NO_FLAGS, AsCloak, AsJson

if TYPE_CHECKING:
    from .terminal import Meter


@app.command
def cloak(
    *photos: Annotated[Path, Parameter(required=True)],
    out: Annotated[str | None, Parameter(["--out", "-o"])] = None,
    how: AsCloak = NO_FLAGS,
    overwrite: Annotated[bool, Parameter(show_default=False)] = False,
    as_json: AsJson = False,
) -> int:
    """Cloak photos: `photo.jpg` becomes `photo.cloaked.jpg`, which recognisers fail on.

    Args:
        photos: JPEG, PNG, WebP, TIFF or BMP files. They are never changed.
        out: The file to write, or a folder for all of them; beside each photo by default.
        overwrite: Replace earlier cloaked files.
    """
    settings = how.settings()
    outs = _destinations(photos, out)
    from . import terminal

    meter = terminal.Meter()
    records: list[Record] = []
    with _folder(out if len(photos) > 1 or _names_folder(out) else None):
        for record in _cloaked(settings, photos, outs, overwrite, meter):
            meter.rest()
            records.append(record)
            tell(record, as_json, terminal.show)
    if not as_json:
        if settings.gallery is None:
            terminal.advise_gallery(records)
        terminal.count(records)
    return DONE if all(record["protected"] for record in records) else FAILED


def _names_folder(out: str | None) -> bool:
    """Whether `-o OUT` alone says that it is a folder; the rule is `cloaked_path`'s."""
    return out is not None and cloaked_path("photo", out) != Path(out)


def _destinations(photos: Sequence[Path], out: str | None) -> list[Path]:
    """Where each photo goes.

    Raises:
        UsageError: several photos would go to one file.
    """
    if out is None or len(photos) == 1:
        # a folder such as `.` has no name to change; it is refused when its turn comes
        return [cloaked_path(photo, out) if photo.name else photo for photo in photos]
    from ..photo.walking import suffixes, unsupported

    folder = Path(out)
    of_a_photo = folder.name.lower().endswith(suffixes()) or unsupported(folder.name)
    if folder.is_file() or (not folder.is_dir() and of_a_photo):
        raise UsageError(f"--out is {out!r}, expected a folder, since there are {len(photos)} photos")
    return [folder / cloaked_path(photo.name or "folder").name for photo in photos]


@contextlib.contextmanager
def _folder(out: str | None) -> Iterator[None]:
    """Make the folder, and take it away again if nothing was saved in it."""
    folder = None if out is None else Path(out)
    missing = [] if folder is None else [p for p in (folder, *folder.parents) if not p.exists()]
    if folder is not None:
        # what cannot be made is said of each photo that was to be saved there
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for made in missing:
            with contextlib.suppress(OSError):
                made.rmdir()


def _cloaked(
    settings: CloakSettings, photos: Sequence[Path], outs: Sequence[Path], overwrite: bool, meter: Meter
) -> Iterator[Record]:
    """The record of each photo; nothing that one of them does stops the others."""
    from ..cloaking.cloaker import Cloaker

    try:
        cloaker = loaded(settings, lambda: Cloaker(settings, meter))
    except NotReadyError as error:
        yield from (failed_record(photo, settings, error.kind, str(error)) for photo in photos)
        return
    for place, (photo, out) in enumerate(zip(photos, outs, strict=True)):
        meter.name = photo.name
        if why := _clash(place, photos, outs):
            yield failed_record(photo, settings, *why)
            continue
        try:
            with contextlib.redirect_stdout(sys.stderr):
                record = cloaker.photo(photo, out, overwrite)
        except (
            Exception
        ) as error:  # a fault of ours, or memory: told in full, and the next photo has its turn
            traceback.print_exc()
            record = failed_record(photo, settings, "unexpected", f"{type(error).__name__}: {error}")
        yield record


def _clash(place: int, photos: Sequence[Path], outs: Sequence[Path]) -> tuple[str, str] | None:
    """Why a photo must not be saved under its name, even where overwriting is allowed: kind and message."""
    mine = os.path.realpath(outs[place])
    for other in (photo for at, photo in enumerate(photos) if at != place):
        if os.path.realpath(other) == mine:
            return "original", f"{outs[place]}: this is one of the photos to cloak, expected another name"
    for at in range(place):
        if os.path.realpath(outs[at]) == mine:
            return "exists", f"{outs[place]}: {photos[at]} goes there already, expected another name"
    return None
