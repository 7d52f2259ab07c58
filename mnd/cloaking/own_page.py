"""The page of one's own photo: where it goes, and how it is written. It is private."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base.files import PhotoError, write_atomic
from ..base.html import PRIVATE
from ..base.types import Pixels
from .page import PhotoRow, page

SUFFIX = ".cloaked.html"
HEAD = 4096
"""Bytes of a page among which its mark stands."""


def page_paths(photos: Sequence[Path], to: Path | str | None = None) -> list[Path]:
    """Where the page of each photo goes: beside the original, or to the file or folder `to`.

    Never beside the cloaked photo: that may be a folder that is published. Photos of one name but another
    suffix keep theirs.

    Raises:
        ValueError: several pages would go to one file.

    >>> [path.name for path in page_paths([Path("a.jpg"), Path("b.jpg"), Path("b.png")])]
    ['a.cloaked.html', 'b.jpg.cloaked.html', 'b.png.cloaked.html']
    >>> page_paths([Path("a.jpg")], "pages/")[0].as_posix()
    'pages/a.cloaked.html'
    """
    folder = None if to is None or not _is_folder(to) else Path(to)
    if to is not None and folder is None:
        if len(photos) > 1:
            raise ValueError(f"got {str(to)!r} for {len(photos)} pages, expected a folder")
        return [Path(to)]
    places = [folder or photo.parent for photo in photos]
    several = Counter((place, photo.stem) for place, photo in zip(places, photos, strict=True))
    return [
        place / f"{photo.name if several[place, photo.stem] > 1 else photo.stem}{SUFFIX}"
        for place, photo in zip(places, photos, strict=True)
    ]


def _is_folder(to: Path | str) -> bool:
    """What is there as a folder, ends as one, or has no suffix."""
    return os.path.isdir(to) or str(to).endswith(("/", os.sep)) or not Path(to).suffix


def write_page(
    record: Mapping[str, Any], original: Path, place: Path, overwrite: bool = False, checked: bool = False
) -> Path | None:
    """Write the page of a photo: its clean face, the saved file, and what the record says of both.

    Args:
        record: of `mnd cloak`; of `mnd check` where `checked`. `output` is the other photo.
        original: the clean photo.
        place: see `page_paths`; a missing folder is made.
        overwrite: replace any file; else only an earlier page of this program.

    Returns:
        Where it is; None where no other photo is there to be seen.

    Raises:
        PhotoError: the page cannot be written, or one of the photos cannot be read any more.
    """
    if record.get("output") is None:
        return None
    before, after = _pictures(original, Path(record["output"]), record.get("compared") or {})
    title = original.name if not checked else f"{Path(record['output']).name} against {original.name}"
    text = page([PhotoRow(record, before, after, checked)], title)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"cannot be made a folder ({error.strerror or error})"
        raise PhotoError("unwritable", f"{place.parent}: {why}") from error
    return write_atomic(place, text.encode("utf-8"), overwrite=overwrite or _is_ours(place))


def _pictures(
    original: Path, other: Path, compared: Mapping[str, Any]
) -> tuple[Pixels, Pixels] | tuple[None, None]:
    """Both photos at the size of the second; nothing where they are framed differently."""
    from ..photo.photo import Photo

    if compared.get("how") == "other framing":
        return None, None
    before, after = Photo.read(original).pixels, Photo.read(other).pixels
    if before.shape != after.shape:
        from ..channel import resized

        before = resized(before, after.shape[:2])
    return before, after


def _is_ours(place: Path) -> bool:
    """Whether an earlier page of this program is there, which may be replaced."""
    try:
        with place.open("rb") as file:
            return PRIVATE in file.read(HEAD)
    except OSError:
        return False
