"""Apps as targets, `app:NAME` or `app:NAME=TARGET`: a network that is here, asked as the app does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ...base.distribution import pip_install
from ..card import TargetCard
from ..dlib.target import aligned
from ..face import FaceTarget
from ..looks import ALIGNED, USUAL
from ..registry import Entry, find, register_family
from ..target import Target
from .profile import Profile, split

PREFIX = "app:"


@dataclass(frozen=True, slots=True)
class App:
    """An app, and what stands for its network on this machine."""

    profile: Profile
    network: str | None
    """The name of the target; None: there is none."""
    exact: bool = True
    """It has the app's own weights; False: it stands in for them."""
    why: str = ""
    """Why there is none, and how to get one."""


def app(word: str) -> App:
    """The app of a name, `APP` or `APP=TARGET`. Nothing is loaded or downloaded.

    Raises:
        ValueError: there is no such app, or no such target; or it does not recognise faces.
        FileNotFoundError: there is no such card.
    """
    profile, named = split(word)
    if named:
        card_of(profile, find(named).card)
        return App(profile, named, named not in profile.stand_ins)
    known = []
    for name in (*profile.networks, *profile.stand_ins):
        try:
            entry = find(name)
        except ValueError:
            continue  # a later version may have it
        if entry.ready:
            return App(profile, name, name in profile.networks)
        known.append(f"{profile.name}={name} {_how(profile, entry)}")
    how = " or ".join([*known, f"{profile.name}=card:PATH.json points at a card of it"])
    why = f"its network ({profile.network}) is not on this machine: {profile.get}; {how}"
    return App(profile, None, why=why)


def _how(profile: Profile, entry: Entry) -> str:
    """What has to be done for a network that is known by name."""
    if entry.present:
        return f"needs {pip_install(f'[{entry.card.extra}]')}"
    return f"downloads {'it' if entry.card.name in profile.networks else 'what stands in for it'}"


def card_of(profile: Profile, base: TargetCard) -> TargetCard:
    """The card of a network as an app uses it.

    Raises:
        ValueError: it does not recognise faces.
    """
    if base.kind != "face":
        raise ValueError(f"app {profile.name!r}: target {base.name!r} is a {base.kind}, expected of faces")
    return replace(
        base,
        name=PREFIX + profile.name,
        unit=profile.unit,
        threshold=profile.bound,
        threshold_at=f"{profile.title}: {profile.says}",
        template=profile.template or base.template,
        judged_as=tuple(dict.fromkeys((ALIGNED.name, profile.look))),
    )


@register_family("app", list)
def entry(word: str) -> Entry:
    """The target of an app.

    Raises:
        ValueError: there is no such app or target.
        FileNotFoundError: its network is not on this machine.
    """
    found = app(word)
    if found.network is None:
        raise FileNotFoundError(f"app {found.profile.name}: {found.why}")
    base = find(found.network)
    return Entry(card_of(found.profile, base.card), base.weights, partial(_load, base))


def _load(base: Entry, card: TargetCard, path: Path) -> Target:
    target = base.build(base.card, path)
    assert isinstance(target, FaceTarget)
    # what a network is shown may stand in its file
    return aligned(replace(card, mean=target.card.mean, std=target.card.std), target.net)


def with_apps(targets: Iterable[str], words: Iterable[str]) -> tuple[str, ...]:
    """Names of targets, and those of apps that none of them stands for already.

    Raises:
        ValueError: there is no such app or target.
        FileNotFoundError: the network of an app is not on this machine.

    >>> with_apps(["dlib"], ["face_recognition", "nextcloud-facerecognition"])
    ('dlib',)
    """
    names = list(targets)
    for word in words:
        name, found = PREFIX + word, app(word)
        card = find(name).card
        if name not in names and not any(
            other == found.network and covers(find(other).card, card) for other in names
        ):
            names.append(name)
    return tuple(names)


def covers(card: TargetCard, other: TargetCard) -> bool:
    """Whether a face that the target of one card does not match is not matched by that of another either.

    Of one network: both cut faces out alike, the first asks for all looks of the second, and for as much.
    """
    looks = set(other.judged_as or USUAL) <= set(card.judged_as or USUAL)
    alike = (card.unit, card.template, card.size, card.padding) == (
        other.unit, other.template, other.size, other.padding,
    )  # fmt: skip
    asks = card.threshold >= other.threshold if card.lower_is_same else card.threshold <= other.threshold
    return looks and alike and asks
