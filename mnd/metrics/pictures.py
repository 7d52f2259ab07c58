"""Two pictures to be compared: from files, Pillow images or arrays, and refused where they do not fit."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, Union

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..base.files import PhotoError
from ..base.types import Pixels
from ..photo.photo import Photo

Given: TypeAlias = Union[str, PathLike[str], Image.Image, "npt.NDArray[Any]"]
"""A path, a Pillow image, or an array `(H, W, 3)` or `(H, W)` of uint8."""
EXPECTED = "expected a path, a Pillow image or an array (H, W, 3) or (H, W) of uint8"


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """A picture as it is compared."""

    name: str
    pixels: Pixels
    """`(H, W, 3)` uint8, upright; grey as three equal channels."""
    mode: str
    """`grey` or `colour`."""
    icc: bytes | None = None


def picture(given: Given, name: str) -> Picture:
    """A picture to be compared, upright.

    Args:
        given: a file in any format that is read (`mnd.photo`), a Pillow image, or an array.
        name: of the argument; a file stands in errors by its own.

    Raises:
        PhotoError: the file or image cannot be read, or is partly transparent: what is under that nobody
            sees.
        ValueError: another kind, shape or type; the message has what was got.
    """
    if isinstance(given, np.ndarray):
        _check_array(given, name)
        grey = given.ndim == 2
        return Picture(
            name, np.repeat(given[..., None], 3, axis=2) if grey else given, "grey" if grey else "colour"
        )
    if isinstance(given, Image.Image):
        photo = Photo.from_image(given, "PNG")
    elif isinstance(given, (str, PathLike)):
        photo, name = Photo.read(Path(given)), str(given)
    else:
        raise ValueError(f"{name} is a {type(given).__name__}, {EXPECTED}")
    if photo.alpha is not None and (least := int(np.min(photo.alpha))) < 255:
        got = f"{photo.mode} with alpha from {least}"
        raise PhotoError("unsupported", f"{name}: partly transparent ({got}), expected an opaque picture")
    return Picture(name, photo.pixels, "grey" if photo.mode[0] == "L" else "colour", photo.icc)


def pair(a: Given, b: Given) -> tuple[Picture, Picture]:
    """Two pictures that can be compared.

    Raises:
        PhotoError: see `picture`.
        ValueError: also where they differ in size, or one is grey and the other in colour.
    """
    first, second = picture(a, "a"), picture(b, "b")
    (height, width), (h, w) = first.pixels.shape[:2], second.pixels.shape[:2]
    if (height, width) != (h, w):
        raise ValueError(
            f"{second.name} has {w}x{h} pixels, expected {width}x{height}, the size of {first.name}"
        )
    if first.mode != second.mode:
        raise ValueError(f"{second.name} is {second.mode}, expected {first.mode}, as {first.name} is")
    return first, second


def _check_array(array: npt.NDArray[Any], name: str) -> None:
    """
    Raises:
        ValueError: it is no picture; the message has its values, too, where its type is another.
    """
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) or not array.size:
        raise ValueError(f"{name} has shape {array.shape}, expected (H, W, 3) or (H, W)")
    if array.dtype != np.uint8:
        values = ""
        if np.issubdtype(array.dtype, np.number) and not np.issubdtype(array.dtype, np.complexfloating):
            bad = int(np.count_nonzero(np.isnan(array)))
            known = array[~np.isnan(array)]
            values = f" with values {known.min():g}..{known.max():g}" if known.size else " without a number"
            values += f" and {bad} NaN" if bad else ""
        raise ValueError(f"{name} is {array.dtype}{values}, expected uint8, 0..255")
