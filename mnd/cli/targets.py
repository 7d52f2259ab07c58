"""`mnd targets`."""

from __future__ import annotations

import json

from ..base.jsonlines import finite
from .app import DONE, app
from .options import AsJson


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
