"""Shards: tar files with pictures in them, as WebDataset has them, read and written member by member."""

from __future__ import annotations

import copy
import io
import os
import secrets
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..files import PhotoError
from .items import Item, Shard
from .outputs import PARTS
from .sources import is_named_picture, looks_like_picture

Replaced = Callable[["Member"], bytes | None]
"""The bytes that stand in for a picture, None: it is left out."""


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a shard."""

    name: str
    """Of its item: the shard's, `/`, its own."""
    number: int
    """Among all members, from 0."""
    offset: int
    size: int

    def item(self, shard: Shard) -> Item:
        """What a worker is given."""
        return Item(self.name, shard.path, (self.offset, self.size), self.part(shard))

    def part(self, shard: Shard) -> str:
        """Where its result waits for the others, relative to DST."""
        return f"{PARTS}/{shard.name}/{self.number:08d}"


def members(shard: Shard) -> list[Member]:
    """The pictures in a shard, in its order.

    Raises:
        PhotoError: it is broken, or cannot be read.
    """
    try:
        with open(shard.path, "rb") as file:
            return [
                Member(f"{shard.name}/{info.name}", number, info.offset_data, info.size)
                for number, info in enumerate(_infos(shard))
                if info.isreg() and not _hidden(info.name) and _is_picture(info, file)
            ]
    except OSError as error:
        raise PhotoError("missing", f"{shard.name}: cannot be read ({error.strerror or error})") from error


def _hidden(name: str) -> bool:
    return name.rsplit("/", 1)[-1].startswith(".")


def _is_picture(info: tarfile.TarInfo, file: io.BufferedReader) -> bool:
    if is_named_picture(info.name):
        return True
    file.seek(info.offset_data)
    return info.size > 0 and looks_like_picture(file.read(min(16, info.size)))


def _infos(shard: Shard) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(shard.path, "r:") as tar:
            while (info := tar.next()) is not None:
                yield info
                _forget(tar)
            end = tar.offset
        with open(shard.path, "rb") as file:
            file.seek(end)
            mark = file.read(tarfile.BLOCKSIZE)
    except tarfile.TarError as error:
        raise PhotoError("truncated", f"{shard.name}: no whole tar file ({error})") from error
    except OSError as error:
        raise PhotoError("unreadable", f"{shard.name}: cannot be read ({error.strerror or error})") from error
    if mark != bytes(tarfile.BLOCKSIZE):
        # tarfile takes a broken header for the end
        why = "something else than a member or the end of the tar file"
        raise PhotoError("truncated", f"{shard.name}: at byte {end:,} stands {why}")


def _forget(tar: tarfile.TarFile) -> None:
    """It would keep what it knows of every member."""
    tar.__dict__["members"].clear()


def assemble(shard: Shard, aside: Path, replaced: Replaced) -> Path:
    """The shard again with other pictures, in a new file: other members, and the order, stay as they are.

    Args:
        shard: the source.
        aside: folder for the file.
        replaced: what stands in for each picture.

    Raises:
        PhotoError: the source cannot be read any more.
        OSError: the file cannot be written.
    """
    pictures = {member.number: member for member in members(shard)}
    made = aside / f".mnd-{secrets.token_hex(6)}.tar"
    try:
        with open(shard.path, "rb") as source, open(made, "xb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for number, info in enumerate(_infos(shard)):
                    _copy(tar, info, source, replaced, pictures.get(number))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    return made


def _copy(
    tar: tarfile.TarFile,
    info: tarfile.TarInfo,
    source: io.BufferedReader,
    replaced: Replaced,
    picture: Member | None,
) -> None:
    info = copy.copy(info)
    if picture is None:
        source.seek(info.offset_data)
        tar.addfile(info, source if info.isreg() else None)
    else:
        data = replaced(picture)
        if data is None:
            return
        info.size = len(data)
        info.pax_headers = {k: v for k, v in info.pax_headers.items() if k != "size"}
        tar.addfile(info, io.BytesIO(data))
    _forget(tar)


class Stored:
    """The pictures in the result of a shard, by the names of their items.

    Args:
        shard: the source.
        out: its result; where there is none, there are no pictures.
    """

    def __init__(self, shard: str, out: Path) -> None:
        infos = _infos(Shard(shard, str(out))) if out.is_file() else iter(())
        self._path = out
        self._spans = {f"{shard}/{info.name}": (info.offset_data, info.size) for info in infos}

    def get(self, name: str) -> bytes | None:
        """The bytes of a picture, None where there is no such picture."""
        if name not in self._spans:
            return None
        offset, size = self._spans[name]
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
