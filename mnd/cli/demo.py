"""`mnd demo`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .app import DONE, FAILED, app, tell


@app.command
def demo(*, out: Annotated[Path, Parameter(["--out", "-o"])] = Path()) -> int:
    """Cloak a photo that comes with mnd, and make pictures and a page that show what was changed.

    Args:
        out: The folder to write to; the working folder by default.
    """
    from ..base.files import PhotoError
    from ..cloaking.demonstration import demo as run
    from . import terminal

    meter = terminal.Meter()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            made = run(out, meter)
    except (PhotoError, OSError) as error:
        terminal.complain(str(error))
        return FAILED
    finally:
        meter.rest()
    tell(made.record, False, terminal.show)
    for file in made.files:
        print(terminal.printable(file))
    return DONE if made.record["protected"] else FAILED
