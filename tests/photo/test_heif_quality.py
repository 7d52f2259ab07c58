"""The quality of a HEIC or AVIF is found by coding parts of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mnd.photo.heif_quality import Coder, Known, quality_by_size

SIDE = 1792
TRUE = 63


@dataclass
class Fake:
    """A coder whose files grow with the quality, and which changes least at one of them."""

    least: int = TRUE
    error: float = 4.0
    sizes: list[int] = field(default_factory=list)

    def coder(self) -> Coder:
        return Coder(coded=self.coded, decoded=self.decoded, length=len, step=0.035)

    def coded(self, levels: np.ndarray, quality: int) -> bytes:
        self.sizes.append(levels.size)
        self.levels, self.quality = levels, quality
        return bytes(int(levels.astype(float).mean() * levels.size * np.exp(0.035 * quality) / 4000))

    def decoded(self, data: bytes) -> np.ndarray:
        assert data
        return self.levels + np.float32(self.error * (1 + abs(self.quality - self.least)))


def known(levels: np.ndarray) -> Known:
    squares = tuple((slice(y, y + 256), slice(x, x + 256)) for y, x in ((0, 0), (512, 768), (1280, 256)))
    return Known(squares, len(Fake().coded(levels, TRUE)), squares=True)


def test_of_a_large_picture_squares_tell_the_quality_and_all_is_coded_once() -> None:
    levels = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
    levels[:, : SIDE // 2] //= 8  # the squares have another share of the bytes than of the pixels
    fake = Fake()
    place, quality = quality_by_size(levels, known(levels), [fake.coder()])
    assert (place, quality) == (0, TRUE)
    assert fake.sizes.count(levels.size) == 1


def test_a_truer_quality_beside_it_is_taken_but_none_far_away() -> None:
    levels = np.full((SIDE, SIDE), 100, np.uint8)
    assert quality_by_size(levels, known(levels), [Fake(least=TRUE + 2).coder()]) == (0, TRUE + 2)
    far = quality_by_size(levels, known(levels), [Fake(least=TRUE + 30).coder()])[1]
    assert abs(far - TRUE) <= 3


def test_a_slower_coder_is_taken_where_it_leaves_clearly_less_error() -> None:
    levels = np.full((SIDE, SIDE), 100, np.uint8)
    usual = Fake(error=4).coder()
    assert quality_by_size(levels, known(levels), [usual, Fake(error=3.9).coder()])[0] == 0
    assert quality_by_size(levels, known(levels), [usual, Fake(error=2).coder()])[0] == 1
