"""Ways to spoil a picture a little: what a 2AFC set for training a metric is made of (`make_2afc.py`).

Every distortion is called with a picture, a strength in [0, 1] and a generator of random numbers. Its law is
geometric, `amount = low (high / low)^strength`: a strength drawn evenly is an amount drawn evenly in its
logarithm, and half of all draws lie below the geometric mean, where changes are hard to see. `low` can just
not be seen and `high` clearly can; the ends were set with LPIPS and SSIMULACRA2 on patches of photos, so that
equal strengths are roughly equally visible (metrics disagree on colour, and nobody was asked). All that is
random is drawn before the amount is used: a generator in the same state gives more or less of the same.

Two families, after those of BAPPS (Zhang et al. 2018, arXiv 1801.03924): `traditional`, what cameras, codecs
and screens do, and `network`, what networks that restore, compress, generate or attack pictures leave.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage  # type: ignore[import-untyped]
from skimage import color, restoration
from torch.nn import functional as F

Picture = NDArray[np.float64]
"""`(H, W, 3)`, RGB in [0, 1]."""
Pixels = NDArray[np.uint8]
Family = Literal["traditional", "network"]
Apply = Callable[[Picture, float, Generator], Picture]

LUMA = np.array([0.299, 0.587, 0.114])
LEVEL = 1 / 255
SAME, NEAR, NEARNESS = 0.25, 0.6, 0.12
"""Shares of pairs with one distortion, and of near strengths; how near, as a standard deviation."""
CHAINED = 0.85
"""Two in a chain are each a little weaker."""


@dataclass(frozen=True)
class Distortion:
    """A distortion and its law: `distortion(picture, strength, rng)` is the spoiled picture."""

    name: str
    family: Family
    low: float
    """The amount at strength 0; `high` at 1; `unit` says what it is."""
    high: float
    unit: str
    apply: Apply

    def amount(self, strength: float) -> float:
        """`low (high / low)^strength`."""
        return float(self.low * (self.high / self.low) ** strength)

    def __call__(self, x: Picture, strength: float, rng: Generator) -> Picture:
        """The picture, distorted: a new array of the shape of `x`, float64 in [0, 1].

        Raises:
            ValueError: `x` is no `(H, W, 3)` floating array in [0, 1], or the strength is not in [0, 1].
        """
        if x.ndim != 3 or x.shape[2] != 3 or not np.issubdtype(x.dtype, np.floating):
            raise ValueError(f"x has shape {x.shape} and type {x.dtype}, expected (H, W, 3) floating point")
        if not (x.min() >= 0 and x.max() <= 1):
            raise ValueError(f"x has values {x.min():g}..{x.max():g}, expected [0, 1]")
        if not 0 <= strength <= 1:
            raise ValueError(f"strength is {strength!r}, expected a number in [0, 1]")
        return np.clip(self.apply(x.astype(np.float64), self.amount(strength), rng), 0, 1)


Recipe = list[tuple[Distortion, float]]
"""Distortions, one after the other, each with its strength."""
DISTORTIONS: dict[str, Distortion] = {}
"""All of them by name."""


def law(family: Family, low: float, high: float, unit: str) -> Callable[[Apply], Distortion]:
    """Make a distortion of a function of the picture, the amount and the generator, and list it."""

    def listed(apply: Apply) -> Distortion:
        name = apply.__name__
        DISTORTIONS[name] = Distortion(name, family, low, high, unit, apply)
        return DISTORTIONS[name]

    return listed


# traditional ----------------------------------------------------------------------------------------------


@law("traditional", 0.35, 1.3, "sigma, px")
def gaussian_blur(x: Picture, amount: float, rng: Generator) -> Picture:  # noqa: ARG001
    """The means under a Gaussian."""
    return _blur(x, amount)


@law("traditional", 0.6, 5.5, "length, px")
def motion_blur(x: Picture, amount: float, rng: Generator) -> Picture:
    """The means along a short line in any direction."""
    angle = rng.uniform(0, np.pi)
    steps = np.linspace(-amount / 2, amount / 2, 33)
    radius = int(amount / 2) + 1
    kernel = np.zeros((2 * radius + 1,) * 2)
    rows, columns = radius + steps * np.sin(angle), radius + steps * np.cos(angle)
    for dy in (0, 1):
        for dx in (0, 1):
            i, j = np.floor(rows).astype(int) + dy, np.floor(columns).astype(int) + dx
            weight = (1 - np.abs(rows - i)) * (1 - np.abs(columns - j))
            inside = (i < len(kernel)) & (j < len(kernel))
            np.add.at(kernel, (i[inside], j[inside]), weight[inside])
    blurred: Picture = ndimage.correlate(x, kernel[:, :, None] / kernel.sum(), mode="reflect")
    return blurred


@law("traditional", 0.7, 10.0, "standard deviation, grey levels")
def white_noise(x: Picture, amount: float, rng: Generator) -> Picture:
    """Gaussian noise, independent in every value, or the same in the three channels."""
    channels = 1 if rng.random() < 0.5 else 3
    return x + amount * LEVEL * rng.standard_normal((*x.shape[:2], channels))


@law("traditional", 0.7, 14.0, "standard deviation, grey levels")
def chroma_noise(x: Picture, amount: float, rng: Generator) -> Picture:
    """Noise that leaves the luma as it is, as fine as a pixel or grains of a few."""
    noise = _unit(_blur(rng.standard_normal(x.shape), rng.uniform(0, 2)))
    noise -= (noise @ LUMA)[:, :, None]
    return x + amount * LEVEL * _unit(noise)


@law("traditional", 0.0002, 0.015, "share of pixels")
def salt_and_pepper(x: Picture, amount: float, rng: Generator) -> Picture:
    """Single pixels become black or white."""
    hit, white = rng.random(x.shape[:2]) < amount, rng.random(x.shape[:2]) < 0.5
    return np.where(hit[:, :, None], white[:, :, None].astype(np.float64), x)


@law("traditional", 0.006, 0.1, "standard deviation, share of the value")
def speckle(x: Picture, amount: float, rng: Generator) -> Picture:
    """Noise in proportion to the value."""
    return x * (1 + amount * rng.standard_normal(x.shape))


@law("traditional", 4.0, 300.0, "libjpeg's scale of the standard tables, per cent")
def jpeg(x: Picture, amount: float, rng: Generator) -> Picture:
    """JPEG with or without halved chroma, its blocks at any offset."""
    subsampling = int(rng.choice([0, 0, 2]))
    quality = round((200 - amount) / 2 if amount <= 100 else 5000 / amount)
    return _coded(x, rng, 16, format="JPEG", quality=quality, subsampling=subsampling)


@law("traditional", 2.0, 90.0, "100 - quality")
def webp(x: Picture, amount: float, rng: Generator) -> Picture:
    """Lossy WebP, its blocks at any offset."""
    return _coded(x, rng, 16, format="WEBP", quality=round(100 - amount), method=2)


@law("traditional", 0.5, 18.0, "length of the change in CIELAB")
def colour_shift(x: Picture, amount: float, rng: Generator) -> Picture:
    """Lightness, saturation and hue turn in a random direction."""
    light, chroma, hue = amount * _direction(3, rng)
    lab = color.rgb2lab(x)
    plane = (lab[..., 1] + 1j * lab[..., 2]) * np.exp((chroma + 1j * hue) / 25)
    return np.asarray(color.lab2rgb(np.stack([lab[..., 0] + light, plane.real, plane.imag], 2)), np.float64)


@law("traditional", 0.008, 0.35, "length of (log gamma, contrast, 2 brightness)")
def tone(x: Picture, amount: float, rng: Generator) -> Picture:
    """Gamma, contrast and brightness change together, in a random direction."""
    gamma, contrast, bright = amount * _direction(3, rng)
    return np.asarray((x ** np.exp(gamma) - 0.5) * (1 + contrast) + 0.5 + bright / 2)


@law("traditional", 2.0, 28.0, "step, grey levels")
def posterise(x: Picture, amount: float, rng: Generator) -> Picture:
    """Values are rounded to coarse steps."""
    step, phase = amount * LEVEL, rng.random()
    return step * (np.round(x / step + phase) - phase)


@law("traditional", 0.07, 1.6, "root mean square of the way, px")
def warp(x: Picture, amount: float, rng: Generator) -> Picture:
    """Pixels move along a smooth random field."""
    return _moved(x, amount * _field(x, 2, rng, 4, 12))


@law("traditional", 0.08, 2.0, "root mean square of the way, px")
def shift_and_turn(x: Picture, amount: float, rng: Generator) -> Picture:
    """The whole picture moves and turns."""
    across, down, turn = _direction(3, rng)
    rows, columns = _grid(x)
    way = np.stack([down + turn * columns, across - turn * rows], 2)
    return _moved(x, amount * way / np.sqrt(np.mean(np.sum(way**2, 2))))


@law("traditional", 0.1, 1.6, "way of red and blue, px")
def chromatic_aberration(x: Picture, amount: float, rng: Generator) -> Picture:
    """Red and blue part from green: they move against each other, or grow and shrink."""
    rows, columns = _grid(x)
    angle = rng.uniform(0, 2 * np.pi)
    aside = np.full_like(rows, np.sin(angle)), np.full_like(rows, np.cos(angle))
    way = amount * np.stack((rows, columns) if rng.random() < 0.5 else aside, 2)
    red, blue = _moved(x[:, :, :1], way), _moved(x[:, :, 2:], -way)
    return np.concatenate([red, x[:, :, 1:2], blue], 2)


# network --------------------------------------------------------------------------------------------------


@law("network", 1.05, 2.6, "factor")
def super_resolution(x: Picture, amount: float, rng: Generator) -> Picture:
    """Made smaller and larger again, then sharpened until it rings."""
    kinds = (Image.Resampling.NEAREST, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    up, gain = kinds[int(rng.integers(3))], rng.uniform(0, 1) * min(1, amount - 1)
    height, width = x.shape[:2]
    small = (max(1, round(width / amount)), max(1, round(height / amount)))
    y = _resized(_resized(x, small, Image.Resampling.BICUBIC), (width, height), up)
    return y + gain * (y - _blur(y, 1))


@law("network", 1.0, 24.0, "standard deviation where it is strongest, grey levels")
def checkerboard(x: Picture, amount: float, rng: Generator) -> Picture:
    """A pattern of two to four pixels, as transposed convolutions leave it, stronger in detail."""
    period, channels = int(rng.integers(2, 5)), int(rng.choice([1, 3]))
    tile = rng.standard_normal((period, period, channels))
    tile = (tile - tile.mean((0, 1))) / tile.std()
    repeats = -(-x.shape[0] // period), -(-x.shape[1] // period), 1
    pattern = np.tile(tile, repeats)[: x.shape[0], : x.shape[1]]
    return x + amount * LEVEL * pattern * (0.3 + 0.7 * _detail(x))


@law("network", 0.003, 0.12, "weight of the total variation")
def total_variation(x: Picture, amount: float, rng: Generator) -> Picture:  # noqa: ARG001
    """A denoiser that keeps edges and loses texture (Chambolle 2004)."""
    smooth = restoration.denoise_tv_chambolle(x, amount, max_num_iter=60, channel_axis=2)  # type: ignore[no-untyped-call]
    return np.asarray(smooth, np.float64)


@law("network", 0.002, 0.15, "standard deviation of the values")
def bilateral(x: Picture, amount: float, rng: Generator) -> Picture:
    """A denoiser: means over pixels that are near and alike."""
    smooth = restoration.denoise_bilateral(x, 5, amount, rng.uniform(1, 2), mode="reflect", channel_axis=2)
    return np.asarray(smooth, np.float64)


@law("network", 0.05, 1.0, "share of the median in the picture")
def median(x: Picture, amount: float, rng: Generator) -> Picture:
    """A blend with the medians of 3x3 or 5x5 pixels."""
    size = int(rng.choice([3, 5]))
    middle: Picture = ndimage.median_filter(x, (size, size, 1), mode="reflect")
    return (1 - amount) * x + amount * middle


@law("network", 3.0, 90.0, "step of the coefficients, grey levels")
def latent_quantisation(x: Picture, amount: float, rng: Generator) -> Picture:
    """Coefficients of square patches are rounded: of the cosine transform, or of the picture's own PCA.

    The patches are never 8x8 and lie at any offset.
    """
    side, own = int(rng.choice([4, 5, 6, 7, 10, 12, 16])), rng.random() < 0.5
    top, left = (int(v) for v in rng.integers(0, side, 2))
    # two patches more than fit: one for the offset, one for the rest
    rows, columns = (n // side + 2 for n in x.shape[:2])
    ends = rows * side - top - x.shape[0], columns * side - left - x.shape[1]
    padded = np.pad(x, ((top, ends[0]), (left, ends[1]), (0, 0)), mode="symmetric")
    blocks = padded.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    coded = _rounded_pca(blocks, amount * LEVEL) if own else _rounded_dct(blocks, amount * LEVEL)
    whole = coded.reshape(rows, columns, side, side, 3).swapaxes(1, 2).reshape(padded.shape)
    return whole[top : top + x.shape[0], left : left + x.shape[1]]


@law("network", 0.015, 0.5, "share of the copy")
def ghosting(x: Picture, amount: float, rng: Generator) -> Picture:
    """A blend with a copy that is shifted by a few pixels and warped."""
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(1.5, 6)
    way = far * np.array([np.sin(angle), np.cos(angle)]) + 0.7 * _field(x, 2, rng, 4, 12)
    return (1 - amount) * x + amount * _moved(x, way)


@law("network", 0.8, 12.0, "standard deviation, grey levels")
def residual_network(x: Picture, amount: float, rng: Generator) -> Picture:
    """What a random network of two 3x3 convolutions makes of the picture is added."""
    first = torch.from_numpy(rng.standard_normal((12, 3, 3, 3)))
    second = torch.from_numpy(rng.standard_normal((3, 12, 3, 3)))
    tensor = F.pad(torch.from_numpy(x - x.mean((0, 1))).permute(2, 0, 1)[None], (2, 2, 2, 2), mode="reflect")
    residual = F.conv2d(torch.relu(F.conv2d(tensor, first)), second)[0].permute(1, 2, 0).numpy()
    return x + amount * LEVEL * _unit(residual - residual.mean((0, 1)))


@law("network", 1.0, 6.0, "grey levels")
def sign_noise(x: Picture, amount: float, rng: Generator) -> Picture:
    """Plus or minus the same amount everywhere, as attacks bounded by it leave it, fine or coarse."""
    signs = np.sign(_blur(rng.standard_normal(x.shape), rng.choice([0, 0.5, 1, 2])))
    # whole levels only, as a saved file has them: of two neighbours, by chance
    return x + LEVEL * signs * np.floor(amount + rng.random(x.shape))


@law("network", 1.2, 30.0, "standard deviation where it is strongest, grey levels")
def masked_noise(x: Picture, amount: float, rng: Generator) -> Picture:
    """Noise that hides in detail, as attacks that know the eye leave it."""
    noise = _unit(_blur(rng.standard_normal(x.shape), rng.choice([0, 0.7])))
    return x + amount * LEVEL * noise * _detail(x)


@law("network", 0.8, 12.0, "standard deviation, grey levels")
def blotches(x: Picture, amount: float, rng: Generator) -> Picture:
    """Smooth spots of colour."""
    return x + amount * LEVEL * _field(x, 3, rng, 3, 10)


# pairs ----------------------------------------------------------------------------------------------------


def draw(subset: str, rng: Generator, low: float = 0.0, high: float = 1.0) -> tuple[Recipe, Recipe]:
    """What is done to p0 and to p1, with strengths from low to high."""
    first, second = _kinds(subset, rng)
    if rng.random() < SAME:
        second = first
    s0 = s1 = float(rng.random())
    near = rng.random() < NEAR
    while abs(s1 - s0) < 0.01:
        # folded back into [0, 1] at either end
        s1 = abs(1 - abs(1 - abs(s0 + NEARNESS * rng.standard_normal()))) if near else float(rng.random())
    s0, s1 = (low + (high - low) * s for s in (s0, s1))
    return _recipe(first, s0), _recipe(second, s1)


def _kinds(subset: str, rng: Generator) -> tuple[list[Distortion], list[Distortion]]:
    """The distortions of p0 and of p1."""

    def one(family: Family) -> Distortion:
        choices = [d for d in DISTORTIONS.values() if d.family == family]
        return choices[int(rng.integers(len(choices)))]

    def order() -> tuple[Family, Family]:
        return ("traditional", "network") if rng.random() < 0.5 else ("network", "traditional")

    if subset != "mix":
        family: Family = "network" if subset == "cnn" else "traditional"
        return [one(family)], [one(family)]
    if rng.random() < 0.5:
        a, b = order()
        return [one(a)], [one(b)]
    return [one(f) for f in order()], [one(f) for f in order()]


def _recipe(kinds: list[Distortion], strength: float) -> Recipe:
    return [(d, strength if len(kinds) == 1 else CHAINED * strength) for d in kinds]


def distort(ref: Pixels, recipe: Recipe, rng: Generator) -> Pixels:
    """The reference `(H, W, 3)` uint8, changed and rounded once."""
    x = ref / 255
    for distortion, strength in recipe:
        x = distortion(x, strength, rng)
    return _bytes(x)


def told(recipe: Recipe) -> str:
    """The recipe in words: `jpeg 0.250 + warp 0.250`."""
    return " + ".join(f"{distortion.name} {strength:.3f}" for distortion, strength in recipe)


# what they share ------------------------------------------------------------------------------------------


def _blur(x: Picture, sigma: float) -> Picture:
    blurred: Picture = ndimage.gaussian_filter(x, (sigma, sigma, 0), mode="reflect")
    return blurred


def _unit(x: Picture) -> Picture:
    """Root mean square 1; what is nothing stays nothing."""
    return x / max(float(np.sqrt(np.mean(x**2))), 1e-9)


def _direction(count: int, rng: Generator) -> Picture:
    """A unit vector in any direction."""
    vector = rng.standard_normal(count)
    return np.asarray(vector / np.linalg.norm(vector))


def _grid(x: Picture) -> tuple[Picture, Picture]:
    """Rows and columns of the pixels from the middle, -1..1."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, n) for n in x.shape[:2]), indexing="ij")
    return rows, columns


