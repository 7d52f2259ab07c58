"""Walking: which files below a folder are photos. One rule for galleries, data sets and evaluations.

Hidden and system files are none (`._photo.jpg`, `.DS_Store`, `Thumbs.db`, `@eaDir`). A file is a photo by its
name where that says so, else by its first bytes; pictures of kinds that cannot be read are named, not passed
over in silence.
"""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..base.files import PhotoError

Kind = Literal["photo", "unsupported", "tar", "other", "hidden", "unreadable"]
UNSUPPORTED = {
    "JPEG XL": (".jxl",), "GIF": (".gif",),
    "JPEG 2000": (".jp2", ".j2k", ".jpf"), "Photoshop": (".psd", ".psb"),
    "RAW": (".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mrw", ".nef",
            ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
}  # fmt: skip
"""Suffixes of pictures that cannot be read, by what they are called."""
_SYSTEM = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "#recycle", "#snapshot", "__macosx",
           "$recycle.bin", "system volume information")  # fmt: skip
_DOCUMENTS = (b"%PDF", b"\0\0\1\0", b"\x93NUMPY")
_TIFF = (b"II", b"MM")
_HEAD = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """A file below a folder, or a folder that is not looked into."""

    name: str
    """Relative to the folder, with `/`; that of a folder ends with it."""
    path: str
    kind: Kind
    what: str = ""
    """Of an unsupported picture what it is called; of others why they are not looked at."""


def walk(root: Path | str, results: tuple[int, int] | None = None) -> Iterator[Entry]:
    """Every file below a folder, sorted folder by folder; links are followed, but never in a circle.

    Args:
        root: the folder.
        results: the `identity` of a folder that is not looked into.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.jpg", "a.jxl", "._b.jpg"):
    ...         (Path(folder) / name).touch()
    ...     [(entry.name, entry.kind) for entry in walk(folder)]
    [('._b.jpg', 'hidden'), ('a.jxl', 'unsupported'), ('b.jpg', 'photo')]
    """
    return _walk(str(root), "", (), results)


def _walk(
    folder: str, prefix: str, above: tuple[tuple[int, int], ...], results: tuple[int, int] | None
) -> Iterator[Entry]:
    here = identity(folder)
    if here is None or here in above:
        yield Entry(prefix, folder, "other", "a link to a folder above it")
        return
    if here == results:
        yield Entry(prefix, folder, "other", "the folder of the results")
        return
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry.name, _is_folder(entry)) for entry in found)
    except OSError as error:
        yield Entry(prefix, folder, "unreadable", f"the folder cannot be read ({error.strerror or error})")
        return
    for name, is_folder in entries:
        path = os.path.join(folder, name)
        if not is_folder:
            yield entry(prefix + name, path)
        elif why := hidden(name):
            yield Entry(f"{prefix}{name}/", path, "hidden", why)
        else:
            yield from _walk(path, f"{prefix}{name}/", (*above, here), results)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or leads to one; a link in a circle leads nowhere."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def entry(name: str, path: str) -> Entry:
    """What the file at `path` is; it is opened only where its name does not say so."""
    base = name.rsplit("/", 1)[-1]
    if why := hidden(base):
        return Entry(name, path, "hidden", why)
    if base.lower().endswith(".tar"):
        return Entry(name, path, "tar")
    if base.lower().endswith(suffixes()):
        return Entry(name, path, "photo")
    if not os.path.isfile(path):
        return Entry(name, path, "other", "no regular file")
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        return Entry(name, path, "other", f"cannot be read ({error.strerror or error})")
    what, kind = unsupported(base), kind_of(head)
    if what and (kind != "photo" or is_raw(base, head)):
        return Entry(name, path, "unsupported", what)
    return Entry(name, path, kind, {"unsupported": "other picture", "other": "no picture"}.get(kind, ""))


def hidden(name: str) -> str:
    """Why the system or the user does not show a file or folder of this name; empty where they do.

    >>> hidden("._a.jpg"), hidden("Thumbs.db"), hidden("a.jpg")
    ('hidden', 'a system file', '')
    """
    if name.startswith("."):
        return "hidden"
    return "a system file" if name.lower() in _SYSTEM else ""


@functools.cache
def suffixes() -> tuple[str, ...]:
    """Those of the photos that can be read and written."""
    from .formats import SUFFIXES

    return SUFFIXES


def unsupported(name: str) -> str:
    """What the pictures are called that have such a name and cannot be read; empty where there are none.

    >>> unsupported("IMG_0001.DNG"), unsupported("a.jpg")
    ('RAW', '')
    """
    lower = name.lower()
    return next((what for what, ends in UNSUPPORTED.items() if lower.endswith(ends)), "")


def is_raw(name: str, head: bytes) -> bool:
    r"""Whether a file of this name that begins so is a camera's raw picture.

    Many are TIFF files by their first bytes, and show a small preview to whoever reads them as such.

    >>> is_raw("a.DNG", b"II*\0"), is_raw("a.tif", b"II*\0")
    (True, False)
    """
    return head.startswith(_TIFF) and unsupported(name) == "RAW"


