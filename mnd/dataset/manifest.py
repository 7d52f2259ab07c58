"""The manifest: a header that says how, then one line a photo that says what; appended, synced, never torn.

Lines are JSON objects. A header has `"mnd_manifest"`; every other line has `"input"` and `"status"`. A later
line of the same input stands instead of an earlier one.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ..base.disks import can_lock, sync
from ..base.errors import MndError
from ..base.files import LONGEST, shown
from ..base.jsonlines import Appender
from .lines import Line, is_line
from .outputs import digest

FORMAT = 1
"""Of the manifest; in its header."""
STATUSES = ("protected", "whole", "copied", "skipped", "held", "failed", "other", "shard")
"""What can have become of an input. whole: protected as a whole picture, since no face was found; copied,
skipped: no face was found; held: held back, since a face is suspected or could not be proven to be protected;
other: no picture; shard: a tar file whose pictures have lines of their own."""
LONGEST_MESSAGE = 1000
"""Characters of the message of an error."""
_LONG = re.compile(rf"\S{{{LONGEST + 1},}}")
_PLACE = 1 << 48
"""Offsets in a manifest are below this; what is above says which manifest."""


class ManifestError(MndError, ValueError):
    """A manifest that cannot be read; the message names the file and the line."""


class LockedError(MndError, ValueError):
    """Another run writes to the same manifest."""


def manifest_path(dst: Path, shard: tuple[int, int] | None = None) -> Path:
    """
    >>> manifest_path(Path("d")).name, manifest_path(Path("d"), (2, 8)).name
    ('manifest.jsonl', 'manifest-2-of-8.jsonl')
    """
    return dst / f"manifest{tag(shard)}.jsonl"


def tag(shard: tuple[int, int] | None) -> str:
    """What the files of a run are told apart by."""
    return "" if shard is None else f"-{shard[0]}-of-{shard[1]}"


def manifests(dst: Path) -> list[Path]:
    """Every manifest in a folder of results: the one of the whole first, then those of shards."""
    shards = sorted(dst.glob("manifest-*-of-*.jsonl"))
    return [p for p in (manifest_path(dst), *shards) if p.is_file()]


def shortened(line: Line) -> Line:
    """The line with no more than 200 characters of a name: a name may be what nobody should read here.

    `input_digest` then stands for the whole name. Of the gallery no names are written down, only numbers.

    >>> line = shortened({"input": "x" * 300, "output": None, "error": None})
    >>> len(line["input"]), len(line["input_digest"])
    (200, 32)
    """
    name, output, error = line["input"], line.get("output"), line.get("error")
    if len(name) > LONGEST:
        line = line | {"input": shown(name), "input_digest": digest(name).hex()}
    if output is not None and len(output) > LONGEST:
        line = line | {"output": shown(output)}
    if error:  # every text of it: a line by somebody else may have others
        long = {key for key, text in error.items() if isinstance(text, str) and len(text) > LONGEST}
        line = line | {"error": error | {key: _cut(error[key], name) for key in long}}
    if gallery := line.get("gallery"):
        line = line | {"gallery": {key: value for key, value in gallery.items() if key != "passed"}}
    return line


def _cut(message: str, name: str) -> str:
    """A message about a name."""
    for part in sorted({name, name.rsplit("/", 1)[-1]}, key=len, reverse=True):
        if len(part) > LONGEST:
            message = message.replace(part, shown(part))
    # what is left may be a name in other words: quoted, or a part of a path
    message = _LONG.sub(lambda word: shown(word[0]), message)
    half = LONGEST_MESSAGE // 2
    cut = f"{message[: half - 1]}\N{HORIZONTAL ELLIPSIS}{message[-half:]}"
    return message if len(message) <= LONGEST_MESSAGE else cut


def name_digest(line: Line) -> bytes:
    """What an input is known by."""
    told = line.get("input_digest")
    return bytes.fromhex(told) if told else digest(line["input"])


def read_manifest(path: Path, torn: bool = False) -> Iterator[tuple[int, Line]]:
    """Every line with its offset in bytes, headers too, one after the other.

    Args:
        path: the manifest.
        torn: accept a broken last line, which a running or killed writer leaves.

    Raises:
        FileNotFoundError: there is no such file.
        ManifestError: a line is broken; names file and line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "manifest.jsonl"
    ...     _ = path.write_text('{"input": "a.jpg", "status": "protected"}\\n')
    ...     [(offset, line)] = read_manifest(path)
    >>> offset, line["status"]
    (0, 'protected')
    """
    for offset, _, line in _read(path, torn):
        yield offset, line


def _read(path: Path, torn: bool) -> Iterator[tuple[int, int, Line]]:
    """Every line with where it begins and ends."""
    offset, broken = 0, ""
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            if broken:
                raise ManifestError(broken)
            line, end = _parsed(text), offset + len(text)
            if line is None:
                broken = f"{path}, line {number}: got {text[:60]!r}, expected a JSON object with an input"
            else:
                yield offset, end, line
            offset = end
    if broken and not torn:
        raise ManifestError(broken)


def latest(paths: Sequence[Path]) -> Iterator[Line]:
    """The line that stands for each input, in the order in which they were written; no headers.

    Streams: what is kept in memory is where the line of each input is. A broken last line is passed over.
    """
    with contextlib.closing(Index()) as index:
        for path in paths:
            index.add(path, torn=True)
        for place in index.places():
            yield index.at(place)


def headers(path: Path) -> list[Line]:
    """The headers of a manifest: one for each time that settings or versions changed.

    Raises:
        ManifestError: a line is broken.
    """
    return [line for _, line in read_manifest(path, torn=True) if "mnd_manifest" in line]


def _parsed(text: bytes) -> Line | None:
    """The object in a whole line, None where it is none."""
    if not text.endswith(b"\n"):
        return None
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return line if is_line(line, STATUSES) else None


class Index:
    """Where the line of each input is: some 200 bytes an input, whatever its line says."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._files: list[BinaryIO] = []
        self.header: Line | None = None
        """The last one of all."""
        self.origins: set[tuple[str, str]] = set()
        """Name and place of every source that a header tells of."""

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: str) -> bool:
        return digest(name) in self._places

    def add(self, path: Path, torn: bool = False) -> None:
        """Take in a manifest, whose lines stand instead of those of others.

        Raises:
            ManifestError: a line is broken.
        """
        base = len(self._files) * _PLACE
        for offset, line in read_manifest(path, torn):
            if "mnd_manifest" in line:
                self.header = line
                self.origins.add((line.get("source") or "", line.get("source_place") or ""))
            else:
                self._places[name_digest(line)] = base + offset
        self._files.append(path.open("rb"))

    def get(self, name: str) -> Line | None:
        """The line of an input, None where it has none."""
        place = self._places.get(digest(name))
        return None if place is None else self.at(place)

    def places(self) -> list[int]:
        """Of all lines that stand, in their order."""
        return sorted(self._places.values())

    def at(self, place: int) -> Line:
        """The line at a place."""
        file = self._files[place // _PLACE]
        file.seek(place % _PLACE)
        line = json.loads(file.readline())
        assert isinstance(line, dict)
        return shortened(line)  # earlier versions wrote names as they were

    def close(self) -> None:
        """Close the files, and forget all."""
        for file in self._files:
            file.close()
        self._places.clear()


class Manifest(Appender):
    """Writes a manifest: what `append` has returned from is on the disk.

    Args:
        path: the file; a broken last line, left by a run that was killed, is cut off, and `repaired` says so.

    Raises:
        ManifestError: another line is broken.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.repaired = _repair(path)
        super().__init__(path)


def _repair(path: Path) -> str:
    """Cut a broken last line off; what was done, in words, empty where nothing was."""
    if not path.is_file():
        return ""
    whole, size = 0, path.stat().st_size
    for _, end, _ in _read(path, torn=True):
        whole = end
    if whole == size:
        return ""
    with path.open("r+b") as file:
        file.truncate(whole)
        sync(file.fileno(), path.parent)
    return f"{path}: the last line was broken off; {size - whole:,} bytes of it were removed"


@contextlib.contextmanager
def locked(dst: Path, shard: tuple[int, int] | None) -> Iterator[None]:
    """Nobody else writes to this manifest; the lock falls with the process that holds it.

    On a disk that knows no locks there is none, and that is said.

    Raises:
        LockedError: somebody does.
        OSError: the folder cannot be written to.
    """
    import filelock

    if not can_lock(dst / f".mnd{tag(shard)}.lock"):
        yield
        return
    lock = filelock.FileLock(dst / f".mnd{tag(shard)}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise LockedError(
            f"{dst}: another run of mnd protect is writing here, expected to be alone (or another --shard)"
        ) from error
    try:
        yield
    finally:
        lock.release()
