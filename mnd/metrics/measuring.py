"""`measure`: all measures of two pictures, each with what has to be known to compare it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.types import Pixels, Progress, nobody
from . import butteraugli, fidelity, ssimulacra
from .cards import CARDS, MetricCard, chosen
from .fidelity import WINDOW
from .measure_record import MeasuredRecord
from .pictures import Given, Picture, pair

if TYPE_CHECKING:
    from ..losses.lpips import LPIPS
    from ..losses.pyramid import RLPIPS2

Told = tuple[float | None, str]
"""A value, and what has to be said of it."""
MS_LEAST = 176
"""Pixels a side that the five scales of MS-SSIM need."""
MS_LARGEST = 30_000_000
"""Pixels: MS-SSIM of a larger picture would take many gigabytes."""
DRAWS = 16
"""Of E-LPIPS: always the same ones."""
EQUAL = "the pictures are equal"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one measure says of two pictures."""

    value: float | None
    """None: it says nothing of these pictures; `note` has why."""
    card: MetricCard
    """Name, version, range, direction, unit, and how it is computed."""
    note: str = ""

    def as_json(self) -> MeasuredRecord:
        """The object that is written out."""
        it = self.card
        return {
            "name": it.name, "title": it.title, "value": self.value, "note": self.note, "better": it.better,
            "low": it.low, "high": it.high, "unit": it.unit, "how": it.how, "version": it.version,
            "source": it.source,
        }  # fmt: skip


def measure(
    a: Given, b: Given, metrics: Iterable[str] | str | None = None, *, progress: Progress = nobody
) -> dict[str, Measured]:
    """How far two pictures are apart, by each measure that was asked for.

    Args:
        a: the original: a path, a Pillow image, or an array `(H, W, 3)` or `(H, W)` of uint8. A file is read
            as people see it, turned as its orientation says.
        b: the same of the changed picture. Colour profiles are not applied.
        metrics: names of `METRICS`; learned ones also with a trunk and a file of weights (`lpips:squeeze`,
            `rlpips:squeeze:FILE`). By default all that are installed.
        progress: called with `measuring` before each measure.

    Returns:
        By name, in the order asked for. Sources and settings of each are in its `card`.

    Raises:
        PhotoError: a file cannot be read, or is partly transparent.
        ValueError: the pictures have other types, differ in size, or one is grey and the other in colour; or
            there is no such measure.
        ModuleNotFoundError: a measure was named whose package or program is not installed.
        FileNotFoundError: weights are not on this machine; the message says how to get them.

    >>> import numpy as np
    >>> a = np.full((32, 32, 3), 100, np.uint8)
    >>> found = measure(a, a + np.uint8(2), "psnr,ciede2000")
    >>> {name: round(it.value, 2) for name, it in found.items()}, found["psnr"].card.better
    ({'psnr': 42.11, 'ciede2000': 0.75}, 'higher')
    """
    names = chosen(metrics)
    return compare(*pair(a, b), names, progress)


def compare(
    first: Picture, second: Picture, names: Iterable[str], progress: Progress = nobody
) -> dict[str, Measured]:
    """The same of two pictures that are read already, by measures that are `chosen`."""
    names = tuple(names)
    judge = _Judge(first.pixels, second.pixels)
    found = {}
    for place, name in enumerate(names):
        progress("measuring", place, len(names))
        value, note = judge.says(name)
        found[name] = Measured(value, describe(name), note)
    return found


def describe(name: str) -> MetricCard:
    """The card of a measure, with the versions of weights and programs on this machine.

    Raises:
        ValueError: there is no such measure.
        ModuleNotFoundError: its package or program is not installed.
        FileNotFoundError: its weights are not on this machine.

    >>> describe("rlpips").version
    'efficientnet-lite0, version 1'
    """
    [name] = chosen([name])
    kind = name.partition(":")[0]
    card = replace(CARDS[kind], name=name)
    if kind == "ssimulacra2":
        return replace(card, version=f"2.1, weights of ssimulacra2 {version('ssimulacra2')}")
    if kind.startswith("butteraugli"):
        return replace(card, version=butteraugli.version())
    if kind == "rlpips_2":
        how = "sRGB in [0, 1], the whole picture; not symmetric, the first picture is the clean one"
        return replace(card, version=f"pyramid, version {_second().version}", how=how)
    if kind in ("lpips", "rlpips", "elpips"):
        metric = _learned(name)
        how = "sRGB in [0, 1], the whole picture"
        if kind == "elpips":
            how += f"; around {metric.title}, {DRAWS} draws, always the same"
        return replace(card, version=f"{metric.trunk.name}, version {metric.version}", how=how)
    return card


