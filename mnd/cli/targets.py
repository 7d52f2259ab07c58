"""`mnd targets`."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import App, Parameter

from ..base.jsonlines import finite
from .app import DONE, UsageError, app
from .options import AsJson

targets = App(name="targets", help="List the recognisers that can be fooled, or find out how one is asked.")
app.command(targets)


@targets.default
def list_targets(
    *,
    faces: Annotated[bool, Parameter(show_default=False)] = False,
    everything: Annotated[bool, Parameter("--all", show_default=False)] = False,
    as_json: AsJson = False,
) -> int:
    """List the recognisers that can be fooled: ready or how large to download, licence, threshold.

    Args:
        faces: Those of faces alone, which is what is listed where people read it.
        everything: Classifiers of pictures, too, which is what is listed as JSON.
    """
    if faces and everything:
        raise UsageError("got --faces and --all, expected one of the two")
    from ..targets.registry import available

    keys = ("name", "kind", "unit", "threshold", "threshold_at", "licence", "source", "download")
    rows = [{k: getattr(it.card, k) for k in keys} | {"ready": it.ready} for it in available()]
    shown = rows if everything or (as_json and not faces) else [row for row in rows if row["kind"] == "face"]
    if as_json:
        for row in shown:
            print(json.dumps(finite(row)))
        return DONE
    from .terminal import show_targets

    show_targets(shown)
    if others := len(rows) - len(shown):
        print(f"{others} classifiers of pictures: mnd targets --all")
    return DONE
