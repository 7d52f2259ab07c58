"""What is reported of a changed photo, on saved 8-bit pixels: PSNR, SSIM and the pixels above the JND."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..base.types import Box, Pixels
from .record import QualityRecord, RegionQualityRecord

if TYPE_CHECKING:
    from .learned import LearnedDistance

T = TypeVar("T")
IN_MEMORY = hasattr(os, "memfd_create")
"""Whether programs can be given files that lie on no disk."""
STRIP = 1 << 18
"""Pixels that are worked on at a time: about 60 MB of single precision, whatever the size of the photo."""
WINDOW = 11
"""Side of SSIM's window."""
HALO = 2
"""What the JND of a pixel sees to each side."""


@dataclass(frozen=True, slots=True)
class RegionQuality:
    """The quality of one region, cut out and judged alone."""

    psnr: float | None
    """Decibels; None when nothing changed (it would be infinite, which JSON cannot say)."""
    ssim: float | None
    """At most 1; None when the region is smaller than SSIM's window of 11x11 pixels."""
    learned: tuple[LearnedDistance, ...] = ()
    """R-LPIPS and LPIPS, each with its trunk and version; none of a region below 16x16 pixels."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of a whole photo and of its regions."""

    psnr: float | None
    """Decibels over all pixels and channels, `10 log10(255^2 / MSE)`; None when nothing changed."""
    ssim: float | None
    """Mean over windows and channels, at most 1 (Wang et al. 2004); None below 11x11 pixels."""
    above_jnd: float
    """Share of pixels in [0, 1] whose luma changed by more than the just noticeable difference."""
    regions: tuple[RegionQuality, ...] = ()

    def as_json(self) -> QualityRecord:
        """The object that is written out.

        >>> Quality(None, 1.0, 0.0).as_json()
        {'psnr': None, 'ssim': 1.0, 'above_jnd': 0.0, 'regions': []}
        """
        regions: list[RegionQualityRecord] = [
            {"psnr": region.psnr, "ssim": region.ssim, "learned": [d.as_json() for d in region.learned]}
            for region in self.regions
        ]
        return {"psnr": self.psnr, "ssim": self.ssim, "above_jnd": self.above_jnd, "regions": regions}


def quality(original: Pixels, cloaked: Pixels, boxes: Sequence[Box] = ()) -> Quality:
    """PSNR, SSIM and the share of pixels above the JND of a changed photo, as a whole and region by region.

    Regions are also judged by learned distances, which would take too long on a large photo. Only what lies
    near a change is computed (elsewhere SSIM is 1), a strip of rows at a time, so that a photo of any size
    needs little memory; the values are those of the whole picture.

    Args:
        original: `(H, W, 3)` uint8, RGB.
        cloaked: the same of the changed photo.
        boxes: regions `(x0, y0, x1, y1)` in pixels, x1 and y1 excluded, cut at the edge of the photo.

    Raises:
        ValueError: the pixels are no such arrays, or a region has no pixel inside the photo.

    >>> photo = np.full((16, 16, 3), 100, np.uint8)
    >>> round(quality(photo, photo + np.uint8(1)).psnr, 2)
    48.13
    """
    _check(original, cloaked)
    regions = tuple(_region(_cut(original, box), _cut(cloaked, box)) for box in boxes)
    return Quality(psnr(original, cloaked), _ssim(original, cloaked), _above_jnd(original, cloaked), regions)


def psnr(original: Pixels, cloaked: Pixels) -> float | None:
    """Peak signal-to-noise ratio in decibels, `10 log10(255^2 / MSE)`; None when nothing changed.

    Raises:
        ValueError: the pixels are no two `(H, W, 3)` uint8 arrays of one size.

    >>> photo = np.zeros((4, 4, 3), np.uint8)
    >>> psnr(photo, photo) is None
    True
    """
    _check(original, cloaked)
    squares = 0
    for rows in _strips(0, original.shape[0], original.shape[1]):
        difference = original[rows].astype(np.int32) - cloaked[rows]
        squares += int(np.square(difference).sum(dtype=np.int64))
    return 10 * log10(255**2 * original.size / squares) if squares else None


