"""The profile of an app: all that its verdict depends on, as its code has it. Imported without torch."""

from __future__ import annotations

import difflib
import functools
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from ...base.files import shown
from ..card import Unit

Measure = Literal["euclidean distance", "euclidean distance of unit vectors", "cosine distance",
                  "cosine similarity"]  # fmt: skip
"""What an app compares two embeddings by."""
Rule = Literal["nearest", "linked", "whispers", "mean"]
"""How an app comes from pairs of photos to a person, see `mnd.targets.apps.rules`."""
FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True, slots=True)
class Profile:
    """An app, as far as recognising a face goes.

    Raises:
        ValueError: a field has a value that means nothing.

    >>> immich = profiles()["immich"]
    >>> immich.unit, immich.bound, immich.preview
    ('cosine similarity', 0.5, 'immich-preview')
    """

    name: str
    """How the user calls it."""
    title: str
    """How people call it."""
    network: str
    """Whose weights it has, in words."""
    networks: tuple[str, ...]
    """Targets that are this network, the best first; may be none."""
    stand_ins: tuple[str, ...]
    """Targets of the same architecture with other weights, where none of those is ready."""
    get: str
    """How somebody who runs the app gets at its network."""
    alignment: str
    """How it cuts faces out, in words."""
    template: str | None
    """The alignment that stands for this (`mnd.targets.alignment`); None: the network's own."""
    look: str
    """The look (`mnd.targets.looks`) that is the app's."""
    preview: str | None
    """What it makes of a photo before it looks for faces: a way of sharing; None: it looks at the file."""
    measure: Measure
    threshold: float
    """Two photos match from here on, in the app's own measure."""
    rule: Rule
    least: int
    """Of the rule `linked`: faces, itself among them, that one must have near to be the core of a cluster."""
    says: str
    """The rule in words."""
    approximated: str
    """What is not as in the app; empty: nothing."""
    source: str
    """Files that this was read from, with their commits."""
    read: bool
    """They were read; otherwise this is second-hand."""

    def __post_init__(self) -> None:
        if self.measure not in get_args(Measure) or self.rule not in get_args(Rule):
            raise ValueError(f"app {self.name!r}: measure is {self.measure!r} and rule {self.rule!r}")
        if self.least < 1 or not 0 < self.threshold < 10:
            raise ValueError(f"app {self.name!r}: threshold is {self.threshold}, least is {self.least}")

    @property
    def lower_is_same(self) -> bool:
        """Its measure is a distance."""
        return self.measure != "cosine similarity"

    @property
    def unit(self) -> Unit:
        """The unit of a target that stands for it."""
        return "euclidean distance" if self.measure == "euclidean distance" else "cosine similarity"

    @property
    def bound(self) -> float:
        """Its threshold in this unit: 1 - d of a cosine distance, 1 - d^2 / 2 between unit vectors."""
        if self.measure == "cosine distance":
            return 1 - self.threshold
        if self.measure == "euclidean distance of unit vectors":
            return 1 - self.threshold**2 / 2
        return self.threshold

    def matches(self, value: float) -> bool:
        """Whether two photos match that are this far apart, or this much alike.

        >>> profiles()["immich"].matches(0.4), profiles()["frigate"].matches(0.4)
        (True, False)
        """
        return value <= self.threshold if self.lower_is_same else value >= self.threshold


@functools.cache
def profiles() -> dict[str, Profile]:
    """All profiles by name."""
    names = {field.name for field in fields(Profile)}
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        data = json.loads(path.read_text("utf-8"))
        if set(data) != names or data["name"] != path.stem:
            raise ValueError(f"{path.name}: its fields are not those of a profile, or its name another")
        lists = {key: tuple(data[key]) for key in ("networks", "stand_ins")}
        found[path.stem] = Profile(**data | lists)
    return found


def split(word: str) -> tuple[Profile, str]:
    """`APP` or `APP=TARGET`: the profile, and which target is the app's network; empty: the profile's own.

    Raises:
        ValueError: there is no such app; the message lists those that there are.

    >>> split("immich=card:my.json")[1]
    'card:my.json'
    """
    name, equals, target = word.partition("=")
    known = profiles()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(f"unknown app {shown(repr(name))}, expected some of {', '.join(known)}{hint}")
    if equals and not target:
        raise ValueError(f"app {shown(repr(word))} has no target behind =, expected {name}=card:PATH.json")
    return known[name], target


def previews(words: tuple[str, ...]) -> tuple[str, ...]:
    """The ways of sharing that these apps see photos by, each once.

    >>> previews(("immich", "face_recognition"))
    ('immich-preview',)
    """
    ways = (split(word)[0].preview for word in words)
    return tuple(dict.fromkeys(way for way in ways if way))
