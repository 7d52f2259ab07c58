"""Files: errors that name the file, names for what is made, and writes that happen wholly or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Literal

from . import windows
from .disks import NOT_KNOWN, sync
from .errors import MndError

Kind = Literal[
    "missing",
    "empty",
    "truncated",
    "not-an-image",
    "too-large",
    "folder",
    "unsupported",
    "unreadable",
    "exists",
    "original",
    "unwritable",
    "disk-full",
    "changed",
    "damaged",
    "not-as-made",
    "other-photo",
]

_NO_LINKS = NOT_KNOWN | {errno.EPERM, errno.EACCES, errno.EMLINK, errno.EXDEV}
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_BINARY = getattr(os, "O_BINARY", 0)


class PhotoError(MndError, ValueError):
    """A photo that cannot be read or written: `kind` for programs, the message for people.

    >>> error = PhotoError("empty", "a.jpg: the file has 0 bytes, expected a photo")
    >>> error.kind, str(error)
    ('empty', 'a.jpg: the file has 0 bytes, expected a photo')
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind

    def __reduce__(self) -> tuple[type[PhotoError], tuple[Kind, str]]:
        # so that a worker process can hand the error back whole
        return type(self), (self.kind, str(self))


LONGEST = 200
"""Characters of a name in what is written down: a name can be anything, also what none should read there."""


def shown(name: object) -> str:
    """A name as it is told: cut in the middle where it is long.

    >>> shown("a.jpg"), len(shown("x" * 1000))
    ('a.jpg', 200)
    """
    text = str(name)
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[: half - 1]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"


def cloaked_path(path: Path | str, out: Path | str | None = None, suffix: str | None = None) -> Path:
    """Where the cloaked version of `path` goes: beside it, into the folder `out`, or to the file `out`.

    `out` is a folder when one is there, when it ends with a separator, or when it has no suffix. `suffix` is
    that of another format.

    >>> cloaked_path("a/photo.jpg").as_posix(), cloaked_path("a/photo.jpg", "b.jpg").as_posix()
    ('a/photo.cloaked.jpg', 'b.jpg')
    >>> cloaked_path("a/photo.jpg", "b/").as_posix()
    'b/photo.cloaked.jpg'
    """
    source = Path(path)
    name = f"{source.stem}.cloaked{source.suffix if suffix is None else suffix}"
    if out is None:
        return source.with_name(name)
    target = Path(out)
    folder = os.path.isdir(target) or not target.suffix or str(out).endswith(("/", os.sep))
    return target / name if folder else target


