"""`mnd check`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from ..base.files import cloaked_path
from ..cloaking.apps_told import unanswered
from .app import DONE, FAILED, NotReadyError, UsageError, app, failed_record, loaded, tell
from .options import NO_CHECK_FLAGS, AsCheck, AsJson, cloak_settings
from .own_page import NO_PAGE, AsOwnPage
from .talk import PLAIN, AsTalk


@app.command
def check(
    original: Path,
    cloaked: Path,
    /,
    *,
    how: AsCheck = NO_CHECK_FLAGS,
    as_json: AsJson = False,
    pages: AsOwnPage = NO_PAGE,
    talk: AsTalk = PLAIN,
) -> int:
    """Check a cloaked file against its original: does it hold what the level promises, and what did it cost?

    Args:
        original: The photo as it was: it comes first.
        cloaked: The file that was made of it, or what came back of that from a messenger.
    """
    _not_swapped(original, cloaked)
    meter, teller = talk.begin()
    settings, own = cloak_settings(how, meter), pages.begin([original])
    meter("loading", 0, 0)
    from ..cloaking.checker import Checker

    with contextlib.redirect_stdout(sys.stderr):
        try:
            checker = loaded(settings, lambda: Checker(settings, meter))
            meter.begin(cloaked.name)
            record = checker.pair(original, cloaked)
        except NotReadyError as error:
            record = failed_record(original, settings, error.kind, str(error))
        finally:
            meter.rest()
    wrong = own.write(record, original, checked=True)
    tell(record, as_json, teller.show_check)
    well = teller.show_page(record, wrong, as_json)
    return DONE if well and record["protected"] and not unanswered(record) else FAILED


def _not_swapped(original: Path, cloaked: Path) -> None:
    """Notice by their names two files that were given in the wrong order: all would look fooled.

    Raises:
        UsageError: the first is the cloaked file of the second.
    """
    if cloaked_path(cloaked).name == original.name:
        raise UsageError(
            f"{original.name} was made of {cloaked.name}: the first must be the original, the second the "
            f"cloaked file, expected `mnd check {cloaked} {original}`"
        )
    if ".cloaked." in original.name and ".cloaked." not in cloaked.name:
        from .terminal import complain

        complain(f"{original.name} looks like a cloaked file by its name: the first must be the original")
