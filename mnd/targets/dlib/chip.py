"""dlib's way to cut a face out of a picture (King 2009, dlib's `extract_image_chip`), differentiable.

dlib works on 8-bit pictures: it halves the picture by a 5 x 5 binomial filter while that leaves more pixels
than the chip has, reads it bilinearly, and cuts every value down to a whole number. Cutting down has no
gradient of its own; here it passes the gradient on unchanged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..alignment import TEMPLATES, check_faces, fit, read, similarity
from ..looks import Look

SIZE = 150
PADDING = 0.25
FIVE_POINTS = (
    (0.8595674595992, 0.2134981538014),
    (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)
"""Where dlib's five landmarks lie in the mean face: four corners of the eyes and the base of the nose."""

MEAN_68 = (
    *((0.490127, 0.203352), (0.490127, 0.307009), (0.490127, 0.409805), (0.490127, 0.515625)),
    *((0.36688, 0.587326), (0.426036, 0.609345), (0.490127, 0.628106), (0.554217, 0.609345)),
    *((0.613373, 0.587326), (0.121737, 0.216423), (0.187122, 0.178758), (0.265825, 0.179852)),
    *((0.334606, 0.231733), (0.260918, 0.245099), (0.182743, 0.244077), (0.645647, 0.231733)),
    *((0.714428, 0.179852), (0.793132, 0.178758), (0.858516, 0.216423), (0.79751, 0.244077)),
    *((0.719335, 0.245099), (0.254149, 0.780233), (0.340985, 0.745405), (0.428858, 0.727388)),
    *((0.490127, 0.742578), (0.551395, 0.727388), (0.639268, 0.745405), (0.726104, 0.780233)),
    *((0.290379, 0.784792), (0.428096, 0.778746), (0.490127, 0.785343), (0.552157, 0.778746)),
    *((0.689874, 0.784792),),
)
"""The same for those of dlib's 68 landmarks that place a chip, `USED_68`."""

USED_68 = (*range(27, 55), *range(60, 65))
"""Nose, eyes, upper lip and corners of the mouth; dlib leaves out jaw, eyebrows and the lower lip."""

NEARLY = 2e-4
"""float32 leaves values that should be whole a little below; more than that error, and less than is seen."""


class _Floor(torch.autograd.Function):
    """floor(x), through which a gradient goes as if it were x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        return torch.floor(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:  # noqa: ARG004
        return grads[0]


def floor(x: Tensor) -> Tensor:
    """The largest whole number below x; its gradient is that of x itself (straight-through).

    >>> floor(torch.tensor([1.7, 255.0])).tolist()
    [1.0, 255.0]
    """
    result: Tensor = _Floor.apply(x)
    return result


@dataclass(frozen=True, slots=True)
class ChipPlan:
    """Where a chip lies in the picture, as dlib's `chip_details`: a rectangle, turned about its centre."""

    rect: tuple[float, float, float, float]
    """left, top, right, bottom in pixels; right and bottom belong to it, so its width is right - left + 1."""
    angle: float
    """Radians, clockwise as seen in the picture."""

    def looked(self, look: Look) -> ChipPlan:
        """Where the chip of a look lies, if this is where the usual one does."""
        left, top, right, bottom = self.rect
        side, angle = right - left + 1, 0.0 if look.upright else self.angle + math.radians(look.turn)
        across, down = look.shift[0] * side, look.shift[1] * side
        cos, sin = math.cos(angle), math.sin(angle)
        x, y = (left + right) / 2 + cos * across - sin * down, (top + bottom) / 2 + sin * across + cos * down
        half = (side * look.zoom - 1) / 2
        return ChipPlan((x - half, y - half, x + half, y + half), angle)

    @property
    def levels(self) -> int:
        """How often dlib halves the picture before it reads the chip."""
        count, rect = 0, _halved(self.rect)
        while (rect[2] - rect[0] + 1) * (rect[3] - rect[1] + 1) > SIZE * SIZE and rect[2] > rect[0]:
            count, rect = count + 1, _halved(rect)
        return count

    @property
    def box(self) -> tuple[float, float, float, float]:
        """What dlib copies of the picture before it halves it: x0, y0, x1, y1, the last ones included."""
        grow = 2.0
        for _ in range(self.levels):
            grow = grow * 2 + 2
        xs, ys = zip(*corners(self.rect, self.angle), strict=True)
        return min(xs) - grow, min(ys) - grow, max(xs) + grow, max(ys) + grow


