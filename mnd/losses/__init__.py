"""Losses: what a search lowers (adversarial) and what it keeps low (distances); none knows a target."""

from .adversarial import (
    Hinge,
    Softplus,
    classifier_margin,
    distance_margin,
    hinge,
    logit_margin,
    nearest,
    similarity_margin,
    softplus,
)
from .colour import Colour, colour
from .composite import Composite, Weights, composite
from .drawing import Drawing, drawing, texture
from .elpips import ELPIPS, Estimate, elpips
from .gradient import GMSD, Gradient, gmsd, gradient
from .images import Distance, luma
from .jnd import AboveJND, JNDExcess, above_jnd, jnd, jnd_excess, jnd_weight
from .local import Local
from .lpips import LPIPS, lpips
from .magnitude import Magnitude, magnitude
from .pyramid import RLPIPS2
from .rlpips import RLPIPS, packaged_rlpips, rlpips
from .standard import standard
from .structure import MSSSIM, SSIM, curvature, ms_ssim, ssim, ssim_index

__all__ = [
    "ELPIPS",
    "GMSD",
    "LPIPS",
    "MSSSIM",
    "RLPIPS",
    "RLPIPS2",
    "SSIM",
    "AboveJND",
    "Colour",
    "Composite",
    "Distance",
    "Drawing",
    "Estimate",
    "Gradient",
    "Hinge",
    "JNDExcess",
    "Local",
    "Magnitude",
    "Softplus",
    "Weights",
    "above_jnd",
    "classifier_margin",
    "colour",
    "composite",
    "curvature",
    "distance_margin",
    "drawing",
    "elpips",
    "gmsd",
    "gradient",
    "hinge",
    "jnd",
    "jnd_excess",
    "jnd_weight",
    "logit_margin",
    "lpips",
    "luma",
    "magnitude",
    "ms_ssim",
    "nearest",
    "packaged_rlpips",
    "rlpips",
    "similarity_margin",
    "softplus",
    "ssim",
    "ssim_index",
    "standard",
    "texture",
]
