"""NumPy files that may hold pictures: known by the header of each array, without its numbers."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

SUFFIXES = (".npy", ".npz")
SMALLEST = 16
"""Pixels of a side: what is smaller is no picture with a face in it."""
_COLOURS = (3, 4)


def pictures_in(path: Path | str) -> str:
    """What in a NumPy file can be pictures, as type and shape; empty where nothing can, or it cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/a.npy", np.zeros((5, 64, 48, 3), np.uint8))
    ...     np.save(f"{folder}/b.npy", np.zeros((500, 128), np.float32))
    ...     pictures_in(f"{folder}/a.npy"), pictures_in(f"{folder}/b.npy")
    ('uint8 (5, 64, 48, 3)', '')
    """
    try:
        if str(path).lower().endswith(".npz"):
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    with packed.open(name) as file:
                        if told := _told(file):
                            return told
            return ""
        with open(path, "rb") as file:
            return _told(file)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return ""


def _told(file: IO[bytes]) -> str:
    version = np.lib.format.read_magic(file)
    first = version == (1, 0)
    read: Any = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    shape, _, kind = read(file)
    return f"{kind} {shape}" if _can_be(shape, kind) else ""


def _can_be(shape: tuple[int, ...], kind: np.dtype[Any]) -> bool:
    """Grey of 8 bits, `(H, W)` or `(N, H, W)`; colours of any type, last or first, of one or more."""
    if len(shape) in (3, 4) and kind.kind in "uif":
        sides = [shape[-3:-1]] * (shape[-1] in _COLOURS) + [shape[-2:]] * (shape[-3] in _COLOURS)
        if any(min(pair) >= SMALLEST for pair in sides):
            return True
    grey = shape[:-1] if len(shape) > 2 and shape[-1] == 1 else shape
    return kind == np.uint8 and len(grey) in (2, 3) and min(grey[-2:]) >= SMALLEST
