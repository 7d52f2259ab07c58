"""Earlier results: whether what is there under a result's name is this photo's, and still holds.

Nothing is written down about photos anywhere else, so the files have to tell. By format, size, age and pixels
a result is told from other files; what it withstands is judged anew, which costs a fraction of a search.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base.files import PhotoError
from ..photo.converting import converted
from ..photo.photo import Photo
from .record import Record
from .settings import CloakSettings
from .visible import in_words, too_visible

if TYPE_CHECKING:
    from .checker import Checker

UNLIKE = 24.0
"""Grey levels by which a result differs from its photo on average, at most: no level comes near it."""


def done_already(
    path: Path, out: Path, settings: CloakSettings, checker: Callable[[], Checker]
) -> Record | None:
    """The record of a photo whose result is there: `skipped` where it withstands what is asked for now.

    Where it does not, the record has the error `exists`, which says so.

    Args:
        path: the photo.
        out: where its result belongs.
        settings: what is asked for.
        checker: makes the judge.

    Returns:
        None where there is no result of this photo: it has to be made, or the name is another file's.
    """
    made = _result(path, out, settings)
    if made is None:
        return None
    record = checker().judged(path.read_bytes(), out.read_bytes(), str(path), path)
    record.pop("compared", None)
    why = _stays(out, settings) or in_words(record, too_visible(record, settings.plan))
    if record["protected"] and not why:
        record["status"], record["output"] = "skipped", str(out)
        record["names"], record["metadata"] = made.names, {"location": made.location}
        return record
    why = why or (record["error"] or {"message": "a target recognises it"})["message"]
    told = f"{out}: the file exists already, but does not hold what is asked for now ({why})"
    record["status"], record["protected"] = "failed", False
    record["error"] = {"kind": "exists", "message": f"{told}, expected a free name (or overwrite)"}
    return record


def _result(path: Path, out: Path, settings: CloakSettings) -> Photo | None:
    """What is there, if it looks like the result of this photo."""
    if not out.is_file() or not path.is_file() or out.samefile(path):
        return None
    if out.stat().st_mtime_ns < path.stat().st_mtime_ns:
        return None
    try:
        photo, made = converted(Photo.read(path), settings.format), Photo.read(out)
    except PhotoError:
        return None
    if (photo.format, photo.pixels.shape) != (made.format, made.pixels.shape):
        return None
    unlike = float(np.abs(photo.pixels.astype(np.int16) - made.pixels).mean())
    return made if 0 < unlike <= UNLIKE else None


def _stays(out: Path, settings: CloakSettings) -> str:
    """What of its metadata should have gone; empty where nothing should."""
    asked = settings.stripping
    removed = Photo.read(out, **asked).removed if any(asked.values()) else ()
    return f"it carries {', '.join(removed)}" if removed else ""
