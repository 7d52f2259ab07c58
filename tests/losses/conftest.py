"""Pictures for the tests of the losses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def photo() -> Tensor:
    """A real photo, `(1, 3, 192, 200)` float64 in [0, 1]: face, hair, flat background."""
    from skimage import data

    pixels = torch.from_numpy(data.astronaut()[:192, 120:320].copy())
    return pixels.permute(2, 0, 1).unsqueeze(0).double() / 255


@pytest.fixture(scope="session")
def noisy(photo: Tensor) -> Tensor:
    """The photo with white noise of four grey levels."""
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0), dtype=photo.dtype)
    return (photo + 4 / 255 * noise).clamp(0, 1)


@pytest.fixture(scope="session")
def small() -> tuple[Tensor, Tensor]:
    """Two different random pictures for gradcheck, `(2, 3, 12, 13)` float64, away from 0 and 1."""
    generator = torch.Generator().manual_seed(1)
    x = 0.1 + 0.8 * torch.rand(2, 3, 12, 13, generator=generator, dtype=torch.float64)
    y = 0.1 + 0.8 * torch.rand(2, 3, 12, 13, generator=generator, dtype=torch.float64)
    return x, y
