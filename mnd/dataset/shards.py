"""Shards: tar files with pictures in them, as WebDataset has them, read and written member by member."""

from __future__ import annotations

import copy
import io
import secrets
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..base.disks import sync
from ..base.files import PhotoError, shown
from ..photo.metadata.pictures import starts_picture
from ..photo.walking import hidden
from .items import Shard
from .members import Contents, Member, Replaced, Wants, everything
from .sources import is_named_picture, looks_like_picture

_HOLDERS: dict[str, tuple[tuple[str, ...], tuple[bytes, ...]]] = {
    "video": ((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp",
               ".m2ts", ".mjpeg"), (b"ftyp", b"\x1aE\xdf\xa3")),
    "archive": ((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"),
                (b"PK\3\4", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ")),
    "file of arrays": ((".npz", ".npy", ".h5", ".hdf5", ".pt", ".pth", ".pkl", ".pickle", ".mat", ".parquet",
                        ".arrow", ".tfrecord", ".msgpack"), (b"\x93NUMPY", b"\x89HDF", b"PAR1")),
    "document": ((".pdf", ".docx", ".pptx", ".odt", ".psd", ".svg"), (b"%PDF",)),
}  # fmt: skip
"""What can have faces in it, by what it is called: suffixes, and the bytes that such files begin with."""
_BASE64 = (b"/9j/", b"iVBORw0KGgo", b"data:image", b"UklGR")
_BLOCK = 1 << 20
_SIGN = 32
"""Bytes that the longest sign of a picture has at most."""
_LITTLE = 300
"""Bytes: a small face needs more."""


def members(shard: Shard, wants: Wants = everything) -> list[Member]:
    """The pictures in a shard that are to be worked on, in its order.

    Raises:
        PhotoError: it is broken, or cannot be read.
    """
    return contents(shard, wants).pictures


def contents(shard: Shard, wants: Wants = everything) -> Contents:
    """What is in a shard; hidden members are no pictures.

    Args:
        shard: the tar file.
        wants: whether a picture of this name is to be worked on.

    Raises:
        PhotoError: it is broken, or cannot be read.
    """
    found = Contents([], {})
    try:
        with open(shard.path, "rb") as file:
            for number, info in enumerate(_infos(shard)):
                if not _is_file(info):
                    continue
                base = info.name.rsplit("/", 1)[-1]
                is_picture = _is_picture(info, file)
                if not is_picture:
                    kind = _may_show_faces(info, file)
                elif hidden(base):
                    kind = _of_a_hidden_picture(info, file)
                elif wants(info.name):
                    found.pictures.append(
                        Member(f"{shard.name}/{info.name}", number, info.offset_data, info.size)
                    )
                    continue
                else:
                    kind = "picture left alone"
                if kind:
                    found.left.setdefault(kind, []).append(f"{shard.name}/{info.name}")
    except OSError as error:
        raise PhotoError("missing", f"{shard.name}: cannot be read ({error.strerror or error})") from error
    return found


def _is_file(info: tarfile.TarInfo) -> bool:
    """A file, or of a type that nobody knows: POSIX has readers take that for a file."""
    return info.isreg() or info.type not in tarfile.SUPPORTED_TYPES


def _of_a_hidden_picture(info: tarfile.TarInfo, file: io.BufferedReader) -> str:
    """`._a.jpg` is what macOS notes beside a.jpg, so that only its bytes tell whether a picture is in it."""
    if info.name.rsplit("/", 1)[-1].startswith("._") and not looks_like_picture(_head(info, file, 16)):
        return _may_show_faces(info, file)
    return "hidden picture"


def _is_picture(info: tarfile.TarInfo, file: io.BufferedReader) -> bool:
    return is_named_picture(info.name) or (info.size > 0 and looks_like_picture(_head(info, file, 16)))


def _may_show_faces(info: tarfile.TarInfo, file: io.BufferedReader) -> str:
    """What a member is called that is no picture and may have some in it; empty where it has none."""
    lower, head = info.name.lower(), _head(info, file, 16)
    for kind, (suffixes, heads) in _HOLDERS.items():
        if lower.endswith(suffixes) or head.startswith(heads) or head[4:8] in heads:
            return kind
    if info.size <= _LITTLE:
        return ""
    file.seek(info.offset_data)
    return pictures_in(_blocks(file, info.size))


def pictures_in_text(path: Path) -> str:
    """What a text is called that has pictures in it; empty where it has none."""
    with path.open("rb") as file:
        return pictures_in(_blocks(file, path.stat().st_size))


def pictures_in(blocks: Iterable[bytes]) -> str:
    """What is in blocks of a text, as `pictures_in_text` says it."""
    for block in blocks:
        if any(sign in block for sign in _BASE64):
            return "text with pictures in it"
        if starts_picture(block):
            return "file with a picture in it"
    return ""


def _blocks(file: io.BufferedReader, left: int) -> Iterator[bytes]:
    """So many bytes; each block begins with the end of the one before, where a sign may be cut."""
    last = b""
    while left > 0 and (block := file.read(min(_BLOCK, left))):
        yield last + block
        left, last = left - len(block), block[-_SIGN:]


def _head(info: tarfile.TarInfo, file: io.BufferedReader, size: int) -> bytes:
    file.seek(info.offset_data)
    return file.read(min(size, info.size))


def _infos(shard: Shard) -> Iterator[tarfile.TarInfo]:
    """The members of a tar file, and of others that were joined to its end."""
    start: int | None = 0
    try:
        with open(shard.path, "rb") as file:
            while start is not None:
                file.seek(start)
                with tarfile.open(fileobj=file, mode="r:") as tar:
                    while (info := tar.next()) is not None:
                        if not 0 <= info.size < 1 << 62:  # no file has that: seek and read would refuse it
                            raise tarfile.ReadError(f"a member of {info.size} bytes")
                        if info.issparse():  # its bytes do not lie in one piece
                            why = "is stored with holes: pack the tar without --sparse"
                            raise PhotoError("unsupported", f"{shard.name}: {shown(info.name)} {why}")
                        yield info
                        _forget(tar)
                    start = _next_archive(file, tar.offset, shard.name)
    except tarfile.TarError as error:
        raise PhotoError("truncated", f"{shard.name}: no whole tar file ({error})") from error
    except OSError as error:
        raise PhotoError("unreadable", f"{shard.name}: cannot be read ({error.strerror or error})") from error


def _next_archive(file: io.BufferedReader, end: int, name: str) -> int | None:
    """Where another archive begins behind the one that ends at byte `end`; None: nothing but zeros follows.

    Raises:
        PhotoError: it does not end there: tarfile takes a broken header for the end.
    """
    file.seek(end)
    mark = file.read(tarfile.BLOCKSIZE)
    # the zeros at the end may be missing altogether
    broken = any(mark)
    at = end + len(mark)
    while not broken and (block := file.read(_BLOCK)):
        if not any(block):
            at += len(block)
            continue
        zeros = len(block) - len(block.lstrip(b"\0"))
        return at + zeros // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
    if broken:
        why = "something else than a member or the end of the tar file"
        raise PhotoError("truncated", f"{name}: at byte {end:,} stands {why}")
    return None


def _forget(tar: tarfile.TarFile) -> None:
    """It would keep what it knows of every member."""
    tar.__dict__["members"].clear()


def assemble(shard: Shard, aside: Path, replaced: Replaced, wants: Wants = everything) -> Path:
    """The tar file again with other pictures, in a new one; see `mnd.dataset.members.assemble`."""
    pictures = {member.number: member for member in members(shard, wants)}
    made = aside / f".mnd-{secrets.token_hex(6)}.tar"
    try:
        with open(shard.path, "rb") as source, open(made, "xb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for number, info in enumerate(_infos(shard)):
                    _copy(tar, info, source, replaced, pictures.get(number))
            file.flush()
            sync(file.fileno(), aside)
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
        tar.addfile(info, source if _is_file(info) else None)
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
        # a link or folder of the name of a picture says nothing of the picture
        files = (info for info in infos if _is_file(info))
        self._spans = {f"{shard}/{info.name}": (info.offset_data, info.size) for info in files}

    def get(self, name: str) -> bytes | None:
        """The bytes of a picture, None where there is no such picture."""
        if name not in self._spans:
            return None
        offset, size = self._spans[name]
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
