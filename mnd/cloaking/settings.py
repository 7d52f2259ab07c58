"""The settings of a cloak: one source for the API, the flags, the help and the manifest."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..base.near import did_you_mean
from ..base.runtime import Device
from ..base.types import Edges
from .levels import PLANS, Level, MovesFrom, Plan


@dataclass(frozen=True, slots=True)
class Where:
    """Which faces of a photo; of `CloakSettings` what finding them has to know."""

    faces: str = "all"
    boxes: tuple[Edges, ...] = ()
    whole: bool = False


Format = Literal["jpeg", "png"]
SUFFIX: dict[str, str] = {"jpeg": ".jpg", "png": ".png"}
"""Of new files, by the format that is asked for."""
MESSENGER = "signal"
"""What stands for messengers: read in its own code, and used by those for whom this is made."""


@dataclass(frozen=True, slots=True)
class CloakSettings:
    """How photos are cloaked.

    Raises:
        ValueError: a value is not one of those named; a level that does not exist yet.

    >>> CloakSettings(targets=("dlib",)).level
    'robust'
    >>> CloakSettings(targets="dlib").targets
    ('dlib',)
    """

    targets: tuple[str, ...] = ()
    """Whom to fool, by name (see `mnd targets`); every face recogniser that is ready here by default."""
    against: tuple[str, ...] = ()
    """Apps that shall not name the person, by name (docs/apps.md): immich, nextcloud-recognize, ... Each adds
    its network, alignment and threshold to whom is fooled, and what it sees of a photo to what is withstood;
    immich=card:PATH.json says which target is its network."""
    level: Level = "robust"
    """minimum: hardly visible, fooled on the very file that is saved. robust: for sharing, fooled also after
    JPEG 90 and 75, WebP 80, at half the size, and at half the size as JPEG 75. strong: visible, with
    head-room for recognisers that nobody attacked. What would be more visible than its level allows is not
    written. What is not given has the value of the level."""
    withstand: tuple[str, ...] = ()
    """Ways of sharing after which nobody may match either, beside those of the level, by name: signal,
    telegram, whatsapp, instagram, immich-preview, thumbnail-3 and more (docs/sharing.md), or several one
    after the other, as signal+instagram."""
    gallery: Path | None = None
    """Folder with other photos of the person: judge against those, too, not against this one photo alone."""
    galleries: Path | None = None
    """Folder with a folder of photos for each of several people, who are called like these: each face is
    judged against the person that it is, and those who are none of them against themselves."""
    cloaks: Path | None = None
    """Folder with cloaks of the gallery's person that are out already: no target may match a new one with
    these either, else apps that get nothing but cloaks put them together. Those of one run join them."""
    faces: str = "all"
    """Which faces to cloak of those found: all, largest, none, or their numbers (largest first): 0,2."""
    box: tuple[float, float, float, float] | tuple[Edges, ...] | None = None
    """Where a face is, X0,Y0,X1,Y1 in pixels, that is not found by itself; several times for several. Faces
    that are found are cloaked, too, unless faces is none."""
    whole: bool = False
    """Change the whole picture, whether it shows a face or not."""
    seed: int = 0
    """Of the random start; the same seed gives the same file."""
    steps: int | None = None
    """Forward and backward passes of a search; more finds a less noticeable change."""
    headroom: float | None = None
    """How far past its threshold a recogniser is driven, as a share of the threshold (a classifier: in
    logits), -0.05 to 10: its next look at the face is never quite the same."""
    jitter: float | None = None
    """How much the landmarks are shaken in every step, as a share of the distance of the eyes."""
    misplaced: float | None = None
    """How far crops are out of place in every step, turned (in radians), zoomed and moved, as a share."""
    flips: float | None = None
    """The share of looks at the mirrored face, 0 to 1."""
    reference: MovesFrom | None = None
    """What the search moves away from. nearest: every photo that is judged against. mean: the mean of those
    and of the photo itself, which photos that nobody has seen are nearest to. both: those and their mean."""
    draws: int | None = None
    """Ways through the channel that every step looks at, beside the saved file itself."""
    looks: int | None = None
    """Looks at each face in every step, each shaken anew; several find what other recognisers see too."""
    jpeg: tuple[int, int] | None = None
    """Lowest and highest quality of the JPEGs in the channel."""
    scale: tuple[float, float] | None = None
    """Smallest and largest size of the pictures in the channel, as a share of the photo's."""
    spread: float | None = None
    """How much many small changes are preferred to a few large ones; 0: not at all."""
    flat: float | None = None
    """How much more the same change counts where the photo is flat, as a power; 0: no more."""
    least_ssim: float | None = None
    """The least SSIM of a cloaked region; a photo that would need more is reported as not protected."""
    most_iris: float | None = None
    """How far the mean colour of an iris may move, in CIEDE2000; the same of a photo that would need more."""
    most_stitches: int | None = None
    """How many dark strokes beside light ones a face may get along brows, lids, lips and nose; the same."""
    strip_names: bool = False
    """Leave out names of people and rectangles of their faces, where the photo's metadata have them."""
    strip_gps: bool = False
    """Leave out what says where the photo was taken: GPS, and names of places in EXIF, XMP and IPTC."""
    strip: bool = False
    """Leave out all metadata but what is needed to show the photo: colour profile and orientation."""
    format: Format | None = None
    """Write a JPEG or a PNG (jpeg, png), whatever the photo is; by default it keeps its format."""
    keep_best: bool = False
    """Write the best file found even if it is not protected."""
    rho: float = 2000.0  # `mnd.losses.standard.RHO`, which must not be imported: it would bring torch
    """Weight of R-LPIPS, the learned term of the loss; 0: without it."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    offline: bool = False
    """Never download weights."""

    def __post_init__(self) -> None:
        if isinstance(self.targets, str):  # else its letters would be the names
            object.__setattr__(self, "targets", (self.targets,))
        if others := [one for one in self.targets if not isinstance(one, str)]:
            got = f"{others[0]!r}"[:100]
            told = "Cloaker(targets=[...]) takes targets themselves"
            raise ValueError(f"targets has {got}, expected names; {told}")
        if isinstance(self.against, str):
            object.__setattr__(self, "against", (self.against,))
        if self.against:
            from ..targets.apps.profile import split

            for word in self.against:
                split(word)
        if isinstance(self.withstand, str):
            object.__setattr__(self, "withstand", tuple(self.withstand.split(",")))
        if self.withstand:
            from ..channel import services  # which brings torch

            for name in self.withstand:
                services(name)
        if self.level not in get_args(Level):
            raise ValueError(f"level is {self.level!r}, expected one of {', '.join(get_args(Level))}")
        if self.device not in get_args(Device):
            raise ValueError(f"device is {self.device!r}, expected one of {', '.join(get_args(Device))}")
        if self.format is not None and self.format not in SUFFIX:
            raise ValueError(f"format is {self.format!r}, expected one of {', '.join(SUFFIX)}")
        self._check_plan()
        if not 0 <= self.rho < float("inf"):
            raise ValueError(f"rho is {self.rho}, expected a finite number >= 0")
        if self.gallery is not None and self.galleries is not None:
            raise ValueError("got a gallery and galleries, expected one of them")
        if self.cloaks is not None and self.gallery is None:
            raise ValueError("got cloaks and no gallery, expected one, which tells whose cloaks they are")
        if self.box is not None and self.whole:
            raise ValueError("got a box and the whole picture, expected one of them")
        if not re.fullmatch(r"all|largest|none|\d+(\s*,\s*\d+)*", str(self.faces), re.ASCII):
            raise ValueError(f"faces is {self.faces!r}, expected all, largest, none, or numbers such as 0,2")
        for box in self.boxes:
            x0, y0, x1, y1 = box
            if not (0 <= x0 < x1 < math.inf and 0 <= y0 < y1 < math.inf):
                raise ValueError(f"box is {box!r}, expected X0,Y0,X1,Y1 with 0 <= X0 < X1 and 0 <= Y0 < Y1")
        if self.faces == "none" and self.box is None and not self.whole:
            raise ValueError("faces is none and there is no box, expected a box that says where a face is")

    @classmethod
    def of(cls, settings: CloakSettings | None, options: dict[str, Any]) -> CloakSettings:
        """Settings that a function got whole, or field by field as keywords.

        Raises:
            ValueError: both were given, or a field has a bad value.
            TypeError: there is no such field; the message has the nearest.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise TypeError(f"there is no setting {name!r}{did_you_mean(name, known)}")
        if settings is not None:
            if options:
                raise ValueError(f"got settings and {', '.join(options)}, expected one of the two")
            return settings
        folders = {name: options.get(name) for name in ("gallery", "galleries", "cloaks")}
        return cls(**options | {name: None if it is None else Path(it) for name, it in folders.items()})

    @property
    def boxes(self) -> tuple[Edges, ...]:
        """The places that were named, none or several.

        Raises:
            ValueError: one of them is not four numbers.

        >>> CloakSettings(box=(1, 2, 30, 40)).boxes, CloakSettings().boxes
        (((1, 2, 30, 40),), ())
        """
        if self.box is None:
            return ()
        given: Any = self.box
        listed = isinstance(given, (tuple, list)) and given
        several = given if listed and all(isinstance(one, (tuple, list)) for one in given) else (given,)
        for one in several:
            four = isinstance(one, (tuple, list)) and len(one) == 4
            if not four or not all(isinstance(v, (int, float)) for v in one):
                raise ValueError(f"box is {one!r}, expected four numbers X0,Y0,X1,Y1 in pixels")
        return tuple((a, b, c, d) for a, b, c, d in several)

    @property
    def suffix(self) -> str | None:
        """Of the format that is asked for; None: each photo has its own."""
        return None if self.format is None else SUFFIX[self.format]

    @property
    def where(self) -> Where:
        """Which faces are meant."""
        return Where(self.faces, self.boxes, self.whole)

    @property
    def stripping(self) -> dict[str, bool]:
        """What of the metadata is left out, as `Photo.read` takes it.

        >>> CloakSettings(strip=True).stripping
        {'strip_names': False, 'strip_gps': False, 'strip': True}
        """
        return {"strip_names": self.strip_names, "strip_gps": self.strip_gps, "strip": self.strip}

    @property
    def ways(self) -> tuple[str, ...]:
        """Ways of sharing that are asked for beside those of the level, and what apps see of a photo.

        >>> CloakSettings(withstand=("signal",), against=("immich",)).ways
        ('signal', 'immich-preview')
        """
        if not self.against:
            return tuple(dict.fromkeys(self.withstand))
        from ..targets.apps.profile import previews

        return tuple(dict.fromkeys((*self.withstand, *previews(self.against))))

    @property
    def plan(self) -> Plan:
        """The level's plan for a person with a gallery, or without one where there is none."""
        return self.plan_for(self.gallery is not None or self.galleries is not None)

    def plan_for(self, known: bool, size: tuple[int, int] | None = None) -> Plan:
        """The level's plan with what was given instead of it; `headroom` is that of every kind of target.

        A search that is asked for more ways of sharing looks at some way through the channel in every step.
        What is promised after half size would be no promise of a photo that messengers make smaller still:
        there `MESSENGER` is asked for, too.

        Args:
            known: other photos of the person are there.
            size: (height, width) of the photo; None: a small one.
        """
        given = {field.name: getattr(self, field.name) for field in fields(Plan) if hasattr(self, field.name)}
        if self.headroom is not None:
            given |= {"similarity": self.headroom, "logits": self.headroom, "alone": 1.0}
        level = PLANS[self.level, known]
        plan = replace(level, **{name: value for name, value in given.items() if value is not None})
        asked = (*self.ways, *_messenger(level, size))
        if not asked:
            return plan
        ways = tuple(dict.fromkeys((*plan.withstands, *asked)))
        return replace(plan, withstands=ways, draws=max(plan.draws, 1) if self.draws is None else plan.draws)

    def _check_plan(self) -> None:
        """Refuse numbers out of their range.

        Raises:
            ValueError: one of them is.
        """
        whole = (("seed", 0, 2**63 - 1), ("steps", 1, 10**6), ("draws", 0, 16), ("looks", 1, 64),
                 ("most_stitches", 0, 10**6))  # fmt: skip
        for name, least, greatest in whole:
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and least <= value <= greatest):
                raise ValueError(f"{name} is {value}, expected a whole number from {least} to {greatest}")
        shares = (("headroom", -0.05, 10), ("jitter", 0, 0.5), ("misplaced", 0, 0.5), ("flips", 0, 1),
                  ("least_ssim", 0, 1))  # fmt: skip
        for name, low, high in shares:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}, expected a share from {low} to {high}")
        for name in ("spread", "flat", "most_iris"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value}, expected a finite number >= 0")
        if self.reference is not None and self.reference not in get_args(MovesFrom):
            raise ValueError(
                f"reference is {self.reference!r}, expected one of {', '.join(get_args(MovesFrom))}"
            )
        if self.jpeg is not None and not (
            _rising(self.jpeg, 1, 100) and all(isinstance(v, int) for v in self.jpeg)
        ):
            raise ValueError(f"jpeg is {self.jpeg}, expected two rising qualities from 1 to 100")
        if self.scale is not None and not (_rising(self.scale, 0, 1) and self.scale[0] > 0):
            raise ValueError(f"scale is {self.scale}, expected two rising shares above 0, up to 1")


def _rising(ends: object, least: float, most: float) -> bool:
    """Whether these are two numbers in their range, the second no smaller than the first."""
    return isinstance(ends, tuple) and len(ends) == 2 and least <= ends[0] <= ends[1] <= most


def _messenger(plan: Plan, size: tuple[int, int] | None) -> tuple[str, ...]:
    """The service that stands for messengers, of a level that promises sharing, where it does more than that
    promise: to a photo that it makes smaller than any step of the search."""
    if size is None or not plan.withstands:
        return ()
    from ..channel import scales  # which brings torch

    [scale] = scales([MESSENGER], size)
    return (MESSENGER,) if scale < plan.scale[0] else ()
