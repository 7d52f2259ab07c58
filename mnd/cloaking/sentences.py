"""What a record says, in a sentence: against whom, how many faces, in which file, and what was not tried.

The terminal, the pages and programs take their words from here, so that a verdict reads the same everywhere.
Never "protected" alone: a cloak holds against somebody, in a file. Imported at once, without torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from ..base.files import shown
from .advice import advice
from .distances import nearest_in_words
from .levels import PLANS
from .record import without_person

State = Literal[
    "shared",
    "came-back",
    "as-saved",
    "recognised",
    "too-visible",
    "not-proven",
    "no-face",
    "nobody",
    "failed",
]
WAYS = {
    "jpeg90": "JPEG 90",
    "jpeg75": "JPEG 75",
    "webp80": "WebP 80",
    "half": "half size",
    "half-jpeg75": "half size as JPEG 75",
}
"""Ways of sharing, by their names in a record."""
MESSENGER = PLANS["robust", False].withstands
"""The ways that a messenger stands for: it is survived only where all of them are."""
OPENINGS = ("found", "in", "no", "nobody", "nothing", "tried")
"""Words that a sentence may begin with, beside numbers and names."""
HERE = "\0"
"""Where the name of the file may stand in a sentence that is being made."""
NO_FACE, VERDICTS = ("no-face", "suspected-face"), ("not-protected", "too-visible", "not-proven")
"""Kinds of errors: of a photo in which there is nobody to ask about, and of one that was judged."""
HEADLINES: dict[State, str] = {
    "as-saved": "As saved only: do not send it through a messenger",
    "too-visible": "Too visible at this level",
    "not-proven": "Changed, not proven",
    "no-face": "No face found",
    "failed": "Could not be done",
}


@dataclass(frozen=True)
class Told:
    """A record in words, each of which can stand alone."""

    state: State
    """shared: withstands sharing too. came-back: withstood it; nothing is promised of another time.
    as-saved: only the very file. recognised: somebody still matches it.
    nobody: there is a gallery, and nobody in the photo is its person."""
    good: bool
    """All that the level promises holds: `protected` in the record."""
    headline: str
    """A few words."""
    sentence: str
    """Whom it was tried on, how many faces, in which file."""
    limits: str
    """What was not tried; never empty where something was changed."""
    advice: str
    """What can be done now; empty where nothing needs to be."""


def told(record: Mapping[str, Any]) -> Told:
    """The record of `mnd cloak`, in words.

    >>> dlib = {"unit": "euclidean distance", "threshold": 0.6, "after": 0.7, "fooled": True,
    ...         "channel": {"half": False}}
    >>> record = {"protected": True, "level": "minimum", "error": None, "output": "a.cloaked.jpg",
    ...           "regions": [{"kind": "face", "box": [1, 2, 30, 40], "targets": {"dlib": dlib}}]}
    >>> told(record).headline
    'As saved only: do not send it through a messenger'
    >>> told(record).sentence
    '1 face changed; dlib no longer matches it in the saved file, but dlib matches again after half size.'
    >>> told(record).limits
    'Not tried: any other recogniser; most will still match at this level.'
    """
    file = "the saved file" if record.get("protected") or record.get("output") else "the file as made"
    return _told(record, _Seen(record), file, made=True)


def told_check(record: Mapping[str, Any]) -> Told:
    """The record of `mnd check`, in words: of a cloaked file, or of one that came back from a messenger."""
    output = record.get("output")
    file = shown(PurePath(str(output)).name) if output else "this file"
    compared = record.get("compared") or {}
    if compared.get("how", "same size") != "same size":
        width, height = compared["size"]
        other = ", framed differently: is it the same photo?" if compared["how"] == "other framing" else ""
        file += f" ({width}x{height} pixels{other})"
    return _told(record, _Seen(record), file, made=False)


def nobody_in_words(record: Mapping[str, Any]) -> str:
    """That nobody in the photo is the person of the gallery, and how near the nearest comes; else empty.

    >>> dlib = {"unit": "euclidean distance", "threshold": 0.6}
    >>> face = {"kind": "face", "likeness": {"dlib": 0.853}, "targets": {"dlib": dlib}}
    >>> nobody_in_words({"gallery": {"faces": 1, "person": 0}, "regions": [face]})
    'nobody here looks like the photos of you (nearest 0.85, a match is below 0.6)'
    """
    if not without_person(record):
        return ""
    nearest = list(_nearest(record))
    rows = [words if len(nearest) == 1 else f"{name}: {words}" for name, words in nearest]
    told = f" ({'; '.join(rows)})" if rows else ""
    return f"nobody here looks like {_whose(record)}{told}"


def _whose(record: Mapping[str, Any]) -> str:
    """Whose photos there are to compare with."""
    return "the people of the galleries" if "people" in (record.get("gallery") or {}) else "the photos of you"


def _nearest(record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """By target: how near the nearest face comes to the gallery."""
    values: dict[str, list[float]] = {}
    cards: dict[str, Mapping[str, Any]] = {}
    for region in record.get("regions") or ():
        for name, value in (region.get("likeness") or {}).items():
            if name in region["targets"]:
                values.setdefault(name, []).append(value)
                cards[name] = region["targets"][name]
    for name, several in values.items():
        yield name, nearest_in_words(several, cards[name]["threshold"], cards[name]["unit"])


class _Seen:
    """What a record shows of the regions of which verdicts mean something."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        regions: Sequence[Mapping[str, Any]] = record.get("regions") or ()
        self.all = regions
        self.regions = [region for region in regions if region.get("seen", True)]
        self.unseen = len(regions) - len(self.regions)
        self.faces = [region for region in self.regions if region["kind"] == "face"]
        self.wholes = [region for region in self.regions if region["kind"] != "face"]
        self.targets = [told for region in self.regions for told in region["targets"].values()]

    @property
    def names(self) -> list[str]:
        """Who was asked."""
        return list(dict.fromkeys(name for region in self.regions for name in region["targets"]))

    @property
    def ways(self) -> dict[str, bool]:
        """Of each way of sharing that all were asked about: whether all are fooled after it."""
        named = dict.fromkeys(way for told in self.targets for way in told.get("channel") or {})
        return {
            way: all(told["channel"][way] for told in self.targets)
            for way in named
            if all(way in (told.get("channel") or {}) for told in self.targets)
        }

    @property
    def matching(self) -> list[str]:
        """Who matches something in the file as it is."""
        return [
            name
            for name in self.names
            if any(name in r["targets"] and not r["targets"][name]["fooled"] for r in self.regions)
        ]

    @property
    def shared(self) -> bool:
        """Nobody matches anything, in the file or after any way that a messenger stands for."""
        ways = self.ways
        return not self.matching and all(ways.get(way, False) for way in MESSENGER) and all(ways.values())


