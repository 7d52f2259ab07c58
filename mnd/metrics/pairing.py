"""Which pictures of two folders belong together: by their names, also where one is the cloaked file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..photo import walking

_MARK = ".cloaked"


@dataclass(frozen=True, slots=True)
class Pairs:
    """What of two folders is to be compared."""

    pairs: tuple[tuple[Path, Path], ...]
    """The original and the changed picture, in the order of the first folder."""
    alone: tuple[tuple[Path, str], ...]
    """Pictures without a partner, and why."""
    passed: tuple[str, ...] = ()
    """A line on the pictures that cannot be read."""


def pairs(a: Path, b: Path) -> Pairs:
    """The pictures of two folders, and of those below them, that have one name.

    A name is the path below the folder. Where there is none just like it, the ending does not count, nor does
    the `.cloaked` that `mnd cloak` puts before it, if there is one such picture alone.

    Raises:
        ValueError: one of them is no folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a/x.jpg", "a/y.jpg", "a/z.jpg", "b/x.jpg", "b/y.cloaked.png"):
    ...         path = Path(folder, name)
    ...         path.parent.mkdir(exist_ok=True)
    ...         path.touch()
    ...     found = pairs(Path(folder, "a"), Path(folder, "b"))
    >>> [(one.name, other.name) for one, other in found.pairs], [path.name for path, _ in found.alone]
    ([('x.jpg', 'x.jpg'), ('y.jpg', 'y.cloaked.png')], ['z.jpg'])
    """
    for folder in (a, b):
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder, expected two folders or two pictures")
    there, here = walking.photos(b), walking.photos(a)
    exact = {_name(path, b): path for path in there.files}
    names = [_name(path, a) for path in here.files]
    free = [path for name, path in exact.items() if name not in set(names)]
    like = _by_key(free, b)
    wanted = _by_key([path for path in here.files if _name(path, a) not in exact], a)
    found: list[tuple[Path, Path]] = []
    alone: list[tuple[Path, str]] = []
    for name, path in zip(names, here.files, strict=True):
        key = _key(name)
        if name in exact:
            found.append((path, exact[name]))
        elif len(like[key]) == 1 and len(wanted[key]) == 1:
            found.append((path, like[key][0]))
        else:
            alone.append((path, _why(b, like[key], wanted[key])))
    taken = {other for _, other in found}
    alone += [
        (path, _why(a, wanted[key], like[key]))
        for path in there.files
        if path not in taken and (key := _key(_name(path, b)))
    ]
    passed = (f"{folder}: {line}" for folder, it in ((a, here), (b, there)) for line in it.passed)
    return Pairs(tuple(found), tuple(alone), tuple(passed))


def _why(folder: Path, there: Sequence[Path], here: Sequence[Path]) -> str:
    if there and len(there) * len(here) > 1:
        return f"several pictures could be meant in {folder}: {', '.join(path.name for path in there[:3])}"
    return f"no picture of this name in {folder}"


def _by_key(paths: Sequence[Path], folder: Path) -> defaultdict[str, list[Path]]:
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        found[_key(_name(path, folder))].append(path)
    return found


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _key(name: str) -> str:
    """
    >>> _key("a/photo.cloaked.jpg"), _key("a/photo.JPG")
    ('a/photo', 'a/photo')
    """
    path = PurePosixPath(name)
    stem = path.stem[: -len(_MARK)] if path.stem.lower().endswith(_MARK) else path.stem
    return (path.parent / stem).as_posix() if stem else name
