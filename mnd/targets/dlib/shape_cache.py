"""Keeps predictors that were read once as plain arrays, which the next process maps into memory at once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...base.weights import WeightsFile, home
from .file import FormatError
from .shape_file import Forests, parse

FORMAT = 1
"""Counted up whenever the arrays' meaning changes: what an older version kept is then not looked at."""

NAMES = ("leaves", *sorted(f.name for f in fields(Forests) if f.name != "leaves"))
"""The arrays in the order of the file; the large one first, so that it is aligned."""


def obtain(weights: WeightsFile) -> Forests:
    """A predictor, out of the user's cache folder (`mnd.base.weights.home`) where it is whole there.

    Otherwise it is read from dlib's file and kept; a folder that cannot be written is no error.

    Raises:
        FileNotFoundError: dlib's file is not on this machine.
        ValueError: its sha256 is not the expected one.
        FormatError: it is no predictor.
    """
    kept = _place(weights)
    if kept is not None and (forests := read(kept)) is not None:
        return forests
    path = weights.obtain(offline=True)
    try:
        forests = parse(path.read_bytes())
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    if kept is not None:
        write(kept, forests)
    return forests


def _place(weights: WeightsFile) -> Path | None:
    """Where a predictor is kept; nowhere without a sha256 to tell files apart, or without a home."""
    try:
        folder = home() / "predictors"
    except (OSError, RuntimeError):
        return None
    return folder / f"{weights.sha256}-{FORMAT}.npy" if weights.sha256 else None


def write(path: Path, forests: Forests) -> bool:
    """Keep a predictor at `path`, which appears only when it is whole; whether that went well."""
    arrays = {name: getattr(forests, name) for name in NAMES}
    record = np.zeros(1, [(n, a.dtype.str, a.shape) for n, a in arrays.items()] + [("digest", "u1", 32)])
    for name, array in arrays.items():
        record[name][0] = array
    record["digest"][0] = _digest(arrays)
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
        part = Path(name)
        with os.fdopen(handle, "wb") as out:
            np.save(out, record, allow_pickle=False)
        part.replace(path)
    except OSError:  # read-only, full, or on some systems in use by another process: go without
        if part is not None:
            part.unlink(missing_ok=True)
        return False
    return True


def read(path: Path) -> Forests | None:
    """What `write` kept at `path`, mapped into memory; None where that is missing or damaged."""
    try:
        record = np.load(path, mmap_mode="r", allow_pickle=False)
        if record.dtype.names != (*NAMES, "digest") or record.shape != (1,):
            return None
        # as plain arrays: NumPy's own class for mapped ones takes longer to index
        arrays = {name: np.asarray(record[name][0]) for name in NAMES}
        if _digest(arrays).tobytes() != record["digest"][0].tobytes():
            return None
    except Exception:  # NumPy raises many kinds for a broken file, and any of them means: read dlib's again
        return None
    return Forests(**arrays)


def _digest(arrays: dict[str, NDArray[np.generic]]) -> NDArray[np.uint8]:
    """`(32,)`: a sum that damage changes.

    Of the leaves, 65 MB, only the sum of each tree's 64-bit words goes into the sha256: 30 times faster.
    """
    total = hashlib.sha256()
    for name in NAMES:
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}".encode())
        if name == "leaves":
            array = array.view(np.uint64).sum(axis=(2, 3), dtype=np.uint64)
        total.update(array.tobytes())
    return np.frombuffer(total.digest(), np.uint8)