def read_bytes(path: Path, limit: int) -> bytes:
    """All bytes of the file `path`, which must be a regular file of 1 to `limit` bytes.

    Raises:
        PhotoError: missing, folder, unreadable, empty, or too-large.
    """
    try:
        # O_NONBLOCK: opening a pipe must not wait for its writer
        fd = os.open(path, os.O_RDONLY | _BINARY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _unread(path, error) from error
    try:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise PhotoError("folder", f"{path}: this is a folder, expected a photo")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError("unsupported", f"{path}: this is a device or a pipe, expected a regular file")
        if status.st_size == 0:
            raise PhotoError("empty", f"{path}: the file has 0 bytes, expected a photo")
        if status.st_size > limit:
            got = f"{status.st_size:,} bytes"
            raise PhotoError("too-large", f"{path}: the file has {got}, expected at most {limit:,}")
        with open(fd, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        raise _unread(path, error) from error
    finally:
        os.close(fd)


def _unread(path: Path, error: OSError) -> PhotoError:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return PhotoError("missing", f"{path}: there is no such file, expected a photo")
    if isinstance(error, (IsADirectoryError, PermissionError)) and os.path.isdir(path):
        return PhotoError("folder", f"{path}: this is a folder, expected a photo")
    return PhotoError("unreadable", f"{path}: cannot be read ({error.strerror or error})")


def write_atomic(path: Path | str, data: bytes, overwrite: bool = False, aside: Path | None = None) -> Path:
    """Write `data` to `path` wholly or not at all: a temporary name beside it, fsync, then the real name.

    Without `overwrite` an existing file is never replaced, not even one that appears during the writing. The
    temporary name is in the folder `aside` where one is given; it has to be on the same file system.

    Raises:
        PhotoError: exists, folder, unwritable, or disk-full; no temporary file is left behind.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(Path(folder) / "a.txt", b"hello").read_bytes()
    b'hello'
    """
    path = Path(path)
    _check_name(path, overwrite)
    temporary = (aside or path.parent) / f".mnd-{secrets.token_hex(6)}.tmp"
    try:
        try:
            _write(temporary, data)
            if overwrite:
                windows.replace(temporary, path)
            else:
                _publish(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    except OSError as error:
        raise _unwritten(path, error, len(data)) from error
    _sync_folder(path.parent)
    return path


def write_checked(path: Path, data: bytes, overwrite: bool = False, aside: Path | None = None) -> None:
    """`write_atomic`, and read the file again: one that does not hold what was written does not stay.

    Raises:
        PhotoError: as `write_atomic`; unwritable also where something else is read than was written.
    """
    write_atomic(path, data, overwrite, aside)
    kept = False
    try:
        kept = read_bytes(path, len(data)) == data
    finally:
        if not kept:
            path.unlink(missing_ok=True)
    if not kept:
        raise PhotoError("unwritable", f"{path}: the file does not hold what was written to it")


def check_free(path: Path, overwrite: bool) -> None:
    """Refuse to write to a folder, to an existing file without `overwrite`, or where nothing can be written.

    Whether the folder takes files is tried with an empty one, which goes again: what a disk says of itself
    need not hold.

    Raises:
        PhotoError: folder, exists, unwritable, or disk-full.
    """
    _check_name(path, overwrite)
    try_folder(path.parent)


def try_folder(folder: Path) -> None:
    """Write an empty file into a folder, and take it away again.

    Raises:
        PhotoError: unwritable, or disk-full.
    """
    tried = folder / f".mnd-{secrets.token_hex(6)}.tmp"
    try:
        try:
            _write(tried, b"")
        finally:
            with contextlib.suppress(OSError):
                os.unlink(tried)
    except OSError as error:
        raise _unwritten(folder, error, 0) from error


def _check_name(path: Path, overwrite: bool) -> None:
    """All of `check_free` that can be told without writing."""
    check_name(path)
    if _is_of_the_system(path.parent):
        why = "no folder for files, expected another one (-o)"
        raise PhotoError("unwritable", f"{path}: {path.parent} is {why}")
    if os.path.isdir(path):
        raise PhotoError("folder", f"{path}: this is a folder, expected the name of a file to write")
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    if not os.path.isdir(path.parent):
        raise _no_folder(path)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PhotoError("unwritable", f"{path}: cannot be written, the folder {path.parent} is read-only")


def check_name(path: Path) -> None:
    """Refuse a name that the disk does not take.

    Raises:
        PhotoError: unwritable.
    """
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            got = f"a name of {len(os.fsencode(path.name))} bytes in a path of {len(os.fsencode(path))}"
            why = "which this disk does not take, expected a shorter one"
            raise PhotoError("unwritable", f"{path}: {got}, {why}") from error
    except ValueError as error:  # a zero byte
        raise PhotoError("unwritable", f"{path}: no name for a file ({error})") from error
    if windows.HERE and (part := windows.reserved(path.name)):
        why = f"Windows keeps {part!r} for itself, expected another name"
        raise PhotoError("unwritable", f"{path}: no name for a file: {why}")


def _is_of_the_system(folder: Path) -> bool:
    """Whether a folder is for devices: who reads `/dev/stdin` must not get a `/dev/stdin.cloaked`."""
    if os.name != "posix":
        return False
    # as it is named: /dev/fd is a link
    for name in (os.path.abspath(folder), os.path.realpath(folder)):
        if name in ("/dev", "/dev/fd") or name.startswith(("/proc/", "/sys/")):
            return True
    return False


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        sync(fd, path.parent)
    finally:
        os.close(fd)


def _publish(temporary: Path, path: Path) -> None:
    """Give `temporary` its real name unless that name is taken; the check and the naming are one step."""
    try:
        os.link(temporary, path)
        return
    except FileExistsError:
        raise
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LINKS:
            raise
    # a file system without hard links: reserve the name, then replace our own empty file
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666))
    try:
        windows.replace(temporary, path)
    except BaseException:
        os.unlink(path)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the new name last a power cut, on systems where a folder can be synchronised."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _exists(path: Path) -> PhotoError:
    return PhotoError("exists", f"{path}: the file exists already, expected a free name (or overwrite)")


def _no_folder(path: Path) -> PhotoError:
    return PhotoError("unwritable", f"{path}: there is no folder {path.parent}, expected one to write to")


def _unwritten(path: Path, error: OSError, size: int) -> PhotoError:
    if isinstance(error, FileExistsError):
        return _exists(path)
    if error.errno in _FULL:
        return PhotoError("disk-full", f"{path}: no room for {size:,} bytes ({error.strerror or error})")
    if windows.HERE and (why := windows.too_long(path)):
        return PhotoError("unwritable", f"{path}: {why}")
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return _no_folder(path)
    if windows.in_use(error):
        why = "it is read-only, or open in another program: close that and try again"
        return PhotoError("unwritable", f"{path}: cannot be written ({error.strerror or error}): {why}")
    return PhotoError("unwritable", f"{path}: cannot be written ({error.strerror or error})")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_sha256(path: Path, expected: str | None) -> None:
    """Refuse a file whose sha256 does not begin with `expected` (`None`: nothing is known of it).

    Raises:
        ValueError: it is another file; the message has both sums.
    """
    if expected is not None and not (got := sha256_of(path)).startswith(expected.lower()):
        raise ValueError(f"{path}: sha256 is {got}, expected {expected}: the file is damaged or another one")
