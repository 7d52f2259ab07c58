"""Random ways through the channel: what they may be, and one of them, on images and on real pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..base.types import Pixels
from . import codecs as reals
from .codecs import Filter, Subsampling
from .jpeg_model import FACTORS, jpeg_image, tables
from .resize_model import KERNELS, resize_image
from .rounding import Slope, check_slope, round_image
from .webp_model import webp_image

T = TypeVar("T")
Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Seed = int | Sequence[int] | np.random.Generator


@dataclass(frozen=True)
class Draw:
    """One way through the channel: 8 bits, another size, a lossy file, and back to the full size.

    Called with an image `(B, 3, H, W)` it gives the image `(B, 3, h, w)` that arrives, with a gradient;
    `real` does the same to the pixels of a picture through Pillow. A `Draw()` only rounds to 8 bits.

    >>> draw = Draw(scale=0.5, jpeg=82)
    >>> draw, draw(torch.rand(1, 3, 21, 16)).shape
    (<Draw: half, jpeg 82>, torch.Size([1, 3, 10, 8]))
    """

    scale: float = 1.0
    """The new size over the old, in (0, 1]; a side is rounded down, to 1 pixel at least."""
    jpeg: int | None = None
    """The quality of a JPEG, 1..100; None: there is none."""
    webp: int | None = None
    """The quality of a WebP, 0..100; None: there is none."""
    back: bool = False
    """Whether it is enlarged to the full size again, after the lossy file."""
    subsampling: Subsampling = "4:2:0"
    """The resolution of the JPEG's colours."""
    filter: Filter = "lanczos"
    """How it is resized."""
    slope: Slope = "straight"
    """The gradient of the rounding of coefficients."""
    real_webp: bool = True
    """The values of a WebP are those of Pillow's own file; False: of a model, see `webp_image`."""

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 1:
            raise ValueError(f"scale is {self.scale}, expected a number in (0, 1]")
        if self.jpeg is not None and self.webp is not None:
            raise ValueError(f"jpeg is {self.jpeg} and webp {self.webp}, expected one of them at most")
        if self.jpeg is not None and not 1 <= self.jpeg <= 100:
            raise ValueError(f"jpeg is {self.jpeg}, expected a quality in 1..100")
        if self.webp is not None and not 0 <= self.webp <= 100:
            raise ValueError(f"webp is {self.webp}, expected a quality in 0..100")
        _check_choices(self.filter, self.slope, (self.subsampling,))

    @property
    def identity(self) -> bool:
        """Whether nothing happens but rounding."""
        return self.scale == 1 and self.jpeg is None and self.webp is None

    @property
    def name(self) -> str:
        """How a report calls it, such as `half, jpeg 82`."""
        words = []
        if self.scale != 1:
            words.append("half" if self.scale == 0.5 else f"size {self.scale:.3g}")
        if self.jpeg is not None:
            words.append(
                f"jpeg {self.jpeg}" + ("" if self.subsampling == "4:2:0" else f" {self.subsampling}")
            )
        if self.webp is not None:
            words.append(f"webp {self.webp}")
        if self.back and self.scale != 1:
            words.append("back")
        return ", ".join(words) or "as saved"

    def __repr__(self) -> str:
        return f"<Draw: {self.name}>"

    def small(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) that the lossy file of a picture of a (height, width) has."""
        height, width = (max(1, math.floor(side * self.scale + 1e-6)) for side in size)
        return height, width

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) that a picture of a (height, width) arrives with."""
        return size if self.back else self.small(size)

    def place(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Where points `(..., 2)`, x and y in pixels of a picture of this (height, width), are found then.

        Pixel centres are whole numbers: x' = (x + 1/2) w' / w - 1/2.

        >>> Draw(scale=0.5).place(torch.tensor([[0.5, 10.5]]), (20, 10))
        tensor([[0., 5.]])
        """
        height, width = self.size(size)
        ratio = torch.tensor([width / size[1], height / size[0]], dtype=points.dtype).to(points.device)
        return (points + 0.5) * ratio - 0.5

    def __call__(self, y: Tensor) -> Tensor:
        full = (y.shape[-2], y.shape[-1])
        if self.identity:
            return round_image(y)
        if self.scale != 1:
            y = resize_image(y, self.small(full), self.filter)
        if self.jpeg is not None:
            y = jpeg_image(y, tables(self.jpeg), self.subsampling, self.slope)
        if self.webp is not None:
            y = webp_image(y, self.webp, self.slope, real=self.real_webp)
        return resize_image(y, full, self.filter) if self.size(full) != (y.shape[-2], y.shape[-1]) else y

    def real(self, pixels: Pixels) -> Pixels:
        """What becomes of the pixels `(H, W, 3)` of a picture, through Pillow."""
        full = pixels.shape[0], pixels.shape[1]
        if self.scale != 1:
            pixels = reals.resized(pixels, self.small(full), self.filter)
        if self.jpeg is not None:
            pixels = reals.jpeg(pixels, self.jpeg, self.subsampling)
        if self.webp is not None:
            pixels = reals.webp(pixels, self.webp)
        return reals.resized(pixels, full, self.filter) if self.size(full) != pixels.shape[:2] else pixels


@dataclass(frozen=True)
class Channel:
    """What may happen to a photo after it was saved; `draw` gives some of it.

    >>> for draw in Channel(jpeg=(70, 95), scale=(0.5, 1)).draw(seed=0, count=3):
    ...     print(draw.name)
    size 0.737, jpeg 78
    size 0.838, jpeg 84
    size 0.521, jpeg 92

    Raises:
        ValueError: a range or share is empty or out of what there is.
    """

    jpeg: tuple[int, int] | None = (70, 95)
    """The qualities of a JPEG, lowest and highest, of 1..100; None: there is none."""
    webp: tuple[int, int] | None = None
    """The qualities of a WebP, of 0..100; None: there is none."""
    scale: tuple[float, float] = (0.5, 1.0)
    """The new size over the old, smallest and largest, in (0, 1]."""
    identity: float = 0.0
    """The share of draws that change nothing but rounding, in [0, 1]."""
    resized: float = 1.0
    """The share of the other draws that are resized, in [0, 1]."""
    coded: float = 1.0
    """The share of the other draws that are saved as a lossy file, in [0, 1]."""
    webp_share: float = 0.5
    """The share of WebP among lossy files where there are both kinds, in [0, 1]."""
    back: float = 0.0
    """The share of resized draws that are enlarged to the full size again, in [0, 1]."""
    subsampling: tuple[Subsampling, ...] = ("4:2:0",)
    """The resolutions of a JPEG's colours, each as often as the others."""
    filter: Filter = "lanczos"
    """How pictures are resized."""
    slope: Slope = "straight"
    """The gradient of the rounding of coefficients."""
    real_webp: bool = True
    """The values of a WebP are those of Pillow's own file; False: of a model, which is quicker."""

    def __post_init__(self) -> None:
        for name, least in (("jpeg", 1), ("webp", 0)):
            got = getattr(self, name)
            if got is not None and not (least <= got[0] <= got[1] <= 100 and _whole(got)):
                raise ValueError(
                    f"{name} is {got}, expected two rising whole numbers in {least}..100, or None"
                )
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(f"scale is {self.scale}, expected two rising numbers in (0, 1]")
        for name in ("identity", "resized", "coded", "webp_share", "back"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a share in [0, 1]")
        _check_choices(self.filter, self.slope, self.subsampling)

    def draw(self, seed: Seed, count: int) -> tuple[Draw, ...]:
        """As many draws, the same for the same seed on every device.

        They are stratified (a Latin hypercube, McKay, Beckman and Conover 1979): each parameter's range is
        cut into as many equal bands as there are draws that use it, and each band is used once, in an order
        of its own; kinds come as often as their shares say, up to rounding. So the mean over a few draws
        varies much less than over independent ones.

        Args:
            seed: an integer >= 0 or several, such as (seed, step); or a generator, which moves on.
            count: how many, >= 1.

        Raises:
            ValueError: the count is below 1, or numpy refuses the seed.
        """
        if count < 1:
            raise ValueError(f"count is {count}, expected at least 1")
        plan = _Plan(np.random.default_rng(seed), count)
        everything = np.arange(count)
        changed = everything[~plan.share(everything, self.identity)]
        shrunk = changed[plan.share(changed, self.resized)]
        coded = changed[plan.share(changed, self.coded)]
        webps = plan.share(coded, self._webp_share())
        plan.set("scale", shrunk, _spread(plan.bands(len(shrunk)), self.scale))
        plan.set("back", shrunk, plan.share(shrunk, self.back).tolist())
        if self.webp is not None:
            which = coded[webps]
            plan.set("webp", which, _qualities(plan.bands(len(which)), self.webp))
        if self.jpeg is not None:
            which = coded[~webps]
            plan.set("jpeg", which, _qualities(plan.bands(len(which)), self.jpeg))
            plan.set("subsampling", which, _choices(plan.bands(len(which)), self.subsampling))
        fixed = {"filter": self.filter, "slope": self.slope, "real_webp": self.real_webp}
        return tuple(Draw(**given, **fixed) for given in plan.given)  # type: ignore[arg-type]

    def _webp_share(self) -> float:
        if self.webp is None or self.jpeg is None:
            return float(self.webp is not None)
        return self.webp_share


@dataclass
class _Plan:
    """The parameters of draws, as far as they are decided."""

    random: np.random.Generator
    count: int
    given: list[dict[str, object]] = field(init=False)

    def __post_init__(self) -> None:
        self.given = [{} for _ in range(self.count)]

    def bands(self, count: int) -> Floats:
        """Numbers in [0, 1), one in each of `count` equal bands, shuffled."""
        numbers: Floats
        numbers = (self.random.permutation(count) + self.random.random(count)) / max(count, 1)
        return numbers

    def share(self, which: Places, part: float) -> npt.NDArray[np.bool_]:
        """Whether each of `which` belongs to a share of them: as many as it says, up to rounding."""
        chosen: npt.NDArray[np.bool_] = self.bands(len(which)) < part
        return chosen

    def set(self, name: str, which: Places, values: Sequence[object]) -> None:
        for index, value in zip(which, values, strict=True):
            self.given[index][name] = value


def _spread(bands: Floats, ends: tuple[float, float]) -> list[float]:
    low, high = ends
    return [low + (high - low) * band for band in bands.tolist()]


def _qualities(bands: Floats, ends: tuple[int, int]) -> list[int]:
    """Whole numbers from the lowest to the highest, each as likely."""
    low, high = ends
    return [min(low + int((high - low + 1) * band), high) for band in bands.tolist()]


def _choices(bands: Floats, choices: Sequence[T]) -> list[T]:
    return [choices[int(len(choices) * band)] for band in bands.tolist()]


def _whole(numbers: tuple[int, int]) -> bool:
    return all(isinstance(number, int) for number in numbers)


def _check_choices(filter: str, slope: str, subsampling: Sequence[str]) -> None:
    if filter not in KERNELS:
        raise ValueError(f"filter is {filter!r}, expected one of {', '.join(KERNELS)}")
    check_slope(slope)
    unknown = [one for one in subsampling if one not in FACTORS]
    if unknown or not subsampling:
        raise ValueError(f"subsampling is {subsampling!r}, expected some of {', '.join(FACTORS)}")


MESSENGER = Channel(jpeg=(60, 85), scale=(0.5, 1.0), resized=0.75)
"""Sent in a chat: often made smaller, then a JPEG of middling quality. All presets' ranges are ours."""
SOCIAL = Channel(jpeg=(70, 90), webp=(70, 90), webp_share=0.3, scale=(0.5, 1.0), resized=0.5, identity=0.1)
"""Put on a platform: kept or made smaller, coded again as JPEG or WebP, now and then left alone."""
THUMBNAIL = Channel(jpeg=(70, 90), webp=(70, 85), webp_share=0.5, scale=(0.25, 0.5))
"""Shown in a list or a preview: half to a quarter of the size, and coded again."""
PRESETS: dict[str, Channel] = {"messenger": MESSENGER, "social": SOCIAL, "thumbnail": THUMBNAIL}
"""Channels by name."""
