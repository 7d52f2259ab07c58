"""What a saved picture differs from the clean one by, measure by measure; None where one cannot be had."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from ..base.types import Pixels
from ..channel import to_tensor
from ..cloaking.features import appearance_of
from ..cloaking.subjects import Subject
from ..losses.structure import MSSSIM
from ..metrics.fidelity import butteraugli, if_installed, psnr, quality, ssimulacra2
from ..metrics.learned import elpips, learned_distances

Values = dict[str, float | None]
FACE: dict[
    str, Literal["ssimulacra2", "butteraugli", "butteraugli_norm", "elpips", "iris", "strokes", "stitches"]
] = {
    "face_ssimulacra2": "ssimulacra2",
    "face_butteraugli": "butteraugli",
    "face_butteraugli_norm": "butteraugli_norm",
    "face_elpips": "elpips",
    "face_iris": "iris",
    "face_strokes": "strokes",
    "face_stitches": "stitches",
}
"""Of a face, by the names of `results.jsonl`: fields of its appearance."""


def measures(original: Pixels, changed: Pixels, draws: int = 0) -> Values:
    """Quality by the names of `results.jsonl`; equal pictures have no PSNR (it would be infinite).

    Args:
        original: `(H, W, 3)` uint8, RGB.
        changed: the same of the changed picture.
        draws: of E-LPIPS around LPIPS, always the same ones; 0: without it.

    Raises:
        ValueError: the pixels are no two `(H, W, 3)` uint8 arrays of one size.

    >>> grey = np.full((64, 64, 3), 100, np.uint8)
    >>> round(measures(grey, grey + np.uint8(1))["psnr"], 2)
    48.13
    """
    whole = quality(original, changed)
    colour = ciede2000(original, changed)
    learned = {distance.metric: distance.value for distance in learned_distances(original, changed)}
    return {
        "psnr": whole.psnr,
        "ssim": whole.ssim,
        "ms_ssim": _ms_ssim(original, changed),
        "ciede2000": float(colour.mean()),
        "ciede2000_p99": float(np.percentile(colour, 99)),
        "lpips": learned.get("LPIPS"),
        "rlpips": learned.get("R-LPIPS"),
        "elpips": elpips(original, changed, draws) if draws else None,
        "above_jnd": whole.above_jnd,
        "ssimulacra2": if_installed(ssimulacra2, original, changed),
        "butteraugli": if_installed(butteraugli, original, changed),
    }


def of_face(subject: Subject, original: Pixels, changed: Pixels) -> Values:
    """How the attacked face looks (`mnd.metrics.appearance`, `portrait`); nothing of a whole picture.

    Args:
        subject: whose face it is.
        original: `(H, W, 3)` uint8, RGB.
        changed: the same of the changed picture.
    """
    if subject.kind != "face":
        return {}
    seen = appearance_of(subject, original, changed, thorough=True)
    return {name: None if seen is None else seen[key] for name, key in FACE.items()}


def brief(original: Pixels, changed: Pixels) -> Values:
    """Of a setting that did not fool: only what costs little."""
    return {"psnr": psnr(original, changed)}


def ciede2000(original: Pixels, changed: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """CIEDE2000 of every pixel `(H, W)`, 1 being about just noticeable (Sharma, Wu and Dalal 2005)."""
    from skimage import color

    difference: Any = color.deltaE_ciede2000  # skimage has types for some of its functions only
    result: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    result = difference(color.rgb2lab(original), color.rgb2lab(changed))
    return result


@torch.no_grad()
def _ms_ssim(original: Pixels, changed: Pixels) -> float | None:
    metric = MSSSIM()
    if min(original.shape[:2]) < metric.least:
        return None
    return 1 - float(metric(to_tensor(original), to_tensor(changed)))
