"""Rows of a PNG: filtered and packed, for the depths that Pillow does not write."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
_AT_ONCE = 64
"""Rows that are filtered together."""
_COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}
"""Colour type by the number of channels."""


def filtered(rows: Bytes, step: int) -> bytes:
    """Rows `(h, n)` of bytes, each after the filter that makes it smallest, as PNG (2003), clause 9.

    The filter of a row is the one with the least sum of its bytes taken as signed numbers (clause 12.8).

    Args:
        rows: as they would stand in the file without filters.
        step: bytes of a pixel.

    >>> filtered(np.array([[7, 7, 7], [7, 7, 7]], np.uint8), 1).hex()
    '0107000002000000'
    """
    parts = []
    before = np.zeros(rows.shape[1], np.uint8)
    for top in range(0, len(rows), _AT_ONCE):
        here = rows[top : top + _AT_ONCE]
        above = np.concatenate([before[None], here[:-1]])
        before = here[-1]
        left, corner = (np.pad(it[:, :-step], ((0, 0), (step, 0))) for it in (here, above))
        tried = np.stack([here, here - left, here - above, here - _mean(left, above),
                          here - _paeth(left, above, corner)])  # fmt: skip
        cost = np.minimum(tried, 0 - tried).sum(axis=2, dtype=np.int64)
        kind = cost.argmin(axis=0)
        best = np.take_along_axis(tried, kind[None, :, None], axis=0)[0]
        parts.append(np.concatenate([kind[:, None].astype(np.uint8), best], axis=1).tobytes())
    return b"".join(parts)


def _mean(left: Bytes, above: Bytes) -> Bytes:
    return ((left.astype(np.uint16) + above) >> 1).astype(np.uint8)


def _paeth(left: Bytes, above: Bytes, corner: Bytes) -> Bytes:
    """Whichever of the three is nearest to left + above - corner, in this order."""
    a, b, c = (it.astype(np.int16) for it in (left, above, corner))
    to_left, to_above, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    second = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, second)


def deep_png(samples: npt.NDArray[np.uint16]) -> tuple[bytes, bytes]:
    """Header and packed pixels of a PNG of 16 bits a channel, of samples `(h, w, C)`."""
    height, width, count = samples.shape
    rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR[count], 0, 0, 0)
    return header, zlib.compress(filtered(rows, 2 * count), 7)