def _field(x: Picture, count: int, rng: Generator, least: float, most: float) -> Picture:
    """Smooth noise `(H, W, count)` of root mean square 1; its sigma is drawn from a range in pixels."""
    sigma = rng.uniform(least, most)
    # drawn larger than the picture, so that its edge is like its middle
    edge = int(2 * sigma)
    noise = rng.standard_normal((x.shape[0] + 2 * edge, x.shape[1] + 2 * edge, count))
    return _unit(_blur(noise, sigma)[edge : edge + x.shape[0], edge : edge + x.shape[1]])


def _moved(x: Picture, way: Picture) -> Picture:
    """Every pixel is taken from `way` (H, W, 2: rows, columns) pixels further on, by cubic splines."""
    height, width = x.shape[:2]
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    places = [rows + way[..., 0], columns + way[..., 1]]
    parts = [ndimage.map_coordinates(x[..., c], places, order=3, mode="mirror") for c in range(x.shape[2])]
    return np.stack(parts, 2)


def _detail(x: Picture) -> Picture:
    """How much happens around every pixel `(H, W, 1)`, 0..1: the local deviation of the luma."""
    luma = (x @ LUMA)[:, :, None]
    spread = np.sqrt(np.maximum(_blur(luma**2, 2) - _blur(luma, 2) ** 2, 0))
    return spread / max(float(spread.max()), 1e-9)


