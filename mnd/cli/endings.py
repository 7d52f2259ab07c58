"""Runs that take long, and what ends them: Ctrl-C, SIGTERM, a disk that is full."""

from __future__ import annotations

import contextlib
import errno
import signal
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from .app import FAILED, INTERRUPTED, UsageError

TERMINATED = 143
"""Exit status after SIGTERM."""


class TerminatedError(Exception):
    """SIGTERM came: end in order."""


class Resting(Protocol):
    """A display that can be taken away, and that can say something."""

    def rest(self) -> None: ...

    def note(self, text: str) -> None: ...


def to_its_end(work: Callable[[], object], meter: Resting) -> int | None:
    """Do the work; the exit status where something has ended it, None where it is done.

    Raises:
        UsageError: it was asked for in a way that cannot work.
        OSError: weights are missing, and cannot or may not be downloaded.
    """
    from ..base.errors import OfflineError

    try:
        with _terminable():
            work()
    except KeyboardInterrupt:
        return INTERRUPTED
    except TerminatedError:
        return TERMINATED
    except (OfflineError, ConnectionError):
        raise
    except (ValueError, FileNotFoundError, PermissionError, ModuleNotFoundError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        room = "make room: " if error.errno == errno.ENOSPC else ""
        meter.note(f"{error}; {room}what is in the manifest is done, and another run goes on from there")
        return FAILED
    finally:
        meter.rest()
    return None


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends what is in here in order."""

    def stop(number: int, frame: Any) -> None:
        del number, frame
        raise TerminatedError

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
