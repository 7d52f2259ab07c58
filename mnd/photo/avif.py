"""AVIF: AV1 in HEIF, as new phones and websites have it; Pillow reads and writes its 8 bits."""

from __future__ import annotations

import io
from functools import partial

import numpy as np
from PIL import AvifImagePlugin, Image, ImageFile

from ..base.files import PhotoError
from ..base.pillow import without_limit
from .avif_colours import meant
from .format import Format
from .heif import (
    SHARED,
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
from .heif_items import cut_out
from .heif_quality import Levels
from .metadata.noted import Noted

_KIND = b"av01"
_SPEED = 6
"""Pillow's own choice of 0 (best) to 10."""


def _encoded(levels: Levels, coding: Coding, quality: int) -> bytes:
    buffer = io.BytesIO()
    sampling = "4:0:0"
    if levels.ndim == 3:
        sampling = ":".join(coding.chroma)
        levels = meant(levels, SHARED[coding.chroma], coding.full)
    # one thread: with several the file is another one
    Image.fromarray(levels).save(
        buffer,
        "AVIF",
        quality=quality,
        subsampling=sampling,
        range="full" if coding.full else "limited",
        speed=_SPEED,
        max_threads=1,
    )
    return buffer.getvalue()


def _decoded(data: bytes, depth: int) -> Levels:  # noqa: ARG001
    with without_limit():
        return np.asarray(AvifImagePlugin.AvifImageFile(io.BytesIO(data)))


AV1 = Codec(
    kind=_KIND,
    encode=_encoded,
    decode=_decoded,
    step=0.035,
    matrices=(6,),
    whole_below=1_000_000,
)


def check_avif(data: bytes, name: str) -> None:
    """Refuse what Pillow would flatten or turn away, before it is decoded.

    Raises:
        PhotoError: unsupported: more than 8 bits; a film; put together in other ways.
        ValueError: the file is damaged.
    """
    if not AvifImagePlugin.SUPPORTED:
        raise PhotoError("unsupported", f"{name}: an AVIF picture, which this build of Pillow cannot read")
    _, seen = checked(data, _KIND, name)
    _, depth = _layout(data)
    if depth != 8:
        got = f"{name}: an AVIF of {depth} bits a channel"
        told = "Pillow writes no more; `avifdec -d 16 IN OUT.png` makes a PNG of 16 bits"
        raise PhotoError("unsupported", f"{got}, expected 8 bits ({told})")
    if cut_out(seen.main.item, seen.main.size) != (0, 0, *seen.main.size):
        raise PhotoError("unsupported", f"{name}: an AVIF of which only a part is shown, expected all of it")


def _layout(data: bytes) -> tuple[Chroma, int]:
    """The resolution of the colours, and bits of a channel (AV1 in ISOBMFF, 2.3.3)."""
    settings = settings_of(data, _KIND)
    if len(settings) < 4:
        raise ValueError("the settings of the AV1 decoder are cut short")
    flags = settings[2]
    across, down = flags & 8, flags & 4
    chroma: Chroma = "400" if flags & 16 else "420" if across and down else "422" if across else "444"
    return chroma, (12 if flags & 32 else 10) if flags & 64 else 8


def avif_encoding(image: ImageFile.ImageFile, data: bytes, name: str, noted: Noted) -> HeifEncoding:
    """How the file `data`, whose picture was opened as `image`, was made; `noted` is told what goes."""
    return heif_encoding(image, data, name, noted, AV1, *_layout(data))


def _starts(data: bytes) -> bool:
    found = brands(data)
    return bool(found) and (found[0] in (b"avif", b"avis") or (found[0] == b"mif1" and b"avif" in found))


AVIF = Format(
    name="AVIF",
    suffixes=(".avif",),
    starts=_starts,
    open=AvifImagePlugin.AvifImageFile,
    encoding=avif_encoding,
    check=check_avif,
    size=partial(heif_size, kind=_KIND),
    unturned=partial(bare, kind=_KIND),
    saving=lambda image: {"quality": 95, "subsampling": "4:4:4"},  # noqa: ARG005
)
