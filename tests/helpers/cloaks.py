"""Photos to be cloaked, and ways to look at what comes out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from mnd import Cloaker, CloakSettings

ASTRONAUT = data.astronaut()
FACE = np.ascontiguousarray(ASTRONAUT[:203, 120:357])
CAT = data.chelsea()
NO_FACE = data.coffee()


def cloaker(**options) -> Cloaker:
    """A third of the steps of `minimum` where a test asks for no others: most do not ask how little it is."""
    usual = {"targets": ("dlib",), "level": "minimum", "offline": True}
    if options.get("level", "minimum") == "minimum":
        usual["steps"] = 16
    return Cloaker(CloakSettings(**usual | options))


def write(path: Path, pixels: np.ndarray, **options) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.square(a.astype(float) - b).mean())


@dataclasses.dataclass(frozen=True)
class Done:
    """A photo that was cloaked."""

    source: Path
    before: bytes
    record: dict

    @property
    def output(self) -> Path:
        assert self.record["error"] is None
        return Path(self.record["output"])

    @staticmethod
    def of(source: Path, **options) -> Done:
        before = source.read_bytes()
        return Done(source, before, cloaker(**options).photo(source))

    def holds(self) -> None:
        """What every cloaked photo has in common."""
        assert self.record["protected"] is True
        assert self.source.read_bytes() == self.before
        assert self.output.name == f"{self.source.stem}.cloaked{self.source.suffix}"
        assert read(self.output).shape == read(self.source).shape
        for region in self.record["regions"]:
            for target in region["targets"].values():
                assert target["fooled"] is True
                assert target["before"] < 0.1
                assert target["after"] > target["threshold"]
