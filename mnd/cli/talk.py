"""How much a command says: `--verbose`, `--quiet`, and a log file on wish."""

from __future__ import annotations

import contextlib
import logging
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from .. import __version__
from .app import UsageError
from .helping import COMPUTER

if TYPE_CHECKING:
    from .meter import Meter
    from .terminal import Teller

ROOT = "mnd"
"""The logger of the whole package."""
BEGINNING = b"# mnd log\n"
"""What a log begins with: nothing else is ever written to."""

AsVerbose = Annotated[
    bool, Parameter(["--verbose", "-v"], help="With tables, measures and details.", show_default=False)
]
AsQuiet = Annotated[
    bool, Parameter(["--quiet", "-q"], help="Say nothing but complaints.", show_default=False)
]
AsLog = Annotated[
    Path | None,
    Parameter(
        "--log",
        help="Write down what is done to this file, behind what it has: names of files, stages, errors in "
        "full; never pixels or what a network makes of a face.",
        show_default=False,
        group=COMPUTER,
    ),
]


@dataclass(frozen=True)
class Talk:
    """What was asked for."""

    verbose: AsVerbose = False
    quiet: AsQuiet = False
    log: AsLog = None

    def begin(self, photos: int = 0) -> tuple[Meter, Teller]:
        """The meter and the teller of a command, and its log.

        Raises:
            UsageError: both more and less was asked for, or the log cannot be written.
        """
        if self.verbose and self.quiet:
            raise UsageError("got --verbose and --quiet, expected one of the two")
        from .terminal import Meter, Teller

        if self.log is not None:
            write_log(self.log)
        return Meter(photos, self.quiet), Teller(self.verbose, self.quiet)


PLAIN = Talk()
if TYPE_CHECKING:
    AsTalk: TypeAlias = Any
else:
    AsTalk = Annotated[Talk, Parameter(name="*")]
"""A command with an argument of this type has all of these options."""


def write_log(path: Path) -> None:
    """Have all that is logged from now on stand in a file, until the command ends.

    Raises:
        UsageError: it cannot be written, or there is a file that is no log of this program.
    """
    try:
        with open(path, "ab+") as file:
            file.seek(0)
            found = file.read(len(BEGINNING))
            if not found:
                file.write(BEGINNING)
        if found and found != BEGINNING:
            raise UsageError(f"--log is {str(path)!r}, a file that is no log of mnd, expected another name")
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--log is {str(path)!r}: {error.strerror or error}") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger(ROOT)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.info("mnd %s, Python %s, %s", __version__, platform.python_version(), platform.platform())


@contextlib.contextmanager
def logging_faults() -> Iterator[None]:
    """Faults of this program are told in full on standard error; log files are closed at the end."""
    logger = logging.getLogger(ROOT)
    faults = logging.StreamHandler(sys.stderr)
    faults.setLevel(logging.ERROR)
    before = [*logger.handlers], logger.level
    logger.addHandler(faults)
    try:
        yield
    finally:
        for handler in set(logger.handlers) - set(before[0]):
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(before[1])


@contextlib.contextmanager
def bars_that_go() -> Iterator[None]:
    """Whatever ends a command, its bar is taken away before that is told."""
    try:
        yield
    finally:
        if meters := sys.modules.get("mnd.cli.meter"):
            meters.rest()


def log_record(record: Mapping[str, Any]) -> None:
    """What became of a photo."""
    from .console import printable

    error = record.get("error")
    why = f"; {error['kind']}: {printable(error['message'])}" if error else ""
    names = f"{printable(record.get('input'))} -> {printable(record.get('output'))}"
    told = f"{record.get('status')}, level {record.get('level')}, {record.get('seconds') or 0:.1f} s"
    logging.getLogger(__name__).info("%s: %s%s", names, told, why)
