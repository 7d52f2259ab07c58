"""The real steps of the channel, on the pixels `(H, W, 3)` of one picture: what Pillow makes of them."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
from PIL import Image

from ..base.pillow import without_limit
from ..base.types import Pixels

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
"""The resolution of the colours of a JPEG: full, half across, half across and down."""
Filter = Literal["lanczos", "bicubic", "bilinear"]
"""How a picture is resized; each is widened when it makes a picture smaller, so that nothing is dropped."""

_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}


JPEG_LIMIT, WEBP_LIMIT = 65_500, 16_383
"""Pixels of the longest side that these formats have."""


def jpeg(pixels: Pixels, quality: int, subsampling: Subsampling = "4:2:0") -> Pixels:
    """Saved again as a JPEG, with half the colour resolution unless asked otherwise, as many services do."""
    return _again(_within(pixels, JPEG_LIMIT), "JPEG", quality=quality, subsampling=subsampling)


def webp(pixels: Pixels, quality: int) -> Pixels:
    """Saved again as a lossy WebP, whose colours always have half the resolution."""
    return _again(_within(pixels, WEBP_LIMIT), "WEBP", quality=quality)


def jpeg75(pixels: Pixels) -> Pixels:
    """Saved again as a JPEG of quality 75 with half the colour resolution."""
    return jpeg(pixels, 75)


def _within(pixels: Pixels, most: int) -> Pixels:
    """The picture, reduced where a side is longer than a format can have: nobody shares it larger."""
    height, width = pixels.shape[:2]
    if max(height, width) <= most:
        return pixels
    share = most / max(height, width)
    return resized(pixels, (max(int(height * share), 1), max(int(width * share), 1)))


def _again(pixels: Pixels, form: str, **options: Any) -> Pixels:
    return opened(_file(pixels, form, **options))


def jpeg_file(pixels: Pixels, quality: int, subsampling: Subsampling = "4:2:0") -> bytes:
    """The bytes of a JPEG."""
    return _file(_within(pixels, JPEG_LIMIT), "JPEG", quality=quality, subsampling=subsampling)


def opened(data: bytes) -> Pixels:
    """The pixels `(H, W, 3)` of a file."""
    with without_limit(), Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def loaded_small(pixels: Pixels, shrink: float) -> Pixels:
    """As libjpeg decodes a JPEG for who makes it `shrink` times smaller: at 1/2, 1/4 or 1/8 of its size.

    The divisor is the largest that is below `shrink`, as `sharp` chooses it (0.35.5, `src/pipeline.cc`). The
    JPEG is one of quality 100, since nothing of the file that was loaded is known here.
    """
    divisor = max((one for one in (2, 4, 8) if one < math.floor(shrink)), default=1)
    if divisor == 1:
        return pixels
    height, width = pixels.shape[:2]
    data = jpeg_file(pixels, 100, "4:4:4")
    with without_limit(), Image.open(io.BytesIO(data)) as image:
        small = max(width // divisor, 1), max(height // divisor, 1)
        image.draft("RGB", small)  # which rounds up; who loads it so rounds down
        return np.asarray(image.convert("RGB"))[: small[1], : small[0]]


def _file(pixels: Pixels, form: str, **options: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, form, **options)
    return data.getvalue()


def resized(pixels: Pixels, size: tuple[int, int], filter: Filter = "lanczos") -> Pixels:
    """At another size `(height, width)`."""
    height, width = size
    return np.asarray(Image.fromarray(pixels).resize((width, height), _FILTERS[filter]))


def half(pixels: Pixels) -> Pixels:
    """At half the size, smoothly: a thumbnail or a preview."""
    height, width = pixels.shape[:2]
    return resized(pixels, (max(height // 2, 1), max(width // 2, 1)))


def half_jpeg75(pixels: Pixels) -> Pixels:
    """At half the size, then saved as a JPEG of quality 75: what a service makes of an upload."""
    return jpeg75(half(pixels))


VERIFICATION: dict[str, Callable[[Pixels], Pixels]] = {
    "jpeg90": partial(jpeg, quality=90),
    "jpeg75": jpeg75,
    "webp80": partial(webp, quality=80),
    "half": half,
    "half-jpeg75": half_jpeg75,
}
"""The real steps that a cloak of the level `robust` is proved on, one by one, and that `mnd check` shows."""

CHECKS = {name: VERIFICATION[name] for name in ("jpeg75", "half")}
"""Those of them that the record of every cloak tells of."""
