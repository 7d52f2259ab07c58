"""SSIMULACRA2 against what the tool of its authors says, written down and, where it is installed, asked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from mnd.base.types import Pixels
from mnd.metrics import ssimulacra
from mnd.metrics.fidelity import ssimulacra2

pytest.importorskip("ssimulacra2", reason="needs the package ssimulacra2")

TOOL = "ssimulacra2"
# height, width, largest change in grey levels, score of `ssimulacra2` of libjxl 0.11.2 (Debian 13)
KNOWN = [
    (300, 400, 3, 90.5142), (300, 400, 12, 65.9596), (225, 225, 3, 90.4785), (225, 225, 12, 68.2991),
    (224, 224, 3, 91.1260), (224, 224, 12, 69.2906), (160, 170, 3, 90.7307), (160, 170, 12, 68.6270),
    (113, 113, 3, 88.9706), (113, 113, 12, 65.5278), (113, 112, 3, 85.2389), (113, 112, 12, 45.2609),
    (112, 112, 3, 85.4506), (112, 112, 12, 45.9961), (64, 64, 3, 85.2677), (64, 64, 12, 44.8168),
    (57, 57, 3, 84.7258), (57, 57, 12, 43.0920), (57, 56, 3, 62.9536), (57, 56, 12, -33.5846),
    (56, 56, 3, 62.8028), (56, 56, 12, -34.4222), (33, 47, 3, 66.0816), (33, 47, 12, -25.9359),
    (16, 16, 3, 93.2577), (16, 16, 12, 77.3837), (8, 8, 3, 97.1046), (8, 8, 12, 93.2343),
]  # fmt: skip


def pair(height: int, width: int, levels: int) -> tuple[Pixels, Pixels]:
    a = np.ascontiguousarray(data.astronaut()[100 : 100 + height, 100 : 100 + width])
    noise = np.random.default_rng(height * 1000 + width).integers(-levels, levels + 1, a.shape)
    return a, (a + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width", "levels", "score"), KNOWN)
def test_every_size_has_the_score_of_the_tool(height: int, width: int, levels: int, score: float):
    # the tool computes in single precision, which it notices on large pictures that hardly differ
    assert ssimulacra2(*pair(height, width, levels)) == pytest.approx(score, abs=0.15)


def test_the_package_alone_is_far_off(tmp_path: Path):
    """What the module is there for; once the package is mended it can go."""
    from ssimulacra2 import compute_ssimulacra2

    a, b = pair(224, 224, 12)
    Image.fromarray(a).save(tmp_path / "a.png")
    Image.fromarray(b).save(tmp_path / "b.png")
    assert compute_ssimulacra2(tmp_path / "a.png", tmp_path / "b.png") < 55 < ssimulacra2(a, b)


@pytest.mark.skipif(shutil.which(TOOL) is None, reason="needs the program ssimulacra2 of libjxl >= 0.8")
@pytest.mark.parametrize("size", [(224, 224), (113, 200), (112, 130), (61, 300), (20, 9)])
def test_the_tool_itself(size: tuple[int, int], tmp_path: Path):
    a, b = pair(*size, 6)
    paths = [str(tmp_path / name) for name in ("a.png", "b.png")]
    for path, pixels in zip(paths, (a, b), strict=True):
        Image.fromarray(pixels).save(path)
    told = subprocess.run([TOOL, *paths], capture_output=True, text=True, check=True).stdout
    assert ssimulacra2(a, b) == pytest.approx(float(told), abs=0.1)


def test_the_blur_is_nearly_the_gaussian():
    n = np.arange(-4, 5)
    wanted = np.exp(-(n**2) / (2 * ssimulacra.SIGMA**2)) / np.sqrt(2 * np.pi) / ssimulacra.SIGMA
    assert np.abs(ssimulacra.kernel() - wanted).max() < 0.002


def test_from_where_on_there_are_all_scales():
    def scales(side: int) -> int:
        count = 0
        while side >= ssimulacra.SMALLEST and count < ssimulacra.SCALES:
            side, count = (side if count == 0 else -(-side // 2)), count + 1
        return count

    assert [scales(ssimulacra.ALL_SCALES - 1), scales(ssimulacra.ALL_SCALES)] == [5, 6]


def test_too_small_is_refused():
    tiny = np.zeros((7, 30, 3), np.uint8)
    with pytest.raises(ValueError, match="got a picture of 30x7, expected at least 8 pixels a side"):
        ssimulacra2(tiny, tiny)
