"""`mnd cloak`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..cloaking.record import Record
from ..cloaking.settings import CloakSettings
from .app import DONE, FAILED, NotReadyError, UsageError, app, failed_record, loaded, tell
from .options import NO_FLAGS, AsCloak, AsJson, cloak_settings
from .own_page import NO_PAGE, AsOwnPage
from .talk import PLAIN, AsTalk

if TYPE_CHECKING:
    from .terminal import Meter


@app.command
def cloak(
    *photos: Annotated[Path, Parameter(required=True)],
    out: Annotated[str | None, Parameter(["--out", "-o"])] = None,
    how: AsCloak = NO_FLAGS,
    overwrite: Annotated[bool, Parameter(show_default=False)] = False,
    as_json: AsJson = False,
    pages: AsOwnPage = NO_PAGE,
    talk: AsTalk = PLAIN,
) -> int:
    """Cloak photos: `photo.jpg` becomes `photo.cloaked.jpg`, which recognisers fail on.

    Args:
        photos: JPEG, PNG, WebP, TIFF or BMP files. They are never changed.
        out: The file to write, or a folder for all of them; beside each photo by default.
        overwrite: Replace earlier cloaked files.
    """
    meter, teller = talk.begin(len(photos))
    settings = cloak_settings(how, meter)
    from ..cloaking.many import destinations, folder_for

    try:
        outs = destinations(photos, out)
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    own, well = pages.begin(photos), True
    from . import terminal

    records: list[Record] = []
    with folder_for(photos, out):
        for record in _cloaked(settings, photos, outs, overwrite, meter):
            meter.ended()
            records.append(record)
            wrong = own.write(record, Path(record["input"] or ""), overwrite)
            tell(record, as_json, teller.show)
            well = teller.show_page(record, wrong, as_json) and well
    if not (as_json or talk.quiet):
        if settings.gallery is None:
            terminal.advise_gallery(records)
        terminal.count(records)
    return DONE if well and all(record["protected"] for record in records) else FAILED


def _cloaked(
    settings: CloakSettings, photos: Sequence[Path], outs: Sequence[Path], overwrite: bool, meter: Meter
) -> Iterator[Record]:
    """The record of each photo; nothing that one of them does stops the others."""
    meter("loading", 0, 0)
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
        meter.begin(photo.name)
        with contextlib.redirect_stdout(sys.stderr):
            return cloaker.photo(photo, out, overwrite)

    yield from each(photos, outs, cloak, failed)
