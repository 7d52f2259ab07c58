"""The file under test: how a result is saved, read back, and what later becomes of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from ..base.files import write_atomic
from ..base.types import Pixels
from ..channel import half, jpeg, jpeg75, sent, webp
from .settings import Form

SUFFIX = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


def encoded(pixels: Pixels, form: Form, quality: int = 95) -> bytes:
    """The bytes of a file; JPEG keeps its colours at full resolution."""
    data = io.BytesIO()
    image = Image.fromarray(pixels)
    if form == "png":
        image.save(data, "PNG", compress_level=4)
    elif form == "jpeg":
        image.save(data, "JPEG", quality=quality, subsampling="4:4:4")
    else:
        image.save(data, "WEBP", quality=quality, method=4)
    return data.getvalue()


def decoded(data: bytes) -> Pixels:
    """The pixels `(H, W, 3)` of a file."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def write(path: Path, pixels: Pixels, form: Form, quality: int) -> Pixels:
    """Save the pixels, and read the very file again: what it shows is what is judged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, encoded(pixels, form, quality), overwrite=True)
    return decoded(path.read_bytes())


CHANNEL: dict[str, Callable[[Pixels], Pixels]] = {
    "jpeg90": partial(jpeg, quality=90),
    "jpeg75": jpeg75,
    "jpeg50": partial(jpeg, quality=50),
    "webp80": partial(webp, quality=80),
    "half": half,
}
"""What may happen to a file on its way: saved again with half the colour resolution, or at half the size."""


def after(name: str, pixels: Pixels) -> Pixels:
    """What becomes of a file on a way of `CHANNEL`, or of `mnd.channel.sent`."""
    return CHANNEL[name](pixels) if name in CHANNEL else sent(name, pixels)
