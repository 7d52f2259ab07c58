"""The settings of an evaluation: one source for the API, the flags, the help and `run.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..attacks.attack import Attack
from ..attacks.own import own
from ..base.runtime import Device

Form = Literal["png", "jpeg", "webp"]
FREE = ("attacks", "limit", "device", "offline")
"""What may change when an evaluation is resumed: none of it changes a line that is there already."""


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What is attacked, by what, and how it is judged.

    Raises:
        ValueError: a value is not one of those named, or out of its range.

    >>> EvaluationSettings(Path("photos"), ("dlib",)).form
    'png'
    """

    data: Path
    """Folder of pictures: for face recognisers with a folder a person; for classifiers with names that begin
    with the number of the class, 281_NAME.jpg, or with a folder a class."""
    targets: tuple[str, ...]
    """Whom to fool, by name (see `mnd targets`), one after the other; a+b: both at once."""
    attacks: tuple[str | Attack | Callable[..., Any], ...] = ()
    """Which attacks, by name; all of them by default. NAME-shaken: the same, but the landmarks of a face are
    a little elsewhere at each look, as MND gets them. mnd-minimum, mnd-robust, mnd-strong: the file that
    `mnd cloak` writes at this level, not the least that fools. FILE.py:NAME: one of your own
    (docs/extending.md)."""
    judges: tuple[str, ...] = ()
    """Targets that are not attacked, and asked afterwards whether they are fooled too."""
    through: tuple[str, ...] = ()
    """Further ways of sharing after which saved files are judged, by name: signal, telegram, instagram and
    more (docs/sharing.md), or several one after the other, as signal+instagram."""
    form: Form = "png"
    """The format that results are saved in: png, jpeg or webp."""
    quality: int = 95
    """Of JPEG and WebP."""
    crop: int = 224
    """Classifiers: side of the middle that is cut out, the shorter side reduced to 8/7 of it; 0: the whole
    picture, at its own size."""
    known: float = 0.5
    """Faces: share of a person's photos that is the gallery; the others are attacked."""
    sweep_eps: tuple[float, ...] = ()
    """Budgets in grey levels that are tried in turn; those of each attack by default."""
    sweep_headroom: tuple[float, ...] = ()
    """Head-rooms that are tried in turn, as shares of the target's scale; those of each attack by default."""
    draws: int = 16
    """Of E-LPIPS, the same for every file; 0: without E-LPIPS."""
    limit: int | None = None
    """Only the first so many pictures."""
    seed: int = 0
    """Of the attacks, and of the split into gallery and attacked photos."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    offline: bool = False
    """Never download weights."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", Path(self.data))
        for name in ("targets", "attacks", "judges", "through"):
            given = getattr(self, name)  # of a single name its letters would be the names
            alone = isinstance(given, (str, Attack)) or callable(given)
            object.__setattr__(self, name, (given,) if alone else tuple(given or ()))
        if not self.targets or not all(self.targets):
            raise ValueError(f"targets are {self.targets}, expected at least one name")
        if self.through:
            from ..channel import services  # which brings torch

            for name in self.through:
                services(name)
        for name, known in (("form", get_args(Form)), ("device", get_args(Device))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality is {self.quality}, expected 1 to 100")
        if self.crop and self.crop < 16:
            raise ValueError(f"crop is {self.crop}, expected 0 or at least 16")
        if not 0 < self.known < 1:
            raise ValueError(f"known is {self.known}, expected a share between 0 and 1")
        for name in ("sweep_eps", "sweep_headroom"):
            if list(sweep := getattr(self, name)) != sorted(set(sweep)) or any(
                not 0 <= v < 1e6 for v in sweep
            ):
                raise ValueError(f"{name} is {sweep}, expected ascending numbers >= 0")
        if self.draws < 0:
            raise ValueError(f"draws is {self.draws}, expected at least 0")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit is {self.limit}, expected at least 1")

    @classmethod
    def of(
        cls,
        data: Path | str | EvaluationSettings | None,
        settings: EvaluationSettings | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> EvaluationSettings:
        """Settings that a function got whole, or field by field as keywords, of the pictures in `data`.

        Raises:
            ValueError: both were given, or a field has a bad value.
        """
        whole = data if isinstance(data, EvaluationSettings) else settings
        if whole is not None and options:
            raise ValueError(f"got settings and {', '.join(options)}, expected one of the two")
        if isinstance(data, EvaluationSettings):
            return data
        if settings is not None:
            return settings if data is None else replace(settings, data=Path(data))
        if data is None:
            raise ValueError("got no data, expected a folder of pictures")
        if "targets" not in (options or {}):
            raise ValueError("got no targets, expected at least one name")
        return cls(data=Path(data), **options or {})

    def as_json(self) -> dict[str, Any]:
        """As it is written down, with attacks by name."""
        named = tuple(attack if isinstance(attack, str) else own(attack).name for attack in self.attacks)
        return asdict(replace(self, attacks=named)) | {"data": str(self.data)}

    def decisive(self) -> dict[str, Any]:
        """The settings on which the lines of results depend."""
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in self.as_json().items()}
        return {k: v for k, v in lists.items() if k not in FREE}
