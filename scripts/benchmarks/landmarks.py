"""How far landmarks move when a face is changed: what `mnd.evaluation.cases.SHAKE` stands for."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.judging import Values, read
from mnd.evaluation.results import RESULTS, read_results
from mnd.faces.detector import Detector, Face

PART = "faces"
"""The folder, in `--out`, of the evaluation whose results are looked at."""
DIGITS = {"median %": 2, "90th percentile %": 2, "lost": 0}


def landmarks(args: argparse.Namespace) -> dict[str, dict[str, Values]]:
    """The landmarks that are found again in each saved result, beside those of the clean picture.

    A shift is the root of the mean square, over the five points and both axes, as per cent of the distance of
    the eyes. `lost`: results in which no face was found.

    Raises:
        FileNotFoundError: there are no results yet; `attacks` makes them.
    """
    out, detector = args.out / PART, Detector()
    if not (out / RESULTS).exists():
        raise FileNotFoundError(f"{out / RESULTS}: there are no results yet, run `attacks` first")
    wanted = args.attacks.split(",") if args.attacks else ()
    shifts: dict[str, list[float]] = {}
    clean: dict[str, list[Face]] = {}
    for row in read_results(out / RESULTS):
        if row.path is None or row.original is None or (wanted and row.attack not in wanted):
            continue
        if row.original not in clean:
            clean[row.original] = detector(read(out / row.original))
        shifts.setdefault(row.attack, []).append(_shift(clean[row.original], out / row.path, detector))
    return {"shifts of landmarks": {name: _row(found) for name, found in shifts.items()}}


def _shift(faces: list[Face], path: Path, detector: Detector) -> float:
    """Of the largest face, per cent; NaN where no face is found any more."""
    before, again = faces[0].landmarks, detector(read(path))
    if not again:
        return float("nan")
    moved = [face.landmarks - before for face in again]
    least = min(float(np.sqrt(np.square(m).mean())) for m in moved)
    return 100 * least / float(np.linalg.norm(before[0] - before[1]))


def _row(shifts: list[float]) -> Values:
    found = [shift for shift in shifts if not np.isnan(shift)]
    lost = float(len(shifts) - len(found))
    if not found:
        return {"photos": float(len(shifts)), "lost": lost}
    middle, most = np.quantile(found, [0.5, 0.9])
    return {
        "photos": float(len(shifts)),
        "median %": float(middle),
        "90th percentile %": float(most),
        "lost": lost,
    }