class _Judge:
    """Two pictures, and what has been found out about them."""

    def __init__(self, a: Pixels, b: Pixels) -> None:
        self._a, self._b = a, b
        self._least = min(a.shape[:2])
        self._pairs: dict[str, tuple[float, float]] = {}

    def says(self, name: str) -> Told:
        """The value of a measure, and what has to be said of it."""
        kind = name.partition(":")[0]
        ways: dict[str, Callable[[], Told]] = {
            "psnr": self._psnr,
            "ssim": self._ssim,
            "ms_ssim": self._ms_ssim,
            "ciede2000": lambda: (self._colour()[0], ""),
            "ciede2000_worst": lambda: (self._colour()[1], ""),
            "above_jnd": lambda: (fidelity.share_above_jnd(self._a, self._b), ""),
            "ssimulacra2": self._ssimulacra2,
            "rlpips_2": self._rlpips_2,
            "butteraugli": lambda: self._butteraugli(0),
            "butteraugli_norm": lambda: self._butteraugli(1),
        }
        return ways[kind]() if kind in ways else self._by_network(name)

    def _psnr(self) -> Told:
        value = fidelity.psnr(self._a, self._b)
        return value, f"{EQUAL}: it is infinite" if value is None else ""

    def _ssim(self) -> Told:
        value = fidelity.ssim(self._a, self._b)
        return value, self._too_small(WINDOW) if value is None else ""

    def _ms_ssim(self) -> Told:
        if self._least < MS_LEAST:
            return None, self._too_small(MS_LEAST)
        pixels = self._a.shape[0] * self._a.shape[1]
        if pixels > MS_LARGEST:
            return None, f"{pixels:,} pixels, expected at most {MS_LARGEST:,}"
        import torch

        from ..channel import to_tensor
        from ..losses.structure import ms_ssim

        with torch.inference_mode():
            return float(1 - ms_ssim(to_tensor(self._a), to_tensor(self._b))), ""

    def _colour(self) -> tuple[float, float]:
        """The mean and the largest CIEDE2000 of a pixel."""
        if "colour" not in self._pairs:
            self._pairs["colour"] = fidelity.ciede2000(self._a, self._b)
        return self._pairs["colour"]

    def _ssimulacra2(self) -> Told:
        if self._least < ssimulacra.SMALLEST:
            return None, self._too_small(ssimulacra.SMALLEST)
        note = ""
        if self._least < ssimulacra.ALL_SCALES:
            fewer = (
                f"a side has fewer than {ssimulacra.ALL_SCALES} pixels: fewer than {ssimulacra.SCALES} scales"
            )
            note = f"{fewer}; to be compared with pictures of this size alone"
        return fidelity.ssimulacra2(self._a, self._b), note

    def _rlpips_2(self) -> Told:
        from . import learned

        if self._least < (metric := _second()).least:
            return None, self._too_small(metric.least)
        value, whole = learned.distance(metric, self._a, self._b)
        return value, "" if whole else _pieces(learned.TILE)

    def _butteraugli(self, which: int) -> Told:
        if self._least < butteraugli.SMALLEST:
            return None, self._too_small(butteraugli.SMALLEST)
        if "butteraugli" not in self._pairs:
            self._pairs["butteraugli"] = fidelity.butteraugli_norms(self._a, self._b)
        return self._pairs["butteraugli"][which], ""

    def _by_network(self, name: str) -> Told:
        from . import learned

        metric = _learned(name)
        if name.startswith("elpips"):
            value = learned.elpips_around(metric, self._a, self._b, DRAWS)
            if value is not None:
                return value, ""
            large = self._a.size > 3 * learned.LARGEST
            got = f"{self._a.size // 3:,} pixels, expected at most {learned.LARGEST:,}"
            return None, got if large else self._too_small(learned.least_for_elpips(metric))
        if self._least < metric.trunk.least:
            return None, self._too_small(metric.trunk.least)
        value, whole = learned.distance(metric, self._a, self._b)
        return value, "" if whole else _pieces(learned.TILE)

    def _too_small(self, least: int) -> str:
        height, width = self._a.shape[:2]
        return f"{width}x{height} pixels, expected at least {least} a side"


def _pieces(side: int) -> str:
    return f"the mean over pieces of about {side} pixels a side, since it is large"


@cache
def _second() -> RLPIPS2:
    """The packaged R-LPIPS of version 2."""
    from ..losses.pyramid import RLPIPS2

    return RLPIPS2().eval()


@cache
def _learned(name: str) -> LPIPS:
    """The metric of `lpips`, `rlpips:TRUNK`, `lpips:TRUNK:FILE`; of `elpips:NAME` that of NAME."""
    from ..losses.lpips import LPIPS
    from ..losses.rlpips import RLPIPS

    kind, _, rest = name.partition(":")
    if kind == "elpips":
        return _learned(rest or "lpips")
    make: Any = {"lpips": LPIPS, "rlpips": RLPIPS}.get(kind)
    if make is None:
        raise ValueError(f"metric is 'elpips:{name}', expected lpips or rlpips after the colon")
    trunk, _, file = rest.partition(":")
    if not file:
        return make(trunk or "efficientnet-lite0").eval()  # type: ignore[no-any-return]
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"weights file {file} does not exist")
    told = f"{path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    return make(trunk or "efficientnet-lite0", path, told).eval()  # type: ignore[no-any-return]
