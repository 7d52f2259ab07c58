"""Pictures in memory of every kind that people have: PIL images, arrays, tensors; and back again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..base.types import Pixels
from ..channel import to_pixels, to_tensor
from ..photo.photo import Photo


def as_photo(picture: Any) -> tuple[Photo, Callable[[Pixels], Any]]:
    """A picture in memory as a photo, and the way back from pixels to its kind.

    Raises:
        ValueError: another kind, shape, type or range than described in `cloak`.

    >>> photo, back = as_photo(np.zeros((20, 30), np.uint8))
    >>> back(photo.pixels).shape
    (20, 30)
    """
    if isinstance(picture, Image.Image):
        photo = Photo.from_image(picture, "PNG")
        return photo, lambda pixels: _as_image(photo, pixels, picture.mode)
    if isinstance(picture, np.ndarray):
        _check_array(picture)
        photo = Photo.from_image(Image.fromarray(picture), "PNG")
        return photo, lambda pixels: pixels[..., 0].copy() if picture.ndim == 2 else pixels.copy()
    if isinstance(picture, torch.Tensor):
        batch = _batch(picture)
        photo = Photo.from_image(Image.fromarray(to_pixels(batch)), "PNG")
        return photo, lambda pixels: to_tensor(pixels, picture.device).to(picture.dtype).view(picture.shape)
    raise ValueError(
        f"got a {type(picture).__name__}, expected a path, a PIL image, an array (H, W, 3) of uint8 "
        "or a tensor (3, H, W) in [0, 1]"
    )


def _as_image(photo: Photo, pixels: Pixels, mode: str) -> Image.Image:
    image = photo.image(pixels)
    return image if image.mode == mode or mode not in ("L", "LA", "RGB", "RGBA") else image.convert(mode)


def _check_array(array: np.ndarray[Any, Any]) -> None:
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not shaped or array.size == 0:
        raise ValueError(f"array is {array.dtype} {array.shape}, expected uint8 (H, W, 3) or (H, W)")


def _batch(tensor: torch.Tensor) -> torch.Tensor:
    batch = tensor if tensor.ndim == 4 else tensor[None]
    if batch.ndim != 4 or batch.shape[:2] != (1, 3) or 0 in batch.shape or not tensor.is_floating_point():
        raise ValueError(
            f"tensor is {tensor.dtype} {tuple(tensor.shape)}, expected float (3, H, W) or (1, 3, H, W)"
        )
    low, high = float(batch.min()), float(batch.max())
    if not 0 <= low <= high <= 1:
        raise ValueError(f"tensor has values from {low:g} to {high:g}, expected [0, 1]")
    return batch
