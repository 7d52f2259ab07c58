"""What a change of pixels does to quantised coefficients, with nothing else changed."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from .frame import ZIGZAG, Coefficients, Frame, Pixels

Numbers = npt.NDArray[np.float64]

_FINE = 1 << 12
"""Constants are whole numbers of this part, so that float64 sums them up exactly, in whatever order."""
_YCC = np.array([[1225, 2404, 467], [-691, -1357, 2048], [2048, -1715, -333]], float)
"""RGB to YCbCr (ITU-R BT.601 as JFIF has it) in 1/4096; a grey stays one."""
_LARGEST = 1023
"""What a coefficient of 8 bits can be at most, by its sign."""


def _cosines() -> Numbers:
    """The orthonormal DCT-II of eight values in 1/4096."""
    k, x = np.arange(8)[:, None], np.arange(8)
    basis = np.cos((2 * x + 1) * k * np.pi / 16) / 2
    basis[0] = np.sqrt(1 / 8)
    return np.rint(basis * _FINE)


_COSINES = _cosines()


def changed(frame: Frame, found: Coefficients, before: Pixels, after: Pixels, rgb: bool) -> Coefficients:
    """The coefficients of a file whose picture was `before`, so that it is nearest to `after`.

    Each coefficient `c`, whose quantisation step is `q`, becomes `round(c + DCT(after - before) / q)`: where
    nothing changes, nothing does. Coding `after` anew would move every block by what decoding has rounded,
    clamped and (colours) spread, too.

    Args:
        frame: how the file is laid out.
        found: its coefficients; they stay as they are.
        before: `(H, W)`, `(H, W, 3)` or, of inks, `(H, W, 4)` uint8, what the file shows.
        after: the same of what it shall show.
        rgb: the file holds RGB or CMYK, without the step to YCbCr.
    """
    result = found.copy()
    different = after != before
    moved: npt.NDArray[np.bool_] = (
        different if after.ndim == 2 else functools.reduce(np.logical_or, np.moveaxis(different, 2, 0))
    )
    rows, columns = np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))
    if not len(rows):
        return result
    # only groups of blocks that the change touches
    high, wide = 8 * frame.most[1], 8 * frame.most[0]
    top, left = rows[0] // high, columns[0] // wide
    bottom, right = rows[-1] // high + 1, columns[-1] // wide + 1
    spot = np.s_[top * high : bottom * high, left * wide : right * wide]
    change: Numbers = after[spot].astype(float) - before[spot]
    planes = _as_stored(change[None] if change.ndim == 2 else np.moveaxis(change, 2, 0), rgb)
    fill = (bottom - top) * high - planes.shape[1], (right - left) * wide - planes.shape[2]
    planes = np.pad(planes, ((0, 0), (0, fill[0]), (0, fill[1])), mode="edge")
    for one, steps, share, plane in zip(frame.components, frame.steps, frame.shares, planes, strict=True):
        blocks = result[one.start : one.end].reshape(one.rows, one.columns, 64)
        part = blocks[top * one.down : bottom * one.down, left * one.across : right * one.across]
        added = _transformed(plane, share)[..., ZIGZAG] / np.array(steps, float)[ZIGZAG]
        rounded = np.rint(part + added).clip(-_LARGEST, _LARGEST).astype(np.int16)
        np.copyto(part, rounded, where=added != 0)
    return result


def _as_stored(planes: Numbers, rgb: bool) -> Numbers:
    """Changes of levels `(C, h, w)` as changes of what the file holds, in 1/4096.

    Files hold inks upside down, 255 is none. Of YCCK the first three are YCbCr of red, green and blue, which
    are inks upside down once more.
    """
    if len(planes) == 4:
        colours = -planes[:3] * _FINE if rgb else np.tensordot(_YCC, planes[:3], 1)
        return np.concatenate([colours, -planes[3:] * _FINE])
    stored: Numbers = planes * _FINE if rgb or len(planes) == 1 else np.tensordot(_YCC, planes, 1)
    return stored


def _transformed(plane: Numbers, share: tuple[int, int]) -> Numbers:
    """`(rows, columns, 64)`: the transform of each block of a plane in 1/4096, reduced by so many rows and
    columns; one grey level in all pixels of a block is 8."""
    down, across = share
    high, wide = plane.shape[0] // down, plane.shape[1] // across
    parts = [plane[y::down, x::across] for y in range(down) for x in range(across)]
    small = functools.reduce(np.add, parts)
    blocks = small.reshape(high // 8, 8, wide // 8, 8).swapaxes(1, 2)
    # whole numbers until here and in both products; the division is rounded once
    both = _COSINES @ blocks @ _COSINES.T
    result: Numbers = both.reshape(high // 8, wide // 8, 64) / (_FINE**3 * down * across)
    return result