def ssim(original: Pixels, cloaked: Pixels) -> float | None:
    """SSIM of the whole, at most 1, in windows inside the picture, of R, G and B; None below 11x11 pixels.

    Raises:
        ValueError: the pixels are no two `(H, W, 3)` uint8 arrays of one size.

    >>> photo = np.zeros((16, 16, 3), np.uint8)
    >>> ssim(photo, photo), ssim(photo[:4], photo[:4])
    (1.0, None)
    """
    _check(original, cloaked)
    return _ssim(original, cloaked)


def share_above_jnd(original: Pixels, cloaked: Pixels) -> float:
    """The share of pixels in [0, 1] whose luma changed by more than the just noticeable difference.

    Raises:
        ValueError: the pixels are no two `(H, W, 3)` uint8 arrays of one size.

    >>> photo = np.full((4, 4, 3), 127, np.uint8)
    >>> share_above_jnd(photo, photo + np.uint8(2)), share_above_jnd(photo, photo + np.uint8(4))
    (0.0, 1.0)
    """
    _check(original, cloaked)
    return _above_jnd(original, cloaked)


def ciede2000(original: Pixels, cloaked: Pixels) -> tuple[float, float]:
    """The mean and the largest CIEDE2000 of a pixel, of sRGB pictures; 1 is about what can just be seen.

    Raises:
        ValueError: the pixels are no two `(H, W, 3)` uint8 arrays of one size.

    >>> photo = np.full((4, 4, 3), 127, np.uint8)
    >>> [round(value, 3) for value in ciede2000(photo, photo + np.uint8(3))]
    [1.134, 1.134]
    """
    _check(original, cloaked)
    import torch

    from ..losses.ciede2000 import ciede2000 as of_pixels

    total = largest = 0.0
    for rows in _strips(0, original.shape[0], original.shape[1]):
        with torch.inference_mode():
            found = of_pixels(_tensor(original[rows]), _tensor(cloaked[rows]))
        total += float(found.double().sum())
        largest = max(largest, float(found.max()))
    return total / (original.shape[0] * original.shape[1]), largest


def ssimulacra2(original: Pixels, cloaked: Pixels) -> float:
    """SSIMULACRA2, at most 100 for equal pictures; 90 and more cannot be told apart at 1:1 (Cloudinary 2022).

    With the weights that the C++ tool takes at every size; `mnd.metrics.ssimulacra` says how.

    Raises:
        ValueError: the pixels are no two `(H, W, 3)` uint8 arrays of one size, at least 8 a side.
        ModuleNotFoundError: the package `ssimulacra2` is not installed.
    """
    from .ssimulacra import score

    _check(original, cloaked)
    return score(original, cloaked)


def butteraugli(original: Pixels, cloaked: Pixels) -> float:
    """Butteraugli's largest distance, 0 for equal pictures; below 1 is read as invisible (Google 2016).

    Raises:
        ValueError: the pixels are no two `(H, W, 3)` uint8 arrays of one size.
        FileNotFoundError: the program `butteraugli_main` is not installed.
        OSError: the program failed.
    """
    return butteraugli_norms(original, cloaked)[0]


def butteraugli_norms(original: Pixels, cloaked: Pixels) -> tuple[float, float]:
    """Butteraugli's largest distance, and the 3-norm of all, `(mean d^3)^(1/3)`; raises as `butteraugli`."""
    from .butteraugli import ask

    _check(original, cloaked)
    program = shutil.which("butteraugli_main")
    if program is None:
        raise FileNotFoundError(
            "Butteraugli needs the program butteraugli_main (of libjxl), which is not on the PATH"
        )

    with _files(original, cloaked) as (paths, open_files):
        return ask(paths, open_files, program)


def if_installed(judge: Callable[[Pixels, Pixels], T], original: Pixels, cloaked: Pixels) -> T | None:
    """What a judge says of two pictures; None where what it needs is not installed."""
    try:
        return judge(original, cloaked)
    except (ModuleNotFoundError, FileNotFoundError):
        return None


