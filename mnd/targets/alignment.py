"""Faces cut out of a picture by their landmarks, with a gradient that reaches the picture's own pixels."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

TEMPLATES: dict[str, tuple[tuple[int, int], tuple[tuple[float, float], ...], tuple[float, ...]]] = {
    # ArcFace's template (InsightFace): every landmark counts the same.
    "arcface112": (
        (112, 112),
        ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)),
        (1.0, 1.0, 1.0, 1.0, 1.0),
    ),
    # Our landmarks (`mnd.faces`) in the chips that dlib's own pipeline cuts: median over 100 LFW photos of 10
    # people. dlib aligns by two corners of each eye and the nose, so the mouth does not count: the median
    # distance of the embedding from dlib's own is .09, and .12 when all five landmarks count the same.
    "dlib150": (
        (150, 150),
        ((46.70, 44.49), (100.49, 44.36), (72.33, 78.60), (50.06, 105.01), (97.95, 105.30)),
        (2.0, 2.0, 1.0, 0.0, 0.0),
    ),
    # MTCNN's landmarks in its own crop (image_size=160, margin=0), the same photos. The crop squeezes a
    # box that is taller than wide (.74) into a square, which a similarity cannot: an approximation.
    "box160": (
        (160, 160),
        ((45.11, 63.94), (116.88, 63.49), (79.12, 96.25), (53.05, 122.00), (116.60, 122.44)),
        (1.0, 1.0, 1.0, 1.0, 1.0),
    ),
}
"""name -> (height, width), five landmarks (x, y) in pixels of the chip, weights of the least squares."""
EYES = (0.35, 0.65)
"""Where `eyes` puts both eyes, as shares of the chip's width; both lie at the first share of its height."""
BOX_ASPECT = 0.73
BOX = ((0.276, 0.397), (0.725, 0.391), (0.498, 0.599), (0.306, 0.759), (0.716, 0.751))
"""Width over height of the box that MTCNN draws around a face, and where its landmarks lie in it, as shares:
medians over 160 LFW photos. A box made of the landmarks shares .85 of its union with the detector's own
(median; .72 in the worst tenth)."""
ALIGNMENTS = (*TEMPLATES, "box", "eyes")
"""All names that a card's `template` can have; `docs/apps.md` says what each is."""


def check_faces(faces: Tensor, count: int = 5) -> Tensor:
    """Landmarks as float64 on the CPU, `(K, count, 2)`, detached: geometry is no part of the gradient.

    Raises:
        ValueError: another shape, numbers that are not finite, or landmarks that coincide.
    """
    if faces.ndim != 3 or faces.shape[1:] != (count, 2):
        expected = f"(K, {count}, 2): {count} landmarks (x, y)"
        raise ValueError(f"faces have shape {tuple(faces.shape)}, expected {expected}")
    points = faces.detach().to("cpu", torch.float64)
    if not bool(torch.isfinite(points).all()):
        raise ValueError("faces have landmarks that are not finite numbers")
    if bool((points.std(dim=1).amax(dim=1) < 1e-3).any()):
        raise ValueError(f"faces have {count} landmarks in one place, expected those of a face")
    return points


