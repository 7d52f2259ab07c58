"""FRBench's networks (HKU-TASR/FRBench): built by its package, fetched and held by us: `frbench:NAME`.

The package's own loader asks for newer versions, downloads in a constructor and trusts what it has unpacked.
None of it runs here: this file fetches an archive of one fixed release, holds the sums of what was in it, and
asks the package for the bare network.
"""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from ..base.download import Wanted, download
from ..base.errors import OfflineError
from ..base.files import check_sha256, sha256_of
from ..base.near import did_you_mean
from ..base.types import Progress
from ..base.weights import WeightsFile, home, load_state, read_state
from .alignment import TEMPLATES
from .card import TargetCard
from .face import FaceTarget
from .json_card import Reversed
from .registry import Entry, installed, register_family

RELEASE = "https://github.com/HKU-TASR/FRBench/releases/download/weights-v1.0.0"
MANIFEST = "manifest.json"
"""Of the release: the archive of each network, its size and its sum."""
NAMES: dict[str, tuple[float, int]] = {
    "mobilefacenet-arcface-ms1m": (0.9968, 5_000_000),
    "mobilenet-w1-arcface-ms1m": (0.9958, 15_000_000),
    "mobilenetv2-w1-arcface-ms1m": (0.9952, 9_000_000),
    "mobilenetv3-l-arcface-ms1m": (0.9957, 13_000_000),
    "mobilenetv4conv-m-arcface-ms1m": (0.9972, 31_000_000),
    "mobilevit-s-arcface-ms1m": (0.9950, 41_000_000),
    "mobilevitv3-s-arcface-ms1m": (0.9968, 51_000_000),
    "irse-18-arcface-ms1m": (0.9947, 96_000_000),
}
"""Those that a CPU can bear: accuracy on LFW by the publisher's table, and bytes of the parameters."""
PINNED: dict[str, str] = {}
"""sha256 of an archive by name. The publisher's manifest has them all and is itself not signed: until one was
seen here, the first download decides, and what it unpacked is held from then on."""
LONGEST = 1 << 20
"""Bytes of a manifest."""
ARCFACE = TEMPLATES["arcface112"][1]
CONFIG, WEIGHTS, SUMS = "config.yaml", "weights.pt", "sums.json"
"""What lies in a network's folder."""


def folder() -> Path:
    """Where the networks are kept."""
    return home() / "frbench"


