"""The rows of `levels.py`: the levels as they are, curves over head-room, and published attacks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.rivals import RIVALS
from mnd.cloaking.levels import Level
from mnd.cloaking.settings import CloakSettings

RECOGNISERS = {"dlib": "dlib", "mobilefacenet": "MobileFaceNet"}
"""Those that judge, by name and title."""
ATTACKED = {"both": ("dlib", "mobilefacenet"), "dlib": ("dlib",), "mobilefacenet": ("mobilefacenet",)}
HELD_OUT = {"dlib": "mobilefacenet", "mobilefacenet": "dlib"}
"""Who is attacked alone, and who judges that."""
LEVELS: tuple[Level, ...] = ("robust", "strong")
HEADROOMS = {
    "dlib": (0.0, 0.1, 0.2, 0.4), "mobilefacenet": (0.0, 0.2, 0.57, 0.64, 1.2), "both": (0.1, 0.2, 0.4),
}  # fmt: skip
"""Of the curves, beside the level's own."""
EPS = (2, 4, 8, 16)
"""Grey levels of the rivals."""


@dataclass(frozen=True)
class Case:
    """A row of the tables: one way to protect photos."""

    method: str
    """`clean`, `mnd` or one of the rivals."""
    attacked: str = "both"
    level: Level = "strong"
    gallery: bool = True
    headroom: float | None = None
    """Instead of the level's."""
    eps: float | None = None
    """Grey levels, of a rival."""

    @property
    def name(self) -> str:
        """As in the file: `robust-both`, `strong-dlib@0.2`, `pgd-dlib@8`."""
        if self.method == "clean":
            return self.method
        dial = self.headroom if self.method == "mnd" else self.eps
        first = self.level if self.method == "mnd" else self.method
        known = "" if self.gallery else "-no-gallery"
        return f"{first}-{self.attacked}{known}{'' if dial is None else f'@{dial:g}'}"

    def settings(self, gallery: Path, card: Path) -> CloakSettings:
        """The settings of a cloak, of which a rival takes who is attacked and the references."""
        names = {"dlib": "dlib", "mobilefacenet": f"card:{card}"}
        return CloakSettings(
            targets=tuple(names[name] for name in ATTACKED[self.attacked]),
            level=self.level,
            gallery=gallery if self.gallery else None,
            headroom=self.headroom,
            keep_best=True,
            offline=True,
        )

    def told(self) -> dict[str, Any]:
        """What decides about the result, without the folders of this machine, as JSON gives it back."""
        if self.method == "clean":
            return {"method": self.method}
        settings = self.settings(Path("gallery"), Path("card.json"))
        told: dict[str, Any] = {"method": self.method, "gallery": self.gallery}
        told["attacked"] = ATTACKED[self.attacked]
        if self.method == "mnd":
            told |= {"level": self.level, "rho": settings.rho, "plan": asdict(settings.plan)}
        else:
            told |= {"eps": self.eps, "reference": settings.plan.reference}
        found: dict[str, Any] = json.loads(json.dumps(told))
        return found


def cases() -> list[Case]:
    """All rows, the levels as they are first."""
    found = [Case("mnd", "both", level, gallery) for level in LEVELS for gallery in (True, False)]
    found += [Case("mnd", attacked) for attacked in HELD_OUT]
    found.append(Case("clean"))
    found += [Case("mnd", attacked, headroom=h) for attacked, rooms in HEADROOMS.items() for h in rooms]
    return found + [Case(rival, who, eps=e) for who in ATTACKED for rival in RIVALS for e in EPS]


def chosen(patterns: str | None) -> list[Case]:
    """The rows whose names match one of the patterns, which commas separate; `none`: none of them.

    Raises:
        ValueError: a pattern matches no name.
    """
    everything = cases()
    if patterns is None or patterns == "none":
        return everything if patterns is None else []
    for pattern in patterns.split(","):
        if not any(fnmatchcase(case.name, pattern) for case in everything):
            names = ", ".join(case.name for case in everything)
            raise ValueError(f"no plan matches {pattern!r}, expected some of {names}")
    return [c for c in everything if any(fnmatchcase(c.name, p) for p in patterns.split(","))]
