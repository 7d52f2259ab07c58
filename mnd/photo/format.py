"""What a photo format is here: its name, how its files begin, and what reads and writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, ImageFile

from .encoding import Encoding
from .metadata.noted import Noted

Size = tuple[int, int]


def _nothing(data: bytes, name: str) -> None:
    """There is nothing to refuse."""


def _as_it_is(data: bytes) -> bytes:
    return data


def _not_known(data: bytes) -> Size | None:  # noqa: ARG001
    return None


@dataclass(frozen=True)
class Format:
    """One format; to add one, write a file with one of these, and a line in `mnd.photo.formats`."""

    name: str
    """As Pillow calls it."""
    suffixes: tuple[str, ...]
    """With the dot, in small letters; the first is that of new files."""
    starts: Callable[[bytes], bool]
    """Whether a file that begins so is one."""
    open: Callable[[BytesIO], ImageFile.ImageFile]
    """Pillow's reader; the pixels are not unpacked yet."""
    encoding: Callable[[Any, bytes, str, Noted], Encoding]
    """How a file was written: from its opened picture, its bytes, its name for errors; what is not carried to
    the new file is noted."""
    check: Callable[[bytes, str], None] = _nothing
    """Refuse, by its header, what Pillow would not read or would quietly flatten."""
    size: Callable[[bytes], Size | None] = _not_known
    """Width and height by the header, where Pillow's reader would unpack the picture to tell them."""
    unturned: Callable[[bytes], bytes] = _as_it_is
    """The file without what would make Pillow turn it."""
    saving: Callable[[Image.Image], dict[str, Any]] = lambda image: {}  # noqa: ARG005
    """With which options a picture in memory becomes such a file."""
    plain: Callable[[BytesIO], Image.Image] = Image.open
    """How any other program opens it with Pillow."""
    short: bool = False
    """Texts, too, can begin as its files do."""
    prints: bool = False
    """Its decoder prints on standard error."""
