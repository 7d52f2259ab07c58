"""A target that costs next to nothing, and pictures for it: a tiny classifier in a card of a user's."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

CARD = {
    "name": "tiny", "kind": "classifier", "architecture": "timm:test_efficientnet",
    "weights": "tiny.safetensors", "size": [32, 32], "unit": "logit margin", "threshold": 0.0,
    "licence": "CC0-1.0", "source": "a test",
}  # fmt: skip
PHOTO = data.astronaut()
FLAGS = ("--level", "minimum", "--rho", "0", "--steps", "8", "--offline")
OPTIONS: dict[str, Any] = {"level": "minimum", "rho": 0.0, "steps": 8, "offline": True}


def crops(count: int, size: int = 32, seed: int = 0) -> np.ndarray:
    """`(count, size, size, 3)`, uint8: places of a photo, so that no two are alike."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 512 - size, (count, 2))
    return np.stack([PHOTO[y : y + size, x : x + size] for y, x in places])


def write_card(folder: Path) -> str:
    """The name of the target. Its network is random, but its statistics are those of pictures."""
    torch.manual_seed(0)
    net = timm.create_model("test_efficientnet", pretrained=False, num_classes=200).train()
    images = torch.from_numpy(crops(256)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        for _ in range(40):
            net(images)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, folder / "tiny.safetensors")
    (folder / "tiny.json").write_text(json.dumps(CARD))
    return f"card:{folder / 'tiny.json'}"


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