def similarity(source: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """The similarity `(K, 2, 3)` that takes `source` `(N, 2)` closest to `target` `(K, N, 2)`.

    Weighted least squares in closed form: with z = x + iy about the weighted means,
    m = sum(w conj(s) t) / sum(w |s|^2) is scale and turn in one (Umeyama 1991, without mirroring).

    >>> s = torch.tensor([[0., 0.], [1., 0.], [0., 1.]])
    >>> similarity(s, 2 * s[None] + 3)[0].tolist()
    [[2.0, -0.0, 3.0], [0.0, 2.0, 3.0]]
    """
    w = torch.ones(len(source), dtype=target.dtype) if weights is None else weights.to(target.dtype)
    w = (w / w.sum())[:, None]
    source = source.to(target.dtype)
    s0, t0 = (w * source).sum(0), (w * target).sum(1)
    s, t = source - s0, target - t0[:, None]
    power = (w * s * s).sum()
    a = (w * s * t).sum((1, 2)) / power
    b = (w[:, 0] * (s[:, 0] * t[..., 1] - s[:, 1] * t[..., 0])).sum(1) / power
    turn = torch.stack([torch.stack([a, -b], 1), torch.stack([b, a], 1)], 1)
    return torch.cat([turn, (t0 - turn @ s0)[..., None]], 2)


def fit(faces: Tensor, template: str, size: tuple[int, int] | None = None, padding: float = 0.0) -> Tensor:
    """`(K, 2, 3)`: from pixels of a chip of `size` to pixels of the picture, by `template`.

    Args:
        faces: `(K, 5, 2)`.
        template: one of `ALIGNMENTS`.
        size: height and width of the chip; by default the template's own, or 160 x 160.
        padding: of `box`, how much wider and higher it is than the detector's, as a share of that.

    Raises:
        ValueError: there is no such template.

    >>> face = torch.tensor([[[30., 40.], [60., 40.], [45., 60.], [32., 75.], [58., 75.]]])
    >>> eyes = fit(face, "eyes", (100, 100))[0] @ torch.tensor([35., 35., 1.], dtype=torch.float64)
    >>> [round(v, 9) for v in eyes.tolist()]
    [30.0, 40.0]
    """
    if template not in ALIGNMENTS:
        raise ValueError(f"template is {template!r}, expected one of {', '.join(ALIGNMENTS)}")
    if template == "eyes":
        return _by_eyes(check_faces(faces), size or (160, 160))
    if template == "box":
        return _by_box(check_faces(faces), size or (160, 160), padding)
    (height, width), points, weights = TEMPLATES[template]
    source = torch.tensor(points, dtype=torch.float64)
    if size is not None:  # pixel centres are at whole numbers, so a chip begins at -1/2
        ratio = torch.tensor([size[1] / width, size[0] / height], dtype=torch.float64)
        source = (source + 0.5) * ratio - 0.5
    return similarity(source, check_faces(faces), torch.tensor(weights))


def _by_eyes(points: Tensor, size: tuple[int, int]) -> Tensor:
    """The similarity that puts both eyes at fixed places, as Frigate does: by their centres alone."""
    height, width = size
    places = [[share * width, EYES[0] * height] for share in EYES]
    return similarity(torch.tensor(places, dtype=torch.float64), points[:, :2])


def _by_box(points: Tensor, size: tuple[int, int], padding: float) -> Tensor:
    """The detector's box, squeezed into the chip and never turned: x = x0 + w (u + 1/2) / width - 1/2.

    Its place and size follow from the landmarks, by their similarity to a mean face's, without its turn.
    """
    height, width = size
    aspect = torch.tensor([BOX_ASPECT, 1.0], dtype=torch.float64)
    found = similarity(torch.tensor(BOX, dtype=torch.float64) * aspect, points + 0.5)
    scale = torch.linalg.det(found[:, :, :2]).sqrt()[:, None] * (1 + padding)
    centre = found[:, :, :2] @ (aspect / 2) + found[:, :, 2]
    step = scale * aspect / torch.tensor([width, height], dtype=torch.float64)
    corner = centre - scale * aspect / 2 + step / 2 - 0.5
    return torch.cat([torch.diag_embed(step), corner[..., None]], 2)


def boxes(matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """`(K, 4)`: x0, y0, x1, y1, whole numbers, of the pixels that `warp` reads, `x0 <= x < x1`.

    They may lie outside of the picture.
    """
    height, width = size
    corners = torch.tensor(
        [[x, y, 1.0] for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)], dtype=matrix.dtype
    )
    points = corners @ matrix.transpose(1, 2)  # K, 4, 2
    margin = torch.tensor([[2.0**octave + 1] for octave, _ in _octaves(matrix)], dtype=matrix.dtype)
    low, high = (points.amin(1) - margin).floor(), (points.amax(1) + margin).ceil() + 1
    return torch.cat([low, high], 1)


def _octaves(matrix: Tensor) -> list[tuple[int, int]]:
    """For each chip: how often the picture is halved, and how many points a pixel are read an axis."""
    found = []
    for scale in torch.linalg.vector_norm(matrix[:, :, :2], dim=1).amax(1).tolist():
        octave = max(0, math.floor(math.log2(scale))) if scale > 0 else 0
        found.append((octave, 2 if scale / 2**octave > 1 + 1e-6 else 1))
    return found


def warp(images: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """Chips `(K, 3, h, w)` of `images` `(B, 3, H, W)`: the chip's pixel `p` is read at `matrix[k] @ (p, 1)`.

    B is K, or 1: then all chips come from the one picture. Where a chip is smaller than what it shows, the
    picture is first averaged over blocks of 2^n pixels (the largest that leave one for every pixel of the
    chip), and what is still too large is read at 2 x 2 points a pixel. So no pixel is skipped: a search would
    hide its change in the pixels that are read. Outside of the picture is black.
    """
    octaves = _octaves(matrix)
    parts: list[Tensor] = [images.new_empty(0)] * len(matrix)
    for octave, finer in sorted(set(octaves)):
        rows = [k for k, o in enumerate(octaves) if o == (octave, finer)]
        picture = images if len(images) == 1 else images[rows]
        for k, chip in zip(rows, _warp_octave(picture, matrix[rows], size, 2**octave, finer), strict=True):
            parts[k] = chip
    return torch.stack(parts)


def _warp_octave(images: Tensor, matrix: Tensor, size: tuple[int, int], step: int, finer: int) -> Tensor:
    picture, left, top = _crop(images, boxes(matrix, size), step)
    if min(picture.shape[-2:]) < 1:  # the faces lie outside of the picture
        return images.new_zeros((len(matrix), 3, *size)) + 0 * images.sum()
    if step > 1:
        picture = F.avg_pool2d(picture, step, ceil_mode=True)
    x, y = grid(matrix, size, finer)
    offset = (step - 1) / 2
    chips = read(picture, (x - left - offset) / step, (y - top - offset) / step)
    return F.avg_pool2d(chips, finer) if finer > 1 else chips


def _crop(images: Tensor, area: Tensor, step: int) -> tuple[Tensor, int, int]:
    """The part of the pictures that all chips need together, and its first pixel.

    It is cut between blocks of `step` pixels, so that a chip does not depend on which others are asked for.
    """
    height, width = images.shape[-2:]
    (left, top), (right, bottom) = area[:, :2].amin(0).tolist(), area[:, 2:].amax(0).tolist()
    left, top = (max(0, min(limit, int(v) // step * step)) for v, limit in ((left, width), (top, height)))
    right = max(left, min(width, (int(right) // step + 2) * step))
    bottom = max(top, min(height, (int(bottom) // step + 2) * step))
    return images[..., top:bottom, left:right], left, top


def grid(matrix: Tensor, size: tuple[int, int], finer: int = 1) -> tuple[Tensor, Tensor]:
    """Where each pixel of the chips is in the picture: x and y, each `(K, h * finer, w * finer)`, float64."""
    height, width = size
    v = ((torch.arange(height * finer, dtype=matrix.dtype) + 0.5) / finer - 0.5)[:, None]
    u = ((torch.arange(width * finer, dtype=matrix.dtype) + 0.5) / finer - 0.5)[None, :]
    m = matrix[..., None, None]
    return m[:, 0, 0] * u + m[:, 0, 1] * v + m[:, 0, 2], m[:, 1, 0] * u + m[:, 1, 1] * v + m[:, 1, 2]


def read(picture: Tensor, x: Tensor, y: Tensor, exact: bool = False) -> Tensor:
    """Bilinear values `(K, 3, h, w)` of `picture` `(1 or K, 3, H, W)` at x, y `(K, h, w)`; black outside.

    On the CPU by torch's grid_sample, whose coordinates are float32 (off by up to 1e-5 pixels). `exact`
    computes in float64, on the CPU, where the values stay. On other devices the pixels are gathered, because
    the gradient of grid_sample there adds up in any order, and equal runs shall give equal bytes.
    """
    if exact or picture.device.type != "cpu":
        return _gather(picture.cpu().double() if exact else picture, x, y)
    height, width = picture.shape[-2:]
    points = torch.stack([2 * (x + 0.5) / width - 1, 2 * (y + 0.5) / height - 1], -1).to(picture.dtype)
    if len(picture) == len(points):
        return F.grid_sample(picture, points, mode="bilinear", align_corners=False)
    # many chips of one picture: one tall chip, so that the picture is not copied
    k, h, w = x.shape
    tall = F.grid_sample(picture, points.reshape(1, k * h, w, 2), mode="bilinear", align_corners=False)
    return tall.view(3, k, h, w).transpose(0, 1)


def _gather(picture: Tensor, x: Tensor, y: Tensor) -> Tensor:
    height, width = picture.shape[-2:]
    x0, y0 = x.floor(), y.floor()
    batch = (
        torch.arange(len(x))[:, None, None] if len(picture) > 1 else torch.zeros(1, 1, 1, dtype=torch.long)
    )
    rows = picture.permute(0, 2, 3, 1).reshape(-1, 3)

    def at(dy: int, dx: int) -> Tensor:
        xi, yi = x0 + dx, y0 + dy
        inside = ((xi >= 0) & (xi < width) & (yi >= 0) & (yi < height))[..., None]
        index = (batch * height + yi.clamp(0, height - 1).long()) * width + xi.clamp(0, width - 1).long()
        return rows[index.to(rows.device)] * inside.to(rows.device)

    fx, fy = ((v - v.floor()).to(rows.dtype).to(rows.device)[..., None] for v in (x, y))
    # this order of operations is dlib's own, which its chips are compared with bit by bit
    chips = (1 - fy) * ((1 - fx) * at(0, 0) + fx * at(0, 1)) + fy * ((1 - fx) * at(1, 0) + fx * at(1, 1))
    return chips.permute(0, 3, 1, 2)
