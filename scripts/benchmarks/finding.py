"""Which faces are found: turned photos, dark and bright ones, small faces, and what is no face.

A part of `scripts/benchmark.py`, which says how to run it; docs/finding.md has the figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import dlib
import numpy as np
from PIL import Image

from benchmarks.judging import DATA, Pixels, Values, read
from mnd.faces.detector import Detector, Face, Search

PEOPLE = ("lfw38", "lfw10")
TURNED = (45, 90, 135, 180, 270)
LIGHTS = (0.1, 3.0)
MADE_UP = 0.1
"""Shifts of landmarks, as a share of the distance of the eyes, from which on they are of another face."""
DIGITS = {
    "found %": 1, "made up": 0, "beside": 0, "shift %": 2, "shift 95 %": 2, "dlib": 0, "missed of dlib": 0,
    "first look": 0, "later": 0, "suspects": 0,
}  # fmt: skip


def finding(args: argparse.Namespace) -> dict[str, dict[str, Values]]:
    """What is found of the faces that are found in photos as they are, and what is found beside them."""
    detector = Detector()
    folders = [args.data] if args.data else [DATA / "faces" / name for name in PEOPLE]
    figures: dict[str, dict[str, Values]] = {}
    for folder in folders:
        photos = _photos(folder, args.limit or 200)
        rows = {f"turned {turn}": _turned(photos, turn, detector) for turn in TURNED}
        figures[f"turned, {folder.name}"] = rows
        figures[f"in another light, {folder.name}"] = {
            f"x {f:g}": _light(photos, f, detector) for f in LIGHTS
        }
    figures["no face there"] = {"imagenet": _nothing(detector, args.limit)}
    return figures


def _photos(folder: Path, count: int) -> list[Path]:
    """So many photos, of all people about equally many."""
    every = sorted(folder.glob("*/*.jpg"), key=lambda path: (path.stem[-4:], path.name))
    return sorted(every[:count])


def _middle(search: Search, pixels: Pixels) -> Face | None:
    """The face in the middle: LFW's photos are of the person who is there."""
    middle = np.array([pixels.shape[1], pixels.shape[0]]) / 2
    near = [face for face in search.faces if np.abs(face.landmarks.mean(0) - middle).max() < middle.min() / 4]
    return min(near, key=lambda face: float(np.abs(face.landmarks.mean(0) - middle).max()), default=None)


def turned(pixels: Pixels, degrees: int) -> Pixels:
    """Counter-clockwise; quarter turns lose nothing, of others the corners are cut."""
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(pixels, degrees // 90))
    return np.asarray(Image.fromarray(pixels).rotate(degrees, Image.Resampling.BICUBIC))


def turned_points(points: np.ndarray, degrees: int, side: int) -> np.ndarray:
    """Where points of a square picture are when it is turned counter-clockwise."""
    angle, middle = np.deg2rad(degrees), (side - 1) / 2
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (points - middle) @ matrix.T + middle


def _shift(face: Face, place: np.ndarray) -> float:
    return float(np.sqrt(np.square(face.landmarks - place).sum(1).mean()))


def _turned(photos: list[Path], degrees: int, detector: Detector) -> Values:
    shifts: list[float] = []
    there = beside = 0
    for pixels, upright, face in _upright(photos, detector):
        there += 1
        side = pixels.shape[0]
        search = detector.search(turned(pixels, degrees))
        eyes = np.linalg.norm(face.landmarks[1] - face.landmarks[0])
        known = (face, *upright.faces, *upright.suspects)
        wanted = [turned_points(each.landmarks, degrees, side) for each in known]
        apart = [[_shift(found, place) / eyes for place in wanted] for found in search.faces]
        shifts += [min((row[0] for row in apart), default=np.inf)]
        beside += sum(min(row) > MADE_UP for row in apart)
    found = np.array([shift for shift in shifts if shift <= MADE_UP])
    made_up = sum(MADE_UP < shift < np.inf for shift in shifts)
    middle, most = 100 * np.quantile(found, [0.5, 0.95])
    return {
        "photos": float(there), "found %": 100 * len(found) / there, "made up": float(made_up),
        "beside": float(beside), "shift %": float(middle), "shift 95 %": float(most),
    }  # fmt: skip


def _upright(photos: list[Path], detector: Detector) -> Iterator[tuple[Pixels, Search, Face]]:
    """The photos whose person is found as they are, which are kept for the next time."""
    for path in photos:
        if path not in KNOWN:
            search = detector.search(read(path))
            KNOWN[path] = search, _middle(search, read(path))
        search, face = KNOWN[path]
        if face is not None:
            yield read(path), search, face


KNOWN: dict[Path, tuple[Search, Face | None]] = {}


def _light(photos: list[Path], factor: float, detector: Detector) -> Values:
    judge = dlib.get_frontal_face_detector()
    found = seen = missed = 0
    for path in photos:
        pixels = np.clip(np.round(read(path) * factor), 0, 255).astype(np.uint8)
        here = _middle(detector.search(pixels), pixels) is not None
        boxes = [(b.left() + b.right(), b.top() + b.bottom()) for n in (0, 1) for b in judge(pixels, n)]
        there = any(np.abs(np.array(b) / 2 - pixels.shape[0] / 2).max() < pixels.shape[0] / 8 for b in boxes)
        found, seen, missed = found + here, seen + there, missed + (there and not here)
    return {
        "photos": float(len(photos)), "found %": 100 * found / len(photos), "dlib": float(seen),
        "missed of dlib": float(missed),
    }  # fmt: skip


def _nothing(detector: Detector, limit: int | None) -> Values:
    """Photos of things: what is found there at which look, and in how many there are only suspects."""
    row = {"photos": 0.0, "first look": 0.0, "later": 0.0, "suspects": 0.0}
    for path in sorted((DATA / "imagenet").glob("*.jpg"))[:limit]:
        search = detector.search(read(path))
        later = [face for face in search.faces if face.look not in ("first", "tiles", "close")]
        row["photos"] += 1
        row["first look"] += len(search.faces) > len(later)
        row["later"] += bool(later)
        row["suspects"] += not search.faces and bool(search.suspects)
    return row
