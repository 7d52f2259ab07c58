"""The folder of a small evaluation that never ran: clean pictures, and noise of known strength on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

STRENGTHS = {"zq-faint-attack": 1, "zq-middle-attack": 6, "zq-strong-attack": 20}
"""Grey levels of the noise of each attack; names that chance does not put into a file."""
TARGET = "zq-target-net"


def clean_picture(number: int, size: tuple[int, int]) -> np.ndarray:
    """A soft picture of its own colours."""
    draw = np.random.default_rng(number)
    width, height = size
    ramp = np.linspace(0, 1, width)[None, :, None] * draw.uniform(20, 80, 3)
    return np.round(ramp + draw.uniform(60, 120, 3) + np.linspace(0, 30, height)[:, None, None]).astype(
        np.uint8
    )


def noisy(clean: np.ndarray, strength: int, number: int) -> np.ndarray:
    signs = np.random.default_rng(1000 + number).choice([-1, 1], clean.shape)
    return np.clip(clean.astype(int) + strength * signs, 0, 255).astype(np.uint8)


def _save(pixels: np.ndarray, path: Path, told: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    about = PngImagePlugin.PngInfo()
    about.add_text("Comment", told)  # what must not reach the page
    Image.fromarray(pixels).save(path, pnginfo=about)


def write_report(
    folder: Path,
    pictures: int = 5,
    size: tuple[int, int] = (40, 32),
    failed: tuple[tuple[str, int], ...] = (),
    targets: tuple[str, ...] = (TARGET,),
) -> Path:
    """A report's folder; each (attack, number of a picture) of `failed` did not succeed."""
    lines = []
    for target in targets:
        for number in range(pictures):
            clean = clean_picture(number, size)
            original = f"pictures/clean/zq-person_{number:04}.png"
            _save(clean, folder / original, "clean")
            for attack, strength in STRENGTHS.items():
                path = f"pictures/{target}/{attack}/zq-person_{number:04}.png"
                _save(noisy(clean, strength, number), folder / path, attack)
                lines.append({
                    "attack": attack, "target": target, "picture": f"zq-person/zq-person_{number:04}.jpg",
                    "counted": True, "success": (attack, number) not in failed, "dial": "eps",
                    "setting": float(strength), "psnr": 20 * np.log10(255 / strength),
                    "ssimulacra2": 100.0 - 3 * strength - 0.1 * number, "path": path, "original": original,
                    "error": None,
                })  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "results.jsonl").write_text(text, encoding="utf-8")
    return folder
