"""JPEG on images: what libjpeg gives back, with a gradient."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from .codecs import Subsampling
from .jpeg_dct import coded_value
from .planes import coded, enlarge, mix, shrink
from .rounding import Slope, check_slope, levels, rounded, whole
from .tensors import straight_through

FACTORS: dict[str, tuple[int, int]] = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}
"""How many rows and columns of pixels share a colour."""

LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""The table of brightness at quality 50 (ITU-T T.81, annex K)."""
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8 for _ in range(4)),
)
"""The table of colours at quality 50."""
_TO_YCC = ((19595, 38470, 7471), (-11058, -21710, 32768), (32768, -27439, -5329))
_TO_RGB = ((65536, 0, 91881), (65536, -22554, -46802), (65536, 116130, 0))
"""Colours in 1/65536, as libjpeg has them."""


def tables(quality: int) -> Tensor:
    """The quantisation tables of brightness and of colours that libjpeg uses at a quality, `(2, 8, 8)`.

    Each number of the standard tables is scaled by 50 / quality below 50 and by 2 - quality / 50 above, and
    kept in 1..255.

    Raises:
        ValueError: the quality is not in 1..100.

    >>> tables(50)[0, 0, :3]
    tensor([16., 11., 10.])
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}, expected 1..100")
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    standard = torch.tensor((LUMA, CHROMA))
    return ((standard * percent + 50) // 100).clamp(1, 255).float()


def jpeg_image(
    y: Tensor,
    tables: Tensor,
    subsampling: Subsampling = "4:2:0",
    slope: Slope = "straight",
    *,
    rgb: bool = False,
) -> Tensor:
    """What a reader of the JPEG file of an image sees; values as libjpeg's (its slow integer transform).

    Every stage gives whole numbers as in the codec: 8-bit pixels, YCbCr, averaged colours, coefficients,
    decoded blocks, colours spread by the triangle filter, RGB. Only the transform itself is done in floating
    point, so that now and then a value differs by one step.

    Args:
        y: `(B, 3, H, W)` in [0, 1], or `(B, 1, H, W)`, a grey file; any size.
        tables: `(N, 8, 8)`, N 1 to 3, whole numbers > 0, row by row; the last stands for the components that
            have none.
        subsampling: the resolution of the colours; a grey file has none.
        slope: the gradient of the rounding of coefficients, see `rounded`; that of all other rounding is 1.
            Where a value is clamped, the gradient is 0.
        rgb: the file holds RGB as it is, without the step to YCbCr; only with 4:4:4.

    Returns:
        The image, of y's shape and type.

    Raises:
        ValueError: of y or the tables another shape was got, or there is no such choice.

    >>> y = torch.rand(1, 3, 21, 17, requires_grad=True)
    >>> jpeg_image(y, tables(75)).sum().backward()
    >>> y.grad.shape
    torch.Size([1, 3, 21, 17])
    """
    _check(y, tables, subsampling, slope, rgb)
    return _decoded(levels(y), tables.to(y), subsampling, slope, rgb, soft=False) / 255


def _decoded(pixels: Tensor, tables: Tensor, subsampling: str, slope: Slope, rgb: bool, soft: bool) -> Tensor:
    """Grey levels in and out; `soft`: nothing is rounded, coefficients are as the slope says."""
    if pixels.shape[1] == 1 or rgb:
        return _component(pixels, tables, slope, soft)
    size = (pixels.shape[-2], pixels.shape[-1])
    factors = FACTORS[subsampling]
    forth, back, middle, away = colours(pixels.dtype, pixels.device)
    ycc = whole(mix(pixels, forth, middle), soft)
    if factors == (1, 1):
        ycc = _component(ycc, tables, slope, soft)
    else:
        luma = _component(ycc[:, :1], tables[:1], slope, soft)
        small = _component(
            shrink(ycc[:, 1:], factors, 8, soft), tables[1:] if len(tables) > 1 else tables, slope, soft
        )
        chroma = enlarge(small[..., : -(-size[1] // factors[1])], factors, size, soft)
        ycc = torch.cat([luma, chroma], 1)
    return whole(mix(ycc, back, away), soft).clamp(0, 255)


def _component(planes: Tensor, tables: Tensor, slope: Slope, soft: bool) -> Tensor:
    """Planes of 0..255 that share a resolution, decoded; the last table stands for the planes without one."""
    which = [min(index, len(tables) - 1) for index in range(planes.shape[1])]
    steps = tables[which]
    # a transform, its inverse and straight rounding: the gradient passes as it is
    smooth = planes if slope == "straight" else _smooth(planes, steps, slope)
    return (smooth if soft else straight_through(smooth, coded_value(planes, steps))).clamp(0, 255)


def _smooth(planes: Tensor, steps: Tensor, slope: Slope) -> Tensor:
    """What the slope of the rounding of coefficients is the true gradient of."""
    row = steps.reshape(1, len(steps), 1, 64)

    def quantised(c: Tensor) -> Tensor:
        c = c / row
        return rounded(c, c.detach().round(), slope, soft=True) * row

    return coded(planes - 128, 8, quantised) + 128


@lru_cache(maxsize=16)
def colours(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """RGB to YCbCr and back, and what is added after each."""
    forth, back = torch.tensor(_TO_YCC, dtype=dtype) / 65536, torch.tensor(_TO_RGB, dtype=dtype) / 65536
    middle = torch.tensor([[0.0], [128.0], [128.0]], dtype=dtype)
    tie_down = torch.tensor([[0.0], [1.0], [1.0]], dtype=dtype) / 65536
    return forth.to(device), back.to(device), (middle - tie_down).to(device), (-back @ middle).to(device)


def _check(y: Tensor, tables: Tensor, subsampling: str, slope: str, rgb: bool) -> None:
    if y.ndim != 4 or y.shape[1] not in (1, 3) or 0 in y.shape:
        raise ValueError(f"y is {tuple(y.shape)}, expected (B, 3, H, W) or (B, 1, H, W)")
    if not y.is_floating_point():
        raise ValueError(f"y is {y.dtype}, expected floating point in [0, 1]")
    if tables.ndim != 3 or tables.shape[1:] != (8, 8) or not 1 <= len(tables) <= 3:
        raise ValueError(f"tables are {tuple(tables.shape)}, expected (1, 2 or 3, 8, 8)")
    if not tables.min() > 0:
        raise ValueError(f"tables hold {tables.min().item()}, expected numbers > 0")
    if subsampling not in FACTORS:
        raise ValueError(f"subsampling is {subsampling!r}, expected one of {', '.join(FACTORS)}")
    if rgb and subsampling != "4:4:4":
        raise ValueError(f"subsampling is {subsampling!r}, expected '4:4:4' for a file of RGB")
    check_slope(slope)
