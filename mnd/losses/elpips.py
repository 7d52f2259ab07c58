"""E-LPIPS: a learned metric in the mean over random transforms, harder to fool than the metric alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .images import Distance, check_choice, check_images, check_like, check_pair
from .lpips import LPIPS, _metric
from .trunks import load_trunk

SHIFT = 7
"""The largest offset in pixels; every picture grows by so much."""
SIDE = 64
"""A picture is not scaled down below so many pixels a side."""
DARKEST = 0.2
"""The smallest gain of a channel."""
KEEP = 0.99
"""The probability that dropout leaves a value alone."""
ORDERS = tuple(permutations(range(3)))
HELD = 8
"""Of more draws than so many the features of the clean picture are computed again, not kept in memory."""
VARIANTS = {"squeeze-maxpool": "squeeze-full", "vgg-average": "vgg-full-avg"}
"""The published metrics, and their trunks."""
SEQUENCE, REPORT = 0, 1
"""Which numbers a seed is mixed with: those of calls, those of reports."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A distance that was estimated from random draws; all `(B,)`."""

    value: Tensor
    half_width: Tensor
    """Of the interval that holds the true value in 95 of 100 cases."""
    samples: Tensor
    """How many draws were made."""


class ELPIPS(Distance):
    """`elpips` around any learned metric.

    A call takes the next `samples` draws, so that an optimisation sees new ones at every step; a module of
    the same seed repeats the whole sequence.

    Args:
        base: a metric `(x, y) -> (B,)` that sends x and y through its convolutions (`nn.Conv2d`) one after
            the other, or as one batch; default `LPIPS()`.
        samples: over how many draws is averaged: 1 in an optimisation, 200 for a report.
        seed: an integer >= 0.

    Raises:
        ValueError: `samples` or `seed` is out of its range, or the base needs more than 71 pixels a side.

    >>> ELPIPS(samples=200).label
    'E-LPIPS (efficientnet-lite0, version 1, 200 draws)'
    """

    def __init__(self, base: nn.Module | None = None, samples: int = 1, seed: int = 0) -> None:
        super().__init__()
        _at_least(("samples", samples, 1), ("seed", seed, 0))
        self.base: nn.Module = LPIPS() if base is None else base
        needed = int(getattr(getattr(self.base, "trunk", None), "least", 1))
        if needed > SIDE + SHIFT:
            raise ValueError(f"the base needs {needed} pixels a side, expected at most {SIDE + SHIFT}")
        self.samples, self.seed = samples, seed
        self.least = max(SHIFT + 1, needed - SHIFT)
        self.taken = 0
        """How many draws were taken; setting it back to 0 repeats them."""

    @classmethod
    def official(
        cls, weights: Path | str, variant: str = "squeeze-maxpool", samples: int = 1, seed: int = 0
    ) -> ELPIPS:
        """The published metric, `squeeze-maxpool` or `vgg-average`; the file (`.npz`) has its linear weights.

        Raises:
            ValueError: there is no such variant, or the file holds other weights.
            FileNotFoundError: weights are not on this machine; the message says how to get them.
        """
        check_choice("variant", variant, tuple(VARIANTS))
        return cls(LPIPS(load_trunk(VARIANTS[variant]), weights, "official"), samples, seed)

    @property
    def label(self) -> str:
        """How a report calls this metric: its base and the number of draws."""
        base = str(getattr(self.base, "label", type(self.base).__name__))
        base = base[7:-1] if base.startswith("LPIPS (") else base
        return f"E-LPIPS ({base}, {self.samples} draw{'s' if self.samples > 1 else ''})"

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """The distance from one clean picture, by the same draws for every y, which are thus comparable.

        An optimisation that shall see new draws at every step calls the module itself.
        """
        draws = self._next(x)
        held = [self._from(x, draw) for draw in draws] if len(draws) <= HELD else None

        def distance(y: Tensor) -> Tensor:
            check_like(x, y)
            total = y.new_zeros(y.shape[0])
            for index, draw in enumerate(draws):
                total = total + (held[index] if held else self._from(x, draw))(y)
            return total / len(draws)

        return distance

    def compare(self, x: Tensor, candidates: Sequence[Tensor]) -> Tensor:
        """The distances of several pictures from x, by the same draws: `(K, B)`.

        Raises:
            ValueError: there is no candidate, or a picture does not fit the description of `elpips`.

        >>> x = torch.rand(1, 3, 32, 32)
        >>> near, far = ELPIPS().compare(x, [0.99 * x, 0.5 * x])
        >>> bool(near < far)
        True
        """
        if not candidates:
            raise ValueError("got no candidates, expected at least one")
        for y in candidates:
            check_pair(x, y)
        draws = self._next(x)
        total = x.new_zeros(len(candidates), x.shape[0])
        for draw in draws:
            near = self._from(x, draw)
            total = total + torch.stack([near(y) for y in candidates])
        return total / len(draws)

    @torch.no_grad()
    def distance(
        self,
        x: Tensor,
        y: Tensor,
        tolerance: float = 0.025,
        batch: int = 10,
        least: int = 5,
        most: int = 5000,
    ) -> Estimate:
        """The distance for a report: draws are added until the 95 % interval is narrow.

        The mean over each scale s is estimated apart, `d = sum_s P(s) d_s`: scales differ far more from each
        other than the draws of one do. Draws come in batches, over which flips, channels and gains are
        stratified; so the error is that of the means of batches, which are independent, and the interval is
        Student's (1.96 errors when there are many batches) with Welch's degrees of freedom (1947). The next
        batch goes where it helps most for its cost. All pictures and calls see the same draws.

        Args:
            x: `(B, 3, H, W)` in [0, 1]; y the same.
            tolerance: a half width of `tolerance` times the distance is narrow, in (0, 1).
            batch: how many draws are computed at once.
            least: batches of every scale before the interval is trusted, at least 3.
            most: draws for a picture, if `least` does not ask for more; then the interval is what it is.

        Raises:
            ValueError: a setting is out of its range, or the pictures do not fit the description of `elpips`.
        """
        if not 0 < tolerance < 1:
            raise ValueError(f"tolerance is {tolerance!r}, expected a number between 0 and 1")
        _at_least(("batch", batch, 1), ("least", least, 3), ("most", most, 1))
        check_images(x, least=self.least)
        check_pair(x, y)
        rows = []
        for a, b in zip(x, y, strict=True):
            pair = (a.expand(batch, -1, -1, -1), b.expand(batch, -1, -1, -1))
            rows.append((0.0, 0.0, 0) if torch.equal(a, b) else self._estimate(*pair, tolerance, least, most))
        value, half_width, samples = torch.tensor(rows, dtype=torch.float64).unbind(1)
        return Estimate(value.to(x), half_width.to(x), samples.long().to(x.device))

    def _estimate(
        self, x: Tensor, y: Tensor, tolerance: float, least: int, most: int
    ) -> tuple[float, float, int]:
        law = scale_law(*x.shape[2:])
        means: list[list[float]] = [[] for _ in law]
        while True:
            ready = min(map(len, means)) >= least
            if ready:
                value, half_width, gains = _stratified(law, means)
                samples = sum(map(len, means)) * len(x)
                if half_width <= tolerance * value or samples + len(x) > most:
                    return value, half_width, samples
            # the pictures of scale s cost 1/s^2; at first every scale gets its least
            index = int(np.argmax(gains) if ready else np.argmin([len(m) for m in means]))
            draw = Draw.of((self.seed, REPORT, index, len(means[index])), x.shape, scale=index + 1)
            means[index].append(float(self._from(x, draw)(y).cpu().double().mean()))

    def _next(self, x: Tensor) -> list[Draw]:
        check_images(x, least=self.least)
        first, self.taken = self.taken, self.taken + self.samples
        return [Draw.of((self.seed, SEQUENCE, number), x.shape) for number in range(first, self.taken)]

    def _from(self, x: Tensor, draw: Draw) -> Callable[[Tensor], Tensor]:
        """The distance from x in one draw."""
        shown = draw(x)
        with dropout(self.base, draw.mask, x.shape[0]):
            base = self.base.at(shown) if isinstance(self.base, Distance) else partial(self.base, shown)

        def distance(y: Tensor) -> Tensor:
            with dropout(self.base, draw.mask, x.shape[0]):
                return base(draw(y))

        return distance


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One draw of the transforms of a batch; calling it transforms pictures, the dropout is apart."""

    scale: int
    phase: tuple[int, int]
    """Of the boxes of `scale` pixels a side, down and across; so are offsets and flips, of every picture."""
    offsets: tuple[tuple[int, int], ...]
    flips: tuple[tuple[bool, bool], ...]
    transposed: bool
    orders: tuple[tuple[int, ...], ...]
    gains: Tensor
    """`(B, 3)`, of every picture's channels, in their new order."""
    mask: int
    """The seed of the dropout."""

    @classmethod
    def of(cls, seed: Sequence[int], shape: torch.Size, scale: int | None = None) -> Draw:
        """The draw of a seed, any integers >= 0, for pictures `(B, 3, H, W)`; a given scale is not drawn."""
        batch, _, height, width = shape
        # torch's generator looks at 32 bits of a seed: mix all into them; on the CPU, so that devices agree
        g = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        if scale is None:
            law = torch.tensor(scale_law(height, width), dtype=torch.float64)
            scale = 1 + int(torch.multinomial(law, 1, generator=g))
        down, across = _integers(g, scale, 2)
        offsets = _integers(g, SHIFT + 1, 2 * batch)
        flips = _dealt(g, 4, batch)
        strata = torch.stack([torch.randperm(batch, generator=g) for _ in range(3)], 1)
        u = (strata + torch.rand(batch, 3, generator=g, dtype=torch.float64)) / batch
        return cls(
            scale,
            (down, across),
            tuple(zip(offsets[::2], offsets[1::2], strict=True)),
            tuple((flip >= 2, flip % 2 == 1) for flip in flips),
            _integers(g, 2, 1) == [1],
            tuple(ORDERS[index] for index in _dealt(g, len(ORDERS), batch)),
            DARKEST + (1 - DARKEST) * u,
            _integers(g, 2**32, 1)[0],
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Pictures `(B, 3, H, W)` in [0, 1], transformed; differentiable, in the same range."""
        x = shrink(x, self.scale, self.phase)
        moved = []
        for one, (down, across), flip, order in zip(x, self.offsets, self.flips, self.orders, strict=True):
            one = _mirror(one, 1, SHIFT - down, down)
            one = _mirror(one, 2, SHIFT - across, across)
            one = one.flip([axis for axis, turned in zip((1, 2), flip, strict=True) if turned])
            moved.append(torch.stack([one[channel] for channel in order]))
        x = torch.stack(moved)
        x = x.transpose(2, 3) if self.transposed else x
        return x * self.gains.to(x)[:, :, None, None]


def scale_law(height: int, width: int) -> tuple[float, ...]:
    """The probability to be scaled down by each s = 1, ..., `min(H, W) // 64`: `P(s) ~ 1/s^2`.

    >>> scale_law(128, 200)
    (0.8, 0.2)
    """
    weights = [1 / s**2 for s in range(1, max(1, min(height, width) // SIDE) + 1)]
    return tuple(weight / sum(weights) for weight in weights)


def shrink(x: Tensor, scale: int, phase: tuple[int, int]) -> Tensor:
    """The means of boxes of `scale` x `scale` pixels; the first box begins `phase` pixels before the picture.

    What boxes lack at the edges is filled with the mirrored picture.

    >>> shrink(torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 4, 4), 2, (0, 1))[0, 0, 0]
    tensor([0.5000, 1.5000, 2.5000])
    """
    if scale == 1:
        return x
    for dim, before in zip((2, 3), phase, strict=True):
        size = x.shape[dim]
        full = (size + 2 * (scale - 1)) // scale * scale
        x = _mirror(x, dim, before, full - size - before)
    return F.avg_pool2d(x, scale)


def _mirror(x: Tensor, dim: int, before: int, after: int) -> Tensor:
    """Continued by reflection at the last pixel; unlike `F.pad`'s, its gradient is deterministic on a GPU."""
    first = x.narrow(dim, 1, before).flip(dim)
    last = x.narrow(dim, x.shape[dim] - 1 - after, after).flip(dim)
    return torch.cat([first, x, last], dim)


