"""What a damaged input is, and what can become of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LONGEST = 2000
"""Characters of a message."""
FAULTS = ("traceback", "leak", "unlike", "memory", "hang", "crash")
"""traceback: an exception that is none of those promised, or one without a message, or a message without end.
leak: the planted picture is in what is written or told. unlike: what was written does not read as it should.
memory: far more of it was taken than the input can need. hang, crash: of the whole process."""


@dataclass(frozen=True, slots=True)
class Case:
    """A damaged input."""

    reader: str
    """Which reader gets it."""
    data: bytes
    suffix: str = ".bin"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an input: accepted, refused, or a fault, with words on it."""

    what: str
    why: str = ""


ACCEPTED, REFUSED = Verdict("accepted"), Verdict("refused")


class Kind(Protocol):
    """A kind of inputs."""

    def make(self, number: str) -> Case:
        """The damaged input with this number, always the same one."""
        ...

    def judge(self, case: Case, folder: Path) -> Verdict:
        """Give it to its reader; `folder` is empty, for files. Exceptions that come out are tracebacks."""
        ...


def refused(error: Exception) -> Verdict:
    """Of an exception that is promised: its message has to be one."""
    text = str(error)
    if not text.strip():
        return Verdict("traceback", f"{type(error).__name__} without a message")
    if len(text) > LONGEST:
        return Verdict("traceback", f"{type(error).__name__} with a message of {len(text):,} characters")
    return REFUSED
