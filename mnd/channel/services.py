"""What services make of a photo, by name."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.types import Pixels
from .codecs import VERIFICATION, Subsampling, jpeg, resized

Size = tuple[int, int]
"""Height and width of a photo."""


@dataclass(frozen=True, slots=True)
class Service:
    """What one service makes of a photo: never larger, often smaller, and coded again as a JPEG.

    >>> SERVICES["immich-preview"].scale((2880, 4000)), SERVICES["immich-preview"].scale((480, 640))
    (0.5, 1.0)
    """

    name: str
    short: int
    """Pixels of the shorter side, where a photo has more."""
    quality: int
    """Of the JPEG."""
    subsampling: Subsampling
    source: str
    """Where that is from, with the commit of code."""

    def scale(self, whole: Size) -> float:
        """The new size over the old, at most 1, of a photo of this (height, width)."""
        return min(self.short / min(whole), 1.0)

    def __call__(self, pixels: Pixels, whole: Size | None = None) -> Pixels:
        """What becomes of the pixels `(H, W, 3)` of a photo, or of a crop of one of the size `whole`."""
        height, width = pixels.shape[:2]
        scale = self.scale(whole or (height, width))
        if scale < 1:
            pixels = resized(pixels, (max(round(height * scale), 1), max(round(width * scale), 1)))
        return jpeg(pixels, self.quality, self.subsampling)


SERVICES = {
    "immich-preview": Service(
        "immich-preview", 1440, 80, "4:4:4",
        "immich-app/immich@01809e3 server/src/config.ts, server/src/repositories/media.repository.ts",
    )
}  # fmt: skip
"""By name."""


def sent(name: str, pixels: Pixels, whole: Size | None = None) -> Pixels:
    """What becomes of a photo on a way of sharing, by its name: one of `VERIFICATION` or of `SERVICES`.

    Args:
        name: which.
        pixels: `(H, W, 3)`, of the photo, or of a crop of it.
        whole: the (height, width) of the photo, on which sizes depend; that of `pixels` by default.

    Raises:
        ValueError: there is no such way.
    """
    if name in VERIFICATION:
        return VERIFICATION[name](pixels)
    if name not in SERVICES:
        raise ValueError(f"there is no way of sharing {name!r}, expected some of {', '.join(SERVICES)}")
    return SERVICES[name](pixels, whole)
