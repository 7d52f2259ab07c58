"""What the arguments of `mnd cloak` mean: photos, folders of photos, and patterns, on every system the same.

Shells of some systems expand `*.jpg`, those of others hand it over; what is handed over is expanded here. A
file or folder of that very name comes first, whatever characters it has.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..base.files import cloaked_path
from ..photo import walking

_MARK = ".cloaked"


@dataclass(frozen=True, slots=True)
class Asked:
    """A photo that was asked for, or an argument that none was found for."""

    path: Path
    place: Path
    """What it is called below a folder for all results: its name, or its path below the folder named."""
    named: bool = True
    """By its own name, not by a folder or a pattern."""
    kind: str = ""
    """Of the error, where there is no such photo; empty where it has to be tried."""
    message: str = ""


@dataclass
class Arguments:
    """The photos that were asked for, in the order of the arguments."""

    photos: list[Asked] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    """A line on what was passed over, and why."""


def is_result(path: Path | str) -> bool:
    """Whether a name is one that a cloaked photo gets.

    >>> is_result("a/photo.cloaked.jpg"), is_result("cloaked.jpg")
    (True, False)
    """
    return Path(path).stem.lower().endswith(_MARK)


def arguments(given: Sequence[Path | str]) -> Arguments:
    """The photos that these arguments mean.

    Of a folder all photos in it and below, as `mnd protect` finds them; of a pattern (`*`, `?`, `[]`, and
    `**` for any depth) what it matches, sorted, folders among that as if they had been named. A photo that
    is found several times counts once. Earlier results (`photo.cloaked.jpg`) in a folder or of a pattern are
    passed over, unless the pattern names them; so is one that was named itself when its own original was
    named, too: a shell may have expanded a pattern.

    Args:
        given: as typed. What is there neither as a file nor as a pattern stays, to be refused in its turn.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.jpg", "a.jpg", "a.cloaked.jpg", "notes.txt"):
    ...         (Path(folder) / name).touch()
    ...     found = arguments([Path(folder) / "*.jpg"])
    ...     [it.path.name for it in found.photos], [line.split(": ")[1] for line in found.passed]
    (['a.jpg', 'b.jpg'], ['1 earlier result (*.cloaked.*) was passed over'])
    """
    asked, seen, found_before = Arguments(), set[str](), set[str]()
    for word in map(str, given):
        if os.path.isdir(word):
            found = list(_folder(word, asked.passed))
        elif os.path.lexists(word) or not glob.has_magic(word):
            if _same(Path(word)) not in found_before:
                asked.photos.append(Asked(Path(word), Path(Path(word).name or "folder")))
                seen.add(_same(Path(word)))
            continue
        else:
            found = list(_pattern(word, asked.passed))
        for it in found:
            if it.kind or _same(it.path) not in seen:
                asked.photos.append(it)
                seen.add(_same(it.path))
                found_before.add(_same(it.path))
    _without_own_results(asked)
    return asked


def _folder(word: str, passed: list[str]) -> Iterator[Asked]:
    """The photos below a folder."""
    there = walking.photos(Path(word))
    files = [path for path in there.files if not is_result(path)]
    results = len(there.files) - len(files)
    passed.extend(f"{word}: {line}" for line in (*_results(results), *there.passed))
    if not files:
        why = f"{word}: found no photo in this folder to cloak, expected at least one; there: {there.found}"
        yield Asked(Path(word), Path("folder"), kind="folder", message=why)
    for path in files:
        yield Asked(path, path.relative_to(word), named=False)


def _pattern(word: str, passed: list[str]) -> Iterator[Asked]:
    """The photos that a pattern matches, and those in folders that it matches."""
    matches = sorted(glob.glob(word, recursive=True))
    above, wanted = _fixed(word), _MARK in Path(word).name.lower()
    kinds: Counter[str] = Counter()
    paths: list[Path] = []
    for match in matches:
        if os.path.isdir(match):
            # where the pattern goes into folders by itself, it says what it wants there
            paths += () if "**" in word else walking.photos(Path(match)).files
        elif (it := walking.entry(os.path.basename(match), match)).kind == "photo":
            paths.append(Path(match))
        else:
            kinds[f"{it.what} file" if it.kind == "unsupported" else walking.called(it.kind)] += 1
    files = [path for path in paths if wanted or not is_result(path)]
    known = {*walking.UNSUPPORTED, "other picture"}
    lines = [_line(what, n) for what, n in kinds.items() if what.removesuffix(" file") in known]
    passed.extend(f"{word}: {line}" for line in (*_results(len(paths) - len(files)), *lines))
    if not files:
        there = walking.said(kinds + Counter({"earlier result": len(paths)})) if matches else "nothing"
        why = f"{word}: no file has this name, and no photo matches it as a pattern"
        yield Asked(Path(word), Path("pattern"), kind="missing", message=f"{why}; there: {there}")
    for path in files:
        yield Asked(path, path.relative_to(above) if above else path, named=False)


def _fixed(pattern: str) -> str:
    """The folder that a pattern starts in, without what is left open.

    >>> Path(_fixed("photos/2020/**/*.jpg")).as_posix(), _fixed("*.jpg")
    ('photos/2020', '')
    """
    folder = os.path.dirname(pattern)
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder


def _results(number: int) -> Iterator[str]:
    if number:
        yield _line("earlier result", number).replace(" w", " (*.cloaked.*) w")


def _line(what: str, number: int) -> str:
    return f"{walking.counted(what, number)} {'was' if number == 1 else 'were'} passed over"


def _without_own_results(asked: Arguments) -> None:
    """Pass over results that were named beside their originals."""
    ends = (None, ".jpg", ".png")
    made = {_same(cloaked_path(it.path, suffix=end)) for it in asked.photos if it.path.name for end in ends}
    kept = [it for it in asked.photos if not (it.named and is_result(it.path) and _same(it.path) in made)]
    asked.passed.extend(_results(len(asked.photos) - len(kept)))
    asked.photos[:] = kept


def _same(path: Path) -> str:
    """What two names of one file have in common."""
    return os.path.normcase(os.path.abspath(path))