@dataclass(frozen=True, slots=True)
class Archive(WeightsFile):
    """A network's file of weights, out of an archive; its configuration and the sums of all lie beside it."""

    name: str = ""

    @property
    def place(self) -> Path:
        return self.folder() / self.name

    def obtain(self, offline: bool = False, progress: Progress | None = None) -> Path:
        """The weights, fetched and unpacked if they have to be; they are what was unpacked, or refused."""
        path = self.find()
        if path is None:
            if offline:
                raise OfflineError(
                    f"weights frbench:{self.name} (about {self.size / 1e6:.0f} MB) are not on this machine"
                    " and downloads are forbidden: allow them"
                )
            self.folder().mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder() / f".{MANIFEST}.all.lock"):  # one fetches, the other waits
                path = self.find() or self._fetch(progress)
        for file, expected in _sums(self.place).items():
            if file != "archive":
                check_sha256(self.place / file, expected)
        return path

    def _fetch(self, progress: Progress | None) -> Path:
        told = self._told()
        archive = self.folder() / f"{self.name}.tar.gz"
        wanted = PINNED.get(self.name) or told["sha"]
        download(Wanted(f"{self.url}/{told['asset_name']}", wanted), archive, progress)
        try:
            return _unpack(archive, told["contents"], self.place)
        finally:
            archive.unlink(missing_ok=True)

    def _told(self) -> dict[str, Any]:
        """What the manifest says of this network.

        Raises:
            ValueError: it does not have it, or is none.
        """
        path = self.folder() / MANIFEST
        path.unlink(missing_ok=True)
        download(Wanted(f"{self.url}/{MANIFEST}"), path)
        key = "_".join(self.name.rsplit("-", 2))
        try:
            if path.stat().st_size > LONGEST:
                raise ValueError("too long")
            entry = json.loads(path.read_text("utf-8"))[key]
            contents = {part: str(entry["contents"][part]) for part in ("config", "weight")}
            asset, sha = str(entry["asset_name"]), str(entry["sha"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.url}/{MANIFEST}: says nothing of {key}: {error}") from error
        if "/" in asset or len(sha) != 64:
            raise ValueError(f"{self.url}/{MANIFEST}: {key} is {asset!r} of sum {sha!r}")
        return {"asset_name": asset, "sha": sha, "contents": contents}


def _unpack(archive: Path, contents: dict[str, str], place: Path) -> Path:
    """Take the two files out of the archive; the folder appears with them and their sums, or not at all."""
    with tempfile.TemporaryDirectory(dir=place.parent) as room:
        made = Path(room) / place.name
        made.mkdir()
        try:
            with tarfile.open(archive, "r:gz") as tar:
                for part, name in (("config", CONFIG), ("weight", WEIGHTS)):
                    [member] = [
                        m for m in tar.getmembers() if m.isfile() and _inside(m.name) == contents[part]
                    ]
                    source = tar.extractfile(member)
                    assert source is not None  # it is a file
                    with source, (made / name).open("wb") as out:
                        shutil.copyfileobj(source, out)
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise ValueError(f"{archive.name}: no archive with {', '.join(contents.values())}") from error
        sums = {name: sha256_of(made / name) for name in (CONFIG, WEIGHTS)}
        told = json.dumps({"archive": sha256_of(archive), **sums}, indent=1)
        (made / SUMS).write_text(told, "utf-8")
        shutil.rmtree(place, ignore_errors=True)
        made.replace(place)
    return place / WEIGHTS


def _inside(name: str) -> str:
    """The name of a file in the archive's one folder."""
    return name.removeprefix("./").partition("/")[2]


def _sums(place: Path) -> dict[str, str]:
    path = place / SUMS
    try:
        return {str(name): str(value) for name, value in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: no sums of what was unpacked: remove {place} and get it again") from error


@register_family("frbench", lambda: list(NAMES) if installed("frbench") else [])
def entry(name: str) -> Entry:
    """The target `frbench:BACKBONE-LOSS-SET`.

    Raises:
        ValueError: it is not known here.
    """
    if name not in NAMES:
        raise ValueError(f"no network frbench:{name} is known here{did_you_mean(name, NAMES)}")
    accuracy, size = NAMES[name]
    card = TargetCard(
        name=f"frbench:{name}",
        kind="face",
        unit="cosine similarity",
        threshold=0.3,
        threshold_at="a guess, not measured",
        size=(112, 112),
        source="HKU-TASR/FRBench, release weights-v1.0.0",
        licence="MIT",
        code_licence="MIT",
        trained_on="MS1M",
        lfw=accuracy,
        weights=RELEASE,
        download=size,
        template="arcface112",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        extra="frbench",
    )
    where = Archive(f"{name}/{WEIGHTS}", name=name, folder=folder, url=RELEASE, size=size)
    return Entry(card, where, build)


def build(card: TargetCard, path: Path) -> FaceTarget:
    """The network of a card whose weights, and `config.yaml` beside them, were unpacked.

    Raises:
        ValueError: the configuration is no network's, or of another alignment than the card.
    """
    import yaml
    from frbench.backbones import build_backbone

    config = path.with_name(CONFIG)
    try:
        told = yaml.safe_load(config.read_text("utf-8"))
        name, options, seen = (
            told["backbone"]["name"],
            told["backbone"].get("kwargs", {}),
            told.get("input", {}),
        )
        size = (int(seen.get("size", card.size)[0]), int(seen.get("size", card.size)[1]))
        mean, std = (_three(seen.get(part, 0.5)) for part in ("mean", "var" if "var" in seen else "std"))
        template = torch.tensor(seen.get("template") or ARCFACE)
        net = build_backbone(name, options, torch.device("cpu"))
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, yaml.YAMLError) as error:
        raise ValueError(f"{config}: no configuration of a network: {error!r}") from error
    wanted = torch.tensor(ARCFACE)
    alike = template.shape == wanted.shape and torch.allclose(template, wanted, atol=0.01)
    if size != card.size or not alike:
        raise ValueError(f"{config}: another alignment than {card.template}, expected that")
    load_state(net, read_state(path), path)
    if seen.get("channel", "rgb") == "bgr":  # mean and std are in the network's order
        net, mean, std = Reversed(net), mean[::-1], std[::-1]
    return FaceTarget(replace(card, mean=mean, std=std), net)


def _three(value: Any) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in (value if isinstance(value, list | tuple) else (value,) * 3))
    return red, green, blue