def _at_least(*settings: tuple[str, int, int]) -> None:
    for name, value, least in settings:
        if value < least:
            raise ValueError(f"{name} is {value!r}, expected an integer >= {least}")


def _integers(generator: torch.Generator, below: int, count: int) -> list[int]:
    drawn: list[int] = torch.randint(below, (count,), generator=generator).tolist()
    return drawn


def _dealt(generator: torch.Generator, kinds: int, count: int) -> list[int]:
    """Like cards: packs of all kinds, shuffled together, of which `count` are dealt."""
    pack = math.ceil(count / kinds) * kinds
    dealt: list[int] = (torch.randperm(pack, generator=generator)[:count] % kinds).tolist()
    return dealt


@contextmanager
def dropout(module: nn.Module, seed: int, batch: int) -> Iterator[None]:
    """While it lasts, every convolution of a module loses a hundredth of its input values.

    What is lost depends on the seed, the convolution and the shape of its input alone: two batches of `batch`
    pictures lose the same, also as parts of a larger one. Not for two threads with one module.

    >>> conv = nn.Conv2d(3, 1, 1)
    >>> x = torch.rand(1, 3, 64, 64)
    >>> with dropout(conv, 0, batch=1):
    ...     torch.equal(conv(x), conv(x))
    True
    """
    convs = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    seeds = _integers(torch.Generator().manual_seed(seed), 2**32, len(convs))

    def hook(own: int) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
        return lambda _, inputs: (drop(inputs[0], own, batch), *inputs[1:])

    handles = [conv.register_forward_pre_hook(hook(own)) for conv, own in zip(convs, seeds, strict=True)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def drop(x: Tensor, seed: int, batch: int) -> Tensor:
    """`x` `(N, C, H, W)` with a hundredth of its values 0, the others / .99, alike in all parts of `batch`.

    Raises:
        ValueError: N is no multiple of `batch`.
    """
    if x.shape[0] % batch:
        raise ValueError(
            f"a convolution got {x.shape[0]} pictures, expected a multiple of {batch}, the batch"
        )
    size = batch * x[0].numel()
    lost = _lost(torch.Generator().manual_seed(seed), size)
    parts = torch.cat([lost + part * size for part in range(x.shape[0] // batch)])
    out: Tensor = _Drop.apply(x, parts.to(x.device))
    return out


def _lost(generator: torch.Generator, size: int) -> Tensor:
    """Which of `size` places are lost: the gaps are drawn, the law of a coin for each at .01 of the cost."""
    rate = 1 - KEEP
    places = torch.tensor([-1])
    while places[-1] < size:
        expected = (size - int(places[-1])) * rate
        count = int(expected + 4 * math.sqrt(expected)) + 4
        gaps = torch.empty(count, dtype=torch.int64).geometric_(rate, generator=generator)
        places = torch.cat([places, places[-1] + gaps.cumsum(0)])
    return places[1:][places[1:] < size]


class _Drop(torch.autograd.Function):
    """Dropout at given places is its own transpose: no mask as large as the picture has to be kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        # pixel by pixel, as convolutions have it in memory, whatever `x` has
        out = (x / KEEP).permute(0, 2, 3, 1).contiguous()
        out.view(-1).index_fill_(0, places, 0)
        return out.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        return _Drop.apply(grad, places), None


def _stratified(law: Sequence[float], means: Sequence[Sequence[float]]) -> tuple[float, float, list[float]]:
    """The mean over the scales, the half width of its 95 % interval, and what one more batch of each scale
    would take from the variance, for its cost."""
    value, shares, gains = 0.0, [], []
    for s, (p, drawn) in enumerate(zip(law, means, strict=True), start=1):
        value += p * float(np.mean(drawn))
        spread = p**2 * float(np.var(drawn, ddof=1))
        shares.append(spread / len(drawn))
        gains.append(spread / (len(drawn) * (len(drawn) + 1)) * s**2)
    variance = sum(shares)
    if variance == 0:
        return value, 0.0, gains
    freedom = variance**2 / sum(v**2 / (len(m) - 1) for v, m in zip(shares, means, strict=True))
    return value, _student(freedom) * math.sqrt(variance), gains


def _student(freedom: float) -> float:
    """The .975 quantile of Student's distribution (Cornish and Fisher's expansion).

    >>> round(_student(4), 2), round(_student(1e9), 2)
    (2.77, 1.96)
    """
    return 1.959964 + 2.37227 / freedom + 2.82250 / freedom**2 + 2.55585 / freedom**3


def elpips(
    x: Tensor, y: Tensor, trunk: str = "efficientnet-lite0", samples: int = 200, seed: int = 0
) -> Tensor:
    """The learned perceptual distance in the mean over random transforms, `d = E_T[LPIPS(Tx, Ty)]`.

    T, the same for both pictures, in this order: scaled down by s with `P(s) ~ 1/s^2` (at least 64 pixels a
    side remain), moved by 0 to 7 pixels, flipped, transposed, its channels permuted and darkened to .2 to 1
    of their values, and one value in a hundred dropped at the input of every convolution. Kettunen,
    Harkonen and Lehtinen 2019, arXiv 1906.03973.

    Args:
        x: `(B, 3, H, W)` in [0, 1], at least 9x9.
        y: the same.
        trunk: see `lpips`; the published metric has trunks of its own, `ELPIPS.official`.
        samples: over how many draws of T is averaged.
        seed: of the draws, an integer >= 0.

    Returns:
        `(B,)`, >= 0, exactly 0 for equal pictures.

    Raises:
        ValueError: the pictures do not fit the description, or a setting is out of its range.
        FileNotFoundError: weights are not on this machine; the message says how to get them.

    >>> x = torch.rand(1, 3, 64, 64)
    >>> elpips(x, x, samples=2).item()
    0.0
    """
    out: Tensor = ELPIPS(_metric(trunk, x.dtype, x.device), samples, seed)(x, y)
    return out
