"""The settings of `mnd protect`: one source for the API, the flags, the help and the manifest."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from ..cloaking.settings import CloakSettings

EngineName = Literal["local", "ray"]
NoFace = Literal["hold", "copy", "skip", "whole", "fail"]


@dataclass(frozen=True, slots=True)
class ProtectSettings:
    """How a data set is protected; how each photo of it is cloaked is for `CloakSettings` to say.

    Raises:
        ValueError: a value is not one of those named.

    >>> ProtectSettings(shard="2/8").part
    (2, 8)
    """

    engine: EngineName = "local"
    """Who works: local, processes on this machine; ray, a Ray cluster (needs the extra ray). The results are
    the same."""
    workers: int | None = None
    """Processes that work at the same time; by default one a core, and on a GPU as few as keep it busy."""
    batch: int | None = None
    """Photos that a worker cloaks side by side, so that the networks see all their faces at once; by default
    16 on a GPU and 1 elsewhere."""
    shard: str | None = None
    """I/N: only the I-th of N parts, for N machines that share the two folders."""
    no_face: NoFace = "hold"
    """Photos without a face. hold: copied as they are, unprotected; those where a face is suspected, or not
    proven to be protected, are held back. copy: all as they are. skip: not at all. whole: changed as a
    whole. fail: they count as failures."""
    retry: bool = False
    """Try the failures of earlier runs again."""
    verify: bool = False
    """Change nothing: read every result again, and check its bytes and what the targets say of it."""
    overwrite: bool = False
    """Replace files in DST that no earlier run has made."""
    add_source: bool = False
    """Put the results of SRC beside those of another source that are in DST."""
    report_originals: bool = False
    """Show the worst photos in report.html also as they were before. Do not publish that page."""
    column: str = "path"
    """The column of a CSV or Parquet list that has the paths; of a Parquet file also one that holds the
    pictures, all of them by default."""
    include: tuple[str, ...] = ()
    """Work only on pictures whose name fits such a pattern (*.jpg, left/*); may be given several times."""
    exclude: tuple[str, ...] = ()
    """Leave pictures alone whose name fits such a pattern (*.depth.png); those in a tar are copied as they
    are. May be given several times."""
    burst: bool = False
    """The pictures of a folder are frames of a burst, or of a film, by their names in order (0001.png, ...):
    each takes over what the cloak of the one before has changed, so that it does not flicker."""
    address: str | None = None
    """Of the Ray cluster, HOST:PORT or auto; by default one is started on this machine."""

    def __post_init__(self) -> None:
        if self.engine not in get_args(EngineName):
            raise ValueError(f"engine is {self.engine!r}, expected one of {', '.join(get_args(EngineName))}")
        if self.no_face not in get_args(NoFace):
            raise ValueError(f"no_face is {self.no_face!r}, expected one of {', '.join(get_args(NoFace))}")
        if self.workers is not None and not (isinstance(self.workers, int) and 1 <= self.workers <= 10_000):
            raise ValueError(f"workers is {self.workers}, expected a whole number from 1 to 10000")
        if self.batch is not None and not (isinstance(self.batch, int) and 1 <= self.batch <= 256):
            raise ValueError(f"batch is {self.batch}, expected a whole number from 1 to 256")
        if self.verify and (self.retry or self.overwrite):
            raise ValueError("verify changes nothing, expected it without retry and overwrite")
        if not isinstance(self.burst, bool):
            raise ValueError(f"burst is {self.burst!r}, expected True or False")
        if self.address is not None and self.engine != "ray":
            raise ValueError("got the address of a cluster, expected it with engine ray only")
        assert self.part is None or self.part
        for name in ("include", "exclude"):
            given = getattr(self, name)
            patterns = (given,) if isinstance(given, str) else tuple(given)
            if not all(isinstance(pattern, str) and pattern for pattern in patterns):
                raise ValueError(f"{name} is {given!r}, expected patterns such as '*.depth.png'")
            object.__setattr__(self, name, patterns)

    @property
    def side_by_side(self) -> bool:
        """Networks see several faces at once on every device, not only on a GPU."""
        return (self.batch or 1) > 1

    def wants(self, name: str) -> bool:
        """Whether a picture of this name is to be worked on.

        A pattern fits the whole name or the last part of it, in capitals or not.

        >>> settings = ProtectSettings(include="*.png", exclude="*.depth.png")
        >>> [settings.wants(name) for name in ("a/1.PNG", "a/1.depth.png", "a/1.jpg")]
        [True, False, False]
        """
        return (not self.include or _fits(name, self.include)) and not self.refuses(name)

    def refuses(self, name: str) -> bool:
        """Whether `exclude` has a pattern that fits."""
        return _fits(name, self.exclude)

    def is_of_part(self, name: str) -> bool:
        """Whether a name is of the part of the data set that this run does; a burst is never divided.

        >>> settings = ProtectSettings(shard="1/2", burst=True)
        >>> settings.is_of_part("a/1.jpg") == settings.is_of_part("a/2.jpg")
        True
        """
        from .outputs import shard_of

        known = name.rpartition("/")[0] if self.burst else name
        return self.part is None or shard_of(known, self.part[1]) == self.part[0]

    @property
    def part(self) -> tuple[int, int] | None:
        """`shard` as two numbers, 1 <= I <= N."""
        if self.shard is None:
            return None
        told = re.fullmatch(r"(\d{1,6})/(\d{1,6})", self.shard, re.ASCII)
        if told is None or not 1 <= int(told[1]) <= int(told[2]):
            raise ValueError(f"shard is {self.shard!r}, expected I/N with 1 <= I <= N, such as 1/4")
        return int(told[1]), int(told[2])


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """When a photo that arrives in a folder is whole.

    Raises:
        ValueError: a value is out of its range.

    >>> WatchSettings(settle=5).every
    2.0
    """

    settle: float = 2.0
    """Seconds that size and time of a file have to stay as they are before it counts as whole."""
    every: float = 2.0
    """Seconds between two looks at the folder."""
    once: bool = False
    """Do what is there and whole, then end."""

    def __post_init__(self) -> None:
        for name, least in (("settle", 0.0), ("every", 0.05)):
            if not least <= getattr(self, name) <= 86400:
                raise ValueError(f"{name} is {getattr(self, name)}, expected seconds from {least:g} to 86400")


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    whole = name.lower()
    names = {whole, whole.rsplit("/", 1)[-1]}
    return any(fnmatch.fnmatchcase(one, pattern.lower()) for pattern in patterns for one in names)


Settings = CloakSettings | ProtectSettings | Sequence[CloakSettings | ProtectSettings] | None
"""What `protect` takes as settings."""


def both_settings(options: dict[str, Any], given: Settings = None) -> tuple[CloakSettings, ProtectSettings]:
    """The two kinds of settings that a function got whole or as keywords.

    Raises:
        ValueError: a field has a bad value, or one kind was given whole and field by field.
        TypeError: there is no such field.

    >>> both_settings({"level": "robust"}, ProtectSettings(workers=2))[0].level
    'robust'
    """
    own = {field.name for field in fields(ProtectSettings)}
    mine = {name: value for name, value in options.items() if name in own}
    others = {name: value for name, value in options.items() if name not in own}
    parts = (() if given is None else (given,)) if not isinstance(given, (tuple, list)) else given
    cloaks = [part for part in parts if isinstance(part, CloakSettings)]
    protects = [part for part in parts if isinstance(part, ProtectSettings)]
    if len(cloaks) + len(protects) < len(parts) or max(len(cloaks), len(protects)) > 1:
        raise ValueError(f"settings is {given!r}, expected CloakSettings, ProtectSettings, or one of each")
    cloak, protect = next(iter(cloaks), None), next(iter(protects), None)
    if protect is not None and mine:
        raise ValueError(f"got settings and {', '.join(mine)}, expected one of the two")
    return CloakSettings.of(cloak, others), protect or ProtectSettings(**mine)
