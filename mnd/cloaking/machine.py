"""What a report of a fault has to say of a machine: versions, folders, what is ready, what its devices do."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..base.distribution import DISTRIBUTION, EXTRAS, pip_install
from ..base.files import PhotoError, try_folder
from ..base.proven import remember
from ..base.runtime import hardware, pick_device, versions
from ..base.weights import home, hub_folder
from ..photo import FORMATS, walking
from ..targets import registry
from ..targets.own import import_entries
from .devices import Trial, devices, tried

FORMAT = 1
PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "pillow",
    "scikit-image",
    "kornia",
    "facenet-pytorch",
    "safetensors",
)
VARIABLES = ("MND_HOME", "MND_CONFIG", "TORCH_HOME", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
             "PYTORCH_ENABLE_MPS_FALLBACK")  # fmt: skip
"""Of the environment, those that change what happens."""


def _formats() -> list[str]:
    """The endings of the photos that can be read and written as it is installed."""
    missing = () if registry.installed("heic") else FORMATS["HEIF"].suffixes
    return sorted(set(walking.suffixes()) - set(missing))


def machine(say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """What `mnd doctor --json` prints: no photo, no person and no user is named in it.

    What was seen of Apple's MPS is kept, so that `auto` takes it or does not.

    Args:
        say: called with what is being tried.
    """
    say("looking at what is installed")
    told: dict[str, Any] = {
        "mnd_doctor": FORMAT,
        **versions("mnd"),
        "distribution": DISTRIBUTION,
        "platform": platform.platform(),
        "hardware": hardware("cpu"),
        "versions": {name: version for name, version in versions(*PACKAGES).items() if name != "python"},
        "folders": {"weights": _folder(home), "torch": _folder(hub_folder)},
        "environment": {name: _discreet(os.environ[name]) for name in VARIABLES if name in os.environ},
        "formats": _formats(),
        "extras": {name: registry.installed(name) for name in sorted(EXTRAS)},
        "targets": [
            {"name": it.card.name, "ready": it.ready, "present": it.present, "extra": it.card.extra}
            for it in registry.available()
            if it.card.kind == "face"
        ],
    }
    trials = []
    for name in devices():
        say(f"trying {name}")
        trials.append(tried(name))
    problems = [*_problems(told), *_unkept(trials)]
    auto = pick_device("auto")
    told["devices"] = [trial.as_json() | {"auto": trial.device == auto} for trial in trials]
    told["problems"] = problems + [line for trial in trials for line in _broken(trial)]
    return told


def _unkept(trials: list[Trial]) -> list[str]:
    """Keep what was seen of MPS; why it could not be kept."""
    for trial in trials:
        if trial.device == "mps":
            try:
                remember("mps", trial.works)
            except (PhotoError, OSError, RuntimeError) as error:
                return [
                    f"what was seen of mps cannot be kept, auto goes on as before: {_discreet(str(error))}"
                ]
    return []


def _broken(trial: Trial) -> list[str]:
    if trial.works or trial.device == "mps":  # auto leaves it alone then
        return []
    wrong = {step: getattr(trial, step) for step in ("forward", "backward", "search")}
    return [f"{trial.device}: {step}: {why}" for step, why in wrong.items() if why is not None]


def _problems(told: dict[str, Any]) -> list[str]:
    """What would make `mnd cloak` fail, or soon may."""
    found = [
        f"{name} is not installed: {pip_install(name)}" for name, v in told["versions"].items() if v is None
    ]
    if not any(target["ready"] for target in told["targets"]):
        found.append("no recogniser is ready, expected dlib at least: mnd targets")
    for name, folder in told["folders"].items():
        if folder["problem"]:
            found.append(f"{name}: {folder['problem']}")
    return [*found, *import_entries(), *_strangers()]


def _strangers() -> list[str]:
    """Another distribution that owns files of our package: removing it would remove ours."""
    try:
        other = importlib.metadata.distribution("mnd")
    except importlib.metadata.PackageNotFoundError:
        return []
    if not any(file.parts[:1] == ("mnd",) for file in other.files or []):
        return []
    return [
        f"the package mnd {other.version} has files in the same folder as {DISTRIBUTION}: remove both, "
        f"pip uninstall -y mnd {DISTRIBUTION}, and install this one again"
    ]


def _folder(where: Callable[[], Path]) -> dict[str, Any]:
    """A cache: where it is, how much room there is, and what is wrong with it."""
    told: dict[str, Any] = {"path": None, "there": False, "free_gb": None, "problem": None}
    try:
        path = where()
    except RuntimeError as error:
        return told | {"problem": f"{error}; expected MND_HOME and TORCH_HOME to name folders"}
    there = next((folder for folder in (path, *path.parents) if folder.is_dir()), None)
    with contextlib.suppress(OSError):
        told["free_gb"] = round(shutil.disk_usage(there or path).free / 1e9, 1)
    if path.is_dir():
        try:
            try_folder(path)
        except PhotoError as error:
            told["problem"] = f"nothing can be kept there ({_discreet(str(error))})"
    return told | {"path": _discreet(path), "there": path.is_dir()}


def _discreet(text: object) -> str:
    """A path without the name of the user.

    >>> _discreet(Path.home() / "a").replace(os.sep, "/")
    '~/a'
    """
    with contextlib.suppress(RuntimeError):
        if len(str(Path.home())) > 1:
            return str(text).replace(str(Path.home()), "~")
    return str(text)
