"""Faces of LFW's photos, cut out once as a network is shown them, with a margin for crops out of place."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mnd.base.files import sha256_of, write_atomic
from mnd.channel import to_pixels, to_tensor
from mnd.targets.alignment import fit, warp

SIZE, MARGIN = 112, 14
"""Pixels of what the network is shown, and of what is kept around it."""
SIDE = 250
"""Of a photo of LFW, in whose middle lies a face that a detector has found: all of about one size."""
PLACE = ((103.6, 112.7), (145.3, 111.8), (124.5, 136.4), (107.7, 157.6), (143.8, 156.9))
"""Its landmarks: medians of one photo of each of 38 people, with a deviation of 2 to 7 pixels. A training
that shows crops out of place needs no better ones, and spares the detector's half an hour."""
Chips = NDArray[np.uint8]


def read(tar: Path, cache: Path) -> Chips:
    """The chips `(N, 140, 140, 3)` of all photos of a tar; cut out where `cache` has none yet.

    Raises:
        FileNotFoundError: there is no such tar.
        ValueError: it has no photo of LFW.
    """
    name = cache / f"chips-{sha256_of(tar)[:16]}.npy"
    if not name.is_file():
        with tarfile.open(tar) as photos:
            found = [_chip(photos, it) for it in photos if it.name.endswith(".jpg")]
        cut = [chip for chip in found if chip is not None]
        if not cut:
            raise ValueError(f"{tar} has no JPEG of {SIDE} x {SIDE} pixels, expected photos of LFW")
        stream = io.BytesIO()
        np.save(stream, np.stack(cut))
        cache.mkdir(parents=True, exist_ok=True)
        write_atomic(name, stream.getvalue())
    chips: Chips = np.load(name, mmap_mode="r")
    return chips


def _chip(photos: tarfile.TarFile, member: tarfile.TarInfo) -> Chips | None:
    """The face in the middle, as ArcFace's template has it, with the margin; None: of another size."""
    file = photos.extractfile(member)
    assert file is not None  # it has a photo's name, and is no folder
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"))
    if pixels.shape[:2] != (SIDE, SIDE):
        return None
    matrix = fit(torch.tensor([PLACE]), "arcface112")
    matrix[:, :, 2] -= matrix[:, :, :2] @ torch.full((2,), float(MARGIN), dtype=matrix.dtype)
    side = SIZE + 2 * MARGIN
    return to_pixels(warp(to_tensor(pixels), matrix, (side, side)).clamp(0, 1))
