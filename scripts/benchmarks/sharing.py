"""What a cloaked photo withstands of what messengers do, by level, and what that costs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.judging import DATA
from mnd.channel import VERIFICATION
from mnd.cloaking.checker import Checker
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings

LEVELS = ("minimum", "robust")
DIGITS = {"files": 0, "all of them": 0, "face PSNR": 1, "face SSIM": 4, "cpu s": 1} | dict.fromkeys(
    VERIFICATION, 0
)


def sharing(args: argparse.Namespace) -> dict[str, Any]:
    """The first photo of each person, cloaked alone with dlib attacked: how many files withstand each way."""
    torch.set_num_threads(1)
    folder = args.data or DATA / "faces" / "lfw38"
    photos = [sorted(person.glob("*.jpg"))[0] for person in sorted(folder.iterdir()) if person.is_dir()]
    rows = {}
    for level in LEVELS:
        settings = CloakSettings(targets=("dlib",), level=level, offline=True)
        cloaker = Cloaker(settings)
        checker = Checker(settings, panel=cloaker.panel)
        told = [_one(cloaker, checker, photo) for photo in photos[: args.limit]]
        made = [it for it in told if it["held"] is not None]
        held = [it["held"] for it in made]
        rows[level] = {
            "photos": len(told),
            "files": len(made),
            **{way: sum(it[way] for it in held) for way in VERIFICATION},
            "all of them": sum(all(it.values()) for it in held),
            "face PSNR": median(it["psnr"] for it in made),
            "face SSIM": median(it["ssim"] for it in made),
            "cpu s": median(it["cpu"] for it in told),
        }
    return {"files that withstand a way of sharing": rows}


def _one(cloaker: Cloaker, checker: Checker, photo: Path) -> dict[str, Any]:
    """A photo: what its file withstands (None: there is no file), quality of the first face, time."""
    clean, start = photo.read_bytes(), time.process_time()
    data, record = cloaker.encoded(clean, photo.name)
    told: dict[str, Any] = {"cpu": time.process_time() - start, "held": None}
    if data is None or record["quality"] is None:
        return told
    judged = checker.judged(clean, data, photo.name, None)
    targets = [it for region in judged["regions"] for it in region["targets"].values()]
    held = {way: all(it["channel"][way] for it in targets) for way in VERIFICATION}
    face = record["quality"]["regions"][0]
    return told | {"held": held, "psnr": face["psnr"], "ssim": face["ssim"]}