def _halved(rect: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """dlib's `pyramid_down<2>::rect_down`, whose offset across and down differ."""
    return rect[0] / 2 - 1.25, rect[1] / 2 - 0.75, rect[2] / 2 - 1.25, rect[3] / 2 - 0.75


def corners(rect: tuple[float, float, float, float], angle: float) -> list[tuple[float, float]]:
    """The turned rectangle's corners: top left, top right, bottom left, bottom right."""
    x0, y0, x1, y1 = rect
    cx, cy, ca, sa = (x0 + x1) / 2, (y0 + y1) / 2, math.cos(angle), math.sin(angle)
    return [
        (ca * (x - cx) - sa * (y - cy) + cx, sa * (x - cx) + ca * (y - cy) + cy)
        for x, y in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))
    ]


def plans_from_dlib(points: Tensor, padding: float = PADDING) -> list[ChipPlan]:
    """The chips of faces by five landmarks `(K, 5, 2)` of dlib's own predictor, as dlib plans them.

    `padding` is the margin around the mean face, as a share of its side.
    """
    return _from_mean(FIVE_POINTS, check_faces(points), padding)


def plans_from_68(points: Tensor, padding: float = PADDING) -> list[ChipPlan]:
    """The chips of faces by 68 landmarks `(K, 68, 2)` of dlib's own predictor, as dlib plans them."""
    return _from_mean(MEAN_68, check_faces(points, 68)[:, USED_68], padding)


def _from_mean(mean: tuple[tuple[float, float], ...], points: Tensor, padding: float) -> list[ChipPlan]:
    margin = torch.tensor(padding, dtype=torch.float32).double()  # dlib's Python interface takes a float32
    source = (torch.tensor(mean, dtype=torch.float64) + margin) / (2 * margin + 1) * SIZE
    return _plans(similarity(source, points), SIZE / 2, SIZE)


def plans_from_faces(faces: Tensor) -> list[ChipPlan]:
    """The chips of faces whose five landmarks `(K, 5, 2)` are eyes, nose and corners of the mouth."""
    # the template is in pixels of the finished chip, whose corners dlib puts on the corners of the rectangle
    return _plans(fit(faces, "dlib150"), (SIZE - 1) / 2, SIZE - 1, inset=0.0)


def faces_of(plan: ChipPlan) -> Tensor:
    """`(1, 5, 2)`: the landmarks whose chip a plan is: `plans_from_faces` the other way round.

    >>> plan = ChipPlan((10.0, 20.0, 159.0, 169.0), 0.1)
    >>> [back] = plans_from_faces(faces_of(plan))
    >>> [round(v, 6) for v in back.rect], round(back.angle, 6)
    ([10.0, 20.0, 159.0, 169.0], 0.1)
    """
    left, top, right, bottom = plan.rect
    points = torch.tensor(TEMPLATES["dlib150"][1], dtype=torch.float64) - (SIZE - 1) / 2
    x, y = (points * (right - left) / (SIZE - 1)).T
    cos, sin = math.cos(plan.angle), math.sin(plan.angle)
    turned = torch.stack([cos * x - sin * y, sin * x + cos * y], 1)
    return (turned + torch.tensor([(left + right) / 2, (top + bottom) / 2]))[None]


def _plans(matrix: Tensor, centre: float, extent: float, inset: float = 1.0) -> list[ChipPlan]:
    plans = []
    for (a, b, dx), (c, d, dy) in matrix.tolist():
        x, y = a * centre + b * centre + dx, c * centre + d * centre + dy
        half = (extent * math.hypot(a, c) - inset) / 2
        plans.append(ChipPlan((x - half, y - half, x + half, y + half), math.atan2(c, a)))
    return plans


def support(plans: list[ChipPlan]) -> Tensor:
    """`(K, 4)`: x0, y0, x1, y1, whole numbers, of the pixels that the chips are made of, `x0 <= x < x1`."""
    rows = [
        (math.floor(x0), math.floor(y0), math.ceil(x1) + 1, math.ceil(y1) + 1)
        for x0, y0, x1, y1 in (plan.box for plan in plans)
    ]
    return torch.tensor(rows, dtype=torch.float64)


def extract(images: Tensor, plans: list[ChipPlan], exact: bool = False, quantise: bool = True) -> Tensor:
    """Chips `(K, 3, 150, 150)` in grey levels 0..255 of `images` `(B, 3, H, W)` in [0, 1], B = K or 1.

    `exact` reads in float64 as dlib does, so that an 8-bit picture gives dlib's chip bit by bit; without it
    one value in thousands is off by one, several times faster. `quantise=False` leaves out all rounding.
    """
    windows = [_window(plan, images.shape[-1], images.shape[-2]) for plan in plans]
    if len(images) > 1:
        parts = [_grey(images[k, :, w[1] : w[3], w[0] : w[2]], quantise) for k, w in enumerate(windows)]
    else:  # many chips of one picture: what they share is prepared, and has its gradient gathered, once
        x, y = min(w[0] for w in windows), min(w[1] for w in windows)
        right, bottom = max(w[2] for w in windows), max(w[3] for w in windows)
        shared = _grey(images[0, :, y:bottom, x:right], quantise)
        parts = [shared[:, w[1] - y : w[3] - y, w[0] - x : w[2] - x] for w in windows]
    chips = [
        _chip(part[None], window, plan, exact, quantise)
        for part, window, plan in zip(parts, windows, plans, strict=True)
    ]
    return torch.stack(chips)


