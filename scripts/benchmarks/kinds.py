"""What becomes of HDR, inks and 16 bits: how many photos are protected, and stay what they were."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.judging import DATA, Pixels, read
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings
from mnd.metrics.fidelity import ssimulacra2
from mnd.photo.photo import Photo

ROOT = Path(__file__).resolve().parents[2]
DIGITS = {"protected": 0, "still HDR": 0, "size %": 1}
LEVELS = ("minimum", "robust")
PHOTOS = 12
"""So many unless `--limit` says otherwise."""


def makers() -> dict[str, tuple[str, Callable[[Pixels], bytes]]]:
    """By name: the ending of a file, and its maker, as the tests have them."""
    sys.path.insert(0, str(ROOT))
    from tests.helpers import deep, inks, ultra_hdr

    def sixteen(pixels: Pixels) -> bytes:
        low = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint16)
        return deep.write_png((pixels.astype(np.uint16) << 8) | low)

    return {
        "Ultra HDR": (".jpg", ultra_hdr.ultra),
        "CMYK JPEG (YCCK)": (".jpg", inks.ycck),
        "CMYK TIFF": (".tif", lambda pixels: inks.saved("TIFF", pixels, compression="tiff_lzw")),
        "PNG of 16 bits": (".png", sixteen),
    }


def kinds(args: argparse.Namespace) -> dict[str, Any]:
    """The first photo of each person in each kind of file, cloaked alone with dlib attacked.

    `--attacks` names the kinds, all by default, by patterns like `Ultra HDR,CMYK TIFF`.
    """
    torch.set_num_threads(1)
    folder = args.data or DATA / "faces" / "lfw38"
    photos = [sorted(person.glob("*.jpg"))[0] for person in sorted(folder.iterdir()) if person.is_dir()]
    asked = args.attacks.split(",") if args.attacks else list(makers())
    rows = {}
    for level in LEVELS:
        cloaker = Cloaker(CloakSettings(targets=("dlib",), level=level, offline=True))  # type: ignore[arg-type]
        for name in asked:
            ending, made = makers()[name]
            told = [_one(cloaker, read(photo), ending, made) for photo in photos[: args.limit or PHOTOS]]
            done = [it for it in told if it["protected"]]
            rows[f"{name}, {level}"] = {
                "photos": len(told),
                "protected": len(done),
                **({"still HDR": sum(it["hdr"] for it in done)} if "HDR" in name else {}),
                "size %": 100 * float(np.mean([it["size"] for it in done])),
                "SSIMULACRA2": float(np.mean([it["look"] for it in done])),
            }
            print(level, name, rows[f"{name}, {level}"], flush=True)
    return {"kinds of files": rows}


def _one(cloaker: Cloaker, pixels: Pixels, ending: str, made: Callable[[Pixels], bytes]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"photo{ending}"
        source.write_bytes(made(pixels))
        record = cloaker.photo(source)
        if not record["protected"]:
            return {"protected": False}
        assert record["output"] is not None
        size = Path(record["output"]).stat().st_size / source.stat().st_size
        look = ssimulacra2(Photo.read(source).pixels, Photo.read(record["output"]).pixels)
        return {"protected": True, "hdr": record.get("hdr") == "kept", "size": size, "look": look}
