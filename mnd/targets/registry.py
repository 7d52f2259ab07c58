"""All targets by name: which there are, which are ready on this machine, and loading them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..base import plugins
from ..base.distribution import EXTRAS, pip_install
from ..base.near import did_you_mean
from ..base.types import Progress
from ..base.weights import WeightsFile
from .card import TargetCard
from .own import from_file, import_entries, own
from .target import Target

Builder = Callable[[TargetCard, Path], Target]
"""Makes a target from its card and the file of its weights, which is there and has been checked."""

MODULES = (
    "dlib.target",
    "facenet",
    "efficientnet",
    "torchvision_models",
    "json_card",
    "surrogate",
    "downloads",
    "frbench",
    "apps.target",
)
"""The families of this package. Importing them registers them, and waits until someone asks."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A target that can be loaded."""

    card: TargetCard
    weights: WeightsFile
    build: Builder

    @property
    def present(self) -> bool:
        """Its weights are on this machine."""
        return self.weights.find() is not None

    @property
    def ready(self) -> bool:
        """Its weights are on this machine, and so are the packages that it needs."""
        return installed(self.card.extra) and self.present


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of `mnd targets`."""

    card: TargetCard
    ready: bool
    """It can be loaded; otherwise `card.download` bytes, or its extra, come first."""
    present: bool = False
    """Its weights are on this machine."""


@dataclass(frozen=True, slots=True)
class _Family:
    names: Callable[[], list[str]]
    entry: Callable[[str], Entry]


_ENTRIES: dict[str, Entry] = {}
_FAMILIES: dict[str, _Family] = {}


def register(card: TargetCard, weights: WeightsFile) -> Callable[[Builder], Builder]:
    """Decorator: the function makes the target that `card` describes, from the file that `weights` finds.

    Raises:
        ValueError: the name is taken.
    """

    def keep(build: Builder) -> Builder:
        if card.name in _ENTRIES:
            raise ValueError(f"target {card.name!r} is registered already, expected another name")
        _ENTRIES[card.name] = Entry(card, weights, build)
        return build

    return keep


def register_family(
    prefix: str, names: Callable[[], list[str]]
) -> Callable[[Callable[[str], Entry]], Callable[[str], Entry]]:
    """Decorator: the function knows the targets `prefix:NAME`; `names` lists those that can be listed."""

    def keep(entry: Callable[[str], Entry]) -> Callable[[str], Entry]:
        _FAMILIES[prefix] = _Family(names, entry)
        return entry

    return keep


def installed(extra: str) -> bool:
    """Whether the packages of an extra of this package are there; none is imported.

    >>> installed("")
    True
    """
    return not extra or importlib.util.find_spec(EXTRAS[extra]) is not None


def ready_to_use(card: TargetCard) -> None:
    """Refuse a target whose packages are not installed.

    Raises:
        ValueError: an extra is missing; the message says how to get it.
    """
    if not installed(card.extra):
        raise ValueError(f"target {card.name!r} needs an extra: {pip_install(f'[{card.extra}]')}")


def _import_families() -> None:
    for module in MODULES:
        importlib.import_module(f".{module}", __package__)
    import_entries()


def names() -> list[str]:
    """The names of all targets, faces first; those of users' own cards are not among them."""
    _import_families()
    families = [f"{prefix}:{name}" for prefix, family in _FAMILIES.items() for name in family.names()]
    return [*sorted(_ENTRIES, key=lambda n: (_ENTRIES[n].card.kind != "face", n)), *families]


def find(name: str) -> Entry:
    """The entry of a target: `dlib`, `torchvision:resnet50`, `card:PATH.json`, `FILE.py:NAME`.

    Nothing is loaded but the code of a file that is named.

    Raises:
        PluginError: the code does not import, or is no target.
        ValueError: there is no target of this name; the message has the nearest ones.
        FileNotFoundError: there is no such card.
    """
    _import_families()
    if name in _ENTRIES:
        return _ENTRIES[name]
    if plugins.is_spec(name, files_only=True):
        return from_file(name)
    prefix, colon, rest = name.partition(":")
    if colon and prefix in _FAMILIES:
        return _FAMILIES[prefix].entry(rest)
    if name.endswith(".json"):
        raise ValueError(f"unknown target {name!r}; did you mean card:{name}?")
    known = names()
    hint = (
        did_you_mean(name, known)
        or f"; there are {', '.join(sorted(_ENTRIES))}, torchvision:NAME and card:PATH.json"
    )
    raise ValueError(f"unknown target {name!r}{hint}")


def available() -> list[Listed]:
    """Every target and whether it is ready; touches neither the network nor any weights."""
    entries = (find(name) for name in names())
    return [Listed(entry.card, entry.ready, entry.present) for entry in entries]


def default_names(surrogates: bool = False) -> list[str]:
    """The names of all face recognisers that are ready on this machine and not for judging alone.

    Args:
        surrogates: also those that stand for others.

    >>> "dlib" in default_names()
    True
    """
    _import_families()
    cards = {name: entry.card for name, entry in sorted(_ENTRIES.items()) if entry.card.kind == "face"}
    wanted = [n for n, card in cards.items() if not card.judge_only and (surrogates or not card.surrogate)]
    return [name for name in wanted if _ENTRIES[name].ready]


def load(
    name: str,
    device: torch.device | str = "cpu",
    offline: bool = False,
    progress: Progress | None = None,
) -> Target:
    """The target of this name, its weights downloaded first where they have to be and may be.

    Raises:
        ValueError: there is no target of this name, its extra is not installed, or its weights are damaged or
            not its own.
        FileNotFoundError: its weights are not on this machine and cannot, or may not, be downloaded.
        ConnectionError: the download failed.
    """
    entry = find(name)
    ready_to_use(entry.card)
    path = entry.weights.obtain(offline, progress)
    return entry.build(entry.card, path).to(device)


def load_all(
    names: Sequence[str | Target] | None = None,
    device: torch.device | str = "cpu",
    offline: bool = False,
    progress: Progress | None = None,
    loaded: Mapping[str, Target] | None = None,
) -> list[Target]:
    """The targets of these names, by default every face recogniser that is ready.

    All names are looked up before anything is loaded or downloaded; `loaded` has what is there already.
    Targets may stand among the names as they are.

    Raises:
        ValueError: as `load`; also when no target is asked for, or two have one name.
    """
    chosen = default_names() if names is None else list(names)
    if not chosen:
        raise ValueError("got no targets, expected at least one")
    cards = [(find(one) if isinstance(one, str) else own(one)).card.name for one in chosen]
    if twice := sorted({c for c in cards if cards.count(c) > 1}):
        raise ValueError(f"targets are named twice: {', '.join(twice)}; expected each once")
    there = loaded or {}

    def made(one: str | Target) -> Target:
        if not isinstance(one, str):
            return one.to(device)
        return there[one] if one in there else load(one, device, offline, progress)

    return [made(one) for one in chosen]
