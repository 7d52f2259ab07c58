"""The panel that judges a 2AFC set: published metrics, and how their distances become a judgement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mnd.channel import to_tensor
from rlpips.distortions import Pixels

Values = NDArray[np.float64]
Measure = Callable[[Pixels, Pixels], Values]
"""The distances `(N,)` of pictures from references, both `(N, H, W, 3)`."""
TAU = 0.25


@dataclass(frozen=True)
class Judge:
    """A metric on the panel, and the package that it comes from."""

    load: Callable[[], Measure]
    power: float
    """How its distance grows with the amplitude of a faint change."""
    floor: float
    """Smaller distances are no difference."""
    package: str

    def vote(self, d0: Values, d1: Values) -> Values:
        """The share `(N,)` in [0, 1] that prefers p1: above a half where d1 is the smaller."""
        ratio = (np.log(d0 + self.floor) - np.log(d1 + self.floor)) / (TAU * self.power)
        return np.asarray(1 / (1 + np.exp(-ratio)))


def _distance(name: str, **settings: str) -> Callable[[], Measure]:
    """One of this package's distances."""

    def load() -> Measure:
        from mnd import losses
        from mnd.losses.lpips import LPIPS

        metric = (LPIPS if name == "LPIPS" else getattr(losses, name))(**settings)

        @torch.inference_mode()
        def measure(x: Pixels, y: Pixels) -> Values:
            a, b = (torch.cat([to_tensor(p) for p in v]) for v in (x, y))
            return np.asarray(metric(a, b).double().numpy())

        return measure

    return load


def _ciede2000() -> Measure:
    """The mean colour difference, of pictures blurred as eyes blur colour (sigma 1 pixel)."""
    from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]
    from skimage.color import deltaE_ciede2000, rgb2lab

    def lab(x: Pixels) -> Values:
        return np.asarray(rgb2lab(gaussian_filter(x / 255, (0, 1, 1, 0))))

    def measure(x: Pixels, y: Pixels) -> Values:
        return np.asarray(deltaE_ciede2000(lab(x), lab(y)).mean((1, 2)))  # type: ignore[no-untyped-call]

    return measure


def _ssimulacra2() -> Measure:
    """What is missing from a score of 100."""
    from mnd.metrics.fidelity import ssimulacra2

    return lambda x, y: np.array([max(0.0, 100 - ssimulacra2(a, b)) for a, b in zip(x, y, strict=True)])


JUDGES = {
    "lpips-squeeze": Judge(_distance("LPIPS", trunk="squeeze"), 2, 1e-4, "lpips"),
    "gmsd": Judge(_distance("GMSD"), 2, 5e-5, "mnd"),
    "ssim": Judge(_distance("SSIM"), 2, 5e-5, "mnd"),
    "ciede2000": Judge(_ciede2000, 1, 0.02, "scikit-image"),
    "ssimulacra2": Judge(_ssimulacra2, 1.25, 0.5, "ssimulacra2"),
}
"""The judges that can be asked. SSIMULACRA2 takes the power .63 of a sum of squares."""


class Panel:
    """Several judges together."""

    def __init__(self, names: Sequence[str]) -> None:
        check_judges(names)
        self.names = tuple(names)
        self.measures = [JUDGES[name].load() for name in names]

    def distances(self, ref: Pixels, p: Pixels) -> Values:
        """`(N, K)`, one column a judge."""
        return np.stack([measure(ref, p) for measure in self.measures], 1)

    def votes(self, d0: Values, d1: Values) -> Values:
        """`(N, K)` in [0, 1], the share of each judge that prefers p1."""
        return np.stack([JUDGES[n].vote(d0[:, k], d1[:, k]) for k, n in enumerate(self.names)], 1)

    def __call__(self, ref: Pixels, p0: Pixels, p1: Pixels) -> Values:
        """The judgements `(N,)` of pictures `(N, H, W, 3)`: the share of the panel that prefers p1."""
        return np.asarray(self.votes(self.distances(ref, p0), self.distances(ref, p1)).mean(1))


def check_judges(names: Sequence[str]) -> None:
    """Refuse, by a ValueError, a panel of nobody, of somebody twice, or of somebody unknown."""
    for name in names:
        if name not in JUDGES:
            raise ValueError(f"judge is {name!r}, expected one of {', '.join(JUDGES)}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"judges are {list(names)}, expected at least one, and none twice")
