"""The demonstration: cloak a photo that comes with scikit-image, and show what was changed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..base.files import PhotoError, write_atomic
from ..base.types import Pixels, Progress
from ..photo.difference import before_after_strip, difference_picture
from ..photo.photo import Photo
from .page import PhotoRow, page
from .record import Record

NAME = "astronaut"


@dataclass(frozen=True)
class Demo:
    """What the demonstration made."""

    record: Record
    """The object that `mnd cloak --json` prints."""
    files: tuple[Path, ...]
    """The files that are there now: the clean photo first, then the cloaked one, then pictures of both."""

    @property
    def page(self) -> Path | None:
        """The one to open; None where nothing was made."""
        return next((file for file in self.files if file.suffix == ".html"), None)


def demo(folder: Path, progress: Progress | None = None) -> Demo:
    """Cloak scikit-image's photo of the astronaut Eileen Collins (NASA, public domain) in `folder`.

    Writes `astronaut.png`, `astronaut.cloaked.png`, `astronaut.difference.png`, `astronaut.strip.png` and
    `astronaut.html`; those of an earlier demonstration are replaced, another photo of that name is not.

    Raises:
        PhotoError: the folder cannot be written to, or has another `astronaut.png`.
        ValueError, OSError: as `Cloaker`.
    """
    from skimage import data

    from .cloaker import Cloaker
    from .settings import CloakSettings

    before: Pixels = np.ascontiguousarray(data.astronaut())  # type: ignore[no-untyped-call]
    clean = folder / f"{NAME}.png"
    _keep_others(clean, before)
    cloaker = Cloaker(CloakSettings(), progress)
    _make(folder)
    write_atomic(clean, _png(before), overwrite=True)
    record = cloaker.photo(clean, overwrite=True)
    if record["output"] is None:
        return Demo(record, (clean,))
    return Demo(record, (clean, Path(record["output"]), *_pictures(folder, record, before)))


def _pictures(folder: Path, record: Record, before: Pixels) -> tuple[Path, ...]:
    """What shows the change: enlarged, side by side, and as a page."""
    assert record["output"] is not None
    after = Photo.read(record["output"]).pixels
    shown = page([PhotoRow(record, before, after)], "The astronaut Eileen Collins, before and after")
    strip = before_after_strip(before, after, _around(record, before))
    made = {
        f"{NAME}.difference.png": _png(difference_picture(before, after)),
        f"{NAME}.strip.png": _png(strip),
        f"{NAME}.html": shown.encode(),
    }
    return tuple(write_atomic(folder / name, content, overwrite=True) for name, content in made.items())


def _around(record: Record, before: Pixels) -> tuple[float, float, float, float]:
    """The first region and a quarter of it to each side; the whole photo where there is none."""
    height, width = before.shape[:2]
    x0, y0, x1, y1 = record["regions"][0]["box"] if record["regions"] else (0, 0, width, height)
    wide, high = (x1 - x0) / 4, (y1 - y0) / 4
    return max(0, x0 - wide), max(0, y0 - high), min(width, x1 + wide), min(height, y1 + high)


def _keep_others(path: Path, before: Pixels) -> None:
    """Refuse to replace somebody's own photo that happens to have this name."""
    if not path.exists():
        return
    try:
        same = np.array_equal(Photo.read(path).pixels, before)
    except PhotoError:
        same = False
    if not same:
        raise PhotoError("exists", f"{path}: there is another picture of this name, expected a free name")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PhotoError("unwritable", f"{folder}: cannot be made a folder ({error.strerror})") from error


def _png(picture: Pixels | Image.Image) -> bytes:
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
