"""`mnd cloak`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..base.files import cloaked_path
from ..cloaking.record import Record
from ..cloaking.settings import CloakSettings
from .app import DONE, FAILED, NotReadyError, UsageError, app, failed_record, loaded, tell
from .options import NO_FLAGS, AsCloak, AsJson, cloak_settings

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
    settings = cloak_settings(how)
    from ..cloaking.many import destinations

    try:
        outs = destinations(photos, out)
    except ValueError as error:
        raise UsageError(str(error)) from error
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
    from ..cloaking.many import each

    def failed(photo: Path, kind: str, message: str) -> Record:
        return failed_record(photo, settings, kind, message)

    try:
        cloaker = loaded(settings, lambda: Cloaker(settings, meter))
    except NotReadyError as error:
        yield from (failed(photo, error.kind, str(error)) for photo in photos)
        return

    def cloak(photo: Path, out: Path) -> Record:
        meter.name = photo.name
        with contextlib.redirect_stdout(sys.stderr):
            return cloaker.photo(photo, out, overwrite)

    yield from each(photos, outs, cloak, failed)
