"""The settings of a cloak: one source for the API, the flags, the help and the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

Level = Literal["minimum", "robust", "strong"]
Device = Literal["auto", "cpu", "cuda", "mps"]
RHO = 2000.0
"""Weight of R-LPIPS in the loss of a cloak: `docs/metrics.md` has the figures of others."""


@dataclass(frozen=True, slots=True)
class CloakSettings:
    """How photos are cloaked.

    Raises:
        ValueError: a value is not one of those named; a level that does not exist yet.

    >>> CloakSettings(targets=("dlib",)).level
    'minimum'
    """

    targets: tuple[str, ...] = ()
    """Whom to fool, by name (see `mnd targets`); every face recogniser that is ready here by default."""
    level: Level = "minimum"
    """minimum: fooled on the saved file. robust, strong: not there yet."""
    gallery: Path | None = None
    """Folder with other photos of the person: cloak against those, not against this one photo alone."""
    faces: str = "all"
    """Which faces to cloak: all, largest, or their numbers, largest first: 0,2."""
    box: tuple[float, float, float, float] | None = None
    """Where the face is, X0,Y0,X1,Y1 in pixels, when it is not found by itself."""
    whole: bool = False
    """Change the whole picture, whether it shows a face or not."""
    seed: int = 0
    """Of the random start; the same seed gives the same file."""
    steps: int = 40
    """Forward and backward passes of a search; more finds a less noticeable change."""
    headroom: float | None = None
    """How far past its threshold a recogniser is driven, as a share of the threshold: its next look at the
    face is never quite the same. By default 0.39 against a gallery, 0.2 against the photo itself."""
    rho: float = RHO
    """Weight of R-LPIPS, the learned term of the loss; 0: without it."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    offline: bool = False
    """Never download weights."""

    def __post_init__(self) -> None:
        if self.level not in get_args(Level):
            raise ValueError(f"level is {self.level!r}, expected one of {', '.join(get_args(Level))}")
        if self.level != "minimum":
            raise ValueError(f"level {self.level!r} is not there yet, expected minimum")
        if self.device not in get_args(Device):
            raise ValueError(f"device is {self.device!r}, expected one of {', '.join(get_args(Device))}")
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, expected at least 1")
        if not 0 <= self.rho < float("inf"):
            raise ValueError(f"rho is {self.rho}, expected a finite number >= 0")
        if self.headroom is not None and not 0 <= self.headroom < 10:
            raise ValueError(f"headroom is {self.headroom}, expected a share from 0 to 10")
        if self.box is not None and self.whole:
            raise ValueError("got a box and the whole picture, expected one of them")

    @classmethod
    def of(cls, settings: CloakSettings | None, options: dict[str, Any]) -> CloakSettings:
        """Settings that a function got whole, or field by field as keywords.

        Raises:
            ValueError: both were given, or a field has a bad value.
        """
        if settings is not None:
            if options:
                raise ValueError(f"got settings and {', '.join(options)}, expected one of the two")
            return settings
        gallery = options.get("gallery")
        return cls(**options | {"gallery": None if gallery is None else Path(gallery)})

    @property
    def room(self) -> float:
        """The head-room that is meant: `headroom`, or its default.

        The photo itself is at distance zero, so that being told from it already leaves most other photos
        behind; being told from a gallery does so only for photos that are no nearer than those in it.
        """
        if self.headroom is not None:
            return self.headroom
        return 0.2 if self.gallery is None else 0.39
