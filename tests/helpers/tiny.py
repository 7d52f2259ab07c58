"""A target that costs next to nothing, and pictures for it: a tiny classifier in a file of a user's.

Workers load it without torchvision and timm, which take longer to import than most tests take.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

TARGET = '''
"""A random classifier, always the same one."""

import torch
from torch import nn

from mnd.targets import Classifier, Preprocess, TargetCard

CARD = TargetCard(
    name="tiny", kind="classifier", size=(32, 32), unit="logit margin", threshold=0.0,
    mean=(0.45, 0.45, 0.45), std=(0.25, 0.25, 0.25), licence="CC0-1.0", source="a test",
)


def tiny() -> Classifier:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(3, 16, 5, 2), nn.SiLU(), nn.Conv2d(16, 32, 3, 2), nn.SiLU(), nn.Flatten(),
            nn.Linear(1152, 200),
        )
        net[-1].weight.mul_(2)  # margins of about .1
    return Classifier(CARD, net, Preprocess(32, (32, 32)))
'''
PHOTO = data.astronaut()
FLAGS = ("--level", "minimum", "--rho", "0", "--steps", "8", "--offline")
OPTIONS: dict[str, Any] = {"level": "minimum", "rho": 0.0, "steps": 8, "offline": True}


def crops(count: int, size: int = 32, seed: int = 0) -> np.ndarray:
    """`(count, size, size, 3)`, uint8: places of a photo, so that no two are alike."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 512 - size, (count, 2))
    return np.stack([PHOTO[y : y + size, x : x + size] for y, x in places])


def write_target(folder: Path) -> str:
    """The name of the target."""
    (folder / "tiny.py").write_text(TARGET)
    return f"{folder / 'tiny.py'}:tiny"


def picture(number: int, form: str = "PNG") -> bytes:
    """The bytes of picture `number`."""
    buffer = io.BytesIO()
    Image.fromarray(crops(1, seed=number)[0]).save(buffer, form)
    return buffer.getvalue()


def write_pictures(folder: Path, count: int, first: int = 0) -> list[str]:
    """Pictures in a few folders; their names."""
    names = []
    for number in range(first, first + count):
        form, suffix = (("PNG", "png"), ("BMP", "bmp"))[number % 2]
        name = f"{number % 3}/{number:05d}.{suffix}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(number, form))
        names.append(name)
    return sorted(names)