def _grey(part: Tensor, quantise: bool) -> Tensor:
    return floor(part * 255 + 0.5) if quantise else part * 255  # what dlib is given are whole numbers


def _window(plan: ChipPlan, width: int, height: int) -> tuple[int, int, int, int]:
    """The plan's box in the picture, rounded as dlib does: left, top, right, bottom, the last excluded."""
    x0, y0, x1, y1 = plan.box
    left, top = min(_round(max(x0, 0)), width), min(_round(max(y0, 0)), height)
    right, bottom = _round(min(x1, width - 1)) + 1, _round(min(y1, height - 1)) + 1
    return left, top, max(left, right), max(top, bottom)


def _chip(
    part: Tensor, window: tuple[int, int, int, int], plan: ChipPlan, exact: bool, quantise: bool
) -> Tensor:
    left, top, _, _ = window
    rect = (plan.rect[0] - left, plan.rect[1] - top, plan.rect[2] - left, plan.rect[3] - top)
    for _ in range(plan.levels):
        rect = _halved(rect)
        part = _pyramid_down(part)
        part = floor(part) if quantise else part
    return _read(part, rect, plan.angle, exact, quantise).to(part)


def _read(
    part: Tensor, rect: tuple[float, float, float, float], angle: float, exact: bool, quantise: bool
) -> Tensor:
    h, w = part.shape[-2:]
    if min(h, w) < 2:  # the face lies outside of the picture
        return part.new_zeros(3, SIZE, SIZE) + 0 * part.sum()
    (ax, ay), (bx, by), (cx, cy), _ = corners(rect, angle)
    n = SIZE - 1
    v, u = torch.arange(SIZE, dtype=torch.float64)[:, None], torch.arange(SIZE, dtype=torch.float64)[None, :]
    x = (bx - ax) / n * u + (cx - ax) / n * v + ax
    y = (by - ay) / n * u + (cy - ay) / n * v + ay
    chip = read(part, x[None], y[None], exact)[0]
    if quantise:
        chip = floor(chip if exact else chip + NEARLY)
    ends_x, ends_y = x[::n, ::n], y[::n, ::n]
    if ends_x.min() < 0 or ends_y.min() < 0 or ends_x.max() >= w - 1 or ends_y.max() >= h - 1:
        x0, y0 = x.floor(), y.floor()
        inside = (
            (x0 >= 0) & (y0 >= 0) & (x0 + 1 < w) & (y0 + 1 < h)
        )  # dlib: black unless all four pixels are there
        chip = chip * inside.to(chip.device, chip.dtype)
    return chip


def _pyramid_down(x: Tensor) -> Tensor:
    """dlib's `pyramid_down<2>`: rows and columns weighted 1 4 6 4 1, every second kept, nothing padded."""
    if min(x.shape[-2:]) <= 8:  # dlib gives up on smaller pictures and leaves an empty one
        return x[..., :0, :0]
    halved: Tensor = _Halve.apply(x)
    return halved


TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # exact in binary, so whole numbers stay exact in float32


def _every_second(x: Tensor, axis: int, first: int) -> Tensor:
    kept = 2 * ((x.shape[axis] - 3) // 2) - 1
    x = x.narrow(axis, first, kept)
    return x[..., ::2, :] if axis == -2 else x[..., ::2]


class _Halve(torch.autograd.Function):
    """The filter of `_pyramid_down` and its transpose, in place: half the time of torch's own gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        for axis in (-2, -1):
            y = _every_second(x, axis, 0) * TAPS[0]
            for i in range(1, 5):
                y.add_(_every_second(x, axis, i), alpha=TAPS[i])
            x = y
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        g = grads[0]
        *batch, height, width = ctx.shape
        for axis, shape in ((-1, (*batch, g.shape[-2], width)), (-2, (*batch, height, width))):
            wide = g.new_zeros(shape)
            for i in range(5):
                _every_second(wide, axis, i).add_(g, alpha=TAPS[i])
            g = wide
        return g


def _round(value: float) -> int:
    """To the nearest whole number, halves away from zero, as C's lround."""
    return math.floor(value + 0.5) if value >= 0 else -math.floor(-value + 0.5)
