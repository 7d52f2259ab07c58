"""Parts of photos for the page: the right pixels, and no more memory than allowed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mnd.ui.pictures import Decoded, difference, inside, part

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)


def read(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_part_at_its_own_size_is_its_own_pixels() -> None:
    assert np.array_equal(read(part(PIXELS, (10, 5, 30, 25), 400)), PIXELS[5:25, 10:30])


def test_a_wide_part_is_reduced() -> None:
    assert read(part(PIXELS, (0, 0, 60, 40), 30)).shape == (20, 30, 3)


def test_there_is_nothing_but_pixels_in_it() -> None:
    assert Image.open(io.BytesIO(part(PIXELS, (0, 0, 60, 40), 60))).info == {}


def test_the_difference_is_enlarged_around_grey() -> None:
    after = PIXELS.copy()
    after[3, 4] = PIXELS[3, 4] ^ 1  # one level, up or down
    png, gain = difference(PIXELS, after, (0, 0, 20, 20), 20)
    shown = read(png).astype(int)
    assert gain == 64
    assert set(np.abs(shown[3, 4] - 128)) == {64}
    assert (np.delete(shown.reshape(-1, 3), 3 * 20 + 4, 0) == 128).all()


@pytest.mark.parametrize(
    "box", ["1,2,3", "a,b,c,d", "5,5,5,9", "70,0,80,9", "nan,0,1,1", "inf,0,1,1", "9,9,1,1"]
)
def test_a_part_that_is_none_is_refused(box) -> None:
    with pytest.raises(ValueError, match="box is"):
        inside(box, (60, 40))


def test_only_so_much_is_kept() -> None:
    made: list[bytes] = []
    files = {name: name.encode() * 9 for name in "abc"}
    decoded = Decoded(most=2 * (PIXELS.nbytes + 9))

    def make(name: str) -> np.ndarray:
        return decoded.get(files[name], lambda: made.append(files[name][:1]) or PIXELS)

    for name in "abaca":
        make(name)
    assert made == [b"a", b"b", b"c"]
    make("b")
    assert made == [b"a", b"b", b"c", b"b"]
    decoded.forget()
    make("b")
    assert made[-2:] == [b"b", b"b"]


def test_only_so_many_are_kept() -> None:
    made: list[bytes] = []
    decoded = Decoded(files=3)
    files = [bytes([number]) * 9 for number in range(5)]
    for data in (*files, files[3], files[0]):
        decoded.get(data, lambda data=data: made.append(data[:1]) or PIXELS)
    assert made == [b"\0", b"\1", b"\2", b"\3", b"\4", b"\0"]


def test_another_file_at_the_same_place_in_memory_is_another() -> None:
    """What was made of another choice may lie where the first has lain."""
    decoded = Decoded()
    for value in range(50):
        data = bytes([value]) * 100_000
        assert decoded.get(data, lambda value=value: np.full((2, 2, 3), value, np.uint8))[0, 0, 0] == value
        del data
