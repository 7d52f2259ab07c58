"""What is left of a cloak where a photo is filtered first: by smoothing, or a network trained on cloaks."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import kornia
import numpy as np
import torch
from PIL import Image
from skimage.restoration import denoise_bilateral, denoise_nl_means
from torch import Tensor, nn

from benchmarks.judging import DATA, Dlib, Pixels, read, share
from benchmarks.people import Sitting, people
from mnd.channel import half, resized, to_pixels, to_tensor
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings
from mnd.metrics.fidelity import psnr

LEVELS, LEARNED = ("minimum", "robust", "strong"), ("minimum", "robust")
"""Levels that are judged, and those on whose cloaks the network is trained."""
Filter = Callable[[Pixels], Pixels]
CHANNELS, LAYERS, FINE = 16, 5, 20.0
"""Of the network, and how much the photo less its blurred self is enlarged for it, since a cloak is small."""
PATCH, BATCH, STEPS, RATE = 40, 8, 1000, 3e-3
"""About a minute of one core."""


class Denoiser(nn.Module):
    """What a cloak added, by a few convolutions of what is fine in a photo (a small DnCNN), taken away.

    DnCNN: Zhang et al., Beyond a Gaussian Denoiser, 2017; here without batch normalisation.
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = [3, *[CHANNELS] * (LAYERS - 1)]
        inner = [
            layer
            for before, after in pairwise(sizes)
            for layer in (nn.Conv2d(before, after, 3, padding=1), nn.ReLU())
        ]
        self.layers = nn.Sequential(*inner, nn.Conv2d(CHANNELS, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Images `(B, 3, H, W)` in [0, 1], cleaner."""
        fine = x - kornia.filters.gaussian_blur2d(x, (9, 9), (2.0, 2.0))
        return x - self.layers(FINE * fine) / FINE


def trained(pairs: list[tuple[Pixels, Pixels]], steps: int = STEPS, seed: int = 0) -> Denoiser:
    """Trained on (cloaked, clean), by the mean squared error of patches of a cloak, turned and mirrored."""
    torch.manual_seed(seed)
    random, net = np.random.default_rng(seed), Denoiser()
    optimiser = torch.optim.Adam(net.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        cut = [_patch(pairs[int(random.integers(len(pairs)))], random) for _ in range(BATCH)]
        seen, want = (torch.cat([to_tensor(one[i]) for one in cut]) for i in range(2))
        loss = FINE**2 * (net(seen) - want).square().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return net.eval()


def _patch(pair: tuple[Pixels, Pixels], random: np.random.Generator) -> tuple[Pixels, Pixels]:
    cloaked, clean = pair
    rows, columns = np.nonzero((cloaked != clean).any(2))
    one = int(random.integers(len(rows)))
    height, width = clean.shape[:2]
    y = int(np.clip(rows[one] - random.integers(PATCH), 0, height - PATCH))
    x = int(np.clip(columns[one] - random.integers(PATCH), 0, width - PATCH))
    turns, mirrored = int(random.integers(4)), bool(random.integers(2))

    def cut(pixels: Pixels) -> Pixels:
        patch = np.rot90(pixels[y : y + PATCH, x : x + PATCH], turns)
        return np.ascontiguousarray(patch[:, ::-1] if mirrored else patch)

    return cut(cloaked), cut(clean)


@torch.no_grad()
def _by(filter: Callable[[Tensor], Tensor], pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(to_pixels(filter(to_tensor(pixels)).clamp(0, 1)))  # dlib wants it so


def _rounded(pixels: np.ndarray[Any, Any]) -> Pixels:
    return (pixels.clip(0, 1) * 255).round().astype(np.uint8)


def _back(pixels: Pixels) -> Pixels:
    return resized(half(pixels), pixels.shape[:2], "bicubic")


FILTERS: dict[str, Filter] = {
    "as saved": lambda pixels: pixels,
    "median 3": partial(_by, lambda x: kornia.filters.median_blur(x, 3)),
    "Gaussian 1.5": partial(_by, lambda x: kornia.filters.gaussian_blur2d(x, (9, 9), (1.5, 1.5))),
    "bilateral": lambda p: _rounded(denoise_bilateral(p, sigma_color=0.06, sigma_spatial=2, channel_axis=2)),
    "non-local means": lambda p: _rounded(
        denoise_nl_means(p / 255.0, patch_size=5, patch_distance=6, h=0.03, sigma=0.02, channel_axis=2)
    ),
    "half and back": _back,
}
NAMES = (*FILTERS, "denoiser")
DIGITS = dict.fromkeys(NAMES, 0) | {f"PSNR, {name}": 1 for name in NAMES}


def countermeasures(args: argparse.Namespace) -> dict[str, Any]:
    """On how many pairs with other photos of the person dlib still fails, after each filter, by level.

    Cloaks of the first photo of each person of `lfw10`, dlib attacked, a gallery of four, PNG, judged with
    those four and four that were held back; the network is trained on cloaks of `lfw38`. `--out` keeps them
    all, so that a run goes on where it was stopped; `--limit`: people to judge; `--attacks`: levels.
    """
    torch.set_num_threads(1)
    levels = args.attacks.split(",") if args.attacks else LEVELS
    folder, judge = args.out / "countermeasures", Dlib()
    filters = FILTERS | {"denoiser": partial(_by, _denoiser(folder))}
    rows: dict[str, dict[str, list[float]]] = {level: {} for level in ("clean", *levels)}
    with tempfile.TemporaryDirectory() as room:
        for sitting in _first(DATA / "faces" / "lfw10", Path(room), args.limit):
            clean = read(sitting.photo)
            for level, values in rows.items():
                cloaked = clean if level == "clean" else _cloaked(sitting, level, folder / "lfw10")
                for name, filter in filters.items() if cloaked is not None else ():
                    seen = filter(cloaked)
                    if margins := judge.margins(seen, [*sitting.known, *sitting.held]):
                        values.setdefault(name, []).append(share(margins))
                    if (away := psnr(clean, seen)) is not None:
                        values.setdefault(f"PSNR, {name}", []).append(away)
                print(sitting.photo.stem, level, {it: told[-1] for it, told in values.items()}, flush=True)
    means = {
        level: {name: float(np.mean(values[name])) for name in DIGITS if name in values}
        | {"photos": len(values["as saved"])}
        for level, values in rows.items()
    }
    return {"pairs that dlib fails on, %, and PSNR to the clean photo, after a filter": means}


def _denoiser(folder: Path) -> Denoiser:
    """Trained on what cloaks of `lfw38` there are; made where there are none yet."""
    if not list((folder / "lfw38").rglob("*.png")):
        with tempfile.TemporaryDirectory() as room:
            for sitting in _first(DATA / "faces" / "lfw38", Path(room), 12):
                for level in LEARNED:
                    _cloaked(sitting, level, folder / "lfw38")
    pairs = [
        (read(path), read(path.with_name(f"{path.stem.removesuffix('.clean')}.clean.png")))
        for path in sorted((folder / "lfw38").rglob("*.png"))
        if not path.stem.endswith(".clean")
    ]
    start = time.process_time()
    net = trained(pairs)
    print(f"denoiser: {len(pairs)} pairs, {time.process_time() - start:.0f} s", flush=True)
    return net


def _first(data: Path, room: Path, limit: int | None) -> list[Sitting]:
    """The first photo of each person."""
    return people(data, room)[::2][:limit]


def _cloaked(sitting: Sitting, level: str, folder: Path) -> Pixels | None:
    """The cloak of a photo, from the folder where it is there; None where it could not be protected."""
    made = folder / level / f"{sitting.photo.stem}.png"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        settings = CloakSettings(targets=("dlib",), level=level, gallery=sitting.gallery, offline=True)  # type: ignore[arg-type]
        if Cloaker(settings).photo(sitting.photo, made)["output"] is None:
            return None
        Image.open(sitting.photo).save(made.with_name(f"{made.stem}.clean.png"))
    return read(made)
