"""Another format than the file's own, where somebody asks for it: pixels and harmless metadata go along."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from PIL import Image, PngImagePlugin

from ..base.files import PhotoError
from .heif import HeifEncoding
from .metadata.directories import ORIENTATION, first_directory
from .metadata.noted import Noted
from .metadata.xmp import clean_xmp
from .photo import Photo

Format = Literal["jpeg", "png"]
QUALITY = 95
"""Of a JPEG that was none; its colours have the resolution of the source's."""
_WHOLE = ("WEBP", "HEIF", "AVIF")
"""Formats of which EXIF, XMP and the colour profile are all that there is."""


def converted(photo: Photo, form: Format | None) -> Photo:
    """The photo as one of another format, with the same pixels, upright; itself where it has that already.

    What the new format does not take goes, and stands in `removed`.

    Raises:
        PhotoError: unsupported: transparency that a JPEG has not; a colour space without a profile.

    >>> from PIL import Image
    >>> photo = converted(Photo.from_image(Image.new("RGB", (4, 2), "red")), "jpeg")
    >>> photo.format, photo.pixels.shape
    ('JPEG', (2, 4, 3))
    """
    if form is None or photo.format == form.upper():
        return photo
    name = "the photo" if photo.path is None else str(photo.path)
    image, how = photo.image(), photo.encoding
    gone = [] if photo.format in _WHOLE else ["metadata other than EXIF and the colour profile"]
    if isinstance(how, HeifEncoding):
        if not photo.icc and how.unusual:
            got = f"a colour space of its own ({how.unusual}) without a profile"
            raise PhotoError("unsupported", f"{name}: {got}, expected none of --format")
        if how.coding.depth > 8:
            gone.append("bits beyond the eighth")
    if form == "jpeg" and photo.alpha is not None:
        if np.min(photo.alpha) < 255:
            got = f"{name}: a {photo.format} with transparency, which no JPEG has"
            raise PhotoError("unsupported", f"{got}, expected --format png")
        image = image.convert("L" if image.mode == "LA" else "RGB")
    xmp = clean_xmp(getattr(how, "xmp", b""), Noted(), 1)
    fits = photo.icc is not None and photo.icc[16:20] == (b"GRAY" if image.mode[0] == "L" else b"RGB ")
    data = _file(image, form, _upright(how.exif), photo.icc if fits else None, xmp, how.shared)
    made = Photo.from_bytes(data, name=name)
    return replace(
        photo,
        format=made.format,
        mode=made.mode,
        alpha=made.alpha,
        orientation=1,
        icc=made.icc,
        encoding=made.encoding,
        removed=(*photo.removed, *gone),
        converted=True,
    )


def _file(
    image: Image.Image, form: Format, exif: bytes, icc: bytes | None, xmp: bytes, shared: tuple[int, int]
) -> bytes:
    options: dict[str, Any] = {"exif": exif, "icc_profile": icc}
    if form == "png":
        chunks = PngImagePlugin.PngInfo()
        if xmp:
            chunks.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options |= {"pnginfo": chunks}
    else:
        sampling = {(2, 2): 2, (1, 2): 1}.get(shared, 0)
        options |= {"quality": QUALITY, "subsampling": sampling} | ({"xmp": xmp} if xmp else {})
    buffer = io.BytesIO()
    image.save(buffer, form.upper(), **{name: value for name, value in options.items() if value})
    return buffer.getvalue()


def _upright(exif: bytes) -> bytes:
    """EXIF that turns nothing."""
    if not exif:
        return b""
    first, changed = first_directory(exif), bytearray(exif)
    if first.turning is not None:
        struct.pack_into(first.order + "HHIHH", changed, first.turning.at, ORIENTATION, 3, 1, 1, 0)
    return b"Exif\0\0" + bytes(changed)
