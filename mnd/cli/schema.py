"""`mnd schema`."""

from __future__ import annotations

from ..base import schemas
from .app import DONE, UsageError, app


@app.command
def schema(name: str | None = None, /) -> int:
    """Print the JSON Schema of what mnd writes or reads: card, manifest, measure, record, results.

    Args:
        name: Which one; without it their names are listed.
    """
    if name is None:
        print("\n".join(schemas.NAMES))
        return DONE
    try:
        print(schemas.text(name), end="")
    except ValueError as error:
        raise UsageError(str(error)) from error
    return DONE