def _bytes(x: Picture) -> Pixels:
    return np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)


def _coded(x: Picture, rng: Generator, side: int, **settings: Any) -> Picture:
    """The picture through a codec with blocks of `side` pixels, that start anywhere."""
    top, left = (int(v) for v in rng.integers(0, side, 2))
    padded = np.pad(x, ((top, 0), (left, 0), (0, 0)), mode="reflect")
    file = io.BytesIO()
    Image.fromarray(_bytes(padded)).save(file, **settings)
    with Image.open(file) as image:
        return (np.asarray(image.convert("RGB"), np.float64) * LEVEL)[top:, left:]


def _resized(x: Picture, size: tuple[int, int], kind: Image.Resampling) -> Picture:
    """Resampled to (width, height), plane by plane, without rounding to bytes."""
    planes = [Image.fromarray(np.float32(x[:, :, c])).resize(size, kind) for c in range(3)]
    return np.stack([np.asarray(plane, np.float64) for plane in planes], 2)


def _rounded_dct(blocks: Picture, step: float) -> Picture:
    """Blocks `(N, S, S, 3)` whose orthonormal cosine coefficients are multiples of the step."""
    coefficients = fft.dctn(blocks, axes=(1, 2), norm="ortho")
    return np.asarray(fft.idctn(step * np.round(coefficients / step), axes=(1, 2), norm="ortho"))


def _rounded_pca(blocks: Picture, step: float) -> Picture:
    """Blocks `(N, S, S, 3)` whose coefficients in their principal components are multiples of the step."""
    flat = blocks.reshape(len(blocks), -1)
    mean = flat.mean(0)
    # rounding is odd, so the signs of the components, which are free, change nothing
    _, _, components = np.linalg.svd(flat - mean, full_matrices=False)
    coefficients = (flat - mean) @ components.T
    return np.asarray(mean + step * np.round(coefficients / step) @ components).reshape(blocks.shape)
