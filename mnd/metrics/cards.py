"""What each measure is called, how it is computed, and which of two values is the better one."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .. import __version__
from ..base.distribution import pip_install

Better = Literal["higher", "lower"]
LEARNED = ("lpips", "rlpips", "elpips")
"""Measures that may be named with a trunk and a file of weights: `lpips:squeeze`, `rlpips:squeeze:FILE`."""


@dataclass(frozen=True, slots=True)
class MetricCard:
    """One measure of two pictures, the first of which is the original."""

    name: str
    title: str
    better: Better
    """Which of two values is the better one."""
    low: float | None
    """The least value there can be; None: there is no bound."""
    high: float | None
    """The largest, and that of equal pictures where higher is better; None: there is no bound."""
    unit: str
    how: str
    """What has to be said beside a value for it to be compared with one of another program."""
    source: str
    version: str = f"mnd {__version__}"
    """Of the code or of the weights."""
    digits: int = 4
    """After the point, where people read it."""


_IN_PIXELS = "over all pixels"
_RGB = "mean of R, G and B, range 255"
_CARDS = (
    MetricCard("psnr", "PSNR", "higher", 0.0, None, "dB", f"10 log10(255^2 / MSE) {_IN_PIXELS} and channels",
               "", digits=2),
    MetricCard("ssim", "SSIM", "higher", -1.0, 1.0, "",
               f"Gaussian window of 11x11, sigma 1.5, inside the picture alone; {_RGB}; K 0.01 and 0.03",
               "Wang et al. 2004", digits=5),
    MetricCard("ms_ssim", "MS-SSIM", "higher", 0.0, 1.0, "",
               f"five scales, weights of 2003; window and border as SSIM; {_RGB}, at each scale",
               "Wang et al. 2003", digits=5),
    MetricCard("ciede2000", "CIEDE2000", "lower", 0.0, None, "Delta E", f"sRGB, D65, mean {_IN_PIXELS}",
               "Sharma et al. 2005", digits=3),
    MetricCard("ciede2000_worst", "Worst CIEDE2000", "lower", 0.0, None, "Delta E",
               "sRGB, D65, the pixel that differs most", "Sharma et al. 2005", digits=2),
    MetricCard("above_jnd", "Above JND", "lower", 0.0, 1.0, "share of pixels",
               "luma (BT.601) changed by more than the JND of the original",
               "Chou and Li 1995, Yang et al. 2005"),
    MetricCard("lpips", "LPIPS", "lower", 0.0, None, "", "", "Zhang et al. 2018", digits=6),
    MetricCard("rlpips", "R-LPIPS", "lower", 0.0, None, "", "", "Ghazanfari et al. 2023", digits=6),
    MetricCard("rlpips_2", "R-LPIPS 2", "lower", 0.0, None, "", "", "this project", digits=6),
    MetricCard("elpips", "E-LPIPS", "lower", 0.0, None, "", "", "Kettunen et al. 2019", digits=6),
    MetricCard("ssimulacra2", "SSIMULACRA2", "higher", None, 100.0, "",
               "scales, weights and blur of the C++ tool, in double precision", "Cloudinary 2022", digits=2),
    MetricCard("butteraugli", "Butteraugli", "lower", 0.0, None, "", "the largest distance, 80 nits",
               "Google 2016", digits=3),
    MetricCard("butteraugli_norm", "Butteraugli 3-norm", "lower", 0.0, None, "",
               "(mean of d^3)^(1/3), 80 nits", "Google 2016", digits=3),
)  # fmt: skip
CARDS = {card.name: card for card in _CARDS}
"""Without what depends on this machine, which `card` adds."""
METRICS = tuple(CARDS)
"""The names of all measures."""
TOOL = "butteraugli_main"


def known(name: str) -> str:
    """The name of a measure as it is written here, of one that may have hyphens and capitals.

    Raises:
        ValueError: there is no such measure.

    >>> known("MS-SSIM"), known("lpips:squeeze")
    ('ms_ssim', 'lpips:squeeze')
    """
    kind, colon, rest = name.strip().partition(":")
    kind = kind.lower().replace("-", "_")
    if kind not in CARDS or (colon and (kind not in LEARNED or not rest)):
        learned = ", ".join(f"{it}:TRUNK" for it in LEARNED[:2])
        raise ValueError(f"metric is {name!r}, expected one of {', '.join(METRICS)}, or {learned}")
    return kind + colon + rest


def missing(name: str) -> str:
    """What a measure needs and this machine has not, with the way to get it; empty where all is there."""
    if name == "ssimulacra2" and not _package():
        return f"the package ssimulacra2: {pip_install('ssimulacra2')}"
    if name.startswith("butteraugli") and shutil.which(TOOL) is None:
        return f"the program {TOOL} (of libjxl, in Debian's libjxl-devtools), which is not on the PATH"
    return ""


def available() -> tuple[str, ...]:
    """The names of the measures that this machine has all for.

    >>> set(available()) >= {"psnr", "ssim", "rlpips"}
    True
    """
    return tuple(name for name in METRICS if not missing(name))


def chosen(names: Iterable[str] | str | None) -> tuple[str, ...]:
    """The measures that were asked for, each once; by default all that are `available`.

    Raises:
        ValueError: there is no such measure, or none was named.
        ModuleNotFoundError: one was named whose package or program is not installed.
    """
    if names is None:
        return available()
    words = names.split(",") if isinstance(names, str) else list(names)
    found = tuple(dict.fromkeys(known(word) for word in words if word.strip()))
    if not found:
        raise ValueError(f"metrics are {names!r}, expected at least one of {', '.join(METRICS)}")
    for name in found:
        if lacking := missing(name):
            raise ModuleNotFoundError(f"metric {name} needs {lacking}")
    return found


def _package() -> bool:
    try:
        return importlib.util.find_spec("ssimulacra2") is not None
    except ValueError:  # it was made unavailable on purpose
        return False