def _told(record: Mapping[str, Any], seen: _Seen, file: str, made: bool) -> Told:
    """Any record in words; `made` by `mnd cloak`."""
    state = _state(record, seen, made)
    return Told(
        state,
        bool(record.get("protected")),
        _headline(state, record, seen),
        _sentence(state, record, seen, file, made),
        _limits(state, record, seen),
        advice(state, record, made),
    )


def _state(record: Mapping[str, Any], seen: _Seen, made: bool) -> State:
    """The worst that can be said comes first."""
    kind = (record.get("error") or {}).get("kind")
    if kind in NO_FACE:
        return "no-face"
    if (kind is not None and kind not in VERDICTS) or not seen.all:
        return "failed"
    if seen.matching:
        return "recognised"
    if kind == "not-protected" and made and seen.targets:  # after sharing: it is not handed out
        return "recognised"
    if kind == "too-visible":
        return "too-visible"
    if seen.unseen or not seen.targets:
        return "not-proven"
    if kind == "not-protected":
        return "as-saved"
    if without_person(record):
        return "nobody"
    if seen.shared:
        return "shared"
    how = (record.get("compared") or {}).get("how", "same size")
    returned = not made and record.get("protected") and (how != "same size" or not seen.ways)
    return "came-back" if returned else "as-saved"


def _headline(state: State, record: Mapping[str, Any], seen: _Seen) -> str:
    if state in ("shared", "came-back"):
        whom = _and(seen.names) if len(seen.names) < 3 else f"{len(seen.names)} recognisers"
        where = ", also after a messenger" if state == "shared" else " in this file"
        return f"No longer matched by {whom}{where}"
    if state == "recognised":
        return f"Still matched by {_and(seen.matching)}" if seen.matching else "Matched again after sharing"
    if state == "no-face" and (record.get("error") or {}).get("kind") == "suspected-face":
        return "No face found for sure"
    if state == "nobody":
        return f"Nobody here looks like {_whose(record)}"
    return HEADLINES[state]


def _sentence(state: State, record: Mapping[str, Any], seen: _Seen, file: str, made: bool) -> str:
    if state in ("no-face", "failed"):
        return _ended(_message(record) or "it could not be judged")
    nobody = nobody_in_words(record)
    parts = [
        nobody and f"{nobody}, so faces were judged against this photo alone",
        _changed(record, seen) if made else "",
    ]
    if seen.unseen:
        where = "it" if len(seen.all) == 1 else f"{seen.unseen} of the {len(seen.all)} places"
        parts.append(f"no face was seen in {where}, so no recogniser could be asked")
    if seen.targets:
        told = f"{_verdict(seen, made)}{_after(seen)}"
        parts.append(told.replace(HERE, f" in {file}") if made else f"in {file} {told.replace(HERE, '')}")
    if state == "too-visible":
        parts.append(f"but {_message(record)}")
    return _ended("; ".join(filter(None, parts)))


