"""What all commands share: the application, exit statuses, errors, and how a result is told."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from cyclopts import App, Parameter

from .. import __version__
from ..base.disks import DiskWarning
from ..base.jsonlines import finite
from ..base.plugins import PluginWarning
from ..cloaking.apps_told import unanswered
from ..cloaking.record import Record
from ..cloaking.settings import CloakSettings
from .config import configured

T = TypeVar("T")

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: all protected, something was not, wrong usage, Ctrl-C."""


TOLD = (DiskWarning, PluginWarning)
"""Warnings that are for people."""


class UsageError(ValueError):
    """The command was called in a way that cannot work."""


class NotReadyError(Exception):
    """A target cannot be loaded, so that no photo can be done: `kind` as in a record's `error`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def mend_streams() -> None:
    """Have standard output and error be there, and take any name.

    Where the caller has closed one (`>&-`) it goes nowhere. That is opened at once, so that no photo gets the
    number of a stream that libraries write to.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  as long as the process
            os.set_inheritable(nowhere.fileno(), True)  # workers, too, must have one
            setattr(sys, name, nowhere)
        elif hasattr(stream, "reconfigure"):  # names of files can hold what no encoding has
            stream.reconfigure(errors="backslashreplace")


def forget_output() -> None:
    """What is left in the buffer of standard output must not fail again at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """What a disk or another package cannot do is told as everything else is, not as a warning about code."""
    with warnings.catch_warnings():
        for kind in TOLD:
            warnings.simplefilter("always", kind)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, TOLD):
                print(f"mnd: {message}", file=sys.stderr)
            else:
                usual(message, category, *rest, **more)

        warnings.showwarning = show
        yield


app = App(
    name="mnd",
    help="Change a photo as little as the eye can notice so that face recognisers fail on it.",
    version=f"mnd {__version__}",
    help_format="markdown",
    # a name that begins with a bracket is a name, no JSON
    default_parameter=Parameter(negative=(), json_list=False, json_dict=False),
    config=configured,
)
app.register_install_completion_command(
    help="Have your shell (bash, zsh, fish) complete commands and options."
)


def tell(record: Record, as_json: bool, show: Callable[[Record], None]) -> None:
    """One photo's result on standard output, and what went wrong on standard error."""
    from .talk import log_record
    from .terminal import complain, outcome, printable

    log_record(record)
    if as_json:
        print(json.dumps(finite(record), allow_nan=False), flush=True)
    else:
        if record["regions"] or not record["error"]:
            show(record)
    if wrong := outcome(record):
        complain(wrong)
    if wrong := unanswered(record):
        complain(f"{printable(record['input'])}: {printable(wrong)}")


def loaded(settings: CloakSettings, make: Callable[[], T]) -> T:
    """What `make` makes, which loads the targets.

    Raises:
        UsageError: the settings ask for what this machine does not have.
        NotReadyError: weights are missing, damaged, or cannot be downloaded.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return make()
    except ConnectionError as error:
        raise NotReadyError("download", str(error)) from error
    except OSError as error:
        raise NotReadyError("offline" if settings.offline else "weights", str(error)) from error
    except ValueError as error:
        raise UsageError(str(error)) from error


def failed_record(photo: Path, settings: CloakSettings, kind: str, message: str) -> Record:
    """The record of a photo that could not be tried."""
    from ..cloaking.record import blank

    return blank(str(photo), settings) | {"error": {"kind": kind, "message": message}}
