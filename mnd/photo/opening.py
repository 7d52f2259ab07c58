"""Opening: from the bytes of a file to a Pillow image that is known to be whole, and to its layers."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import GifImagePlugin, Image, ImageFile

from ..base.files import PhotoError
from ..base.pillow import LOCK, without_limit
from ..base.runtime import memory
from ..base.types import Pixels
from .format import Format
from .formats import FORMATS
from .walking import is_raw, unsupported

_EXPECTED = "expected a JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP photo"
_OTHERS = {
    b"\x93NUMPY": "NumPy",
    b"GIF8": "GIF", b"8BPS": "Photoshop", b"%PDF": "PDF", b"\0\0\1\0": "ICO", b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL": "JPEG XL", b"\0\0\0\x0cjP": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
}  # fmt: skip
ALONE, A_PIXEL = 700_000_000, 30
"""Bytes that the program takes without a photo, and for each pixel of one with a small face in it: whoever
takes more than there are is ended by the system, and all other photos with it."""
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, AttributeError,
    AssertionError, OverflowError, RuntimeError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises when it meets a damaged file."""


def format_of(data: bytes, name: str) -> Format:
    """The format by the first bytes; the suffix of a file's name says nothing, but of RAW pictures.

    Many of these are TIFF files whose first picture is a small preview.

    Raises:
        PhotoError: empty, unsupported or not-an-image: it is none of them.
    """
    known = next((form for form in FORMATS.values() if form.starts(data)), None)
    if is_raw(name, data) or (known is None and data and unsupported(name) == "RAW"):
        raise PhotoError("unsupported", f"{name}: a RAW picture, {_EXPECTED} (convert it)")
    if known is not None:
        return known
    if not data:
        raise PhotoError("empty", f"{name}: 0 bytes, {_EXPECTED}")
    for head, kind in _OTHERS.items():
        if data.startswith(head):
            raise PhotoError("unsupported", f"{name}: {_frames(data) or f'a {kind} file'}, {_EXPECTED}")
    raise PhotoError("not-an-image", f"{name}: starts with {data[:8]!r}, {_EXPECTED}")


def _frames(data: bytes) -> str:
    """What an animated GIF is called; empty for all else."""
    if not data.startswith(b"GIF8"):
        return ""
    with contextlib.suppress(PhotoError), strict("GIF", "it"):
        if (frames := GifImagePlugin.GifImageFile(io.BytesIO(data)).n_frames) > 1:
            return f"an animated GIF of {frames} frames (`ffmpeg -i IN frame-%03d.png` makes a file of each)"
    return ""


@contextmanager
def _without_lines(prints: bool) -> Iterator[None]:
    """Keep what a decoder prints on standard error from people; its errors come back as exceptions anyway."""
    try:
        before = os.dup(2) if prints else -1
    except OSError:  # standard error is closed
        before = -1
    if before < 0:
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextmanager
def strict(form: str, name: str, prints: bool = False) -> Iterator[None]:
    """Pillow without its lenience and limits; what it raises on a damaged file becomes a `PhotoError`."""
    with LOCK, without_limit(), warnings.catch_warnings(), _without_lines(prints):
        warnings.simplefilter("ignore")
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield
        except PhotoError:
            raise
        except MemoryError as error:
            raise PhotoError("too-large", f"{name}: a {form} too large for this machine's memory") from error
        except _BROKEN as error:
            reason = str(error) or type(error).__name__
            article = "an" if form[0] in "AEIOU" else "a"
            got = f"{name}: starts as {article} {form} but is cut short or damaged ({reason})"
            raise PhotoError("truncated", f"{got}, expected a whole file") from error
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def open_picture(data: bytes, form: Format, name: str, max_pixels: int) -> ImageFile.ImageFile:
    """Read the header; a multi-picture JPEG is opened as its first picture: the others show the clean face.

    Raises:
        PhotoError: too-large, before anything is unpacked.
    """
    size, image = form.size(data), None
    if size is None:
        try:
            image = form.open(io.BytesIO(data))
        except SyntaxError as error:
            if form.short:
                raise PhotoError("not-an-image", f"{name}: no picture ({error}), {_EXPECTED}") from error
            raise
        size = image.size
    width, height = size
    if width * height > max_pixels:
        got = f"{width} x {height} = {width * height:,} pixels"
        raise PhotoError("too-large", f"{name}: {got}, expected at most {max_pixels:,}")
    limit, needed = memory(), ALONE + width * height * A_PIXEL
    if limit is not None and needed > limit:
        got = f"{width} x {height} pixels take about {needed / 1e9:.1f} GB"
        raise PhotoError(
            "too-large", f"{name}: {got}, expected at most the {limit / 1e9:.1f} GB of memory here"
        )
    return form.open(io.BytesIO(data)) if image is None else image


def layers(image: ImageFile.ImageFile, name: str, depth: int = 8) -> tuple[Pixels, Pixels | None]:
    """Grey `(h, w)` or colours `(h, w, 3)` as stored, and alpha; palettes are looked up.

    Args:
        depth: bits of a grey PNG, 1 to 8.

    Raises:
        PhotoError: unsupported: a mode that has no such form without loss.
    """
    key = image.info.get("transparency")
    mode = image.mode
    if mode in ("P", "PA"):
        flat = image.convert("RGBA" if mode == "PA" or key is not None else "RGB")
        colours = np.asarray(flat)
        alpha = colours[..., 3] if flat.mode == "RGBA" else None
        return (colours[..., 0] if is_grey(colours) else colours[..., :3]), alpha
    if mode in ("LA", "RGBA"):
        both = np.asarray(image)
        return (both[..., 0] if mode == "LA" else both[..., :3]), both[..., -1]
    if mode not in ("1", "L", "RGB"):
        raise PhotoError(
            "unsupported", f"{name}: a {image.format} of mode {mode}, expected 8-bit grey or RGB"
        )
    stored = np.asarray(image.convert("L") if mode == "1" else image)
    if key is None or image.format != "PNG":
        return stored, None
    # one colour means "transparent"; as a changed pixel could become that colour, alpha is written out
    if stored.ndim == 2:
        # Pillow has made the key of 1-bit pictures 0 or 255, but not the key of 2 and 4 bits
        hit = stored == int(key) * (1 if mode == "1" else 255 // (2**depth - 1))
    else:
        hit = (stored == np.asarray(key)).all(axis=2)
    return stored, np.where(hit, 0, 255).astype(np.uint8)


def is_grey(pixels: Pixels, slack: int = 0) -> bool:
    """Whether the three colours of every pixel differ by at most `slack`."""
    for part in (pixels[::16, ::16], pixels):  # a look at few pixels settles most photos
        red, green, blue = (part[..., i].astype(np.int16) for i in range(3))
        if max(np.abs(red - green).max(), np.abs(blue - green).max()) > slack:
            return False
    return True
