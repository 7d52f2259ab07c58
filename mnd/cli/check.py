"""`mnd check`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from .app import DONE, FAILED, NotReadyError, app, failed_record, loaded, tell
from .options import NO_CHECK_FLAGS, AsCheck, AsJson, cloak_settings


@app.command
def check(
    original: Path,
    cloaked: Path,
    /,
    *,
    how: AsCheck = NO_CHECK_FLAGS,
    as_json: AsJson = False,
) -> int:
    """Check a cloaked file against its original: does it work, and what did it cost?

    Args:
        original: The photo as it was.
        cloaked: The file that was made of it.
    """
    settings = cloak_settings(how)
    from ..cloaking.checker import Checker
    from . import terminal

    meter = terminal.Meter()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            record = loaded(settings, lambda: Checker(settings, meter)).pair(original, cloaked)
        except NotReadyError as error:
            record = failed_record(original, settings, error.kind, str(error))
        finally:
            meter.rest()
    tell(record, as_json, terminal.show_check)
    return DONE if record["protected"] else FAILED
