"""Where results go: the same tree under DST, never inside SRC, never two inputs onto one output."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

PARTS = ".mnd-parts"
"""Folder in DST for the pictures of shards that are not whole yet."""


def check_places(src: Path, dst: Path, root: Path | None = None) -> None:
    """Refuse a source and a folder of results of which one lies in the other.

    Args:
        src: the source.
        dst: the folder of results.
        root: what names in a source that is no folder are relative to; by default where it lies.

    Raises:
        ValueError: they do, or `dst` is a file.
    """
    real_src, real_dst = Path(os.path.realpath(src)), Path(os.path.realpath(dst))
    if dst.exists() and not dst.is_dir():
        raise ValueError(f"{dst}: this is a file, expected a folder for the results")
    home = real_src if src.is_dir() else Path(os.path.realpath(root or src.parent))
    if src.is_dir() and real_dst.is_relative_to(real_src):
        raise ValueError(f"{dst}: lies inside {src}, expected a folder outside of what is protected")
    if src.is_dir() and real_src.is_relative_to(real_dst):
        raise ValueError(f"{src}: lies inside {dst}, expected results in a folder of their own")
    if src.suffix.lower() == ".tar" and real_dst == home:
        raise ValueError(f"{dst}: holds {src.name} itself, expected another folder for the results")


def folded(name: str) -> str:
    """The name as file systems that know no case, and compose letters, see it.

    >>> folded("A/B.JPG") == folded("a/b.jpg"), folded("e\\u0301") == folded("\\u00e9")
    (True, True)
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def digest(name: str) -> bytes:
    """16 bytes that stand for a name: so many can be kept that no two of them are alike by chance."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def shard_of(name: str, count: int) -> int:
    """Which of `count` machines a name belongs to, 1..count; the same everywhere and for ever."""
    return int.from_bytes(digest(name)[:8], "big") % count + 1


class Claims:
    """The outputs that are taken, about 150 bytes each.

    >>> claims = Claims()
    >>> claims.take("a/B.jpg"), claims.take("A/b.jpg"), claims.take("a/B.jpg")
    ('free', 'taken', 'twice')
    """

    def __init__(self) -> None:
        self._owners: dict[bytes, bytes | None] = {}

    def take(self, name: str) -> str:
        """free: it is this name's now; twice: it was already; taken: it is another's."""
        own, plain = digest(name), folded(name)
        key = own if plain == name else digest(plain)
        owner = None if key is own else own
        if key not in self._owners:
            self._owners[key] = owner
            return "free"
        return "twice" if self._owners[key] == owner else "taken"


def is_reserved(name: str) -> bool:
    """Whether results under this name would be mistaken for what `mnd protect` itself writes to DST.

    >>> is_reserved("manifest.jsonl"), is_reserved(".mnd-parts/a.jpg"), is_reserved("a/report.html")
    (True, True, False)
    """
    first, _, rest = folded(name).partition("/")
    listed = first.startswith("manifest") and first.endswith(".jsonl")
    return first.startswith(".mnd") or (not rest and (listed or first == "report.html"))


def twins(names: Iterable[str]) -> dict[bytes, str]:
    """The names that come first of those that are one, by the digest of what they are as one.

    Args:
        names: gone through twice.

    >>> list(twins(["a.jpg", "b.jpg", "A.JPG"]).values())
    ['a.jpg']
    """
    claims, taken = Claims(), set()
    for name in names:
        if claims.take(name) == "taken":
            taken.add(digest(folded(name)))
    first: dict[bytes, str] = {}
    for name in names:
        if (key := digest(folded(name))) in taken:
            first.setdefault(key, name)
    return first


class Places:
    """The folders of results: each is made when it is needed, and has to lie in DST.

    Args:
        root: DST.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = os.path.realpath(root)
        self._known = ""

    def path(self, place: str) -> Path:
        """Where the result `place` (relative, with `/`) is to be written.

        Raises:
            ValueError: a link leads out of DST.
            OSError: its folder cannot be made.
        """
        path = self.root / place
        folder = str(path.parent)
        if folder != self._known:
            real = os.path.realpath(folder)  # before it is made: a link may lead into the source
            if real != self._real and not real.startswith(os.path.join(self._real, "")):
                raise ValueError(f"{place}: its folder is a link out of {self.root}, expected one inside")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._known = folder
        return path


@contextlib.contextmanager
def aside(dst: Path, tag: str) -> Iterator[Path]:
    """The folder for files that are being written; what a killed run left in it is taken away."""
    folder = dst / f".mnd{tag}-tmp"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
