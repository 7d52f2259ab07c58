"""Disks: what some cannot do (network shares, FUSE, exFAT), and how to go on all the same.

A disk that knows no fsync or no locks has written the data as well as it can: that is no failure, but it is
said, once.
"""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path

NOT_KNOWN = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a disk answers to a request that it does not know."""
_NO_LOCKS = NOT_KNOWN | {errno.ENOLCK}
_SYNC = "that what was written outlasts a power cut (it knows no fsync)"
_LOCK = "that only one run writes to a folder (it knows no locks): start no second one"
_told: set[str] = set()


class DiskWarning(UserWarning):
    """Something that a disk cannot promise; work goes on."""


def sync(fd: int, folder: Path | str) -> None:
    """Wait until the file is on the disk, as far as the disk can tell.

    Args:
        fd: the open file.
        folder: it is in, for what is said of a disk that cannot.

    Raises:
        OSError: it could not be written.
    """
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in NOT_KNOWN:
            raise
        _tell(folder, _SYNC)


def can_lock(path: Path) -> bool:
    """Whether a file, which is made, can be locked on its disk; where it cannot, that is said.

    Raises:
        OSError: it cannot be made.
    """
    try:
        import fcntl
    except ImportError:  # other systems have locks of their own, which disks know
        return True
    fd = os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)
    try:
        # shared, so that two who try at once are not in each other's way
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            _tell(path.parent, _LOCK)
            return False
    finally:
        os.close(fd)
    return True


def silence() -> None:
    """Nothing is said in this process: it belongs to another one, which has said it."""
    _told.update((_SYNC, _LOCK))


def _tell(folder: Path | str, what: str) -> None:
    if what not in _told:
        _told.add(what)
        warnings.warn(f"{folder}: this disk cannot promise {what}", DiskWarning, stacklevel=3)
