"""What services make of a photo: messengers, platforms and photo servers, each a row of one table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..base.types import Pixels
from .codecs import VERIFICATION, Filter, Subsampling, jpeg_file, loaded_small, opened, resized

Edge = Literal["long", "short", "width", "area", "part"]
"""What a size of a service is of: the longer or shorter side, the width, the side of a square of as many
pixels, or the divisor of both sides."""
Size = tuple[int, int]
"""Height and width of a photo."""


@dataclass(frozen=True, slots=True)
class Service:
    """What one service makes of a photo: never larger, often smaller, and coded again as a JPEG.

    >>> SERVICES["signal"].scale((3000, 4000)), SERVICES["signal"].scale((480, 640))
    (0.4, 1.0)
    """

    name: str
    sizes: tuple[int, ...]
    """In pixels of `edge`; those after the first one where the file has too many bytes."""
    quality: int
    """Of the JPEG, 1..100."""
    rule: str
    """What else it does, in words."""
    source: str
    """Where that is from, with the commit of code."""
    read: bool
    """It was read in the service's own code; else it is second-hand, and nobody has checked it."""
    edge: Edge = "long"
    most: int | None = None
    """Bytes that its file may have; None: as many as it has."""
    subsampling: Subsampling = "4:2:0"
    filter: Filter = "lanczos"
    """How it is resized; where a service's own filter is not one of ours, the nearest to it."""
    loads_small: bool = False
    """A JPEG is decoded at a half, a quarter or an eighth of its size, and only the rest is resized."""

    def scale(self, whole: Size, size: int | None = None) -> float:
        """The new size over the old, at most 1, of a photo of this (height, width)."""
        size = self.sizes[0] if size is None else size
        height, width = whole
        old = {
            "long": max(whole), "short": min(whole), "width": width, "area": math.sqrt(height * width),
            "part": size**2,
        }[self.edge]  # fmt: skip
        return min(size / old, 1.0)

    def __call__(self, pixels: Pixels, whole: Size | None = None) -> Pixels:
        """What becomes of the pixels `(H, W, 3)` of a photo, or of a crop of one of the size `whole`.

        How many bytes the photo's file would have, a crop cannot tell: it gets the first size.
        """
        height, width = pixels.shape[:2]
        part = whole is not None and tuple(whole) != (height, width)
        whole, data = whole or (height, width), b""
        for size in self.sizes:
            scale = self.scale(whole, size)
            data = jpeg_file(self._smaller(pixels, scale), self.quality, self.subsampling)
            if part or self.most is None or len(data) <= self.most:
                break
        return opened(data)

    def _smaller(self, pixels: Pixels, scale: float) -> Pixels:
        if scale == 1:
            return pixels
        height, width = pixels.shape[:2]
        small = max(round(height * scale), 1), max(round(width * scale), 1)
        return resized(loaded_small(pixels, 1 / scale) if self.loads_small else pixels, small, self.filter)


_SIGNAL = (
    "signalapp/Signal-Android@0f7f866 mms/PushMediaConstraints.java, @063d909 util/ImageCompressionUtil.java"
)
_TELEGRAM = "telegramdesktop/tdesktop@006cadc storage/localimageloader.cpp"
_IMMICH = "immich-app/immich@01809e3 server/src/config.ts, @0310ec0 repositories/media.repository.ts"
_SHARP = "lovell/sharp 0.35.5 src/pipeline.cc"
_TABLE = (
    Service(
        "signal", (1600, 1024, 768, 512), 70, "standard quality; smaller until the file has at most 1 MiB",
        _SIGNAL, True, most=1024**2, filter="bilinear",
    ),
    Service(
        "signal-high", (4096, 3072, 2048, 1600, 1024, 768, 512), 75,
        "high quality; smaller until the file has at most 3 MiB",
        _SIGNAL, True, most=3 * 1024**2, filter="bilinear",
    ),
    Service(
        "telegram", (1280,), 87, "a JPEG that is small enough and has at most 4 bits a pixel keeps its "
        "pixels, which is less than is judged here", _TELEGRAM, True, filter="bilinear",
    ),
    Service("telegram-large", (2560,), 87, "the same with large photos switched on", _TELEGRAM, True,
            filter="bilinear"),
    Service("whatsapp", (1600,), 75, "standard quality; a document keeps its bytes", "second-hand", False),
    Service("whatsapp-hd", (4096,), 75, "HD quality", "second-hand", False),
    Service("instagram", (1080,), 82, "", "second-hand", False, edge="width"),
    Service("facebook", (2048,), 77, "", "second-hand", False),
    Service("x", (4096,), 85, "", "second-hand", False),
    Service(
        "mastodon", (1280,), 90, "at most 1280 x 1280 pixels; later versions keep more",
        "mastodon/mastodon@00793a8 app/models/media_attachment.rb", True, edge="area",
    ),
    Service(
        "immich-preview", (1440,), 80, "faces are recognised in this file",
        _IMMICH, True, edge="short", subsampling="4:4:4",
    ),
    Service("thumbnail-3", (3,), 80, "a website's thumbnail at a third, decoded at a half", _SHARP, True,
            edge="part", loads_small=True),
    Service("thumbnail-5", (5,), 80, "a website's thumbnail at a fifth, decoded at a quarter", _SHARP, True,
            edge="part", loads_small=True),
)  # fmt: skip
SERVICES: dict[str, Service] = {service.name: service for service in _TABLE}
"""By name."""


def services(name: str) -> tuple[Service, ...]:
    """The services of a way of sharing, one after the other; none of a step of `VERIFICATION`.

    >>> [service.name for service in services("signal+instagram")], services("half")
    (['signal', 'instagram'], ())

    Raises:
        ValueError: there is no such way.
    """
    if name in VERIFICATION:
        return ()
    parts = name.split("+")
    if unknown := [part for part in parts if part not in SERVICES]:
        raise ValueError(
            f"there is no way of sharing {unknown[0]!r}, expected some of {', '.join(SERVICES)}, several in "
            f"turn as signal+instagram, or {', '.join(VERIFICATION)}"
        )
    return tuple(SERVICES[part] for part in parts)


def sent(name: str, pixels: Pixels, whole: Size | None = None) -> Pixels:
    """What becomes of a photo on a way of sharing, by its name: `half`, `signal` or `signal+instagram`.

    Args:
        name: of `VERIFICATION`, of `SERVICES`, or several of those, joined by +.
        pixels: `(H, W, 3)`, of the photo, or of a crop of it.
        whole: the (height, width) of the photo, on which sizes depend; that of `pixels` by default.

    Raises:
        ValueError: there is no such way.
    """
    if name in VERIFICATION:
        return VERIFICATION[name](pixels)
    for service in services(name):
        before = pixels.shape
        pixels = service(pixels, whole)
        if whole is not None:
            shrunk = pixels.shape[0] / before[0], pixels.shape[1] / before[1]
            whole = max(round(whole[0] * shrunk[0]), 1), max(round(whole[1] * shrunk[1]), 1)
    return pixels


def scales(names: Iterable[str], whole: Size) -> list[float]:
    """The new size over the old of a photo of this (height, width), after each of these ways of services.

    >>> scales(["signal", "signal+instagram", "half"], (3000, 4000))
    [0.4, 0.27]
    """
    found = []
    for chain in filter(None, map(services, names)):
        scale = 1.0
        for service in chain:
            scale *= service.scale((round(whole[0] * scale), round(whole[1] * scale)))
        found.append(scale)
    return found
