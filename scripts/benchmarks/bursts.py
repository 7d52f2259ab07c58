"""A face that moves through the frames of a burst: how much its cloak flickers, alone and as a burst."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.judging import DATA, MATCH, Dlib, Pixels, Values, differences, means, read
from mnd.cloaking.burst import Frame, read_at
from mnd.cloaking.cloaker import Cloaker
from mnd.cloaking.settings import CloakSettings
from mnd.faces.detector import Detector
from mnd.photo.photo import Photo

DIGITS = {"flicker": 3, "change": 3, "flicker %": 1}
"""In grey levels, means over the face; `flicker %` is the share of the one in the other."""
FRAMES = 8
STEP = (1.7, -0.9, 0.8, 1.006)
"""From frame to frame: pixels to the right and down, degrees, and the ratio of the sizes."""
NOISE = 1.5
"""Grey levels: what a camera adds to each frame, normal, another in each."""
MARGIN = 60
"""Pixels that a photo is continued by, mirrored, so that a moved one has no empty corners."""
QUALITIES = {"PNG": {}, "JPEG": {"quality": 92}}


def bursts(args: argparse.Namespace) -> dict[str, Any]:
    """The first photo of each person, moved; --attacks says at which level."""
    level = args.attacks or "minimum"
    folder = args.data or DATA / "faces" / "lfw38"
    photos = [sorted(person.glob("*.jpg"))[0] for person in sorted(folder.iterdir()) if person.is_dir()]
    cloaker = Cloaker(CloakSettings(targets=("dlib",), level=level, offline=True))
    dlib, figures = Dlib(), {}
    for form, options in QUALITIES.items():
        rows: dict[str, list[Values]] = {}
        for path in photos[: args.limit or 2]:
            frames = [_file(pixels, form, options) for pixels in moving(read(path))]
            for name, tied in {f"{form}, each alone": False, f"{form}, as a burst": True}.items():
                rows.setdefault(name, []).append(row := judged(frames, cloaker, dlib, tied))
                print(path.stem, name, row, flush=True)
        figures |= {name: {"photos": len(its), **means(its)} for name, its in rows.items()}
    return {f"bursts of {FRAMES} frames at {level}, means": figures}


def moving(photo: Pixels) -> Iterator[Pixels]:
    """The frames: each is the photo, moved a little further, and noise of its own."""
    wide = np.pad(photo, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), "reflect")
    height, width = photo.shape[:2]
    for k in range(FRAMES):
        there = Image.fromarray(wide).transform(
            (width, height),
            Image.Transform.AFFINE,
            tuple(_place(k, photo)[:2].flatten()),
            Image.Resampling.BICUBIC,
        )
        noise = np.random.default_rng(k).normal(0, NOISE, photo.shape)
        yield np.rint(np.asarray(there) + noise).clip(0, 255).astype(np.uint8)


def _place(k: int, photo: Pixels) -> np.ndarray:
    """`(3, 3)`: where a pixel of frame k is in the photo with its margins."""
    right, down, degrees, ratio = STEP
    turn, scale = np.deg2rad(degrees * k), ratio**-k
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    middle = np.array(photo.shape[1::-1]) / 2
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = middle + MARGIN - linear @ (middle + k * np.array([right, down]))
    return np.vstack([np.hstack([linear, shift[:, None]]), [0, 0, 1]])


def judged(frames: list[bytes], cloaker: Cloaker, dlib: Dlib, tied: bool) -> Values:
    """Cloak the frames one after the other: flicker, and whether dlib's own programs are fooled by each."""
    detector, changes, rows = Detector(), [], []
    before: Frame | None = None
    for k, frame in enumerate(frames):
        data, _ = cloaker.encoded(frame, f"{k}", before=before if tied else None)
        photo = Photo.from_bytes(frame)
        clean, shown = photo.pixels, photo.pixels if data is None else photo.decode(data)
        before = Frame.of(clean, shown, detector)
        first, second = dlib(clean), dlib(shown)
        fooled = first is None or second is None or float(np.linalg.norm(first - second)) >= MATCH
        rows.append({"fooled %": 100.0 * (fooled and data is not None), **differences(clean, shown)})
        changes.append(shown.astype(np.int16) - clean)
    return means(rows) | _flicker(changes, frames, detector)


def _flicker(changes: list[np.ndarray], frames: list[bytes], detector: Detector) -> Values:
    """The mean absolute change between the changes of neighbours, laid on each other."""
    differ, size = [], []
    for k in range(1, len(changes)):
        pixels = Photo.from_bytes(frames[k]).pixels
        x0, y0, x1, y1 = (round(v) for v in detector(pixels)[0].box)
        step = np.linalg.inv(_place(k - 1, pixels)) @ _place(k, pixels)
        # these are places of corners; of centres of pixels, which are at whole numbers, both move by a half
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        matrix = torch.from_numpy((np.linalg.inv(half) @ step @ half)[None, :2])
        earlier = read_at(changes[k - 1], matrix, (x0, y0, x1, y1))[0].permute(1, 2, 0).numpy()
        now = changes[k][y0:y1, x0:x1]
        differ.append(np.abs(now - earlier).mean())
        size.append(np.abs(now).mean())
    flicker, change = float(np.mean(differ)), float(np.mean(size))
    return {"flicker": flicker, "change": change, "flicker %": 100 * flicker / change}


def _file(pixels: Pixels, form: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()
