"""A folder as `mnd evaluate` leaves it, invented but lifelike, for the tests of what is made of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TARGETS = ("dlib+mobilefacenet", "efficientnet-lite0")
ATTACKS = ("mnd", "ddn", "pgd", "fgsm")
STRENGTH = {
    "mnd": 1.0, "mnd-plain": 1.1, "alma-ssim": 1.3, "alma": 1.4, "cw": 1.45, "ddn": 1.5, "ddn-40": 1.6,
    "fmn": 1.6, "perc-al": 1.7, "deepfool": 2.0, "pgd": 2.6, "i-fgsm": 2.7, "mi-fgsm": 3.0, "fgsm": 4.5,
}  # fmt: skip
PASSES = {"mnd": 92, "ddn": 100, "pgd": 40, "fgsm": 1}
PEOPLE = ("Ariel_Sharon", "Colin_Powell", "Hugo_Chavez", "Tony_Blair")


def attack_card(name: str) -> dict[str, Any]:
    budget = "fgsm" in name or name == "pgd"
    return {
        "title": {"mnd": "MND", "mnd-plain": "MND, plain"}.get(name, name.upper()),
        "dial": "eps" if budget else "headroom",
        "sweep": [1.0, 2.0, 4.0, 8.0, 16.0] if budget else [0.0, 0.02, 0.05],
        "source": "Rony et al. 2019, arXiv 1811.09600",
        "library": "mnd" if name.startswith("mnd") else "foolbox 3.3.4",
        "note": "two classes made of the margin",
    }


def run_card(attacks: Sequence[str] = ATTACKS, targets: Sequence[str] = TARGETS) -> dict[str, Any]:
    return {
        "settings": {
            "attacks": list(attacks),
            "judges": ["facenet"],
            "format": "png",
            "seed": 0,
            "limit": None,
        },
        "command": ["mnd", "evaluate", "--data", "my photos", "--out", "report"],
        "versions": {"mnd": "0.1.0", "torch": "2.6.0", "python": "3.11.7"},
        "hardware": {"cpu": "a processor", "threads": 1, "gpu": None, "ram_gb": 15.6},
        "targets": {name: {"name": name, "licence": "MIT", "threshold": 0.6} for name in targets},
        "attacks": {name: attack_card(name) for name in attacks},
        "not_counted": {targets[0]: ["Tony_Blair/Tony_Blair_0009.jpg"]},
        "unreadable": {"broken.jpg": "broken.jpg: the file has 0 bytes, expected a photo"},
        "judges": {"facenet": {"name": "facenet", "licence": "MIT", "threshold": 0.4}},
        "pictures": dict.fromkeys(targets, 9),
        "started": "2026-11-22T04:00:00+00:00",
        "seconds": 1234.5,
    }


def line(attack: str, target: str, picture: str, rng: np.random.Generator, hard: float) -> dict[str, Any]:
    """One line of results.jsonl: the stronger the attack, the worse the quality; hard pictures need more."""
    strength = STRENGTH[attack] * hard * rng.uniform(0.85, 1.15)
    success = attack == "mnd" or strength < 5
    kind = "eps" if "fgsm" in attack or attack == "pgd" else "headroom"
    passes = PASSES.get(attack, 60)
    fooled = bool(rng.random() < min(0.9, strength / 6))
    measures = {
        "psnr": 48 - 4 * np.log2(strength) - (1.0 if attack == "mnd" else 0.0),
        "ssim": 1 - 0.006 * strength**1.5, "ms_ssim": 1 - 0.003 * strength**1.5,
        "ciede2000": 0.2 * strength, "ciede2000_p99": 1.1 * strength, "lpips": 0.004 * strength**2,
        "rlpips": 0.0006 * strength**2, "elpips": 0.001 * strength**2, "above_jnd": 0.004 * strength,
        "ssimulacra2": 96 - 6 * strength, "butteraugli": 0.7 * strength,
        "face_ssimulacra2": 94 - 9 * strength, "face_butteraugli": 0.6 * strength,
        "face_butteraugli_norm": 0.2 * strength, "face_elpips": 0.003 * strength**2,
        "face_iris": 0.5 * strength, "face_strokes": round(strength), "face_stitches": round(strength / 4),
    }  # fmt: skip
    return {
        "attack": attack, "target": target, "picture": picture, "counted": True, "success": success,
        "dial": kind, "setting": 4.0 if kind == "eps" else 0.02,
        "tried": [{"setting": 2.0, "success": success, "psnr": 43.1, "ssim": 0.98, "path": None}],
        **{name: round(float(value), 6) for name, value in measures.items()},
        "passes": passes, "forwards": passes + 1, "backwards": passes, "passes_tried": 2 * passes,
        "seconds": 0.02 * passes, "seconds_tried": 0.05 * passes, "peak_mb": 512.0,
        "scores": {"dlib": {"unit": "euclidean distance", "threshold": 0.6, "before": 0.3, "after": 0.64,
                            "fooled": success}},
        "judges": {"facenet": fooled},
        "channel": {"jpeg90": success, "jpeg75": fooled, "jpeg50": False, "webp80": fooled, "half": fooled},
        "path": None, "original": None, "error": None,
    }  # fmt: skip


def failed(told: dict[str, Any]) -> dict[str, Any]:
    """The line of an attack that broke down."""
    keep = ("attack", "target", "picture", "counted", "dial")
    error = {"kind": "RuntimeError", "message": "the gradient is <zero> everywhere"}
    nothing = {key: None for key in told if key not in keep}
    return {**nothing, **{key: told[key] for key in keep}, "success": False, "tried": [], "judges": {},
            "channel": {}, "scores": {}, "error": error}  # fmt: skip


def make_report(
    folder: Path,
    attacks: Sequence[str] = ATTACKS,
    targets: Sequence[str] = TARGETS,
    pictures: int = 8,
    clean: Sequence[np.ndarray] = (),
) -> Path:
    """Fill `folder`; `clean` are the pictures to use, noise where there are none."""
    rng = np.random.default_rng(7)
    lines = []
    for number in range(pictures):
        who = PEOPLE[number % len(PEOPLE)]
        name = f"{who}/{who}_{number:04d}.jpg"
        before = clean[number] if clean else rng.integers(20, 230, (40, 56, 3), dtype=np.uint8)
        hard = float(rng.uniform(0.6, 1.6))
        for target in targets:
            original = f"pictures/{target}/clean/{who}_{number:04d}.png"
            _save(folder / original, before)
            for attack in attacks:
                told = line(attack, target, name, rng, hard)
                if (attack, number) == ("fgsm", 1):
                    told = failed(told)
                else:
                    told["path"] = f"pictures/{target}/{attack}/{who}_{number:04d}.png"
                    told["original"] = original
                    _save(folder / told["path"], _attacked(before, told["butteraugli"], rng))
                if number == 2:
                    told["butteraugli"] = None
                lines.append(told)
    write_lines(folder, lines)
    (folder / "run.json").write_text(json.dumps(run_card(attacks, targets)))
    return folder


def write_lines(folder: Path, lines: Sequence[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.jsonl"
    path.write_text("".join(json.dumps(told) + "\n" for told in lines))
    return path


def _attacked(before: np.ndarray, strength: float | None, rng: np.random.Generator) -> np.ndarray:
    most = max(1, round(2 * (strength or 1.0)))
    change = rng.integers(-most, most + 1, before.shape)
    return np.clip(before.astype(int) + change, 0, 255).astype(np.uint8)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
