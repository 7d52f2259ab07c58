"""The formats that can be read and written: the one list of them."""

from __future__ import annotations

from .avif import AVIF
from .bmp import BMP
from .format import Format
from .heic import HEIC
from .jpeg import JPEG
from .png import PNG
from .tiff import TIFF
from .webp import WEBP

FORMATS: dict[str, Format] = {form.name: form for form in (JPEG, PNG, WEBP, HEIC, AVIF, TIFF, BMP)}
"""By name."""
SUFFIXES = tuple(suffix for form in FORMATS.values() for suffix in form.suffixes)
"""Of all of them."""
