"""The channel: what happens to a photo when it is saved and shared.

Each step is there twice. The real ones (`jpeg`, `webp`, `resized`, `half`) take the pixels `(H, W, 3)` of
one picture through Pillow. The differentiable ones (`round_image`, `jpeg_image`, `webp_image`,
`resize_image`) take images `(B, 3, H, W)` in [0, 1] to the same values, with a gradient for every pixel. A
`Channel` says what may happen, and draws from it. `SERVICES` has what messengers and platforms make of a
photo; `sent` sends one on a way of sharing, by its name.
"""

from ..base.types import Pixels
from .codecs import (
    CHECKS,
    VERIFICATION,
    Filter,
    Subsampling,
    half,
    half_jpeg75,
    jpeg,
    jpeg75,
    resized,
    webp,
)
from .colour import shared_colours
from .draws import MESSENGER, PRESETS, SOCIAL, THUMBNAIL, Channel, Draw
from .jpeg_model import jpeg_image, tables
from .resize_model import resize_image
from .rounding import Slope, round_image
from .services import SERVICES, Service, scales, sent, services
from .tensors import straight_through, through, to_pixels, to_tensor
from .webp_model import webp_image

__all__ = [
    "CHECKS",
    "MESSENGER",
    "PRESETS",
    "SERVICES",
    "SOCIAL",
    "THUMBNAIL",
    "VERIFICATION",
    "Channel",
    "Draw",
    "Filter",
    "Pixels",
    "Service",
    "Slope",
    "Subsampling",
    "half",
    "half_jpeg75",
    "jpeg",
    "jpeg75",
    "jpeg_image",
    "resize_image",
    "resized",
    "round_image",
    "scales",
    "sent",
    "services",
    "shared_colours",
    "straight_through",
    "tables",
    "through",
    "to_pixels",
    "to_tensor",
    "webp",
    "webp_image",
]
