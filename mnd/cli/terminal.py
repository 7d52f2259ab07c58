"""What people see of the command: a sentence a photo on standard output, complaints on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ..base.distribution import pip_install
from ..cloaking.appearance_in_words import appearance_in_words, warning_in_words
from ..cloaking.apps_told import approximated, apps_told
from ..cloaking.record import without_person
from ..cloaking.sentences import Told, nobody_in_words, told, told_check
from .console import BAD, GOOD, complain, console, line, printable, say
from .meter import Meter, size_of
from .tables import (
    before_after,
    by_channel,
    distances_told,
    judged,
    looks_told,
    measures_told,
    show_evaluation,
    show_faces,
    show_scores,
    show_targets,
)

__all__ = [
    "Meter",
    "Teller",
    "advise_extras",
    "advise_gallery",
    "advise_targets",
    "complain",
    "console",
    "count",
    "gallery_told",
    "metadata_told",
    "outcome",
    "printable",
    "show",
    "show_check",
    "show_evaluation",
    "show_faces",
    "show_scores",
    "show_targets",
]

OTHERS = "without the person of the gallery: judged against themselves alone"
FLAGS = {
    "as-saved": "--level robust",
    "not-proven": "--box X0,Y0,X1,Y1",
    "nobody": "--box X0,Y0,X1,Y1",
}
"""What the advice means on a command line, by the state of the photo."""
CALMER = {"robust": "--level minimum", "strong": "--level robust"}
"""The same of what is too visible, by its level."""


def outcome(record: Mapping[str, Any]) -> str | None:
    """What went wrong with a photo, in one line that names it; None when it is protected.

    >>> outcome({"input": "a.jpg", "protected": False, "error": {"kind": "no-face", "message": "no face"}})
    'a.jpg: no face'
    """
    if record["protected"]:
        return None
    if error := record["error"]:
        message, name = printable(error["message"]), printable(record["input"])
        return message if message.startswith(name) else f"{name}: {message}"
    still = sorted({name for _, name, told in judged(record) if not told["fooled"]})
    whom = f": {', '.join(still)} still recognises it" if still else ""
    return f"{printable(record['input'])}: not protected{whom}"


class Teller:
    """Tells one photo after the other; what is the same of several is said once.

    Args:
        verbose: with tables and measures.
        quiet: nothing at all.
    """

    def __init__(self, verbose: bool = False, quiet: bool = False) -> None:
        self.verbose, self.quiet = verbose, quiet
        self._said: set[str] = set()

    def show(self, record: Mapping[str, Any]) -> None:
        """One cloaked photo: its names, and the sentence."""
        if self.quiet:
            return
        out, words = console(), told(record)
        head = Text(printable(record["input"]))
        if record["output"]:
            head.append(f" -> {printable(record['output'])}")
        if record.get("status") == "skipped":
            head.append(": done already, and it still holds; --overwrite makes it again")
        if self.verbose:
            head.append(f"  ({record['level']}, seed {record['seed']}, {record['seconds']:.1f} s)")
        line(out, head)
        if self.verbose and record["regions"]:
            out.print(before_after(record))
            self._figures(out, record)
        self._sentence(out, words, _flag(record, words))
        if looks := warning_in_words(record):
            say(out, looks)
        self._apps(out, record)
        self._notes(out, (*gallery_told(record), *metadata_told(record, self.verbose)), words)

    def show_check(self, record: Mapping[str, Any]) -> None:
        """The table of a checked file, and the sentence at its end."""
        if self.quiet:
            return
        out, words = console(), told_check(record)
        line(out, f"{printable(record['input'])} against {printable(record['output'])}")
        out.print(by_channel(record))
        if self.verbose:
            for where, name, target in judged(record):
                say(out, looks_told(where, name, target))
            self._figures(out, record)
        else:
            for text in measures_told({**record, "quality": None}):
                say(out, text)
        self._sentence(out, words, _flag(record, words))
        if looks := appearance_in_words(record):
            say(out, looks)
        self._apps(out, record)
        self._notes(out, gallery_told(record), words)

    def show_page(self, record: Mapping[str, Any], wrong: str, as_json: bool) -> bool:
        """Where the page of a photo is, or what is wrong with it; whether nothing is."""
        if wrong:
            complain(wrong)
        elif record.get("page") and not (self.quiet or as_json):
            line(console(), f"open {printable(record['page'])}")
        return not wrong

    def _apps(self, out: Console, record: Mapping[str, Any]) -> None:
        """A line an app; with `--verbose` also what is not as in the app."""
        for text in apps_told(record):
            say(out, printable(text))
        for text in approximated(record) if self.verbose else ():
            self._once(out, printable(text))

    def _notes(self, out: Console, notes: Iterable[str], words: Told) -> None:
        """What else is to be known, as far as the sentence does not have it."""
        for text in notes:
            if words.state != "nobody" or not text.startswith("nobody"):
                self._once(out, text)

    def _figures(self, out: Console, record: Mapping[str, Any]) -> None:
        for text in (*distances_told(record), *measures_told(record)):
            say(out, text)

    def _sentence(self, out: Console, words: Told, flag: str) -> None:
        """The sentence, behind the headline where that says more, and what was not tried."""
        style = (GOOD if words.state in ("shared", "came-back") else "yellow") if words.good else BAD
        text = Text()
        if words.state != "shared" and not words.sentence.startswith(words.headline):
            text.append(f"{printable(words.headline)}.", style).append(" ")
        text.append(printable(words.sentence), "" if text.plain else style)
        say(out, text)
        self._once(out, printable(words.limits))
        if words.advice:
            self._once(out, f"{words.advice.removesuffix('.')} ({flag})." if flag else words.advice)

    def _once(self, out: Console, text: str) -> None:
        if text and text not in self._said:
            self._said.add(text)
            say(out, text)


def _flag(record: Mapping[str, Any], words: Told) -> str:
    """What the advice means on a command line."""
    if words.state != "too-visible":
        return FLAGS.get(words.state, "")
    kept = "" if record["output"] else "--keep-best"
    return ", or ".join(filter(None, (CALMER.get(record["level"]), kept)))


def show(record: Mapping[str, Any]) -> None:
    """One cloaked photo, with its table."""
    Teller(verbose=True).show(record)


def show_check(record: Mapping[str, Any]) -> None:
    """One checked file, with all that there is to tell."""
    Teller(verbose=True).show_check(record)


def gallery_told(record: Mapping[str, Any]) -> Iterable[str]:
    """A line on faces that are not the person of the gallery, and one on photos of it that were passed over.

    >>> list(gallery_told({"regions": [], "gallery": {"photos": 3, "passed": [], "faces": 2, "person": 1}}))
    ['1 of 2 faces is not the person of the gallery: judged against itself alone']
    """
    gallery = record.get("gallery")
    if not gallery:
        return
    passed = gallery.get("passed") or ()
    others = gallery["faces"] - gallery["person"]
    if others and not gallery["person"]:
        themselves = "itself" if others == 1 else "themselves"
        yield f"{printable(nobody_in_words(record))}: judged against {themselves} alone"
    elif others:
        one, whom = others == 1, "none of the people" if "people" in gallery else "not the person"
        galleries = "galleries" if "people" in gallery else "gallery"
        yield (
            f"{others} of {gallery['faces']} faces {'is' if one else 'are'} {whom} of the {galleries}: "
            f"judged against {'itself' if one else 'themselves'} alone"
        )
    if who := sorted({region["who"] for region in record["regions"] if region.get("who")}):
        yield f"in it: {', '.join(map(printable, who))}"
    if passed:
        more = f", and {len(passed) - 1} more" if len(passed) > 1 else ""
        yield f"passed over in the gallery: {printable(passed[0])}{more}"


HDR = {
    "kept": "still an HDR photo; its gain map was made anew where faces were changed",
    "removed": "no longer an HDR photo: its gain map, which shows the clean face, was left behind",
}
"""What is said of a photo with a gain map."""


def metadata_told(record: Mapping[str, Any], removals: bool = True) -> Iterable[str]:
    """A line on what was left behind of the metadata, and one on people they name; names are not told.

    >>> names = {"people": 1, "fields": ["XMP mwg-rs:Regions"]}
    >>> list(metadata_told({"removed": ["EXIF thumbnail"], "names": names}))[1]
    'people named or shown in the metadata: 1 (XMP mwg-rs:Regions); --strip-names removes them'
    """
    removed, names = record.get("removed") or [], record.get("names") or {}
    if removed and removals:
        yield f"left behind: {', '.join(map(printable, removed))}"
    if hdr := HDR.get(record.get("hdr") or ""):
        yield hdr
    left = [where for where in names.get("fields") or () if where not in removed]
    if left:
        told = f"{names['people']} ({', '.join(map(printable, left))})"
        yield f"people named or shown in the metadata: {told}; --strip-names removes them"
    if (record.get("metadata") or {}).get("location"):
        yield "the file says where it was taken; --strip-gps removes it"


def advise_gallery(records: Sequence[Mapping[str, Any]]) -> None:
    """Say what is missing where a face was cloaked without other photos of the person."""
    if any(region["kind"] == "face" for record in records for region in record["regions"]):
        advice = "Only this photo stands for the person: --gallery, a folder of others, would protect better."
        say(console(), advice)


def advise_targets() -> None:
    """Say which further recognisers are one command away."""
    from ..targets.downloads import one_away

    if cards := [entry.card for entry in one_away()]:
        names, size = ", ".join(card.name for card in cards), size_of(sum(card.download for card in cards))
        say(console(), f"One command away: {names} ({size}): mnd targets get small")


def advise_extras(lacking: Iterable[str]) -> None:
    """Say how the packages are had that some recognisers need; FRBench's are not listed without theirs."""
    from ..targets.registry import installed

    extras = sorted({*lacking, *(["frbench"] if not installed("frbench") else [])})
    for extra in extras:
        more = ": networks of FRBench, too" if extra == "frbench" else ""
        say(console(), f"[{extra}] needs {pip_install(f'[{extra}]')}{more}")


def count(records: Sequence[Mapping[str, Any]]) -> None:
    """The last lines about several photos: how many hold what was promised, and how many show somebody else.

    >>> gallery = {"photos": 3, "passed": [], "faces": 1, "person": 0}
    >>> count([{"protected": True, "gallery": gallery}, {"protected": True, "gallery": None}])
    2 of 2 photos: all that the level promises holds
    1 of 2 photos without the person of the gallery: judged against themselves alone
    """
    if len(records) < 2:
        return
    out = console()
    done = [record for record in records if record["protected"]]
    say(out, f"{len(done)} of {len(records)} photos: all that the level promises holds")
    if kept := sum(told(record).state == "as-saved" for record in done):
        say(out, f"{kept} of {len(records)} photos as saved only: do not send them through a messenger")
    if others := sum(without_person(record) for record in records):
        say(out, f"{others} of {len(records)} photos {OTHERS}")