def kind_of(head: bytes) -> Literal["photo", "unsupported", "other"]:
    """What a file is that begins so; unsupported: a picture, of a kind that cannot be read.

    >>> kind_of(b"\\xff\\xd8\\xff\\xe0"), kind_of(b"GIF89a"), kind_of(b"BM is no picture")
    ('photo', 'unsupported', 'other')
    """
    from .opening import format_of

    try:
        format_of(head, "")
    except PhotoError as error:
        return "unsupported" if error.kind == "unsupported" and not head.startswith(_DOCUMENTS) else "other"
    # two letters are little: a text, too, can begin with BM
    return "other" if head.startswith(b"BM") and head[6:10] != bytes(4) else "photo"


def identity(path: Path | str) -> tuple[int, int] | None:
    """What makes two names one folder; None where there is none."""
    try:
        told = os.stat(path)
    except (OSError, ValueError):
        return None
    return told.st_dev, told.st_ino


@dataclass(frozen=True, slots=True)
class Photos:
    """The photos below a folder, and what else was there."""

    files: tuple[Path, ...]
    passed: tuple[str, ...] = ()
    """A line on each picture that was passed over, and why; on a kind that cannot be read one for all."""
    found: str = "nothing"
    """What there was, in words, for an error."""


def photos(folder: Path, leave_out: Path | None = None, read: bool = False) -> Photos:
    """The photos below a folder, in the order of `walk`.

    Args:
        folder: looked through with all that is in it.
        leave_out: a file that does not count.
        read: read each: those that cannot be are passed over.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a.jxl", "b.jxl", ".DS_Store", "notes.txt"):
    ...         (Path(folder) / name).touch()
    ...     there = photos(Path(folder))
    >>> there.files, there.passed
    ((), ('2 JPEG XL files were passed over',))
    >>> there.found
    '2 JPEG XL files, 1 hidden or system file, 1 file that is no picture'
    """
    same = None if leave_out is None else leave_out.resolve()
    counts: Counter[str] = Counter()
    named: Counter[str] = Counter()
    files: list[Path] = []
    lines: list[str] = []
    for it in walk(folder):
        path = folder / it.name
        if it.kind == "photo" and path.resolve() != same:
            if read and (why := _unreadable(path)):
                lines.append(why)
                counts["photo that cannot be read"] += 1
            else:
                files.append(path)
                counts["photo"] += 1
        elif it.kind == "unreadable":
            lines.append(f"{it.path}: {it.what}")
        elif it.kind == "unsupported":
            named[f"{it.what} file"] += 1
        elif it.kind != "photo":
            counts[called(it.kind)] += 1
    passed = [f"{counted(what, n)} {'was' if n == 1 else 'were'} passed over" for what, n in named.items()]
    return Photos(tuple(files), (*passed, *lines), said(named + counts))


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of several people."""

    folders: dict[str, Path]
    """By their names, sorted."""
    passed: tuple[str, ...] = ()
    """A line on the photos that lie in none of them."""


def people(folder: Path) -> Folders:
    """The folders right below one, each of which is named after the person whom its photos show.

    Raises:
        ValueError: there are none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("bob", "alice", ".git"):
    ...         (Path(folder) / name).mkdir()
    ...     (Path(folder) / "a.jpg").touch()
    ...     there = people(Path(folder))
    >>> list(there.folders), len(there.passed)
    (['alice', 'bob'], 1)
    """
    if not folder.is_dir():
        raise ValueError(f"galleries {folder}: there is no such folder, expected one with a folder a person")
    found: dict[str, Path] = {}
    loose = 0
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not hidden(path.name):
            found[path.name] = path
        elif path.is_file():
            loose += entry(path.name, str(path)).kind in ("photo", "unsupported")
    there = counted("photo", loose)
    if not found:
        told = f"; there: {there} (photos of one person are for --gallery)" if loose else ""
        raise ValueError(f"galleries {folder}: found no folders, expected one for each person{told}")
    where = f"{there} in {folder}, in no person's folder, {'was' if loose == 1 else 'were'} passed over"
    return Folders(found, (where,) if loose else ())


def none_left(gallery: Path, found: Photos, why: str = "photo that can be read") -> ValueError:
    """The error of a gallery that has no photo of use."""
    more = "".join(f"; {line}" for line in found.passed[:3])
    return ValueError(f"gallery {gallery}: found no {why}, expected at least one; there: {found.found}{more}")


def called(kind: Kind) -> str:
    """What a file of a kind that is no picture is called."""
    return {"hidden": "hidden or system file", "tar": "tar file"}.get(kind, "file that is no picture")


def _unreadable(path: Path) -> str:
    """Why a photo cannot be read, in one line that names it; empty where it can be."""
    from .photo import Photo

    try:
        Photo.read(path)
    except PhotoError as error:
        return str(error)
    return ""


def said(counts: Counter[str]) -> str:
    """Numbers of things in words, the most first.

    >>> said(Counter({"photo": 1, "HEIC file": 3}))
    '3 HEIC files, 1 photo'
    """
    return ", ".join(counted(what, n) for what, n in counts.most_common() if n) or "nothing"


def counted(what: str, number: int) -> str:
    """
    >>> counted("file that is no picture", 2), counted("file of arrays", 3), counted("photo", 1)
    ('2 files that are no pictures', '3 files of arrays', '1 photo')
    """
    if number != 1:
        head, *rest = re.split("(?= of | that )", what, maxsplit=1)
        what = "".join([f"{head}s", *rest]).replace(" is no picture", " are no pictures")
    return f"{number:,} {what}"
