"""Pillow without its limit of pixels: this project's own is asked before anything is unpacked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

LOCK = threading.RLock()
"""Whoever changes what Pillow keeps for all threads holds it."""


@contextmanager
def without_limit() -> Iterator[None]:
    """Pictures of any size can be opened in here.

    >>> with without_limit():
    ...     Image.MAX_IMAGE_PIXELS is None
    True
    """
    with LOCK:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
