"""What a cloaked photo withstands of what messengers and platforms do, by level, and what that costs."""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter

from benchmarks.judging import DATA, Pixels, read
from mnd.channel import SERVICES, VERIFICATION
from mnd.cloaking.checker import Checker
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings

LEVELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "minimum": ("minimum", ()),
    "robust": ("robust", ()),
    "robust-asked": ("robust", ("signal", "telegram", "instagram")),
    "strong": ("strong", ()),
}
"""By name: level, and ways of sharing that it is asked to withstand, too."""
CHAIN = "signal+instagram"
WAYS = (*VERIFICATION, *SERVICES, CHAIN)
DIGITS = {"files": 0, "all of them": 0, "face PSNR": 1, "face SSIM": 4, "cpu s": 1} | dict.fromkeys(WAYS, 0)
PHONE = (4000, 3000)
"""Width and height of a photo of a phone."""


def sharing(args: argparse.Namespace) -> dict[str, Any]:
    """The first photo of each person, cloaked alone with dlib attacked: how many files withstand each way.

    `--attacks` names levels, of which `minimum` and `robust` are the default, and `phone` for photos of 12
    megapixels: each photo, enlarged twice, in a blurred one. All are JPEGs of quality 92.
    """
    torch.set_num_threads(1)
    folder = args.data or DATA / "faces" / "lfw38"
    photos = [sorted(person.glob("*.jpg"))[0] for person in sorted(folder.iterdir()) if person.is_dir()]
    asked = args.attacks.split(",") if args.attacks else ["minimum", "robust"]
    framed = phone if "phone" in asked else lambda pixels: pixels
    rows = {}
    for name in (it for it in LEVELS if it in asked):
        level, withstand = LEVELS[name]
        cloaker = Cloaker(CloakSettings(targets=("dlib",), level=level, withstand=withstand, offline=True))  # type: ignore[arg-type]
        all_ways = CloakSettings(targets=("dlib",), level=level, withstand=WAYS, offline=True)  # type: ignore[arg-type]
        checker = Checker(all_ways, panel=cloaker.panel)
        told = []
        for photo in photos[: args.limit]:
            told.append(_one(cloaker, checker, photo, framed))
            print(name, photo.stem, told[-1], flush=True)
        made = [it for it in told if it["held"] is not None]
        held = [it["held"] for it in made]
        rows[name] = {
            "photos": len(told),
            "files": len(made),
            **{way: sum(it[way] for it in held) for way in WAYS},
            "all of them": sum(all(it[way] for way in VERIFICATION) for it in held),
            "face PSNR": median(it["psnr"] for it in made),
            "face SSIM": median(it["ssim"] for it in made),
            "cpu s": median(it["cpu"] for it in told),
        }
    kind = "12 megapixels" if framed is phone else "as they are"
    return {f"files that withstand a way of sharing, {kind}": rows}


def phone(pixels: Pixels) -> Pixels:
    """A photo in one of 12 megapixels, as far away as somebody in a group: enlarged twice, blurred around."""
    image = Image.fromarray(pixels)
    small = image.resize((PHONE[0] // 40, PHONE[1] // 40)).filter(ImageFilter.GaussianBlur(8))
    back = small.resize(PHONE, Image.Resampling.BICUBIC)
    person = image.resize((2 * image.width, 2 * image.height), Image.Resampling.LANCZOS)
    back.paste(person, ((PHONE[0] - person.width) // 2, (PHONE[1] - person.height) // 3))
    return np.asarray(back)


def _one(
    cloaker: Cloaker, checker: Checker, photo: Path, framed: Callable[[Pixels], Pixels]
) -> dict[str, Any]:
    """A photo: what its file withstands (None: there is no file), quality of the first face, time."""
    file = io.BytesIO()
    Image.fromarray(framed(read(photo))).save(file, "JPEG", quality=92)
    clean, start = file.getvalue(), time.process_time()
    data, record = cloaker.encoded(clean, photo.name)
    told: dict[str, Any] = {"cpu": time.process_time() - start, "held": None}
    if data is None or record["quality"] is None:
        return told
    judged = checker.judged(clean, data, photo.name, None)
    targets = [it for region in judged["regions"] for it in region["targets"].values()]
    held = {way: all(it["channel"][way] for it in targets) for way in WAYS}
    face = record["quality"]["regions"][0]
    return told | {"held": held, "psnr": face["psnr"], "ssim": face["ssim"]}
