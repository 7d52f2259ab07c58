"""How a changed face looks to measures that were fitted to what people see: a judge that no search optimises.

They cost more than a search may: `mnd cloak` does not ask them, `mnd check` and `mnd evaluate` do.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..base.types import Pixels
from ..faces.features import Features
from .fidelity import IN_MEMORY, butteraugli_norms, if_installed, ssimulacra2
from .learned import elpips
from .record import PortraitRecord

ENLARGED = 256
"""Pixels of the shorter side to which a smaller face is enlarged, so that SSIMULACRA2 has all its scales; the
words that are said of a score go by faces of this size."""
LEAST = 225
"""Pixels of the shorter side: of a smaller photo, which a phone would enlarge, SSIMULACRA2 is not told."""
PHONE = 400
"""Pixels across the screen of a phone, as a page lays them out."""
DRAWS = 16
"""Of E-LPIPS."""
FACE = 256
"""Pixels of the longer side to which a larger face is made smaller for E-LPIPS: what is seen of it whole."""
AROUND = 0.02
"""How far features reach beyond their drawing, as a share of the distance of the eyes; a pixel at least."""
SMALLEST = 8
"""Pixels a side: Butteraugli knows no smaller pictures."""


@dataclass(frozen=True)
class Portrait:
    """What measures of pictures say of one face; None: not asked, not installed, or the face is too small.

    Attributes:
        butteraugli: the largest distance where nothing but features has changed, >= 0.
        butteraugli_norm: the 3-norm of the same over the face's part of the photo, >= 0.
        ssimulacra2: of that part, enlarged to a shorter side of 256 pixels where it is smaller; at most 100.
        elpips: of that part, >= 0.
    """

    butteraugli: float | None = None
    butteraugli_norm: float | None = None
    ssimulacra2: float | None = None
    elpips: float | None = None

    def as_json(self) -> PortraitRecord:
        """The object that is written out."""
        return {
            "butteraugli": self.butteraugli,
            "butteraugli_norm": self.butteraugli_norm,
            "ssimulacra2": self.ssimulacra2,
            "elpips": self.elpips,
        }


def portrait(original: Pixels, changed: Pixels, features: Features) -> Portrait:
    """What measures say of the part of a picture in which a face is.

    Args:
        original: `(H, W, 3)` uint8, RGB.
        changed: the same of the changed picture.
        features: where they are.

    >>> import skimage.data
    >>> photo = skimage.data.astronaut()
    >>> from mnd.targets.dlib.shape import predictor
    >>> face = Features.of(predictor(68)(photo, [[175, 76, 265, 166]])[0], (512, 512))
    >>> portrait(photo, photo, face).elpips
    0.0
    """
    x0, y0, x1, y1 = features.box
    before, after = (np.ascontiguousarray(pixels[y0:y1, x0:x1]) for pixels in (original, changed))
    largest = norm = None
    if IN_MEMORY and min(before.shape[:2]) >= SMALLEST:  # never a clean face in a file on a disk
        drawn = np.where(_looked_at(features)[..., None], after, before)
        # a program that does not work here decides about nothing
        with contextlib.suppress(OSError, ValueError):
            largest, norm = if_installed(butteraugli_norms, before, drawn) or (None, None)
    grow = max(1.0, ENLARGED / min(before.shape[:2]))
    shrink = min(1.0, FACE / max(before.shape[:2]))
    return Portrait(
        largest,
        norm,
        if_installed(ssimulacra2, _resized(before, grow), _resized(after, grow)),
        elpips(_resized(before, shrink), _resized(after, shrink), DRAWS),
    )


def on_a_phone(original: Pixels, changed: Pixels) -> float | None:
    """SSIMULACRA2 of a photo that is as wide as a phone's screen: its shorter side made 400 pixels.

    A smaller photo is not enlarged; None of one below 225 pixels, or where SSIMULACRA2 is not installed.

    Args:
        original: `(H, W, 3)` uint8, RGB.
        changed: the same of the changed picture.
    """
    if min(original.shape[:2]) < LEAST:
        return None
    shrink = min(1.0, PHONE / min(original.shape[:2]))
    return if_installed(ssimulacra2, _resized(original, shrink), _resized(changed, shrink))


def _looked_at(features: Features) -> npt.NDArray[np.bool_]:
    """`(h, w)`: pixels of the features, and those around them."""
    from scipy.ndimage import binary_dilation

    drawn = np.max([mask for name, mask in features.masks.items() if name != "skin"], axis=0) > 0.5
    grown: npt.NDArray[np.bool_] = binary_dilation(drawn, iterations=max(1, round(AROUND * features.scale)))
    return grown


def _resized(pixels: Pixels, scale: float) -> Pixels:
    """By Lanczos, which takes the mean of what becomes smaller."""
    if scale == 1.0:
        return pixels
    size = [max(1, round(side * scale)) for side in pixels.shape[1::-1]]
    return np.asarray(Image.fromarray(pixels).resize((size[0], size[1]), Image.Resampling.LANCZOS))
