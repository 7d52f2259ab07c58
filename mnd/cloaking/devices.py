"""Whether a device computes what a cloak needs: a recogniser forwards, its gradient, and a small search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..faces.landmarks import upright_in
from ..losses.standard import RHO, standard
from ..optimizer.mnd import MND
from ..optimizer.settings import SearchSettings
from ..targets import registry
from ..targets.target import Reference, Target

SIDE = 112
"""Pixels of a side of the picture that is tried."""
STEPS = 6
NEAR, ALIKE = 1e-2, 0.99
"""How far an embedding may be from the CPU's, as a share of its length, and least cosine of the gradients:
devices round otherwise, and dlib's chip jumps by a grey level where they do."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a device was seen to do: None where it works, else what went wrong."""

    device: str
    forward: str | None = None
    backward: str | None = None
    search: str | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def works(self) -> bool:
        """All of it."""
        return self.forward is self.backward is self.search is None

    def as_json(self) -> dict[str, Any]:
        """As `mnd doctor --json` has it."""
        return asdict(self) | {"works": self.works}


def devices() -> list[str]:
    """The devices of this machine."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, is_there in there.items() if is_there]


def tried(device: str) -> Trial:
    """Try a device with dlib's recogniser, whose weights are in a package; nothing is downloaded."""
    start = time.perf_counter()
    told = dict(zip(("forward", "backward", "search"), _wrong(device), strict=True))
    return Trial(device, **told, seconds=round(time.perf_counter() - start, 1))


def _wrong(device: str) -> list[str | None]:
    def forward() -> None:
        here, there = (_prepared(where)[1].known.cpu() for where in ("cpu", device))
        apart = float((there - here).norm() / here.norm())
        if not apart < NEAR:
            raise ArithmeticError(
                f"an embedding is {apart:.3g} of its length from the CPU's, expected {NEAR}"
            )

    def backward() -> None:
        slopes = [_slope(where) for where in ("cpu", device)]
        alike = float(F.cosine_similarity(slopes[0].flatten(), slopes[1].flatten(), dim=0))
        if not alike > ALIKE:
            raise ArithmeticError(f"a gradient has a cosine of {alike:.3g} with the CPU's, expected {ALIKE}")

    def search() -> None:
        target, reference = _prepared(device)
        found = MND(standard(RHO, device), SearchSettings(steps=STEPS))(
            _picture(0).to(device), lambda y: target.margin(y, reference)
        )
        levels = found.image.cpu() * 255
        if not bool(levels.isfinite().all()) or not torch.allclose(levels, levels.round(), atol=1e-2):
            raise ArithmeticError("a picture that is not on the 256 grey levels was found")

    return [_error(step) for step in (forward, backward, search)]


def _error(step: Callable[[], None]) -> str | None:
    """What goes wrong with a step; anything can, with a device that nobody has tried."""
    try:
        step()
    except Exception as error:
        first = (str(error).strip() or "no message").splitlines()[0]
        return f"{type(error).__name__}: {first}"[:300]
    return None


def _picture(seed: int) -> Tensor:
    """`(1, 3, SIDE, SIDE)` on the 256 grey levels: coarse patches, so that there is something to see."""
    noise = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    smooth = F.interpolate(noise, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return (smooth * 255).round() / 255


def _prepared(device: str) -> tuple[Target, Reference]:
    """dlib's recogniser on a device, and what it knows of a clean picture."""
    target = registry.load("dlib", device, offline=True)
    face = torch.from_numpy(upright_in((8.0, 8.0, SIDE - 8.0, SIDE - 8.0)))[None]
    return target, target.refer(_picture(0).to(device), face)


def _slope(device: str) -> Tensor:
    target, reference = _prepared(device)
    y = _picture(1).to(device).requires_grad_(True)
    (slope,) = torch.autograd.grad(target.margin(y, reference).sum(), y)
    return slope.cpu()
