"""`mnd check`, `mnd targets` and `mnd demo`."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..base.jsonlines import finite
from .app import DONE, FAILED, NotReadyError, app, failed_record, loaded, tell
from .options import DEFAULT, AsJson, Gallery, Offline, OnDevice, Targets, cloak_settings, split_names


@app.command
def check(
    original: Path,
    cloaked: Path,
    /,
    *,
    targets: Targets = None,
    gallery: Gallery = None,
    device: OnDevice = DEFAULT.device,
    offline: Offline = DEFAULT.offline,
    as_json: AsJson = False,
) -> int:
    """Check a cloaked file against its original: does it work, and what did it cost?

    Args:
        original: The photo as it was.
        cloaked: The file that was made of it.
    """
    settings = cloak_settings(targets=split_names(targets), gallery=gallery, device=device, offline=offline)
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


@app.command(name="targets")
def list_targets(*, as_json: AsJson = False) -> int:
    """List every recogniser that can be fooled: ready or how large to download, licence, threshold."""
    from ..targets.registry import available

    keys = ("name", "kind", "unit", "threshold", "threshold_at", "licence", "source", "download")
    rows = [{k: getattr(it.card, k) for k in keys} | {"ready": it.ready} for it in available()]
    if as_json:
        for row in rows:
            print(json.dumps(finite(row)))
    else:
        from .terminal import show_targets

        show_targets(rows)
    return DONE


@app.command
def demo(*, out: Annotated[Path, Parameter(["--out", "-o"])] = Path()) -> int:
    """Cloak a photo that comes with mnd, and make pictures and a page that show what was changed.

    Args:
        out: The folder to write to; the working folder by default.
    """
    from ..base.files import PhotoError
    from . import terminal
    from .demonstration import demo as run

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
