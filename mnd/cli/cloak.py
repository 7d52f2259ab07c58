"""`mnd cloak`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..cloaking.apps_told import unanswered
from ..cloaking.record import Record
from ..cloaking.settings import CloakSettings
from .app import DONE, FAILED, NotReadyError, UsageError, app, failed_record, loaded, tell
from .helping import MOST_USED
from .options import NO_FLAGS, AsCloak, AsJson, cloak_settings
from .own_page import NO_PAGE, AsOwnPage
from .piped import STREAM, piped
from .talk import PLAIN, AsTalk

if TYPE_CHECKING:
    from ..cloaking.arguments import Asked
    from ..cloaking.checker import Checker
    from .terminal import Meter


@app.command(group_parameters=MOST_USED)
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
        photos: JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP files, folders of them, or patterns such as
            `"**/*.jpg"`. They are never changed. `-`: standard input.
        out: A file, or a folder for all of them; beside each photo by default. `-`: standard output.
        overwrite: Make anew, and replace, what is done already.
    """
    if STREAM in map(str, photos) or out in (STREAM, "-"):
        if pages.wanted:
            raise UsageError(
                "--page shows two files, and what goes through - is none, expected names of files"
            )
        return piped(how, photos, out, overwrite, as_json, talk)
    from ..cloaking.arguments import arguments

    asked = arguments(photos)
    meter, teller = talk.begin(len(asked.photos))
    settings = cloak_settings(how, meter)
    from ..cloaking.many import destinations, folder_for
    from . import terminal

    found = [it.path for it in asked.photos]
    try:
        outs = destinations(found, out, [it.place for it in asked.photos], settings.suffix)
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    own, well = pages.begin(found), True
    for line in asked.passed if not talk.quiet else ():
        terminal.complain(line)
    records: list[Record] = []
    # a photo that goes to a file of one's choice is not looked up there: what exists is never replaced
    again = not overwrite and not (out is not None and outs == [Path(out)])
    with folder_for(found, out, outs):
        for record in _cloaked(settings, asked.photos, outs, overwrite, again, meter):
            meter.ended()
            records.append(record)
            wrong = own.write(record, Path(record["input"] or ""), overwrite)
            tell(record, as_json, teller.show)
            well = teller.show_page(record, wrong, as_json) and well
    if not (as_json or talk.quiet):
        if settings.gallery is None and settings.galleries is None:
            terminal.advise_gallery(records)
        if not (settings.targets or settings.offline):
            terminal.advise_targets()
        terminal.count(records)
    well = well and not any(map(unanswered, records))
    return DONE if well and all(record["protected"] for record in records) else FAILED


def _cloaked(
    settings: CloakSettings,
    asked: Sequence[Asked],
    outs: Sequence[Path],
    overwrite: bool,
    again: bool,
    meter: Meter,
) -> Iterator[Record]:
    """The record of each photo; nothing that one of them does stops the others."""
    meter("loading", 0, 0)
    from ..cloaking.cloaker import Cloaker
    from ..cloaking.earlier import done_already
    from ..cloaking.many import each

    photos = [it.path for it in asked]

    def failed(photo: Path, kind: str, message: str) -> Record:
        return failed_record(photo, settings, kind, message)

    try:
        cloaker = loaded(settings, lambda: Cloaker(settings, meter))
    except NotReadyError as error:
        yield from (failed(photo, error.kind, str(error)) for photo in photos)
        return

    def checker() -> Checker:
        from ..cloaking.checker import Checker

        return Checker(settings, meter, cloaker.panel)

    def cloak(photo: Path, out: Path) -> Record:
        meter.begin(photo.name)
        if why := wrong.get(photo):
            return failed(photo, *why)
        with contextlib.redirect_stdout(sys.stderr):
            earlier = done_already(photo, out, settings, checker) if again else None
            return earlier or cloaker.photo(photo, out, overwrite)

    wrong = {it.path: (it.kind, it.message) for it in asked if it.kind}
    # what stands for no photo goes nowhere
    places = [photo if photo in wrong else out for photo, out in zip(photos, outs, strict=True)]
    yield from each(photos, places, cloak, failed)
