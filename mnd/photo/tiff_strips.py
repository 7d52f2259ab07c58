"""Strips of a TIFF of samples that Pillow has no mode for, compressed by its own coder."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .metadata.directories import Field

_WIDTH, _BITS, _COLOURS, _COUNT, _PREDICTOR, _EXTRA, _FORMAT = 256, 258, 262, 277, 317, 338, 339
_GREY, _RGB = 1, 2


def predicted(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`(h, w, C)` less what stands to the left of each sample: TIFF 6.0's predictor 2."""
    made = samples.copy()
    made[:, 1:] -= samples[:, :-1]
    return made


def bytes_as_tiff(samples: npt.NDArray[Any], order: str, compression: str) -> bytes:
    """A TIFF whose strips hold the bytes of samples `(h, w, C)`: its tags speak of grey bytes.

    No compression of TIFF looks at what its bytes mean, once a predictor has been applied.
    """
    stored = samples.astype(f"{order}u{samples.dtype.itemsize}")
    rows = stored.reshape(len(samples), -1).view(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rows)).save(buffer, "TIFF", compression=compression)
    return buffer.getvalue()


def layout(
    samples: npt.NDArray[Any], order: str, predicts: bool, colours: int | None = None
) -> Sequence[Field]:
    """The tags that say what the bytes of `bytes_as_tiff` are.

    Args:
        samples: `(h, w, C)` uint8 or uint16.
        order: `<` or `>`.
        predicts: they were `predicted`.
        colours: the photometric interpretation; grey or RGB by the number of channels unless given.
    """
    _, width, count = samples.shape
    alpha = colours is None and count in (2, 4)
    kind = colours if colours is not None else _GREY if count < 3 else _RGB
    tags = {
        _WIDTH: (4, [width]),
        _BITS: (3, [8 * samples.dtype.itemsize] * count),
        _COLOURS: (3, [kind]),
        _COUNT: (3, [count]),
        _PREDICTOR: (3, [2 if predicts else 1]),
        _EXTRA: (3, [2] if alpha else []),
    }
    return [Field.of(tag, form, numbers, order) for tag, (form, numbers) in tags.items() if numbers]
