"""HEIC: HEVC in HEIF, as iPhones take photos; read and written by pillow-heif, which is an extra.

Its encoder, x265, is under the GPL. The extra is not needed for any other format.
"""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PIL import ImageFile

from ..base.distribution import pip_install
from ..base.files import PhotoError
from .format import Format
from .heif import (
    Chroma,
    Codec,
    Coding,
    HeifEncoding,
    bare,
    checked,
    heif_encoding,
    heif_size,
    settings_of,
)
from .heif_boxes import brands
from .heif_quality import Levels
from .metadata.noted import Noted

_KIND = b"hvc1"
_MAJOR = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
_PRESETS = ("fast", "slow")
"""Of x265's. `slow` is libheif's own, and takes twice as long: it is for files that were made with it."""
_CHROMA: tuple[Chroma, ...] = ("400", "420", "422", "444")
"""By HEVC's numbers."""


def _library() -> Any:
    import pillow_heif

    return pillow_heif


def _encoded(levels: Levels, coding: Coding, quality: int) -> bytes:
    height, width = levels.shape[:2]
    mode = "L" if levels.ndim == 2 else "RGB"
    if coding.depth > 8:
        mode += f";{coding.depth}"
    asked = {"preset": coding.way or _PRESETS[0]}
    if levels.ndim == 3:
        asked["chroma"] = coding.chroma
    buffer = io.BytesIO()
    _library().encode(
        mode,
        (width, height),
        np.ascontiguousarray(levels).tobytes(),
        buffer,
        quality=quality,
        bit_depth=coding.depth,
        tile_size=coding.tile or 0,
        enc_params=asked,
        color_primaries=1,
        transfer_characteristics=13,
        matrix_coefficients=coding.matrix,
        full_range_flag=int(coding.full),
    )
    return buffer.getvalue()


def _decoded(data: bytes, depth: int) -> Levels:
    heif = _library().open_heif(data, convert_hdr_to_8bit=depth == 8, hdr_to_16bit=False)
    levels: Levels = np.asarray(heif)
    channels = 1 if levels.ndim == 2 else levels.shape[2]
    return levels if channels in (1, 3) else levels[..., 0] if channels == 2 else levels[..., :3]


HEVC = Codec(
    kind=_KIND,
    encode=_encoded,
    decode=_decoded,
    step=0.06,
    matrices=(6, 1, 5, 9),
    whole_below=400_000,
    ways=_PRESETS,
)


def check_heic(data: bytes, name: str) -> None:
    """Refuse what cannot be read or kept, before it is decoded.

    Raises:
        PhotoError: unsupported: pillow-heif is not there; a film; coded or put together in other ways.
        ValueError: the file is damaged.
    """
    try:
        _library()
    except ImportError as error:
        got = f"{name}: a HEIC picture, which needs pillow-heif"
        raise PhotoError(
            "unsupported", f"{got}, expected it to be there ({pip_install('[heic]')})"
        ) from error
    checked(data, _KIND, name)
    _, depth = _layout(data)
    if depth not in (8, 10, 12):
        raise PhotoError("unsupported", f"{name}: a HEIC of {depth} bits a channel, expected 8, 10 or 12")


def _layout(data: bytes) -> tuple[Chroma, int]:
    """The resolution of the colours, and bits of a channel (ISO/IEC 14496-15, 8.3.3)."""
    settings = settings_of(data, _KIND)
    if len(settings) < 23:
        raise ValueError("the settings of the HEVC decoder are cut short")
    return _CHROMA[settings[16] & 3], 8 + (settings[17] & 7)


def heic_encoding(image: ImageFile.ImageFile, data: bytes, name: str, noted: Noted) -> HeifEncoding:
    """How the file `data`, whose picture was opened as `image`, was made; `noted` is told what goes."""
    how = heif_encoding(image, data, name, noted, HEVC, *_layout(data))
    if how.orientation != 1 and any(side % 2 for side in image.size):
        # libheif turns colours of half the resolution by whole pixels of theirs: odd sides shift them
        how = replace(how, coding=replace(how.coding, chroma="400" if image.mode == "L" else "444"))
    return how


def _opened(file: io.BytesIO) -> ImageFile.ImageFile:
    image: ImageFile.ImageFile = _library().HeifImageFile(file)
    return image


def _starts(data: bytes) -> bool:
    found = brands(data)
    return bool(found) and found[0] in _MAJOR and not (found[0] == b"mif1" and b"avif" in found)


HEIC = Format(
    name="HEIF",
    suffixes=(".heic", ".heif", ".hif"),
    starts=_starts,
    open=_opened,
    encoding=heic_encoding,
    check=check_heic,
    size=partial(heif_size, kind=_KIND),
    unturned=partial(bare, kind=_KIND),
    saving=lambda image: {"quality": 95, "chroma": 444},  # noqa: ARG005
    plain=_opened,
)