@contextlib.contextmanager
def _files(*pictures: Pixels) -> Iterator[tuple[list[str], list[int]]]:
    """Paths of the pictures as PNG files for a program, and which open files it has to inherit.

    They lie in memory where there are such files, since they show clean faces.
    """
    if IN_MEMORY:
        with contextlib.ExitStack() as opened:
            files = [opened.enter_context(os.fdopen(os.memfd_create("picture"), "wb")) for _ in pictures]
            for file, pixels in zip(files, pictures, strict=True):
                file.write(_png(pixels))
                file.flush()
            numbers = [file.fileno() for file in files]
            yield [f"/proc/self/fd/{number}" for number in numbers], numbers
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{place}.png" for place in range(len(pictures))]
        for path, pixels in zip(paths, pictures, strict=True):
            path.write_bytes(_png(pixels))
        yield [str(path) for path in paths], []


def _png(pixels: Pixels) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _region(original: Pixels, cloaked: Pixels) -> RegionQuality:
    from .learned import learned_distances

    learned = learned_distances(original, cloaked)
    return RegionQuality(psnr(original, cloaked), _ssim(original, cloaked), learned)


def _ssim(original: Pixels, cloaked: Pixels) -> float | None:
    """The mean over all windows, of which only those that hold a change are looked at."""
    height, width = original.shape[0] - WINDOW + 1, original.shape[1] - WINDOW + 1
    if min(height, width) < 1:
        return None
    changed = _changed(original, cloaked)
    if changed is None:
        return 1.0
    import torch

    from ..losses.structure import ssim

    left, top, right, bottom = changed
    # windows by their first pixel
    first, last = max(0, left - WINDOW + 1), min(width, right)
    total: float = 0.0
    for rows in _strips(max(0, top - WINDOW + 1), min(height, bottom), last - first):
        part = slice(rows.start, rows.stop + WINDOW - 1), slice(first, last + WINDOW - 1)
        a, b = original[part], cloaked[part]
        if np.array_equal(a, b):
            continue
        with torch.inference_mode():
            mean = float(ssim(_tensor(a), _tensor(b)))
        total += mean * len(range(rows.start, rows.stop)) * (last - first)
    return float(1.0 - total / (height * width))


def _above_jnd(original: Pixels, cloaked: Pixels) -> float:
    """The share of pixels whose luma changed by more than their JND."""
    changed = _changed(original, cloaked)
    if changed is None:
        return 0.0
    import torch

    from ..losses.jnd import exceeds

    left, top, right, bottom = changed
    height, width = original.shape[:2]
    columns = slice(max(0, left - HALO), min(width, right + HALO))
    count = 0
    for rows in _strips(top, bottom, columns.stop - columns.start):
        start = max(0, rows.start - HALO)
        part = slice(start, min(height, rows.stop + HALO)), columns
        with torch.inference_mode():
            above = exceeds(_tensor(original[part]), _tensor(cloaked[part]))
        inner = above[
            :, :, rows.start - start : rows.stop - start, left - columns.start : right - columns.start
        ]
        count += int(torch.count_nonzero(inner))
    return float(count / (height * width))


def _changed(original: Pixels, cloaked: Pixels) -> Box | None:
    """The smallest box that holds every change, or None."""
    height, width = original.shape[:2]
    rows, columns = np.zeros(height, bool), np.zeros(width, bool)
    for part in _strips(0, height, width):
        different = (original[part] != cloaked[part]).any(axis=2)
        rows[part] = different.any(axis=1)
        columns |= different.any(axis=0)
    if not rows.any():
        return None
    down, across = np.flatnonzero(rows), np.flatnonzero(columns)
    return int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1


def _strips(start: int, stop: int, width: int) -> Iterator[slice]:
    """The rows from start to stop, as many at a time as make one strip of that width."""
    step = max(WINDOW, STRIP // width)
    for row in range(start, stop, step):
        yield slice(row, min(row + step, stop))


def _tensor(pixels: Pixels) -> Any:
    import torch

    picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1).unsqueeze(0)
    return picture.to(torch.float32) / 255


def _cut(pixels: Pixels, box: Box) -> Pixels:
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"region {tuple(box)} has no pixel in a photo of {width}x{height}")
    return pixels[y0:y1, x0:x1]


def _check(original: Pixels, cloaked: Pixels) -> None:
    for name, pixels in (("original", original), ("cloaked", cloaked)):
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
            raise ValueError(
                f"{name} has shape {pixels.shape} and type {pixels.dtype}, expected (H, W, 3) uint8"
            )
    if original.shape != cloaked.shape:
        raise ValueError(f"cloaked has shape {cloaked.shape}, expected {original.shape}, as the original")
