"""`mnd demo`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .app import DONE, FAILED, app, tell


@app.command
def demo(*, out: Annotated[Path, Parameter(["--out", "-o"])] = Path("mnd-demo")) -> int:
    """Cloak a photo that comes with mnd, and make pictures and a page that show what was changed.

    Args:
        out: The folder to write to; it is made where it is missing.
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
    tell(made.record, False, terminal.Teller().show)
    for file in made.files:
        print(terminal.printable(file))
    if made.page is not None:
        print(f"open {terminal.printable(made.page)}")
    return DONE if made.record["protected"] else FAILED