def _changed(record: Mapping[str, Any], seen: _Seen) -> str:
    """How much was changed, or was tried in vain; a region without any difference was not."""
    told = (record.get("quality") or {}).get("regions") or ()
    same = [quality.get("psnr") is None for quality in told] if len(told) == len(seen.all) else []
    left = [region for at, region in enumerate(seen.all) if not (same and same[at])]
    faces = sum(region["kind"] == "face" for region in left)
    what = [_count(faces, "face")] if faces else []
    what += ["the whole picture"] if len(left) > faces else []
    if not what:
        return "nothing changed"
    there = record.get("protected") or record.get("output") or seen.unseen
    return f"{_and(what)} changed" if there else f"tried on {_and(what)}"


def _verdict(seen: _Seen, made: bool) -> str:
    """What whoever was asked says of the file; `HERE` is where its name may stand."""
    clauses = []
    mixed = bool(seen.faces and seen.wholes)
    for regions, one in ((seen.faces, "face"), (seen.wholes, "picture")):
        still = [name for name in seen.names if _matched(regions, name)]
        gone = [name for name in seen.names if name not in still and _asked(regions, name)]
        for name in still:
            clauses.append(
                f"{name} still matches {_of(len(_matched(regions, name)), len(_asked(regions, name)), one)}"
            )
        if gone:
            count = max(len(_asked(regions, name)) for name in gone)
            if seen.unseen:
                whom = "the other" if count == 1 else f"any of the other {count}"
            elif made and not still and not mixed:
                whom = "it" if count == 1 else "any"
            else:
                whom = f"the {one}" if count == 1 else f"any of the {count} {one}s"
            clauses.append(f"{_and(gone)} no longer match{'es' if len(gone) == 1 else ''} {whom}")
    return _and(clauses) + HERE


def _after(seen: _Seen) -> str:
    """What sharing does to that, in words that go on behind the file."""
    if seen.matching:
        return ""
    if seen.shared:
        others = [WAYS.get(way, way) for way in seen.ways if way not in MESSENGER]
        also = f" and after {_and(others)}" if others else ""
        return f", also after a messenger (JPEG, WebP, half size){also}"
    ways = seen.ways
    kept, lost = (
        [WAYS.get(way, way) for way, held in ways.items() if held is which] for which in (True, False)
    )
    if lost:
        if not all(
            way in ways for way in MESSENGER
        ):  # a quick look: a whole one may find that it is matched there
            kept = [WAYS.get(way, way) for way, held in ways.items() if held and way not in MESSENGER]
        also = f", also after {_and(kept)}" if kept else ""
        return f"{also}, but {_again(seen)} again after {_and(lost)}"
    asked = [WAYS.get(way, way) for way in ways if way not in MESSENGER]
    quick = [WAYS[way] for way in ways if way in MESSENGER]
    promised = f", also after {_and(asked)}" if asked else ""
    looked = f", also after {_and(quick)} (a quick look: this level promises nothing of it)" if quick else ""
    return promised + looked


def _again(seen: _Seen) -> str:
    """Who matches something after a way of sharing."""
    found = [
        name
        for name in seen.names
        if any(
            not all((region["targets"][name].get("channel") or {}).values())
            for region in seen.regions
            if name in region["targets"]
        )
    ]
    return f"{_and(found)} match{'es' if len(found) == 1 else ''}"


def _limits(state: State, record: Mapping[str, Any], seen: _Seen) -> str:
    """What was not tried: never left out where something was changed."""
    if state in ("no-face", "failed"):
        return ""
    many = "many" if record.get("level") == "strong" else "most"
    limits = f"Not tried: any other recogniser; {many} will still match at this level."
    untried = [WAYS[way] for way in MESSENGER if way not in seen.ways]
    if state != "came-back" and seen.targets and not seen.matching and untried and all(seen.ways.values()):
        limits += f" Nor: {', '.join(untried)}."
    return limits


def _message(record: Mapping[str, Any]) -> str:
    """What went wrong, without the name of the photo."""
    message = str((record.get("error") or {}).get("message") or "")
    return message.removeprefix(f"{record.get('input') or 'the photo'}: ")


def _asked(regions: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return [region for region in regions if name in region["targets"]]


def _matched(regions: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return [region for region in _asked(regions, name) if not region["targets"][name]["fooled"]]


def _of(count: int, asked: int, one: str) -> str:
    """
    >>> _of(1, 1, "face"), _of(1, 3, "face"), _of(2, 2, "face"), _of(3, 3, "face")
    ('the face', '1 of the 3 faces', 'both faces', 'all 3 faces')
    """
    if asked == 1:
        return f"the {one}"
    if count < asked:
        return f"{count} of the {asked} {one}s"
    return f"both {one}s" if asked == 2 else f"all {asked} {one}s"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _and(words: Sequence[str]) -> str:
    """
    >>> _and(["a"]), _and(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _ended(text: str) -> str:
    """With a full stop, and a capital where it begins with a word that is no name.

    >>> _ended("one face"), _ended("a.jpg: empty"), _ended("in a.jpg dlib")
    ('one face.', 'a.jpg: empty.', 'In a.jpg dlib.')
    """
    first = text.split(" ", 1)[0]
    begun = text[:1].upper() + text[1:] if first in OPENINGS else text
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."
