"""Losses: what a search lowers (adversarial) and what it keeps low (distances); none knows a target."""

from .adversarial import (
    Hinge,
    Softplus,
    distance_margin,
    hinge,
    logit_margin,
    nearest,
    similarity_margin,
    softplus,
)
from .composite import Composite, Weights, composite
from .gradient import GMSD, Gradient, gmsd, gradient
from .images import Distance, luma
from .jnd import AboveJND, JNDExcess, above_jnd, jnd, jnd_excess, jnd_weight
from .magnitude import Magnitude, magnitude
from .structure import MSSSIM, SSIM, curvature, ms_ssim, ssim, ssim_index

__all__ = [
    "GMSD",
    "MSSSIM",
    "SSIM",
    "AboveJND",
    "Composite",
    "Distance",
    "Gradient",
    "Hinge",
    "JNDExcess",
    "Magnitude",
    "Softplus",
    "Weights",
    "above_jnd",
    "composite",
    "curvature",
    "distance_margin",
    "gmsd",
    "gradient",
    "hinge",
    "jnd",
    "jnd_excess",
    "jnd_weight",
    "logit_margin",
    "luma",
    "magnitude",
    "ms_ssim",
    "nearest",
    "similarity_margin",
    "softplus",
    "ssim",
    "ssim_index",
]
