"""Lossy WebP on images: near what libwebp gives back, or exactly that, with a gradient."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from .codecs import webp
from .planes import coded, enlarge, mix, shrink
from .rounding import Slope, check_slope, levels, rounded, whole
from .tensors import straight_through, to_pixels, to_tensor

# fmt: off
DC = (
    4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 15, 16, 17, 17, 18, 19, 20, 20, 21, 21, 22, 22, 23, 23, 24, 25,
    *range(25, 38), *range(37, 47), *range(46, 77), *range(76, 90), 91, 93, 95, 96, 98, 100, 101, 102,
    *range(104, 120, 2), 122, 124, 126, 128, 130, 132, 134, 136, 138, 140, 143, 145, 148, 151, 154, 157,
)
"""The step of the mean of a block at each of VP8's 128 levels (RFC 6386, 14.1), in half grey levels."""
AC = (
    *range(4, 59), *range(60, 117, 2), *range(119, 174, 3), *range(177, 230, 4), 234, 239, 245, 249, 254, 259,
    264, 269, 274, 279, 284,
)
"""The step of all other coefficients."""
# fmt: on
_TO_YUV = ((16839, 33059, 6420), (-9719, -19081, 28800), (28800, -24116, -4684))
"""RGB 0..255 to the limited range (brightness 16..235) in 1/65536, as libwebp has it."""
_TO_RGB = ((19077, 0, 26149), (19077, -6419, -13320), (19077, 33050, 0))
"""Back, in 1/16384."""
_LUMA_BIAS = (0.375, 0.43)
"""A quotient v is rounded to floor(|v| + bias): the mean of a block, the rest."""
_CHROMA_BIAS = (0.43, 0.45)


def level(quality: int) -> int:
    """The one of VP8's 128 levels that libwebp starts from at a quality: `127 (1 - c^(1/3))`.

    c is 2/3 of the quality in [0, 1] below 0.75, and twice the quality less 1 above.

    Raises:
        ValueError: the quality is not in 0..100.

    >>> level(75)
    26
    """
    if not 0 <= quality <= 100:
        raise ValueError(f"quality is {quality}, expected 0..100")
    part = quality / 100
    return int(127 * (1 - (part * 2 / 3 if part < 0.75 else 2 * part - 1) ** (1 / 3)))


def webp_image(y: Tensor, quality: int, slope: Slope = "straight", *, real: bool = False) -> Tensor:
    """What a reader of the lossy WebP file of an image sees, about.

    As in VP8: YUV of limited range, colours at half the resolution, a 4x4 cosine transform whose coefficients
    are rounded to steps that follow from the quality, colours spread by a triangle filter. Left out: blocks
    are not predicted from their neighbours, quantisers do not vary within the picture and block edges are not
    smoothed. So the size of the error is right, but not where it lies: on photos this is 1.8 (quality 90)
    to 4.3 (quality 60) grey levels from Pillow's file in the mean, which itself is 2.1 to 4.4 from the photo.

    Args:
        y: `(B, 3, H, W)` in [0, 1].
        quality: 0..100.
        slope: the gradient of the rounding of coefficients, see `rounded`.
        real: give the pixels of Pillow's own file instead, exactly, with the gradient of this model; the
            pictures are coded one by one on the CPU.

    Raises:
        ValueError: y has another shape, or there is no such quality or slope.

    >>> y = torch.rand(1, 3, 21, 17, requires_grad=True)
    >>> webp_image(y, 80).sum().backward()
    >>> y.grad.shape
    torch.Size([1, 3, 21, 17])
    """
    if y.ndim != 4 or y.shape[1] != 3 or 0 in y.shape:
        raise ValueError(f"y is {tuple(y.shape)}, expected (B, 3, H, W)")
    check_slope(slope)
    # beside the real values only the slope of the model is needed
    near = _decoded(levels(y, soft=real), level(quality), slope, soft=real) / 255
    if not real:
        return near
    files = [to_tensor(webp(to_pixels(one[None]), quality), y.device) for one in y]
    return straight_through(near, torch.cat(files).to(y.dtype))


def _decoded(pixels: Tensor, index: int, slope: Slope, soft: bool) -> Tensor:
    """Grey levels in and out; `soft`: nothing is rounded, coefficients are as the slope says."""
    forth, back, middle, away = _colours(pixels.dtype, pixels.device)
    yuv = mix(pixels, forth, middle)
    luma = _component(whole(yuv[:, :1], soft), index, _LUMA_BIAS, slope, soft)
    small = whole(shrink(yuv[:, 1:], (2, 2), soft=True), soft)
    small = _component(small, index, _CHROMA_BIAS, slope, soft)
    chroma = enlarge(small, (2, 2), (pixels.shape[-2], pixels.shape[-1]), soft)
    return whole(mix(torch.cat([luma, chroma], 1), back, away), soft).clamp(0, 255)


def _component(planes: Tensor, index: int, bias: tuple[float, float], slope: Slope, soft: bool) -> Tensor:
    steps, biases = _steps(index, bias, planes.dtype, planes.device)

    def quantised(c: Tensor, soft: bool) -> Tensor:
        c = c / steps
        with torch.no_grad():
            near = (c.abs() + biases).floor_().copysign_(c)
        return rounded(c, near, slope, soft) * steps

    # a transform, its inverse and straight rounding: the gradient passes as it is
    smooth = planes
    if slope == "cubic":
        smooth = coded(planes - 128, 4, lambda c: quantised(c, True)) + 128
    if soft:
        return smooth.clamp(0, 255)
    with torch.no_grad():
        value = whole(coded(planes.detach() - 128, 4, lambda c: quantised(c, False)) + 128)
    return straight_through(smooth, value).clamp(0, 255)


@lru_cache(maxsize=64)
def _steps(
    index: int, bias: tuple[float, float], dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Of the 16 coefficients of a block; VP8's are twice those of the orthonormal transform."""
    steps = torch.tensor([DC[index]] + [AC[index]] * 15, dtype=dtype) / 2
    return steps.to(device), torch.tensor([bias[0]] + [bias[1]] * 15, dtype=dtype).to(device)


@lru_cache(maxsize=16)
def _colours(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """RGB to YUV and back, and what is added after each."""
    forth, back = torch.tensor(_TO_YUV, dtype=dtype) / 65536, torch.tensor(_TO_RGB, dtype=dtype) / 16384
    middle = torch.tensor([[16.0], [128.0], [128.0]], dtype=dtype)
    return forth.to(device), back.to(device), middle.to(device), (-back @ middle).to(device)
