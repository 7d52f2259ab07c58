"""A second reader of what is saved: Pillow's plain path, which shares nothing with ours but the decoders.

Two readers of one file may disagree: on how it is turned, on which of its pictures is shown. The proof that
was made with one of them is then no proof for the other. So the file is read once more, as any program would.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

from ..base.files import PhotoError
from ..base.types import Box, Pixels
from .opening import format_of, strict

ALLOWED = 3.0
"""Decibels that the second reader's picture may be worse than what was made."""
STRIP = 64
"""Rows that are compared at once."""


def seen_plainly(data: bytes) -> Pixels:
    """`(H, W, 3)`: what `Image.open` (or a plug-in of Pillow) and `ImageOps.exif_transpose` show of a file.

    Raises:
        PhotoError: Pillow cannot read it.
    """
    # without Pillow's own limit, which is below that of the photos that are read here
    with strict("picture", "it"), _opened(data) as image:
        image.load()
        return np.asarray(_eight_bits(ImageOps.exif_transpose(image)).convert("RGB"))


def _eight_bits(image: Image.Image) -> Image.Image:
    """As people see it: inks through their profile, and of grey of 16 bits, of which Pillow's own `convert`
    makes white, the upper bytes."""
    if image.mode == "CMYK" and (profile := image.info.get("icc_profile")):
        press = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        colours = ImageCms.profileToProfile(image, press, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert colours is not None, "it is not done in place"
        return colours
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if image.mode[:4] == "I;16" else image


def _opened(data: bytes) -> Image.Image:
    return format_of(data, "it").plain(io.BytesIO(data))


def disagreement(data: bytes, clean: Pixels, made: Pixels, regions: Sequence[Box]) -> str:
    """What is wrong with a saved file as a second reader sees it, in words; empty when it is as it was made.

    Inside each region and outside all of them, the file must be as near to the clean photo as what was made,
    but for 3 dB, and it must show what was made, not the clean photo.

    Args:
        data: the saved file.
        clean: `(H, W, 3)` uint8, upright, the photo before.
        made: the same after, as a reader of the saved file should see it.
        regions: boxes `(x0, y0, x1, y1)` that were changed.

    >>> clean = np.full((8, 8, 3), 90, np.uint8)
    >>> buffer = io.BytesIO()
    >>> Image.fromarray(clean).save(buffer, "PNG")
    >>> disagreement(buffer.getvalue(), clean, clean, [(0, 0, 8, 8)])
    ''
    >>> disagreement(buffer.getvalue(), clean, clean + np.uint8(9), [(0, 0, 8, 8)])
    'the saved file shows region [0, 0, 8, 8] as it was before, expected it as it was made'
    """
    try:
        seen = seen_plainly(data)
    except PhotoError as error:
        return f"the saved file cannot be read by a second reader ({error}), expected a picture"
    if seen.shape != clean.shape:
        got, expected = (f"{shape[1]} x {shape[0]}" for shape in (seen.shape, clean.shape))
        return f"the saved file is {got} pixels to a second reader, expected {expected}"
    outside = np.ones(clean.shape[:2], bool)
    for x0, y0, x1, y1 in regions:
        outside[y0:y1, x0:x1] = False
        part = np.s_[y0:y1, x0:x1]
        inside = np.ones((y1 - y0, x1 - x0), bool)
        if why := _wrong(seen[part], clean[part], made[part], inside, f"region [{x0}, {y0}, {x1}, {y1}]"):
            return why
    return _wrong(seen, clean, made, outside, "what is outside the regions")


def _wrong(seen: Pixels, clean: Pixels, made: Pixels, there: npt.NDArray[np.bool_], where: str) -> str:
    """What is wrong with the part of a picture that is `there`, `(H, W)`."""
    off = _error(seen, made, there)
    if off == 0:  # as nearly every lossless file: two passes over a large photo saved
        return ""
    change, changed = _error(made, clean, there), _error(seen, clean, there)
    if off > change / 2 and changed < change / 2:
        return f"the saved file shows {where} as it was before, expected it as it was made"
    # a step of a third of a level is nothing: two decoders may round differently
    if changed > 10 ** (ALLOWED / 10) * max(change, 0.1):
        return (
            f"the saved file shows {where} with a PSNR of {_psnr(changed):.1f} dB to a second reader, "
            f"expected {_psnr(max(change, 0.1)):.1f} dB"
        )
    return ""


def _error(a: Pixels, b: Pixels, there: npt.NDArray[np.bool_]) -> float:
    """The mean square of the difference, row by row: a large photo must not be in memory once more."""
    total, count = 0, 3 * int(np.count_nonzero(there))
    for y in range(0, len(a), STRIP):
        rows = np.s_[y : y + STRIP]
        difference = a[rows].astype(np.int32) - b[rows]
        total += int((difference * difference * there[rows][..., None]).sum(dtype=np.int64))
    return total / count if count else 0.0


def _psnr(error: float) -> float:
    return float(10 * np.log10(255**2 / error))
